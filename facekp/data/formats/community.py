"""A widely copied repackaging of Kaggle's competition: images in one ``.npz``, their labels in a CSV file beside it.

``face_images.npz`` holds one array, (96, 96, N) or (N, 96, 96); the table has the competition's 30 columns without
``Image``, a line for each of the N images. Points count from the centre of the first pixel, as the competition's do.
"""

from pathlib import Path

import numpy as np

from facekp.data.formats.source import Source
from facekp.data.formats.table import read_table
from facekp.data.labels import Labels
from facekp.data.npz import check_npz
from facekp.data.pixels import number
from facekp.errors import InputError
from facekp.keypoints import KAGGLE

NAME, PIXEL_OFFSET = "repackaged Kaggle files", 0.0


def recognises(source: Source) -> bool:
    """Whether it is the table; the images have to be beside it."""
    return set(KAGGLE.columns) <= set(source.first.split(",")) and "Image" not in source.first


def read(path: Path) -> Labels:
    """The table and the images together.

    Raises:
        InputError: there is no single .npz beside the table, or it does not hold an image for each line.
    """
    header, rows = read_table(path)
    beside = sorted(path.parent.glob("*.npz"))
    if len(beside) != 1:
        raise InputError(f"{path}: expected one .npz with the images beside this table; found {len(beside)}.")
    check_npz(beside[0])
    with np.load(beside[0], allow_pickle=False) as z:
        images = z[z.files[0]]
    if images.ndim == 3 and images.shape[0] != len(rows) == images.shape[2]:
        images = np.moveaxis(images, 2, 0)
    if images.ndim != 3 or len(images) != len(rows) or not ((images >= 0) & (images <= 255)).all():
        raise InputError(f"{beside[0]}: expected {len(rows)} grey images, one for each line of {path.name}; "
                         f"found an array {images.shape} {images.dtype}.")
    places = [header.index(column) for column in KAGGLE.columns]
    points = np.array([[number(row[i].encode()) for i in places] for row in rows]).reshape(-1, len(KAGGLE), 2)
    N, height, width = images.shape
    return Labels([f"{i:05d}.png" for i in range(N)], KAGGLE.names, points, np.zeros(points.shape[:2], bool),
                  np.full((N, 4), np.nan), np.arange(N), np.full((N, 2), (width, height)),
                  images=np.round(images).astype(np.uint8))
