"""``facekp results``: what the records of many runs say together."""

from pathlib import Path
from typing import Annotated

import typer

from facekp.cli.arguments import Device, FlipTTA, MoreRuns, RunFolder, Source


def analyse(
    run: RunFolder,
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT.json", help="Gets points and errors; no pixel is in it.")],
    others: MoreRuns = None,
    device: Device = "auto",
) -> None:
    """Where a run errs: its held-out points, other decoders, the flip test, the noise of the labels."""
    from facekp.cli import reports

    print(reports.analysis([run, *(others or [])], data, out, device))


def table(folder: Annotated[Path, typer.Argument(help="A folder of records.")]) -> None:
    """The records as a table, best first, with the spread over the seeds."""
    from facekp import results

    print(results.table(folder))


def plots(
    folder: Annotated[Path, typer.Argument(help="A folder of records.")],
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Gets comparison.png, ced.png and curves.png.")],
) -> None:
    """Draw the records: every network's error, its distribution over the faces, its curve."""
    import numpy as np

    from facekp import plots as p
    from facekp import results

    named = results.comparable(results.records(folder))
    p.save(p.comparison(named), out / "comparison.png")
    errors = {name: np.array(runs[0]["face_rmse"]) for name, runs in named.items()}
    p.save(p.error_curves(errors, 6.0, "RMSE of a face (px)"), out / "ced.png")
    trained = {n: r[0] for n, r in named.items() if "curve" in r[0]}
    if trained:
        p.save(p.curves(trained), out / "curves.png")
    print(f"Wrote the figures to {out}.")


def submit_result(
    run: RunFolder,
    out: Annotated[Path, typer.Argument(metavar="OUT.json", help="The record, for a pull request.")],
    name: Annotated[str, typer.Option(help="Of your method, as the table shows it.")],
    by: Annotated[str, typer.Option(help="Who made it.")],
    trained_on: Annotated[str, typer.Option(help="The training data in words, and how many faces.")],
    link: Annotated[str, typer.Option(help="To your code or a description: https://...")] = "",
    others: MoreRuns = None,
    flip_tta: FlipTTA = False,
    device: Device = "auto",
) -> None:
    """Test a run on the community's faces and write the record that a pull request adds to the leaderboard."""
    from facekp.cli import reports

    print(reports.community_result([run, *(others or [])], out, name, by, trained_on, link, flip_tta, device))
