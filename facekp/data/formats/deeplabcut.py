"""DeepLabCut's ``CollectedData_*.csv``: three or four lines of header, then a line per image.

The lines are scorer, individuals (of several animals), bodyparts, coords. An empty cell is not annotated; columns of
``likelihood`` are passed over. Points count from the centre of the first pixel, as napari has it, in which they are
labelled (napari/napari#1660; https://deeplabcut.github.io/DeepLabCut).
"""

import csv
import math
from collections.abc import Iterator

from facekp.data.formats.source import Source
from facekp.data.labels import Face

NAME, PIXEL_OFFSET = "DeepLabCut", 0.0


def recognises(source: Source) -> bool:
    """Whether it is one."""
    return source.first.lower().startswith("scorer,") and b"bodyparts," in source.start


def faces(source: Source) -> Iterator[Face]:
    """A face for each image and individual with a point."""
    lines = [line for line in csv.reader(source.text.splitlines(), strict=True) if line]
    header = {line[0].lower(): line for line in lines[:4]}
    parts, coords = header["bodyparts"], header["coords"]
    individuals = header.get("individuals", [""] * len(parts))
    columns = [i for i, axis in enumerate(coords) if axis in ("x", "y")]
    index = columns[0]  # one column with the path, or three with its parts
    for line in lines[len(header.keys() & {"scorer", "individuals", "bodyparts", "coords"}):]:
        if len(line) != len(coords):
            raise ValueError(f"a line with {len(line)} cells, not {len(coords)}")
        cells: dict[str, dict[str, dict[str, float]]] = {}
        for i in columns:
            value = float(line[i]) if line[i].strip() else math.nan
            cells.setdefault(individuals[i], {}).setdefault(parts[i], {})[coords[i]] = value
        for animal in cells.values():
            points = {name: (point["x"], point["y"], False) for name, point in animal.items()}
            if any(x == x for x, _, _ in points.values()):  # one is not NaN
                yield Face("/".join(part for part in line[:index] if part), points)
