"""A table with a line per point: the columns ``file``, ``point``, ``x`` and ``y``, others beside them.

The file and the point may be called otherwise (``image``; ``label``, ``keypoint``); a column ``v`` is COCO's flag.
Without a column of names, the points of an image are numbered in their order, and each image has as many. ImageJ's
results, whose image is called ``Label``, are such a table. Points count from the centre of the first pixel.
"""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from facekp.data.formats.source import Source
from facekp.data.formats.table import FILE, POINT, read_table
from facekp.data.labels import Face, Point
from facekp.errors import InputError

NAME, PIXEL_OFFSET = "a table with a line per point", 0.0
POINTS = ("point", "point_name", "keypoint", "keypoint_name", "landmark", "landmark_name", "bodypart", "part", "label",
          "name", "class", "node")
ALIKE = {"w", "h", "width", "height", "side"}  # with these, x and y are a box's corner


class Columns(NamedTuple):
    """Positions in a line: of the file, of the point's name and of the flag (or None), of x and y."""

    file: int
    name: int | None
    x: int
    y: int
    flag: int | None


def recognises(source: Source) -> bool:
    """Whether it is one."""
    if not re.search(r"(?i)\bx\b", source.first):
        return False
    try:
        return columns_of(read_table(source.path)[0]) is not None
    except InputError:
        return False


def columns_of(header: list[str]) -> Columns | None:
    """What each column is; None where it is no such table."""
    names = [name.lower() for name in header]
    if not {"x", "y"} <= set(names) or ALIKE & set(names) or any(POINT[0].fullmatch(name) for name in names):
        return None
    points = [name for name in POINTS if name in names]
    files = [name for name in FILE if name in names and name != "name"] or points[-1:]
    points = [name for name in points if name not in files[:1]]
    if not files:
        return None
    return Columns(names.index(files[0]), names.index(points[0]) if points else None, names.index("x"),
                   names.index("y"), names.index("v") if "v" in names else None)


def faces(source: Source) -> Iterator[Face]:
    """A face for each image."""
    header, rows = read_table(source.path)
    columns = columns_of(header)
    assert columns is not None  # recognises() has seen it
    images: dict[str, list[tuple[str, Point]]] = {}
    for i, row in enumerate(rows):
        points = images.setdefault(row[columns.file], [])
        name = str(len(points)) if columns.name is None else row[columns.name]
        try:
            x, y = (float(row[j]) if row[j] else math.nan for j in (columns.x, columns.y))
            flag = 2 if columns.flag is None else int(float(row[columns.flag]))
        except ValueError as e:
            raise InputError(f"{source.path}, row {i + 1}: expected numbers; found something else ({e}). "
                             "Correct the row.") from None
        points.append((name, (x, y, flag == 1) if flag else (math.nan, math.nan, False)))
    for file, points in images.items():
        yield Face(file, points, numbered=columns.name is None)
