"""Small faces for tests: a bright blob at each keypoint, so that a network can learn them in seconds."""

import numpy as np

from facekp.data import Faces
from facekp.keypoints import KAGGLE, Scheme


def blob(point: np.ndarray, size: int, sigma: float = 3.0) -> np.ndarray:
    """(size, size) float: a Gaussian of height 1 at ``point`` (x, y)."""
    y, x = np.mgrid[:size, :size]
    return np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / (2 * sigma**2))


def blob_faces(n: int, seed: int = 0, scheme: Scheme = KAGGLE, size: int = 96) -> Faces:
    """``n`` images with K blobs of different brightness on a grid that is moved and stretched a little."""
    rng = np.random.default_rng(seed)
    k = len(scheme)
    columns = int(np.ceil(np.sqrt(k)))
    base = np.stack([np.arange(k) % columns, np.arange(k) // columns], -1) / max(1, columns - 1) - 0.5
    points = base * size * rng.uniform(0.5, 0.6, (n, 1, 1)) + size / 2 + rng.uniform(-8, 8, (n, 1, 2))
    light = np.linspace(80, 220, k)
    images = np.stack([sum(v * blob(p, size, 2.5) for v, p in zip(light, face, strict=True)) for face in points])
    return Faces(np.clip(images, 0, 255).astype(np.uint8), points.astype(np.float32), scheme)
