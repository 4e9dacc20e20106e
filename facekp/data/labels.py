"""``Labels``: the points of faces whose images are elsewhere, as a table or a labelling tool has them."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facekp.errors import InputError

MAX_COORDINATE = 1e6  # pixels; no image is so large, and a position so far outside is not a point
Point = tuple[float, float, bool]
"""x, y and whether it is occluded; NaN for a point that the source knows and does not have here."""


@dataclass(frozen=True, eq=False)
class Labels:
    """N faces with up to K points each.

    Attributes:
        files: the N images' names, as the source has them.
        names: of the K points.
        points: (N, K, 2) float64; NaN where a point is not annotated. They count as the source counts: the centre of
            the first pixel is ``pixel_offset``.
        occluded: (N, K) bool: annotated, but hidden behind something.
        boxes: (N, 4) float64, x, y, width, height from the image's edge: the part that is the face; NaN where there is
            none, or it is the whole image.
        rows: (N,) int64, the number of each face in its source.
        sizes: (N, 2) int64, width and height of each image as the source says; 0 where it does not.
        pixel_offset: what the labels call the centre of the first pixel.
        fractions: points and boxes are fractions of the image's width and height, from its edge.
        pairs: (left, right) names that the source itself gives; None where it gives none.
        images: (N, H, W) uint8 where the source holds the images themselves; otherwise None.
        notes: sentences for the user on what was read, and what was not.
    """

    files: list[str]
    names: tuple[str, ...]
    points: np.ndarray
    occluded: np.ndarray
    boxes: np.ndarray
    rows: np.ndarray
    sizes: np.ndarray
    pixel_offset: float = 0.0
    fractions: bool = False
    pairs: tuple[tuple[str, str], ...] | None = None
    images: np.ndarray | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.files)

    def box(self, i: int) -> np.ndarray:
        """(4,): the box of face ``i``; where it has none, the one round its points; zeros without any."""
        points = self.points[i][~np.isnan(self.points[i, :, 0])] - self.pixel_offset + 0.5
        if np.isfinite(self.boxes[i]).all() or not len(points):
            return np.nan_to_num(self.boxes[i])
        return np.concatenate([points.min(0), np.ptp(points, axis=0)])

    def select(self, index: np.ndarray) -> "Labels":
        """The faces at ``index``: a mask (N,) or positions."""
        kept = np.arange(len(self))[index]
        arrays = {name: getattr(self, name)[kept] for name in ("points", "occluded", "boxes", "rows", "sizes")}
        images = None if self.images is None else self.images[kept]
        return replace(self, files=[self.files[i] for i in kept], images=images, **arrays)


class Face(NamedTuple):
    """One face as a reader finds it.

    Attributes:
        file: its image.
        points: by name, or pairs of a name and a point; none of them twice.
        box: x, y, width, height; None for the whole image.
        size: width and height of the image, where the source says.
        numbered: its points have no names in the source, so they are called by their numbers.
    """

    file: str
    points: Mapping[str, Point] | Sequence[tuple[str, Point]]
    box: tuple[float, float, float, float] | None = None
    size: tuple[int, int] | None = None
    numbered: bool = False


def grouped(points: Iterable[tuple[Hashable, str, Point]], where: str) -> dict[Hashable, list[tuple[str, Point]]]:
    """The points of each group, from (group, name, point); the group None holds those that are in none.

    Raises:
        InputError: points in no group that seem to belong to one, as it lacks all of them.
    """
    groups: dict[Hashable, list[tuple[str, Point]]] = {}
    for group, name, point in points:
        groups.setdefault(group, []).append((name, point))
    loose = {name for name, _ in groups.get(None, [])}
    if loose and any(loose.isdisjoint(name for name, _ in some) for group, some in groups.items() if group is not None):
        raise InputError(f"{where}: expected every point in the group or rectangle of its face; found '{min(loose)}' "
                         "in none, beside others that are. Put it there too, or remove it.")
    return groups


def gathered(faces: Iterable[Face], source: str | Path, pixel_offset: float = 0.0, fractions: bool = False,
             pairs: Sequence[tuple[str, str]] | None = None) -> Labels:
    """Faces from a reader as :class:`Labels`; points are in the order in which their names first occur.

    Raises:
        InputError: there are none, a name twice in a face, numbered points of which faces have more or fewer, or a
            number is infinite or too large for a position in an image.
    """
    found = list(faces)
    named = [_each_once(face, f"{source}, '{face.file}'") for face in found]
    names = tuple(dict.fromkeys(name for points in named for name in points))
    if not found or not names:
        raise InputError(f"{source}: expected at least one face with keypoints; found none. Name the file with the "
                         "labels.")
    counts = {len(face.points): face.file for face in found if face.numbered}
    if len(counts) > 1:
        (some, file), (more, other) = list(counts.items())[:2]
        raise InputError(f"{source}: expected as many points in each face, as they have numbers for names; found "
                         f"{some} in '{file}' and {more} in '{other}'. Import each kind by itself.")
    points = np.full((len(found), len(names), 2), np.nan)
    occluded, boxes = np.zeros(points.shape[:2], bool), np.full((len(found), 4), np.nan)
    place = {name: k for k, name in enumerate(names)}
    for i, face in enumerate(found):
        for name, (x, y, hidden) in named[i].items():
            if not (abs(x) < MAX_COORDINATE and abs(y) < MAX_COORDINATE) and not (math.isnan(x) and math.isnan(y)):
                raise InputError(f"{source}, '{face.file}', point '{name}': expected two coordinates in the image; "
                                 f"found {x:g}, {y:g}. Correct or remove the point.")
            points[i, place[name]], occluded[i, place[name]] = (x, y), bool(hidden) and not math.isnan(x)
        boxes[i] = face.box or np.nan
    sizes = np.array([face.size or (0, 0) for face in found], np.int64)
    return Labels([face.file for face in found], names, points, occluded, boxes, np.arange(len(found)), sizes,
                  pixel_offset, fractions, None if pairs is None else tuple(pairs))


def _each_once(face: Face, where: str) -> dict[str, Point]:
    """The points of a face by name; InputError where two of them have one name: those of two people, mostly."""
    found: dict[str, Point] = {}
    for name, point in face.points.items() if isinstance(face.points, Mapping) else face.points:
        if found.setdefault(name.strip(), point) != point:
            raise InputError(f"{where}: expected each point once in a face; found '{name.strip()}' twice. Put the "
                             "points of each person into a group or a rectangle of their own, or remove one.")
    return found
