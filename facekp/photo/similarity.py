"""A face turned and scaled so that its eyes are level, at standard positions; and the way back.

A similarity keeps shapes: it turns, scales and shifts. The one that brings points nearest to given positions, by least
squares, has a closed form through a singular value decomposition (Umeyama 1991).
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from facekp.errors import InputError
from facekp.images import EYES_APART, EYES_DOWN, Box, crop, to_crop
from facekp.keypoints import KAGGLE, Scheme


@dataclass(frozen=True)
class Similarity:
    """``q = scale * turn @ p + shift``.

    Attributes:
        scale: above 0.
        turn: (2, 2) rotation.
        shift: (2,).
    """

    scale: float
    turn: np.ndarray
    shift: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 2), moved."""
        return self.scale * np.asarray(points, np.float64) @ self.turn.T + self.shift

    def inverse(self) -> "Similarity":
        """The way back."""
        return Similarity(1 / self.scale, self.turn.T, -self.turn.T @ self.shift / self.scale)

    @property
    def degrees(self) -> float:
        """How far it turns; positive is clockwise in an image, whose y goes down."""
        return float(np.degrees(np.arctan2(self.turn[1, 0], self.turn[0, 0])))


def umeyama(points: np.ndarray, reference: np.ndarray) -> Similarity:
    """The similarity that minimises ``sum |reference - q(points)|^2`` (Umeyama 1991).

    Args:
        points, reference: (K, 2), two or more; a pair with a NaN in it is left out.

    Raises:
        InputError: fewer than two pairs, or all points in one position.
    """
    points, reference = np.asarray(points, np.float64), np.asarray(reference, np.float64)
    both = np.isfinite(points).all(-1) & np.isfinite(reference).all(-1)
    if both.sum() < 2:
        raise InputError(f"Expected at least two points with a position for each; found {both.sum()}.")
    p, q = points[both], reference[both]
    p0, q0 = p - p.mean(0), q - q.mean(0)
    variance = (p0**2).sum() / len(p)
    if variance < 1e-12:
        raise InputError("Expected points at different positions; found all of them at one.")
    u, d, vt = np.linalg.svd(q0.T @ p0 / len(p))
    mirrored = np.linalg.det(u) * np.linalg.det(vt) < 0  # which no rotation can undo
    sign = np.array([1.0, -1.0 if mirrored else 1.0])
    turn = u * sign @ vt
    scale = float((d * sign).sum() / variance)
    if scale < 1e-9:
        raise InputError("Expected reference points that differ as the points do; found none that a turn can reach.")
    return Similarity(scale, turn, q.mean(0) - scale * turn @ p.mean(0))


def standard_eyes(size: int = 96) -> np.ndarray:
    """(2, 2): where the subject's left and right eye belong in a crop of ``size``, level (see the crop rule)."""
    half, y = EYES_APART * size / 2, EYES_DOWN * size - 0.5
    middle = size / 2 - 0.5
    return np.array([[middle + half, y], [middle - half, y]])


def align(
    pixels: np.ndarray, points: np.ndarray, reference: np.ndarray | None = None, size: int = 96, scheme: Scheme = KAGGLE
) -> tuple[np.ndarray, Similarity]:
    """The face of ``points`` brought to ``reference``.

    Args:
        pixels: (H, W) or (H, W, 3) uint8, the photo.
        points: (K, 2) in the photo's pixels; NaN = unknown.
        reference: (K, 2) where they belong in the result; NaN = anywhere. By default the eyes of ``scheme``
            belong at :func:`standard_eyes`, and only they count.
        size: side of the result.
        scheme: names the eyes.

    Returns:
        The image, (size, size) uint8 grey, and the similarity that takes points of the photo to it; its
        ``inverse()`` takes points that were found in it back to the photo.

    Raises:
        InputError: see :func:`umeyama`; the scheme has no eyes; the face is outside the photo.
    """
    if reference is None:
        if scheme.eyes is None:
            raise InputError(f"Expected a scheme with eyes to level; '{scheme.name}' has none. Give a reference.")
        reference = np.full((len(scheme), 2), np.nan)
        reference[scheme.index(*scheme.eyes)] = standard_eyes(size)
    move = umeyama(points, reference)
    return warp(pixels, move, size), move


def warp(pixels: np.ndarray, move: Similarity, size: int) -> np.ndarray:
    """The photo, moved: (size, size) uint8 grey.

    First a straight crop round what will be seen, at the final scale, which averages what has to be averaged; then
    the turn, which needs no more than the four nearest pixels.
    """
    edge = size - 0.5
    seen = move.inverse()(np.array([[-0.5, -0.5], [edge, -0.5], [-0.5, edge], [edge, edge]]))
    middle = seen.mean(0) + 0.5
    wide = int(np.ceil(np.ptp(seen, axis=0).max() * move.scale)) + 4  # two pixels to spare on each side
    side = wide / move.scale
    x, y = middle - side / 2
    box = Box(x, y, side, side)
    straight = crop(pixels, box, wide)
    # Back from the result: to the photo, and on to the straight crop. Pillow counts both from the images' edges.
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [-0.5, 0.5]])
    origin, along, down = (to_crop(move.inverse()(p), box, wide) for p in corners)
    (a, d), (b, e), (c, f) = along - origin, down - origin, origin + 0.5
    # As floats: on bytes Pillow drops what is behind the point, which darkens the image by half a grey value.
    turned = Image.fromarray(straight.astype(np.float32)).transform(
        (size, size), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR)
    return np.rint(np.asarray(turned)).astype(np.uint8)
