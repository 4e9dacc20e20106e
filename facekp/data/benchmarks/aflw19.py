"""AFLW-19: Zhu et al., *Unconstrained Face Alignment via Cascaded Compositional Learning*, CVPR 2016. 19 points.

::

    AFLWinfo_release.mat     of the paper: bbox (24386, 4) left, right, top, bottom; data (24386, 38) 19 x, 19 y;
                             mask_new (24386, 19), 1 = visible; nameList; ra, the order of faces, counted from 1
    flickr/0/image00002.jpg, flickr/2, flickr/3     the images of AFLW (Koestinger et al. 2011)

The first 20000 faces of ``ra`` are for training, the other 4386 for the test ("full"); of these, 1314 have all points
visible ("frontal"). NME is divided by the size of the face, the square root of its box's area.
"""

from pathlib import Path

import numpy as np

from facekp.data.benchmarks.part import Entry, Part, corners, cropped, first_existing, from_folder, needed
from facekp.errors import InputError
from facekp.keypoints import Scheme

FIRST = 1  # the number of the first pixel: a MATLAB file; its authors do not say
TRAINING = 20000
LEFT, RIGHT = (3, 4, 5, 9, 10, 11, 14, 17), (2, 1, 0, 8, 7, 6, 12, 15)
POINTS_19 = Scheme("AFLW-19", tuple(map(str, range(19))),
                   tuple((str(a), str(b)) for a, b in zip(LEFT, RIGHT, strict=True)), eyes=("10", "7"))


def read(folder: Path, split: str, size: int, widen: float, colour: bool, progress: bool,
         training: int = TRAINING) -> Part:
    """The part ``split``, "train" or "test"; ``training`` is how many faces are for training."""
    path = first_existing(folder, "the annotations", ("AFLWinfo_release.mat", "aflw-19/AFLWinfo_release.mat"))
    try:
        mat = needed("scipy.io").loadmat(path, squeeze_me=True)
        boxes, data, visible, names, order = (mat[k] for k in ("bbox", "data", "mask_new", "nameList", "ra"))
    except InputError:
        raise
    except Exception as e:  # noqa: BLE001  # scipy's readers raise whatever comes
        raise InputError(f"{path}: expected bbox, data, mask_new, nameList and ra; found something else "
                         f"({type(e).__name__}: {e}). Fetch it again.") from None
    order = np.asarray(order, np.int64) - 1
    order = order[:training] if split == "train" else order[training:]
    entries = [Entry(str(names[i]).strip(), data[i].reshape(2, 19).T.astype(float) - FIRST,
                     corners(boxes[i][[0, 2, 1, 3]], FIRST)) for i in order]
    images = first_existing(folder, "the images", ("flickr", "data/flickr", "aflw/data/flickr", "images"))
    seen = np.asarray(visible, bool)[order]
    faces = cropped(entries, from_folder(images, entries), POINTS_19, size, widen, colour, progress, ~seen)
    sizes = np.sqrt([e.box.width * e.box.height for e in entries])
    scale = faces.files.scale(size)  # type: ignore[union-attr]  # cropped from files
    subsets = {"frontal": np.asarray(seen.all(1))} if split == "test" else {}
    return Part(faces, sizes / scale, subsets)
