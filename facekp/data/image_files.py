"""Which file each face was read from, and how points move between that file's pixels and the faces' grid.

A network sees every face in one grid, 96 x 96 as a rule; users know the file. Of the file a square of ``side`` pixels
is read, its upper left corner at (x, y) from the file's edge. With s = size / side, as in :mod:`facekp.images`,

    p_grid = (p_file - (x, y) + 0.5) * s - 0.5
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from facekp.images import Photo, whole


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """The files of N faces.

    Attributes:
        names: (N,) str objects, as the table of labels names them.
        sizes: (N, 2) int64, width and height of each upright file.
        squares: (N, 3) float64: x, y and side of the square that was read, in the file's pixels.
        orientation: (N,) int64, EXIF orientation 1 to 8; 1 is upright, others were turned.
        highest: (N,) int64, the largest value in a file of 16 bits; -1 for other files.
    """

    names: np.ndarray
    sizes: np.ndarray
    squares: np.ndarray
    orientation: np.ndarray
    highest: np.ndarray

    @classmethod
    def of(cls, names: list[str], photos: Iterable[Photo], squares: np.ndarray) -> "ImageFiles":
        """The files of photos; no pixel of them is kept. ``squares`` (N, 3) as in the class, NaN for a whole photo."""
        rows = [(*p.size, whole(p).width, p.orientation, -1 if p.highest is None else p.highest) for p in photos]
        width, height, side, orientation, highest = np.array(rows, np.int64).reshape(-1, 5).T
        squares = np.where(np.isnan(squares), np.stack([0 * side, 0 * side, side], 1), squares)
        return cls(np.array(names, object), np.stack([width, height], 1), squares, orientation, highest)

    def select(self, index) -> "ImageFiles":
        """The files at ``index``: a boolean mask (N,), an array of positions, or a slice."""
        return ImageFiles(*(a[index] for a in vars(self).values()))

    def scale(self, size: int) -> np.ndarray:
        """(N,) how many of the file's pixels one pixel of a grid of ``size`` is wide."""
        return self.squares[:, 2] / size

    @property
    def whole(self) -> np.ndarray:
        """(N,) bool: files that were read whole, not a part that is the face."""
        return (self.squares[:, :2] == 0).all(1) & (self.squares[:, 2] == self.sizes.max(1))

    def to_grid(self, points: np.ndarray, size: int) -> np.ndarray:
        """Points (N, K, 2) in each file's own pixels -> in a grid of ``size``; bit for bit where that is the file."""
        moved = (points - self.squares[:, None, :2] + 0.5) / self.scale(size)[:, None, None] - 0.5
        return np.where(self._same(size), points, moved)

    def to_files(self, points: np.ndarray, size: int) -> np.ndarray:
        """Points (N, K, 2) in a grid of ``size`` -> float64, in each file's own pixels: the inverse of ``to_grid``."""
        points = points.astype(np.float64)
        moved = (points + 0.5) * self.scale(size)[:, None, None] - 0.5 + self.squares[:, None, :2]
        return np.where(self._same(size), points, moved)

    def _same(self, size: int) -> np.ndarray:
        """(N, 1, 1) bool: files that are the grid."""
        return (self.squares == (0, 0, size)).all(1)[:, None, None]


def turn(points: np.ndarray, sizes: np.ndarray, orientation: np.ndarray) -> np.ndarray:
    """Points (N, K, 2) in the pixels of stored images -> in those of the upright ones.

    Args:
        points: (0, 0) is the centre of the first pixel.
        sizes: (N, 2) width and height of the upright images.
        orientation: (N,) as EXIF has it, 1 to 8.
    """
    way, last = orientation[:, None], sizes[:, None] - 1.0  # (N, 1), (N, 1, 2)
    x, y = np.moveaxis(np.where(way[..., None] > 4, points[..., ::-1], points), -1, 0)
    return np.stack([np.where(np.isin(way, (2, 3, 6, 7)), last[..., 0] - x, x),
                     np.where(np.isin(way, (3, 4, 7, 8)), last[..., 1] - y, y)], -1)
