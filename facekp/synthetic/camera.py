"""The photograph of a head, with a camera's faults: exposure, blur, few pixels, compression, noise."""

import numpy as np
from PIL import Image

from facekp.synthetic.head import Head
from facekp.synthetic.light import shade
from facekp.synthetic.render import SCALE, SIZE, rasterise
from facekp.synthetic.scene import background, before, glasses, shoulders


def photograph(h: Head, rng: np.random.Generator, faults: bool = True) -> np.ndarray:
    """(96, 96) uint8: the head before a background; without ``faults`` the camera is a perfect one."""
    pixels = rasterise(h)
    image = shoulders(h, rng, background(rng))
    image.ravel()[pixels.where] = shade(h, pixels)
    depth = np.full(image.shape, -np.inf, np.float32)
    depth.ravel()[pixels.where] = pixels.depth
    image = before(h, rng, glasses(h, image, depth))
    small = expose(image.reshape(SIZE, SCALE, SIZE, SCALE).mean((1, 3)), rng)
    if faults:
        small = degrade(small, rng)
    return np.round(small.clip(0, 1) * 255).astype(np.uint8)


def expose(small: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The face at a usual brightness, with more or less contrast."""
    face = small[30:85, 25:71].mean()
    small = (small / max(face, 0.05) * rng.uniform(0.28, 0.68)).clip(0, 1.3)
    return small ** rng.uniform(0.75, 1.25) * rng.uniform(0.85, 1.1) + rng.uniform(-0.04, 0.06)


def degrade(small: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A frame of an old video, or a photo: blurred, coarse, compressed, noisy."""
    if rng.random() < 0.45:  # the video's face was smaller than this image, and its colours pale
        small = coarse(small, int(rng.uniform(28, 70)))
        small = small.mean() + (small - small.mean()) * rng.uniform(0.6, 1.0)
        if rng.random() < 0.5:  # sharpened, with a halo along each edge
            small = small + rng.uniform(0.3, 1.2) * (small - blur(small, 1.5))
        small = compress(small, rng.uniform(0.01, 0.06))
    else:
        small = blur(small, rng.normal(0.2, 0.4) if rng.random() < 0.85 else rng.uniform(0.8, 1.6))
        small = compress(small, rng.exponential(0.008))
    if rng.random() < 0.08:  # the head moved
        away = rng.integers(-2, 3, 2)
        small = (small + np.roll(small, away, (0, 1)) + np.roll(small, -away, (0, 1))) / 3
    return small + min(0.025, rng.exponential(0.007)) * rng.standard_normal(small.shape)


def coarse(image: np.ndarray, pixels: int) -> np.ndarray:
    """The image as it comes back from ``pixels`` x ``pixels``."""
    small = Image.fromarray(image.astype(np.float32)).resize((pixels, pixels), Image.Resampling.BOX)
    return np.asarray(small.resize((SIZE, SIZE), Image.Resampling.BICUBIC)).astype(np.float64)


def compress(image: np.ndarray, loss: float) -> np.ndarray:
    """What JPEG does to grey values: blocks of 8 x 8, as waves, each rounded to a multiple of a number that
    grows with its frequency."""
    k = np.arange(8)
    waves = np.cos(np.pi * (k + 0.5) * k[:, None] / 8) * np.where(k, 0.5, 8**-0.5)[:, None]  # (frequency, position)
    blocks = image.reshape(SIZE // 8, 8, SIZE // 8, 8).swapaxes(1, 2)
    heights = waves @ blocks @ waves.T
    unit = max(loss, 1e-4) * (1 + k + k[:, None])
    heights = np.round(heights / unit) * unit
    return (waves.T @ heights @ waves).swapaxes(1, 2).reshape(SIZE, SIZE)


def blur(image: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; the edges are repeated."""
    if sigma < 0.2:
        return image
    bell = np.exp(-0.5 * (np.arange(-5, 6) / sigma) ** 2)
    bell /= bell.sum()
    for axis in (0, 1):
        padded = np.pad(image, [(5, 5) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        image = sum(w * np.take(padded, range(i, i + SIZE), axis) for i, w in enumerate(bell))
    return image
