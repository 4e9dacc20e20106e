"""``facekp results``: many trainings from one plan file, and their records."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from facekp.cli.arguments import Device, Others, RunFolder, Source
from facekp.errors import InputError


def run(
    plan: Annotated[Path, typer.Option(help="A TOML file, see book/plans.")],
    faces: Annotated[Path, typer.Option(help="What to train on, as DATA of 'facekp train'.")],
    out: Annotated[Path, typer.Option(help="A folder for the records; those that are there are kept.")],
    work: Annotated[Path, typer.Option(help="A folder for weights and resume files.")] = Path("runs"),
    only: Annotated[list[str] | None, typer.Option(help="Only the run of this name. May be repeated.")] = None,
    device: Device = "auto",
) -> None:
    """Do all trainings of a plan that have no record yet. Interrupted, it goes on when called again."""
    from facekp import plan as p

    try:
        p.run_plan(plan, faces, out, work, device, only)
    except KeyboardInterrupt as error:
        print(f"\n{str(error) or 'Interrupted.'} Here: the same command again.", file=sys.stderr)
        raise SystemExit(130) from None
    try:
        print(p.table(out))
    except InputError as error:  # a plan may deal the faces in several ways; its records are good all the same
        print(f"The records are written. No table: {error}")


def analyse(
    run: RunFolder,
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT.json", help="Gets points and errors; no pixel is in it.")],
    others: Others = None,
    device: Device = "auto",
) -> None:
    """Where a run errs: its held-out points, other decoders, the flip test, the noise of the labels."""
    from facekp import evaluation

    print(evaluation.analysis([run, *(others or [])], data, out, device))


def table(folder: Annotated[Path, typer.Argument(help="A folder of records.")]) -> None:
    """The records as a table, best first, with the spread over the seeds."""
    from facekp import plan

    print(plan.table(folder))


def plots(
    folder: Annotated[Path, typer.Argument(help="A folder of records.")],
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Gets comparison.png, ced.png and curves.png.")],
) -> None:
    """Draw the records: every network's error, its distribution over the faces, its curve."""
    import numpy as np

    from facekp import plan
    from facekp import plots as p

    named = plan.comparable(plan.records(folder))
    p.save(p.comparison(named), out / "comparison.png")
    errors = {name: np.array(runs[0]["face_rmse"]) for name, runs in named.items()}
    p.save(p.error_curves(errors, 6.0, "RMSE of a face (px)"), out / "ced.png")
    trained = {n: r[0] for n, r in named.items() if "curve" in r[0]}
    if trained:
        p.save(p.curves(trained), out / "curves.png")
    print(f"Wrote the pictures to {out}.")
