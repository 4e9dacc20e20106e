""".pts, as 300-W and many others ship them: a text file per image, its points numbered from 0 here.

``version: 1``, ``n_points: 68``, and x y of each point between braces. The files were written by MATLAB, which counts
from one: the centre of the first pixel is 1 (https://ibug.doc.ic.ac.uk/resources/300-W; menpo subtracts it too,
menpo/menpo#160). There are no flags; a point that is not annotated cannot be written.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from facekp.data.formats.source import Source
from facekp.data.labels import Face, Labels
from facekp.errors import InputError
from facekp.files import new_folder

NAME, PIXEL_OFFSET = "300-W .pts", 1.0


def recognises(source: Source) -> bool:
    """Whether it is one."""
    return re.match(rb"(\s*(#|//).*\n)*\s*(version:\s*\d|n_points:\s*\d)", source.start) is not None


def points_of(source: Source) -> np.ndarray:
    """(K, 2) float64: the points as the file counts them; ValueError where it does not say K points."""
    head, _, rest = source.text.partition("{")
    lines = filter(None, map(str.strip, rest.partition("}")[0].splitlines()))
    points = np.array([re.split(r"\s*,\s*|\s+", line) for line in lines], float)
    count = re.search(r"n_points:\s*(\d+)", head)
    if not rest.rstrip().endswith("}") or points.shape != (int(count[1]) if count else len(points), 2):
        raise ValueError(f"{len(points)} points of {count[1] if count else 'many'}")
    return points


def faces(source: Source) -> Iterator[Face]:
    """The one face of the file; its image has the same name."""
    yield Face(source.path.with_suffix("").as_posix(),
               {str(k): (x, y, False) for k, (x, y) in enumerate(points_of(source).tolist())}, numbered=True)


def write(path: Path, labels: Labels) -> None:
    """A new folder with a .pts file for each face; the second face of an image gets ``_1``, and so on.

    Raises:
        InputError: a point that is not annotated.
    """
    if np.isnan(labels.points).any():
        i, k = np.argwhere(np.isnan(labels.points[..., 0]))[0]
        raise InputError(f"{path}: expected every point of every face, as .pts needs; found none for "
                         f"'{labels.names[k]}' in {labels.files[i]}. Choose another format.")
    seen: dict[str, int] = {}
    with new_folder(path) as folder:
        for file, points in zip(labels.files, labels.points - labels.pixel_offset + PIXEL_OFFSET, strict=True):
            stem = Path(file).with_suffix("")
            seen[file] = seen.get(file, -1) + 1
            target = folder / stem.parent / f"{stem.name}{f'_{seen[file]}' if seen[file] else ''}.pts"
            target.parent.mkdir(parents=True, exist_ok=True)
            rows = "\n".join(f"{x:.6f} {y:.6f}" for x, y in points)
            target.write_text(f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n")
