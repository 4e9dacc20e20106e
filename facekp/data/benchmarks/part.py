"""One part of a benchmark, and what its readers share: boxes, crops, files that are missing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import numpy as np

from facekp.data.faces import Faces
from facekp.data.image_files import ImageFiles
from facekp.errors import InputError, listed
from facekp.images import Box, Photo, crop
from facekp.images import read as read_photo
from facekp.keypoints import Scheme
from facekp.show import bar


@dataclass(frozen=True, eq=False)
class Part:
    """The training or the test faces of a benchmark.

    Attributes:
        faces: N faces in crops of one size; ``faces.files`` leads back to the files' own pixels. ``faces.occluded``
            where the benchmark says so of its points: they have a position all the same.
        units: (N,) what the error of each face is divided by, in pixels of its crop.
        subsets: by name, (N,) bool: the subsets that papers report.
    """

    faces: Faces
    units: np.ndarray
    subsets: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Entry:
    """One face as a benchmark lists it: file name, keypoints (K, 2) and box, both in the file's pixels from 0."""

    name: str
    points: np.ndarray
    box: Box


def cropped(entries: list[Entry], photo: Callable[[Entry], Photo], scheme: Scheme, size: int, widen: float,
            colour: bool, progress: bool, occluded: np.ndarray | None = None) -> Faces:
    """The faces of ``entries``: a square around each box, ``widen`` times its longer side, at ``size`` x ``size``."""
    images = np.empty((len(entries), size, size, *([3] if colour else [])), np.uint8)
    points = np.empty((len(entries), len(scheme), 2), np.float64)
    sizes, squares = np.empty((len(entries), 2), np.int64), np.empty((len(entries), 3))
    for i, entry in enumerate(bar(progress, iterable=entries, desc="reading")):
        found, box = photo(entry), widened(entry.box, widen)
        images[i] = crop(found.pixels, box, size, least=1, colour=colour)
        points[i], sizes[i], squares[i] = entry.points, found.size, (box.x, box.y, box.width)
    n = len(entries)
    files = ImageFiles(np.array([e.name for e in entries], object), sizes, squares, np.ones(n, np.int64),
                       np.full(n, -1, np.int64))
    return Faces(images, files.to_grid(points, size).astype(np.float32), scheme, files=files,
                 occluded=occluded)


def widened(box: Box, by: float) -> Box:
    """The square around the centre of ``box``, ``by`` times its longer side."""
    side = by * max(box.width, box.height)
    return Box(box.x + (box.width - side) / 2, box.y + (box.height - side) / 2, side, side)


def box_of(points: np.ndarray) -> Box:
    """The box that just holds the points (K, 2)."""
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    return Box(*(low + 0.5), *np.maximum(high - low, 1.0))


def corners(numbers: Iterable[float], first: float) -> Box:
    """The box from ``left, top, right, bottom``, pixels of which the first has the number ``first``."""
    left, top, right, bottom = (float(v) for v in numbers)
    return Box(left - first + 0.5, top - first + 0.5, right - left, bottom - top)


def eye_distance(faces: Faces) -> np.ndarray:
    """(N,) the distance between ``scheme.eyes`` in pixels of the crops."""
    left, right = faces.scheme.index(*faces.scheme.eyes)  # type: ignore[misc]  # every benchmark's scheme has eyes
    return np.linalg.norm(faces.keypoints[:, left].astype(np.float64) - faces.keypoints[:, right], axis=-1)


def from_folder(folder: Path, entries: Iterable[Entry]) -> Callable[[Entry], Photo]:
    """A reader of the photos that entries name; InputError, naming the first of them, if some are not in ``folder``."""
    missing = [e.name for e in entries if not (folder / e.name).is_file()]
    if missing:
        raise InputError(f"{folder}: expected the images that the labels name; {len(set(missing))} are missing: "
                         f"{listed(sorted(set(missing)))}. Unpack all of the archive.")
    return lambda entry: read_photo(folder / entry.name)


def needed(package: str) -> ModuleType:
    """The package, imported now; InputError if it is not installed."""
    from importlib import import_module

    try:
        return import_module(package)
    except ImportError:
        name = package.partition(".")[0]
        raise InputError(f'{name} is not installed here, and these files need it. Run: pip install '
                         '"facekp[benchmarks]"') from None


def first_existing(folder: Path, what: str, paths: Iterable[str]) -> Path:
    """The first of ``paths`` that exists in ``folder``; InputError that names them if none does."""
    paths = list(paths)
    found = next((folder / p for p in paths if (folder / p).exists()), None)
    if found is None:
        raise InputError(f"{folder}: expected {what}, as {' or '.join(paths)}; found "
                         f"{listed(sorted(p.name for p in folder.iterdir()))}. Name the folder that holds it.")
    return found
