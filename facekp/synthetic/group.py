"""A larger scene of several synthetic people: a photo in which the faces have yet to be found.

The people stand side by side as in a video call, each in front of a background of their own, with the whole head in
the image. Their keypoints are as exact as those of single faces.
"""

from dataclasses import replace

import numpy as np
from PIL import Image

from facekp.errors import InputError
from facekp.keypoints import KAGGLE
from facekp.synthetic.camera import photograph
from facekp.synthetic.people import random_head
from facekp.synthetic.render import SIZE, keypoints

USUAL = 37.3  # the distance between the eyes in a face that is cut out as Kaggle's are


def group(
    rows: int, columns: int, seed: int = 0, eyes: float = 20.0, enlarge: int = 4
) -> tuple[np.ndarray, np.ndarray]:
    """``rows`` x ``columns`` synthetic people in one image.

    Args:
        rows, columns: how many stand one above the other and side by side.
        seed: another seed, other people.
        eyes: about how far apart their eyes are, in pixels of the 96 x 96 that each is drawn in. Up to 22 the whole
            head is in the image.
        enlarge: each of these pixels becomes this many, either way.

    Returns:
        The image, (96 * enlarge * rows, 96 * enlarge * columns) uint8, and the points
        (rows * columns, 15, 2) float64 in its pixels, row by row.

    Raises:
        InputError: a number below 1, or a negative seed.
    """
    if min(rows, columns, eyes, enlarge) < 1 or seed < 0:
        raise InputError(f"Expected rows, columns, eyes and enlarge of 1 or more and a seed of 0 or more; found "
                         f"{rows}, {columns}, {eyes}, {enlarge} and {seed}.")
    side = SIZE * enlarge
    image, points = np.empty((rows * side, columns * side), np.uint8), []
    for i in range(rows * columns):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2, i)))
        h = random_head(rng)
        h = replace(h, eye_distance=h.eye_distance * eyes / USUAL,
                    eyes_at=(SIZE / 2 + rng.uniform(-8, 8), SIZE / 2 + rng.uniform(-6, 2)))
        tile = Image.fromarray(photograph(h, rng, faults=False)).resize((side, side), Image.Resampling.BICUBIC)
        y, x = (side * n for n in divmod(i, columns))
        image[y : y + side, x : x + side] = np.asarray(tile)
        on_tile = np.stack([keypoints(h)[name] for name in KAGGLE.names])
        points.append((on_tile + 0.5) * enlarge - 0.5 + (x, y))
    return image, np.stack(points)
