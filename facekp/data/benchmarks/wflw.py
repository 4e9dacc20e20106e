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

from facekp.data.benchmarks.part import Entry, Part, corners, cropped, eye_distance, from_folder, the_one
from facekp.data.schemes import POINTS_98
from facekp.errors import InputError

FLAGS = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")


def read(folder: Path, split: str, size: int, widen: float, colour: bool, progress: bool) -> Part:
    """The part ``split``, "train" or "test"."""
    name = f"list_98pt_rect_attr_{split}.txt"
    inner = f"list_98pt_rect_attr_train_test/{name}"
    table = the_one(folder, f"the {split} list", (f"WFLW_annotations/{inner}", inner, name))
    entries, flags = [], []
    for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            entry, raised = parsed(line, f"{table}, line {number}")
            entries.append(entry)
            flags.append(raised)
    images = the_one(folder, "the images", ("WFLW_images/WFLW_images", "WFLW_images"))
    faces = cropped(entries, from_folder(images, entries), POINTS_98, size, widen, colour, progress)
    subsets = dict(zip(FLAGS, np.array(flags, bool).reshape(-1, len(FLAGS)).T, strict=True))
    return Part(faces, eye_distance(faces), subsets)


def parsed(line: str, where: str) -> tuple[Entry, list[bool]]:
    """One line: the face, and its six flags."""
    fields = line.split(maxsplit=206)
    try:
        if len(fields) != 207:
            raise ValueError(f"{len(fields)} fields")
        points = np.array(fields[:196], float).reshape(98, 2)
        box = corners(map(float, fields[196:200]), first=0)
        return Entry(fields[206], points, box), [bool(int(v)) for v in fields[200:206]]
    except ValueError as e:
        raise InputError(f"{where}: expected 98 points, a box, six flags and an image (207 fields); found something "
                         f"else ({e}). Fetch the annotations again.") from None
