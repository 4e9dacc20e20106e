"""``facekp bench``: speed, everything side by side in one run."""

import json
from pathlib import Path
from typing import Annotated

import typer

from facekp.cli.arguments import Device, Source


def reader(path: Annotated[Path, typer.Argument(help="Kaggle's training.csv.")]) -> None:
    """Reading training.csv: the usual way, ours, and ours a second time."""
    from facekp.bench import reader as r

    print(json.dumps(r.reader(path), indent=1))


def speed(
    out: Annotated[Path, typer.Argument(metavar="OUT.json", help="The record; parts that it has already are kept.")],
    part: Annotated[
        list[str] | None, typer.Option(help="Only training, usual, views, growth or serving. May be repeated.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Training against the bare network and the usual way, augmentation against kornia, growth, prediction."""
    from facekp.bench.speed import measure, table

    print(table(measure(out, device, part)))


def networks(
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="One JSON record per network; those there are kept.")],
    seconds: Annotated[float, typer.Option(help="About how long to train each.")] = 180.0,
    name: Annotated[list[str] | None, typer.Option(help="Only this network. May be repeated.")] = None,
) -> None:
    """Train every network for the same short time on the complete faces, and compare."""
    from facekp import data as d
    from facekp.survey import survey, table

    print(table(survey(d.load(data, progress=True).complete(), seconds, out, name)))


def generated(
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="One JSON record per trial; those there are kept.")],
    name: Annotated[list[str] | None, typer.Option(help="Only this trial. May be repeated.")] = None,
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
) -> None:
    """Train on drawn faces and on photographs, test on both: what the drawing is worth, ingredient by ingredient."""
    from facekp import data as d
    from facekp import transfer

    print(transfer.table(transfer.run(d.load(data, progress=True).complete(), out, name, precision)))
