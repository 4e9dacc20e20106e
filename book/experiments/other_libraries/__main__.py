"""``python -m book.experiments.other_libraries``: the comparison, on one core."""

import os
from pathlib import Path
from typing import Annotated

import typer

from facekp.cli import main
from facekp.cli.arguments import Source

app = typer.Typer(add_completion=False)


@app.command()
def compare(
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT.json", help="The record; no pixel is in it.")],
    pixel_offset: Annotated[float, typer.Option(help="What the labels call the centre of the first pixel.")] = 0.0,
) -> None:
    """dlib, MediaPipe and the shipped networks on the same faces; DATA are the photographs they were trained on."""
    from book.experiments.other_libraries import compare as c
    from facekp.data import load
    from facekp.files import write_json

    if hasattr(os, "sched_setaffinity"):  # not on macOS and Windows
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    record = c.compare(load(data, progress=True, pixel_offset=pixel_offset))
    write_json(out, record)
    print(c.table(record))


if __name__ == "__main__":
    main(app)
