"""COFW: Burgos-Artizzu, Perona and Dollar, *Robust Face Landmark Estimation under Occlusion*, ICCV 2013. 29 points.

::

    COFW_train_color.mat    IsTr, phisTr, bboxesTr       1345 images
    COFW_test_color.mat     IsT, phisT, bboxesT           507 images

MATLAB 7.3 files, which are HDF5: images as a list of references, ``phis`` (87, N): 29 x, 29 y, 29 flags (1 is
occluded), ``bboxes`` (4, N): left, top, width, height. Positions count from 1, as MATLAB does. NME is divided by the
distance of the outer eye corners, points 8 and 9 ("inter-ocular"); some papers divide by that of the pupils, 16 and 17,
which is smaller (:func:`by_pupils`).
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from facekp.data.benchmarks.part import Entry, Part, cropped, eye_distance, first_existing
from facekp.data.formats.source import Source
from facekp.errors import InputError
from facekp.images import Box, Photo
from facekp.keypoints import Scheme

FIRST = 1  # the number of the first pixel
LEFT = (1, 3, 6, 7, 9, 11, 14, 15, 17, 19, 23)  # on the subject's left, and their mirror images
RIGHT = (0, 2, 4, 5, 8, 10, 12, 13, 16, 18, 22)
PAIRS = tuple((str(left), str(right)) for left, right in zip(LEFT, RIGHT, strict=True))
POINTS_29 = Scheme("COFW", tuple(map(str, range(29))), PAIRS, eyes=("9", "8"))
PUPILS = ("17", "16")


def read(folder: Path, split: str, size: int, widen: float, colour: bool, progress: bool) -> Part:
    """The part ``split``, "train" or "test". Grey images of the color files stay grey."""
    path = first_existing(folder, f"the {split} file", (f"COFW_{split}_color.mat",))
    end = "Tr" if split == "train" else "T"
    with Source(path).hdf5() as mat:
        try:
            images, phis, boxes = mat[f"Is{end}"], np.array(mat[f"phis{end}"]), np.array(mat[f"bboxes{end}"])
        except KeyError as e:
            raise InputError(f"{path}: expected Is{end}, phis{end} and bboxes{end}; found others ({e}).") from None
        if len(phis) != 87 or boxes.shape != (4, phis.shape[1]):
            raise InputError(f"{path}: expected phis{end} (87, N) and bboxes{end} (4, N); found {phis.shape} and "
                             f"{boxes.shape}.")
        references = np.array(images).ravel()
        entries = [Entry(str(i), np.stack([p[:29], p[29:58]], 1) - FIRST, Box(b[0] - FIRST + 0.5, b[1] - FIRST + 0.5,
                                                                               b[2], b[3]))
                   for i, (p, b) in enumerate(zip(phis.T, boxes.T, strict=True))]

        def photo(entry: Entry) -> Photo:
            pixels = np.array(mat[references[int(entry.name)]]).T  # (H, W) or (H, W, 3): MATLAB's axes are reversed
            return Photo(np.ascontiguousarray(pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)))

        faces = cropped(entries, photo, POINTS_29, size, widen, colour, progress, phis[58:].T > 0.5)
    return Part(faces, eye_distance(faces))


def by_pupils(part: Part) -> Part:
    """The same part with the distance of the pupils as divisor."""
    return replace(part, units=eye_distance(replace(part.faces, scheme=replace(POINTS_29, eyes=PUPILS))))
