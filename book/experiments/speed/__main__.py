"""``python -m book.experiments.speed``: everything side by side in one run."""

import json
from pathlib import Path
from typing import Annotated

import typer

from facekp.cli import main
from facekp.cli.arguments import Device

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Measure speed, everything side by side in one run.")


@app.command()
def reader(path: Annotated[Path, typer.Argument(help="Kaggle's training.csv.")]) -> None:
    """Reading training.csv: the usual way, and the library's."""
    from book.experiments.speed import reader as r

    print(json.dumps(r.reader(path), indent=1))


@app.command()
def measure(
    out: Annotated[Path, typer.Argument(metavar="OUT.json", help="The record; parts that it has already are kept.")],
    part: Annotated[
        list[str] | None, typer.Option("--part", help="Only training, usual, views, growth, serving. Repeatable.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Training against the bare network and the baseline loader, augmentation against kornia, growth, prediction."""
    from book.experiments.speed import measure as m

    print(m.table(m.measure(out, device, part)))


if __name__ == "__main__":
    main(app)
