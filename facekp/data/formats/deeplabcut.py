"""DeepLabCut's ``CollectedData_*.csv`` and ``.h5``: a line per image, the columns named in three or four levels.

The levels are scorer, individuals (of several animals), bodyparts, coords. An empty cell is not annotated; columns of
``likelihood`` are passed over. Points count from the centre of the first pixel, as napari has it, in which they are
labelled (napari/napari#1660; https://deeplabcut.github.io/DeepLabCut). The ``.h5`` is in pandas' fixed format, numbers
with the names of rows and columns beside them (``pandas/io/pytables.py``). It is read without PyTables, which would
execute code that a file contains.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

from facekp.data.formats.source import Source
from facekp.data.formats.table import read_table
from facekp.data.labels import Face
from facekp.errors import InputError, listed

NAME, PIXEL_OFFSET = "DeepLabCut", 0.0
SINGLE = "single"
"""What DeepLabCut calls the individual of points that belong to none, in a set of several individuals."""


def recognises(source: Source) -> bool:
    """Whether it is one."""
    if source.tables:
        return any(name.endswith(("/axis0_level2", "/table")) for name in source.tables)
    return re.match(r'"?scorer"?[,;\t]', source.first, re.IGNORECASE) is not None and b"bodyparts" in source.start


def faces(source: Source) -> Iterator[Face]:
    """A face for each image and individual with a point, but not for ``SINGLE`` beside others."""
    columns, rows = _of_csv(source) if source.tables is None else _of_hdf5(source)
    several = len({individual for *_, individual, _, _ in columns}) > 1
    for file, numbers in rows:
        cells: dict[str, dict[str, dict[str, float]]] = {}
        for (*_, individual, part, axis), value in zip(columns, numbers, strict=True):
            if axis in ("x", "y") and not (several and individual == SINGLE):
                cells.setdefault(individual, {}).setdefault(part, {})[axis] = value
        for animal in cells.values():
            points = {name: (point["x"], point["y"], False) for name, point in animal.items()}
            if any(x == x for x, _, _ in points.values()):  # one is not NaN
                yield Face(file, points)


def remarks(sources: list[Source]) -> list[str]:
    """What is no label by hand, and what is of no individual."""
    columns = [column for source in sources for column in (_of_csv(source) if source.tables is None else
                                                           _of_hdf5(source))[0]]
    single = list(dict.fromkeys(part for *_, individual, part, _ in columns if individual == SINGLE))
    several = len({individual for *_, individual, _, _ in columns}) > 1
    return [*(["The points have a likelihood, so a network found them. See that they are right."]
              if any(axis == "likelihood" for *_, axis in columns) else []),
            *([f"Left out, as they are of no individual: {listed(single)}."] if single and several else [])]


Rows = tuple[list[tuple[str, ...]], list[tuple[str, list[float]]]]
"""The names of each column, and for each row the image and its numbers. Without individuals, the scorer is the one."""


def _of_csv(source: Source) -> Rows:
    first, others = read_table(source.path)
    lines = [first, *others]
    header = [line for line in lines[:4] if line[0].lower() in ("scorer", "individuals", "bodyparts", "coords")]
    index, *_ = (i for i, axis in enumerate(header[-1]) if axis in ("x", "y"))  # one column with the path, or its parts
    rows = []
    for line in lines[len(header):]:
        numbers = [float(cell) if cell else math.nan for cell in line[index:]]
        rows.append(("/".join(part for part in line[:index] if part), numbers))
    return list(zip(*(level[index:] for level in header), strict=True)), rows


def _of_hdf5(source: Source) -> Rows:
    with source.hdf5() as f:
        group = next((g for g in f.values() if "block0_values" in g), None)
        if group is None or "block1_values" in group:
            raise InputError(f"{source.path}: expected DeepLabCut's labels in pandas' fixed format, all numbers; found "
                             "another table. Name the .csv that DeepLabCut writes beside it.")
        values = group["block0_values"][()]
        columns, files = _names(group, "block0_items"), _names(group, "axis1")
    if values.shape != (len(files), len(columns)):
        raise ValueError(f"numbers {values.shape} for {len(files)} rows and {len(columns)} columns")
    return columns, [("/".join(filter(None, file)), row) for file, row in zip(files, values.tolist(), strict=True)]


def _names(group: Any, axis: str) -> list[tuple[str, ...]]:
    """The names along an axis of a table: in levels, each with the position of every name among its distinct ones."""
    if axis in group:
        return [(name.decode(),) for name in group[axis][()]]
    levels = sorted(name for name in group if name.startswith(f"{axis}_level"))
    distinct = [[name.decode() for name in group[level][()]] for level in levels]
    positions = [group[level.replace("_level", "_label")][()] for level in levels]
    return [tuple(names[i] for names, i in zip(distinct, row, strict=True)) for row in zip(*positions, strict=True)]
