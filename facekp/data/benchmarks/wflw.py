"""WFLW: Wu et al., *Look at Boundary: A Boundary-Aware Face Alignment Algorithm*, CVPR 2018. 98 points.

::

    WFLW_images/0--Parade/...jpg
    WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_train.txt     7500 lines
    WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt      2500 lines

A line has 207 fields: 98 x, y, counted from 0; a box as left, top, right, bottom; six flags, the subsets; the image.
NME is divided by the distance of the outer eye corners, points 60 and 72.
"""

from pathlib import Path

import numpy as np

from facekp.data.benchmarks.part import Entry, Part, corners, cropped, eye_distance, first_existing, from_folder
from facekp.data.formats import expected, wflw
from facekp.data.formats.source import Source
from facekp.data.schemes import POINTS_98

FLAGS = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")


def read(folder: Path, split: str, size: int, widen: float, colour: bool, progress: bool) -> Part:
    """The part ``split``, "train" or "test"."""
    name = f"list_98pt_rect_attr_{split}.txt"
    inner = f"list_98pt_rect_attr_train_test/{name}"
    table = first_existing(folder, f"the {split} list", (f"WFLW_annotations/{inner}", inner, name))
    with expected(wflw, table):
        lines = list(wflw.lines_of(Source(table)))
    entries = [Entry(image, points, corners(box, first=0)) for image, points, box, _ in lines]
    images = first_existing(folder, "the images", ("WFLW_images/WFLW_images", "WFLW_images"))
    faces = cropped(entries, from_folder(images, entries), POINTS_98, size, widen, colour, progress)
    subsets = dict(zip(FLAGS, np.array([f for *_, f in lines], bool).reshape(-1, len(FLAGS)).T, strict=True))
    return Part(faces, eye_distance(faces), subsets)
