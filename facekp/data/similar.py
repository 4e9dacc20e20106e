"""Images that resemble each other: frames of one video, mostly.

Exact copies are found by a hash. Two frames of one video differ in every pixel and show the same person in the same
light; with one of them on each side of a split, a network that only remembers looks as if it had understood.
"""

import numpy as np

from facekp.errors import InputError


def nearest(images: np.ndarray, among: np.ndarray, side: int = 24) -> np.ndarray:
    """How like its most similar image of ``among`` each image is: their correlation, 1 for the same image.

    Images are shrunk to ``side`` pixels and brought to mean 0 and length 1, so light and contrast do not count.

    Args:
        images, among: (N, H, W) and (M, H, W) uint8.
        side: height and width at which they are compared.

    Returns:
        (N,) correlations, -1 to 1.
    """
    return (flat(images, side) @ flat(among, side).T).max(1)


def closest(images: np.ndarray, side: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """The most similar other image of each: its position (N,) and the correlation (N,), see :func:`nearest`.

    Args:
        images: (N, H, W) or, RGB, (N, H, W, 3) uint8; two at least.
        side: height and width at which they are compared.
    """
    small = flat(images if images.ndim == 3 else images.mean(-1).astype(np.uint8), side)
    index, alike = np.empty(len(small), np.int64), np.empty(len(small), np.float32)
    for start in range(0, len(small), 512):  # 512 rows of the (N, N) table at a time
        part = small[start : start + 512] @ small.T
        part[np.arange(len(part)), start + np.arange(len(part))] = -2
        index[start : start + 512] = part.argmax(1)
        alike[start : start + 512] = part.max(1)
    return index, alike


def near_duplicates(images: np.ndarray, alike: float = 0.85, side: int = 24) -> np.ndarray:
    """(N,) int64: a number per group of images that resemble each other.

    Two images with a correlation (see :func:`nearest`) above ``alike`` are in one group, and so is whatever
    resembles either: the connected components. No image resembles one of another group. With
    ``faces.split(groups=near_duplicates(faces.images))`` no held-out face has a near-duplicate in the training set.

    Args:
        images: (N, H, W) uint8.
        alike: the correlation above which two images belong together.
        side: height and width at which they are compared.

    Raises:
        InputError: ``alike`` is not between 0 and 1.
    """
    if not 0 < alike < 1:
        raise InputError(f"Expected a correlation between 0 and 1 for 'alike'; found {alike}.")
    small = flat(images, side)
    together = small @ small.T > alike  # (N, N)
    np.fill_diagonal(together, True)  # an image of one grey has no correlation, not even with itself
    group = np.arange(len(images))
    while True:  # each takes the smallest number among its near-duplicates, until nothing changes
        smaller = np.where(together, group, len(images)).min(1)
        smaller = smaller[smaller]  # and the smallest of that one's: a long chain is passed in few rounds
        if (smaller == group).all():
            return group
        group = smaller


def flat(pixels: np.ndarray, side: int) -> np.ndarray:
    """(N, H, W) uint8 -> (N, side * side) float32 of mean 0 and length 1."""
    n, h, w = pixels.shape
    if h % side or w % side:
        small = _shrunk(pixels, min(side, h, w)).reshape(n, -1)
    else:
        small = pixels.reshape(n, side, h // side, side, w // side).mean((2, 4), dtype=np.float32).reshape(n, -1)
    small -= small.mean(1, keepdims=True)
    return small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6)


def _shrunk(pixels: np.ndarray, side: int) -> np.ndarray:
    """(N, H, W) uint8 -> (N, side, side) float32: means over rectangles that differ by a pixel in height or width."""
    tops, lefts = (np.arange(side) * length // side for length in pixels.shape[1:])
    sums = np.add.reduceat(np.add.reduceat(pixels, tops, 1, dtype=np.float32), lefts, 2)
    heights, widths = np.diff(tops, append=pixels.shape[1]), np.diff(lefts, append=pixels.shape[2])
    return sums / (heights[:, None] * widths).astype(np.float32)
