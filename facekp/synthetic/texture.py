"""Random hills: skin, strands of hair, clouds behind a head."""

from collections.abc import Sequence

import numpy as np
from PIL import Image


def noise(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """``shape`` float32 in 0..1: smooth random hills, ``cells`` = how many down and across."""
    small = Image.fromarray(rng.random(cells, dtype=np.float32))
    return np.clip(np.asarray(small.resize(shape[::-1], Image.Resampling.BICUBIC)), 0, 1)


def hills(rng: np.random.Generator, sizes: Sequence[tuple[int, float]], longer: int = 1) -> np.ndarray:
    """(256, 256): the sum of several noises, each n cells down and ``longer`` times as many across, by its weight."""
    return np.sum([w * noise(rng, (256, 256), (n, longer * n)) for n, w in sizes], axis=0)


def mottles(seed: int) -> np.ndarray:
    """(256, 256) skin texture in 0..1: coarse and fine hills."""
    rng = np.random.default_rng([seed, 1])
    return hills(rng, ((8, 0.5), (24, 0.35), (80, 0.15)))


def strands(seed: int) -> np.ndarray:
    """(256, 256) hair texture in 0..1: long downwards, thin across."""
    rng = np.random.default_rng([seed, 2])
    return hills(rng, ((4, 0.35), (11, 0.4), (25, 0.25)), longer=10)


def curls(seed: int) -> np.ndarray:
    """(256, 256) hair texture in 0..1: round tufts."""
    rng = np.random.default_rng([seed, 3])
    return hills(rng, ((14, 0.3), (30, 0.4), (70, 0.3)))


def look_up(table: np.ndarray, theta: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The texture at points of the surface, each nearest pixel."""
    i = ((theta + 2.4) * (255 / 4.8)).astype(np.int64).clip(0, 255)
    j = ((y + 2.2) * (255 / 4.8)).astype(np.int64).clip(0, 255)
    return table[j, i]
