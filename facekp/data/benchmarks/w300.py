"""300-W: Sagonas et al., *300 Faces in-the-Wild Challenge*, ICCV Workshops 2013. 68 points.

::

    afw/*.jpg *.pts    helen/trainset  helen/testset    lfpw/trainset  lfpw/testset    ibug
    Bounding Boxes/bounding_boxes_afw.mat, ..._helen_trainset.mat, ...      of the authors' detector, if they are there
    300W/01_Indoor  300W/02_Outdoor                                         the 600 images of the challenge, if there

Training: afw, helen/trainset, lfpw/trainset (3148 faces). Test: helen/testset and lfpw/testset ("common", 554) and ibug
("challenging", 135); "full" is both. ``.pts`` files count from 1, as MATLAB does. The crop is made around
``bb_ground_truth`` of the .mat files or, without them, around the points, which is nearly the same box.
NME is divided by the distance of the outer eye corners, points 36 and 45.
"""

from pathlib import Path

import numpy as np

from facekp.data.benchmarks.part import Entry, Part, box_of, corners, cropped, eye_distance, from_folder, needed
from facekp.data.formats import expected, pts
from facekp.data.formats.source import Source
from facekp.data.schemes import POINTS_68
from facekp.errors import InputError
from facekp.images import ENDINGS, Box

CHALLENGE = "challenge of 2013"
PARTS: dict[str, dict[str, tuple[str, ...]]] = {
    "train": {"training": ("afw", "helen/trainset", "lfpw/trainset")},
    "test": {"common": ("helen/testset", "lfpw/testset"), "challenging": ("ibug",),
             CHALLENGE: ("300W/01_Indoor", "300W/02_Outdoor")}}


def read(folder: Path, split: str, size: int, widen: float, colour: bool, progress: bool) -> Part:
    """The part ``split``, "train" or "test"; the 600 images of the challenge are a subset beside "full"."""
    entries: list[Entry] = []
    subset: list[str] = []
    for name, places in PARTS[split].items():
        for place in places:
            if name == CHALLENGE and not (folder / place).is_dir():
                continue
            found = faces_of(folder, place)
            entries += found
            subset += [name] * len(found)
    faces = cropped(entries, from_folder(folder, entries), POINTS_68, size, widen, colour, progress)
    names = np.array(subset)
    subsets = {name: names == name for name in PARTS[split] if (names == name).any()} if split == "test" else {}
    return Part(faces, eye_distance(faces), {"full": names != CHALLENGE, **subsets})


def faces_of(folder: Path, place: str) -> list[Entry]:
    """The faces of one folder, in the order of their file names."""
    files = sorted((folder / place).glob("*.pts"))
    if not files:
        raise InputError(f"{folder}: expected {place} with images and their .pts files; there are none. Unpack its "
                         "archive there.")
    boxes = boxes_of(folder, place)
    entries = []
    for path in files:
        image = next((p for p in sorted(path.parent.glob(f"{path.stem}.*")) if p.suffix.lower() in ENDINGS), None)
        if image is None:
            raise InputError(f"{path}: expected an image of the same name beside it; there is none.")
        with expected(pts, path):
            points = pts.points_of(Source(path)) - pts.PIXEL_OFFSET
            if len(points) != len(POINTS_68):
                raise ValueError(f"{len(points)} points, not {len(POINTS_68)}")
        entries.append(Entry(image.relative_to(folder).as_posix(), points, boxes.get(image.name, box_of(points))))
    return entries


def boxes_of(folder: Path, place: str) -> dict[str, Box]:
    """The authors' boxes by image name; none without their file."""
    name = f"bounding_boxes_{place.replace('/', '_')}.mat"
    path = next((folder / d / name for d in ("Bounding Boxes", "Bounding_Boxes", "bounding_boxes")
                 if (folder / d / name).is_file()), None)
    if path is None:
        return {}
    cells = needed("scipy.io").loadmat(path, squeeze_me=True, struct_as_record=False)["bounding_boxes"]
    return {str(c.imgName).strip(): corners(c.bb_ground_truth, pts.PIXEL_OFFSET)
            for c in np.atleast_1d(cells)}
