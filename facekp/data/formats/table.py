"""``keypoints.csv``: one line per image, as facekp writes it and as the rest of the world does.

Columns are ``file``, ``<name>_x`` and ``<name>_y`` for each keypoint, in any order. Optional: ``row``, a number for
each line; ``<name>_v``, COCO's flag (2 visible, 1 occluded, 0 not annotated); ``box_x, box_y, box_side``, the square of
the image that is the face, from the image's edge. Points are in each file's own pixels; the centre of the first one is
0, unless ``--pixel-offset`` says otherwise.

Taken as well: ``;``, ``|``, a tab or any number of spaces between cells, with decimal commas; a byte order mark;
Excel's line ``sep=;``; lines of comment above, and empty rows; an index column; ``image`` and the like for ``file``;
``nose.x``, ``noseX``, ``x_nose``; both numbers in one cell, ``(12, 3.5)``; numbered columns (2k and 2k + 1 are x and y
of point k, as in a well-known course's 68-point table); what ``facekp predict`` adds to a table of its own
(``confidence``, radii).
"""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facekp.data.formats.source import Source
from facekp.data.labels import Labels
from facekp.data.pixels import number
from facekp.data.table import NOTHING, evenly_spaced, layout, read_table, split_pairs
from facekp.errors import InputError
from facekp.files import replacing
from facekp.images import ENDINGS

FILE = ("file", "filename", "file_name", "file name", "filepath", "file_path", "image", "imagename", "image_name",
        "image name", "image_path", "img", "img_name", "picture", "photo", "path", "name", "image_id", "imageid")
NUMBERS_TOO = ("image_id", "imageid")  # beside another column of ``FILE`` a number of the image
NAME, PIXEL_OFFSET = "a table with a line per image", 0.0
PASSED_OVER = ("", "row", "index", "id", "confidence", "score")
BOX = ("box_x", "box_y", "box_side")
CORNERS = ("min", "max", "bbox")  # of a box: x_min, bbox_x
POINT = (re.compile(r"(?P<name>.+)[_. \-](?P<axis>[xyXYvV])"), re.compile(r"(?P<name>.*[a-z0-9])(?P<axis>[XY])"),
         re.compile(r"(?P<axis>[xyXY])[_. \-]?(?P<name>.+)"))
"""How the column of a coordinate is written, the first way that all of them share."""


class Columns(NamedTuple):
    """Positions in a line: of the file, of the row's number (or None), of the box (or none), and of x, y and the
    flag (or None) of each point by name."""

    file: int
    row: int | None
    box: tuple[int, ...]
    points: dict[str, tuple[int, int, int | None]]


def recognises(source: Source) -> bool:
    """Whether it is one: its columns make sense."""
    mark, above = layout(source.head)
    lines = [line for line in source.head.splitlines()[above:] if line.strip()][:2]
    lines = [evenly_spaced(line) for line in lines] if mark == " " else lines
    try:
        header, first = ([cell.strip() for cell in line] for line in csv.reader(lines, delimiter=mark))
        if len(header) != len(first) and mark != " ":  # there it may be a name with a space; reading says so
            return False
        header[0] = header[0].lstrip("# ")
        if len(header) == len(first):
            header, (first,) = split_pairs(header, [first])
        return len(first[columns_of(header, first, source.path).file]) < 1000  # Kaggle's Image is longer
    except (InputError, ValueError, IndexError, csv.Error):
        return False


def read(path: Path) -> Labels:
    """The labels of a table.

    Raises:
        InputError: naming the row and the column of what cannot be read.
    """
    header, rows = read_table(path)
    if not rows:
        raise InputError(f"{path}: expected a line for each image below the header; found none.")
    columns = columns_of(header, rows[0], path)
    _check_thousands([row[j] for row in rows for x, y, _ in columns.points.values() for j in (x, y)], path)
    numbers = [_points(line, i, header, columns, path) for i, line in enumerate(rows)]
    points = np.array([[p[:2] for p in face] for face in numbers]).reshape(len(rows), len(columns.points), 2)
    flags = np.array([[p[2] for p in face] for face in numbers]).reshape(points.shape[:2])
    points[flags == 0] = np.nan
    boxes = np.full((len(rows), 4), np.nan)
    if columns.box:
        found = np.array([[_number(line, i, j, header, path) for j in columns.box] for i, line in enumerate(rows)])
        boxes = found[:, [0, 1, 2, 2]]
    row = [_row(line, i, columns, path) for i, line in enumerate(rows)]
    return Labels([line[columns.file] for line in rows], tuple(columns.points), points,
                  (flags == 1) & np.isfinite(points[..., 0]), boxes, np.array(row, np.int64),
                  np.zeros((len(rows), 2), np.int64))


def columns_of(header: Sequence[str], first: Sequence[str], path: Path) -> Columns:
    """What each column is; ``first`` is the first row below the header.

    Raises:
        InputError: a column of no known kind; one that is missing, or there twice.
    """
    header = ["" if re.fullmatch(r"Unnamed: [0-9]+", name) else name for name in header]  # pandas' name for no name
    twice = sorted({c for c in header if c and header.count(c) > 1})
    if twice:
        raise InputError(f"{path}: expected each column once; found twice: {', '.join(twice)}. Rename or remove one.")
    files = [i for i, name in enumerate(header) if name.lower() in FILE]
    numbers = [i for i in files if header[i].lower() in NUMBERS_TOO]
    passed = numbers if len(files) > len(numbers) else []
    files = [i for i in files if i not in passed]
    if not files and header[0] == "" and not re.fullmatch(r"[0-9.]*", first[0]):
        files = [0]
    box = tuple(header.index(name) for name in BOX) if set(BOX) <= set(header) else ()
    rest = [i for i, name in enumerate(header)
            if i not in (*files[:1], *passed) and name.lower() not in PASSED_OVER]
    kept = [i for i in rest if header[i] not in BOX] if {"box_x", "box_y"} <= set(header) else rest
    rest = kept or rest  # a table with no other point than one called box
    points, other = _points_of(header, rest)
    if not files or other or not points:
        raise InputError(f"{path}: expected the columns file, row (or not), and <name>_x with <name>_y for each "
                         f"keypoint; {_instead(header, files, other)}")
    alone = sorted(name for name, axes in points.items() if not {"x", "y"} <= axes.keys())
    if alone:
        raise InputError(f"{path}: expected both {alone[0]}_x and {alone[0]}_y; found only one of them. Add the other.")
    return Columns(files[0], header.index("row") if "row" in header else None, box,
                   {name: (axes["x"], axes["y"], axes.get("v")) for name, axes in points.items()})


def _instead(header: Sequence[str], files: list[int], other: list[str]) -> str:
    """What was found in place of a table's columns, and what to do."""
    if any(Path(name).suffix.lower() in ENDINGS for name in header):
        return f"found a line of values ('{header[0]}', ...). Write the column names above it."
    if {"x", "y"} <= {name.lower() for name in header}:
        return ("found x and y of no name. For a line per point (file, point, x, y), use facekp import; remove the "
                "columns of a box.")
    found = ", ".join(f"'{name}'" for name in other[:8]) if other else "no keypoint" if files else "no column 'file'"
    return f"found {found}. Rename or remove {'it' if len(other) < 2 else 'them'}."


def _points_of(header: Sequence[str], rest: list[int]) -> tuple[dict[str, dict[str, int]], list[str]]:
    """(positions of each point's x, y and v; columns that belong to no point), in the order of the x columns."""
    if rest and len(rest) % 2 == 0 and any([header[i] for i in rest] == [str(n + first) for n in range(len(rest))]
                                           for first in (0, 1)):
        return {str(k): {"x": rest[2 * k], "y": rest[2 * k + 1]} for k in range(len(rest) // 2)}, []
    for form in POINT:
        points: dict[str, dict[str, int]] = {}
        other = []
        for i in rest:
            match = form.fullmatch(header[i])
            if match:
                points.setdefault(match["name"], {})[match["axis"].lower()] = i
            else:
                other.append(header[i])
        if points:
            break
    other = [c for c in other if c.removesuffix("_radius") not in points]
    if len(points) > 1:
        other += [header[i] for name in list(points) if name.lower() in CORNERS for i in points.pop(name).values()]
    flags_alone = [f"{name}_v" for name, axes in points.items() if set(axes) == {"v"}]
    return dict(sorted(points.items(), key=lambda item: item[1].get("x", -1))), other + flags_alone


def _row(line: list[str], i: int, columns: Columns, path: Path) -> int:
    """The row that line ``i`` names; ``i`` itself without such a column. InputError for anything but a number."""
    text = str(i) if columns.row is None else line[columns.row]
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):  # int() takes more: '1_000', other scripts' digits, any length
        raise InputError(f"{path}, row {i + 1}, column 'row': expected a whole number; found '{text}'.")
    return int(text)


def _points(line: list[str], i: int, header: Sequence[str], columns: Columns, path: Path) -> list[tuple]:
    """K points (x, y, flag), NaN where a point is not annotated; InputError for anything else."""
    found = []
    for x, y, v in columns.points.values():
        point = [_number(line, i, x, header, path), _number(line, i, y, header, path)]
        if np.isnan(point[0]) != np.isnan(point[1]):
            raise InputError(f"{path}, row {i + 1}, column '{header[y]}': expected both coordinates of a keypoint or "
                             "none; only one is there. Fill in the other, or empty both.")
        flag = 2.0 if v is None else _number(line, i, v, header, path)
        if flag not in (0, 1, 2) and not np.isnan(flag):
            raise InputError(f"{path}, row {i + 1}, column '{header[v or 0]}': expected 2 (visible), 1 (occluded) or "
                             f"0 (not annotated); found '{flag:g}'.")
        found.append((*point, flag))
    return found


def _check_thousands(cells: list[str], path: Path) -> None:
    """Raise InputError where 1.234 seems to mean 1234: all decimal points are like that, and others are 100 to 999."""
    dotted = [cell for cell in cells if "." in cell]
    whole = next((cell for cell in cells if re.fullmatch("[1-9][0-9]{2}", cell)), None)
    if whole and dotted and all(re.fullmatch(r"[1-9][.][0-9]{3}", cell) for cell in dotted):
        raise InputError(f"{path}: expected numbers without separators of thousands; found '{dotted[0]}' beside "
                         f"'{whole}'. Save the table without them; if it is a decimal point, write '{dotted[0]}0'.")


def _number(line: list[str], i: int, column: int, header: Sequence[str], path: Path) -> float:
    """The number in one cell, NaN for an empty one."""
    text = line[column]
    try:
        return number(b"" if text.lower() in NOTHING else text.encode())
    except ValueError:
        raise InputError(f"{path}, row {i + 1}, column '{header[column]}': expected a number, or nothing where the "
                         f"point is not annotated; found '{text}'. Write a decimal point, and no thousands separator."
                         ) from None


def text_of(value: float) -> str:
    """The shortest text that reads back to the same number, in float32 or float64; empty for NaN."""
    if np.isnan(value):
        return ""
    text = str(value)
    # Reading goes through float64; should that ever round to the neighbour, write all digits.
    return text if type(value)(float(text)) == value else repr(float(value))


def write(path: str | Path, labels: Labels) -> None:
    """``labels`` as a table, whole or not at all: flags where a point is occluded, boxes where there is one."""
    header = ["file", "row", *(f"{name}_{axis}" for name in labels.names for axis in "xy")]
    columns = [labels.files, labels.rows.tolist(), *([text_of(v) for v in column] for column in
                                                     labels.points.reshape(len(labels), -1).T)]
    if labels.occluded.any():
        flags = np.where(np.isnan(labels.points[..., 0]), 0, np.where(labels.occluded, 1, 2))
        header += [f"{name}_v" for name in labels.names]
        columns += flags.T.tolist()
    if np.isfinite(labels.boxes).any():
        header += BOX
        columns += [[text_of(v) for v in labels.boxes[:, j]] for j in (0, 1, 2)]
    with replacing(path) as temporary:
        write_rows(temporary, header, zip(*columns, strict=True))


def write_rows(path: Path, header: Sequence[str], rows) -> None:
    """A header and rows of cells as CSV."""
    with open(path, "w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
