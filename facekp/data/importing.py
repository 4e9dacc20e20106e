"""Labels of other programs, and their images, as a folder that the library reads: ``facekp import``."""

import shutil
import tempfile
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from facekp.data.find_images import CONVERTED, find_images
from facekp.data.formats import read_labels, table
from facekp.data.image_files import turn
from facekp.data.labels import Labels
from facekp.data.video import FRAME, save_frames
from facekp.errors import InputError, listed
from facekp.files import new_folder
from facekp.images import ORIENTATION, formats
from facekp.keypoints import check_pixel_offset

MARGIN = 0.25  # of the longer side of a box round the points, on each side of it


@dataclass(frozen=True)
class Imported:
    """What came of an import.

    Attributes:
        labels: as they were written, in each file's own pixels.
        form: the format's name.
        missing: the images that are not there, and whose faces were left out.
        turned: how many faces had their points turned with the image, as its EXIF entry says.
    """

    labels: Labels
    form: str
    missing: tuple[str, ...] = ()
    turned: int = 0

    @property
    def cropped(self) -> bool:
        """Whether boxes say which part of an image is the face."""
        return bool(np.isfinite(self.labels.boxes).any())


def import_labels(path: str | Path, out: str | Path, images: str | Path | None = None, skip_missing: bool = False,
                  pixel_offset: float | None = None, crop: bool | None = None) -> Imported:
    """Read labels in any format of ``facekp.data.formats``, find their images, and write a folder for ``load``.

    Args:
        path: the file, or a folder with files of one format.
        out: a new or empty folder; images are copied to ``out/images``.
        images: where the images are; None: where the labels are.
        skip_missing: leave out the faces whose image is not there.
        pixel_offset: what the labels call the centre of the first pixel; None: what is usual in their format.
        crop: a face is a square of its image, its box with a margin (without a box, that of its points); False: the
            whole image. None: a square where an image has several faces.

    Raises:
        InputError: labels or images that are not there or are damaged, or do not belong to each other; PyAV is not
            installed and images are frames of a video.
    """
    path = Path(path).expanduser()
    labels, form = read_labels(path)
    if pixel_offset is not None:
        check_pixel_offset(pixel_offset)
        labels = replace(labels, pixel_offset=float(pixel_offset))
    found: list[Path] = []
    missing: list[str] = []
    turned = 0
    with tempfile.TemporaryDirectory() as frames:
        if labels.images is None:
            folder = Path(images).expanduser() if images is not None else path if path.is_dir() else path.parent
            labels, found, missing = _with_images(labels, folder, Path(frames), path, skip_missing)
            labels, turned = in_pixels(labels, found, path)
            names = [p.relative_to(frames if Path(frames) in p.parents else folder).as_posix() for p in found]
            labels = replace(labels, files=names)
        several = len(set(labels.files)) < len(labels)
        squares = _squares(labels) if crop or (crop is None and several) else np.full((len(labels), 4), np.nan)
        labels = replace(labels, boxes=labels.boxes if form == table.NAME and crop is None else squares)
        _write(labels, found, Path(out))
    return Imported(labels, form, tuple(missing), turned)


def _with_images(labels: Labels, folder: Path, frames: Path, source: Path, skip_missing: bool,
                 ) -> tuple[Labels, list[Path], list[str]]:
    """(the labels whose image is in ``folder`` or, as a frame of a video there, now in ``frames``; the image of each;
    the names of the others); InputError where others are not to be skipped."""
    saved = save_frames(labels.files, folder, frames)
    others = iter(find_images([f for f, p in zip(labels.files, saved, strict=True) if p is None], folder))
    found = [p or next(others) for p in saved]
    missing = list(dict.fromkeys(f for f, p in zip(labels.files, found, strict=True) if p is None))
    if missing and (not skip_missing or not any(found)):
        videos = dict.fromkeys(f", or that of {m[1]}," for name in missing if (m := FRAME.fullmatch(name)))
        raise InputError(f"{source}: expected {len(set(labels.files))} images in {folder}; {len(missing)} are not "
                         f"there: {', '.join(missing)}. Name their folder{''.join(videos)} with "
                         "--images, or leave them out with --skip-missing.")
    converted = [f"{f} ({p.name})" for f, p in zip(labels.files, found, strict=True)
                 if p and Path(f).suffix.lower() in CONVERTED and p.suffix.lower() != Path(f).suffix.lower()]
    if converted:
        labels = replace(labels, notes=(*labels.notes, "Taken for copies of the images that were labelled, of the same "
                                        f"size: {listed(converted)}."))
    return labels.select(np.array([p is not None for p in found])), [p for p in found if p], missing


def in_pixels(labels: Labels, paths: list[Path], source: Path) -> tuple[Labels, int]:
    """(``labels`` in pixels of the upright files, (0, 0) the centre of the first one; how many faces were turned).

    Where the labels say how large their image is, and it has that size only as it is stored, they were made without
    its EXIF orientation and are turned with it.

    Raises:
        InputError: an image that cannot be read, or of another size than the labels say.
    """
    known = {path: size_of(path) for path in dict.fromkeys(paths)}
    stored = np.array([known[path][:2] for path in paths])
    orientation = np.array([known[path][2] for path in paths])
    upright = np.where(orientation[:, None] > 4, stored[:, ::-1], stored)
    declared = np.where(labels.sizes > 0, labels.sizes, upright)
    if labels.fractions:
        declared = upright
    turned = (declared == stored).all(1) & (stored != upright).any(1)
    wrong = np.flatnonzero((declared != upright).any(1) & ~turned)
    if len(wrong):
        each = [f"{paths[i].name} ({upright[i][0]} x {upright[i][1]}, not {declared[i][0]} x {declared[i][1]})"
                for i in wrong]
        raise InputError(f"{source}: expected images of the size that the labels say; found others: {listed(each)}. "
                         "Fetch the images that were labelled.")
    scale = upright if labels.fractions else np.ones_like(upright)
    points = labels.points * scale[:, None] - labels.pixel_offset
    boxes = labels.boxes * np.tile(scale, 2)
    points[turned] = turn(points[turned], upright[turned], orientation[turned])
    corners = np.stack([boxes[turned, :2], boxes[turned, :2] + boxes[turned, 2:]], 1)  # (M, 2, 2)
    corners = turn(corners - 0.5, upright[turned], orientation[turned]) + 0.5
    boxes[turned] = np.concatenate([corners.min(1), np.ptp(corners, axis=1)], 1)
    labels = replace(labels, points=points, boxes=boxes, sizes=upright, pixel_offset=0.0, fractions=False)
    return labels, int(turned.sum())


def size_of(path: Path) -> tuple[int, int, int]:
    """Width and height of an image as it is stored, and its EXIF orientation; no pixel is decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=formats()) as image:
                orientation = image.getexif().get(ORIENTATION, 1)
                return *image.size, orientation if orientation in range(1, 9) else 1
    except (PermissionError, MemoryError):
        raise
    except Exception as e:  # noqa: BLE001  # Pillow's decoders raise whatever comes
        raise InputError(f"{path}: this is not an image that can be read, or a damaged one ({e}).") from None


def _squares(labels: Labels) -> np.ndarray:
    """(N, 4) a square round each face: its box, or its points with a margin."""
    squares = np.empty((len(labels), 4))
    for i in range(len(labels)):
        x, y, width, height = labels.box(i)
        grown = 1.0 if np.isfinite(labels.boxes[i]).all() else 1 + 2 * MARGIN
        side = float(np.ceil(max(width, height, 8.0) * grown))
        squares[i] = x + (width - side) / 2, y + (height - side) / 2, side, side
    return np.round(squares, 2)


def _write(labels: Labels, images: list[Path], out: Path) -> None:
    """The new folder: keypoints.csv, pairs.csv where the source gives pairs, and the images; all of it or nothing."""
    with new_folder(out) as temporary:
        for i, file in enumerate(labels.files):
            target = temporary / "images" / file
            target.parent.mkdir(parents=True, exist_ok=True)
            if labels.images is not None:
                Image.fromarray(labels.images[i]).save(target)
            elif not target.exists():
                shutil.copyfile(images[i], target)
        table.write(temporary / "keypoints.csv", labels)
        if labels.pairs is not None:
            table.write_rows(temporary / "pairs.csv", ["left", "right"], labels.pairs)
