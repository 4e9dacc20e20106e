"""``keypoints.csv``, cell by cell: which keypoints it has, and each line's numbers."""

import re
from pathlib import Path

import numpy as np

from facekp.data.pixels import number
from facekp.data.table import read_cells
from facekp.errors import InputError
from facekp.keypoints import Scheme


def read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """(column names, one dictionary per row); empty lines are passed over.

    Raises:
        InputError: the file cannot be read, or has no header.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as f:
            lines = [[cell.strip() for cell in line] for line in read_cells(f, str(path))]
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror or e}).") from None
    if not lines:
        raise InputError(f"{path}: expected a line of column names; found an empty file.")
    header, *rows = lines
    return header, [dict(zip(header, row, strict=True)) for row in rows]


def names_of(header: list[str], path: Path) -> list[str]:
    """The keypoints' names, in the order of their x columns.

    Raises:
        InputError: a column other than file, row, <name>_x and <name>_y; one that is missing, or there twice.
    """
    twice = sorted({c for c in header if header.count(c) > 1})
    other = [c for c in header if c not in ("file", "row") and not (c[-2:] in ("_x", "_y") and c[:-2])]
    names = [c[:-2] for c in header if c[-2:] == "_x"]
    alone = sorted(set(names) ^ {c[:-2] for c in header if c[-2:] == "_y"})
    form = "file, row (or not), and <name>_x with <name>_y for each keypoint"
    if twice:
        raise InputError(f"{path}: expected each column once; found twice: {', '.join(twice)}.")
    if "file" not in header or other or not names:
        found = f"'{other[0]}'" if other else "no column 'file'" if "file" not in header else "no keypoint"
        raise InputError(f"{path}: expected the columns {form}; found {found}. Rename or remove it.")
    if alone:
        raise InputError(f"{path}: expected both {alone[0]}_x and {alone[0]}_y; found only one of them. Add the other.")
    return names


def row_number(cells: dict[str, str], i: int, path: Path) -> int:
    """What line ``i`` says that its row is; ``i`` itself without such a column. InputError for what is no number."""
    text = cells.get("row", str(i))
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):  # int() takes more: '1_000', other scripts' digits, any length
        raise InputError(f"{path}, row {i + 1}, column 'row': expected a whole number; found '{text}'.")
    return int(text)


def points_of(cells: dict[str, str], i: int, scheme: Scheme, path: Path) -> list[float]:
    """2K numbers in the scheme's order, NaN where a point is not annotated; InputError for anything else."""
    numbers = []
    for column in scheme.columns:
        where = f"{path}, row {i + 1}, column '{column}'"
        try:
            numbers.append(number(cells[column].encode()))
        except ValueError:
            raise InputError(f"{where}: expected a number, or nothing where the point is not annotated; "
                             f"found '{cells[column]}'.") from None
        if len(numbers) % 2 == 0 and np.isnan(numbers[-1]) != np.isnan(numbers[-2]):
            raise InputError(f"{where}: expected both coordinates of a keypoint or none; only one is there. "
                             "Fill in the other, or empty both.")
    return numbers
