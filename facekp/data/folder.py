"""Faces as a folder of images with a table of keypoints: Kaggle's, extracted, or the user's own.

::

    folder/
      keypoints.csv    file, row, <name>_x, <name>_y, ...   one line per image; empty = not annotated
      images/          the files that keypoints.csv names
      pairs.csv        left, right     names that a horizontal flip swaps (optional: left_ear goes with right_ear)
      manifest.json    what wrote the folder, and a fingerprint of it (optional)

:func:`extract` writes all of it and :func:`read_folder` reads it back bit for bit. A folder made by
hand needs ``keypoints.csv`` (without ``row``, if you like) and the images, of any size.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from facekp.data.faces import Faces
from facekp.data.find_images import find_images
from facekp.data.formats import table
from facekp.data.formats.table import read_table, write_rows
from facekp.data.image_files import ImageFiles
from facekp.data.labels import Labels
from facekp.data.schemes import scheme_of
from facekp.errors import InputError
from facekp.files import new_folder, read_json, write_json
from facekp.images import Box, Photo, crop, read, whole
from facekp.keypoints import KAGGLE_FOUR, Scheme, eyes_of
from facekp.show import bar

FORMAT = 1


# ---- writing ------------------------------------------------------------------------------------


def subset(faces: Faces, which: str) -> Faces:
    """``"15"``: the faces with all keypoints; ``"4"``: with exactly Kaggle's four; ``"any"``: with at least one."""
    if which == "15":
        return faces.complete()
    if which == "4":
        return faces.exactly(KAGGLE_FOUR)
    if which == "any":
        return faces.select(faces.annotated.any(axis=1))
    raise InputError(f"Expected the subset '15', '4' or 'any'; found '{which}'.")


def extract(faces: Faces, folder: str | Path, source: str | dict | None = None, progress: bool = False) -> Path:
    """Write ``faces`` as a folder of PNG images with their labels; the whole folder or nothing.

    Args:
        faces: image number n of the source becomes ``images/0000n.png``.
        folder: a new or empty folder.
        source: where the faces come from, for the manifest: a name, or a dictionary of your own.
        progress: show a bar.

    Raises:
        InputError: the folder is not empty or cannot be written, or two faces have the same row.
    """
    folder = Path(folder)
    _check_writable(faces)
    try:
        with new_folder(folder) as temporary:
            n, files = len(faces), [f"{row:05d}.png" for row in faces.rows]
            (temporary / "images").mkdir()
            for file, image in zip(bar(progress, iterable=files, desc="writing"), faces.images, strict=True):
                # Level 4: as small as the default 6, a little faster.
                Image.fromarray(image).save(temporary / "images" / file, compress_level=4)
            occluded = np.zeros((n, len(faces.scheme)), bool) if faces.occluded is None else faces.occluded
            table.write(temporary / "keypoints.csv", Labels(
                files, faces.scheme.names, faces.keypoints, occluded, np.full((n, 4), np.nan), faces.rows,
                np.zeros((n, 2), np.int64)))
            write_rows(temporary / "pairs.csv", ["left", "right"], faces.scheme.pairs)
            write_json(temporary / "manifest.json", _manifest(faces, source))
    except OSError as e:
        raise InputError(f"{folder}: cannot be written ({e.strerror or e}); nothing is left of it. "
                         "Make room, or name another folder.") from None
    return folder


def _check_writable(faces: Faces) -> None:
    """InputError for faces that would not read back as they are."""
    if not len(faces):
        raise InputError("Expected at least one face to write; found none. Choose another subset.")
    if len(np.unique(faces.rows)) < len(faces) or (faces.rows < 0).any():
        raise InputError("Expected faces whose rows differ, as each names a file; found one twice, or a negative one. "
                         "Write each set to a folder of its own.")
    odd = [name for name in faces.scheme.names if not name or name != name.strip()]
    if odd:
        raise InputError(f"Expected keypoint names without spaces at their ends; found '{odd[0]}'. Rename it.")


def _manifest(faces: Faces, source: str | dict | None) -> dict:
    full, any_point = faces.annotated.all(axis=1), faces.annotated.any(axis=1)
    return {
        "format": FORMAT,
        "count": len(faces),
        "subset": f"{full.sum()} faces with all {len(faces.scheme)} keypoints, {(any_point & ~full).sum()} with some, "
                  f"{(~any_point).sum()} with none",
        "source": {"name": source} if isinstance(source, str) else source,
        "image_size": list(faces.images.shape[1:3]),
        "channels": faces.channels,
        "scheme": faces.scheme.to_dict(),
        "fingerprint": faces.fingerprint(),
    }


# ---- reading ------------------------------------------------------------------------------------


def read_folder(
    folder: str | Path, size: int = 96, progress: bool = False, pixel_offset: float = 0.0, colour: bool = False,
) -> Faces:
    """The faces of a folder that :func:`extract` wrote or that the user made (see the module's head).

    Files are looked for in the folder, then in its ``images`` folder, and read as photos are
    (:func:`facekp.images.read`): upright, 8 bits, white where they are transparent. They become grey, unless
    ``colour`` keeps them as RGB. One that is not ``size`` x ``size`` already is first made square, its last
    column or row repeated at the right or bottom, then resampled (:func:`facekp.images.crop`); its keypoints, given in
    pixels of the upright file less ``pixel_offset`` (see :func:`facekp.data.load`), move along:
    ``p' = (p + 0.5) * s - 0.5``.

    The scheme is the manifest's; without one, Kaggle's if the names are Kaggle's, else one that
    bears the folder's name and has the pairs of ``pairs.csv`` or, without that file, those that the
    names tell (``left_ear`` and ``right_ear``). The manifest's fingerprint is
    compared where its images have the size and the channels asked for.

    Returns:
        The faces; ``files`` has each one's file, as ``keypoints.csv`` names it, and the file's size.

    Raises:
        InputError: naming the file, row and column of what cannot be read, or saying that the
            folder is not as its manifest says.
    """
    folder = Path(os.path.expanduser(folder))
    labels = read_labels(folder)
    manifest = _read_manifest(folder / "manifest.json", len(labels))
    scheme = _scheme(folder, labels.names, manifest)
    order = [labels.names.index(name) for name in scheme.names]
    keypoints, occluded = labels.points[:, order], labels.occluded[:, order] if labels.occluded.any() else None
    images = np.empty((len(labels), size, size, *([3] if colour else [])), np.uint8)

    def photos() -> Iterator[Photo]:
        found = bar(progress, iterable=_photos(folder, labels, size), total=len(labels), desc="reading")
        for i, (photo, where) in enumerate(found):
            box = whole(photo) if np.isnan(labels.boxes[i]).any() else Box(*labels.boxes[i])
            try:
                images[i] = crop(photo.pixels, box.divided(photo.reduced), size, least=1, colour=colour)
            except InputError as e:
                raise InputError(f"{where}: {e}") from None
            yield photo

    files = ImageFiles.of(labels.files, photos(), labels.boxes[:, :3])
    faces = Faces(images, files.to_grid(keypoints, size).astype(np.float32), scheme, labels.rows, files,
                  occluded)
    same_form = manifest and (manifest["image_size"], manifest["channels"]) == ([size, size], faces.channels)
    if manifest and same_form and manifest["fingerprint"] != faces.fingerprint():
        raise InputError(f"{folder}: expected the images and labels that manifest.json describes; found that some were "
                         "changed. Extract them again; if the change is yours, delete manifest.json.")
    if pixel_offset:
        faces = replace(faces, keypoints=files.to_grid(keypoints - pixel_offset, size).astype(np.float32))
    return faces


def _read_manifest(path: Path, count: int) -> dict | None:
    """The manifest, or None if there is none."""
    if not path.exists():
        return None
    try:
        found = read_json(path)
        if isinstance(found["format"], int) and found["format"] > FORMAT:
            raise InputError(f"expected format {FORMAT}; found {found['format']}, of a newer facekp")
        manifest = {k: found[k] for k in ("format", "count", "image_size", "fingerprint")}
        if [type(v) for v in manifest.values()] != [int, int, list, str]:
            raise TypeError("an entry of another kind")
        manifest["scheme"] = Scheme.from_dict(found["scheme"])
        manifest["channels"] = found.get("channels", 1)  # until version 0.1.0 all were grey
        if manifest["channels"] not in (1, 3):
            raise TypeError(f"{manifest['channels']!r} channels")
    except (InputError, KeyError, TypeError) as e:
        what = f"no {e}" if isinstance(e, KeyError) else e
        raise InputError(f"{path}: expected the manifest that facekp wrote; found something else ({what}). "
                         "Delete it to read the folder without.") from None
    if manifest["count"] != count:
        raise InputError(f"{path}: expected {manifest['count']} faces, as the manifest says; found {count} rows in "
                         "keypoints.csv. Extract them again; if the change is yours, delete manifest.json.")
    return manifest


def _scheme(folder: Path, names: tuple[str, ...], manifest: dict | None) -> Scheme:
    """The manifest's scheme, or the one that the names tell; its pairs are those of pairs.csv where there is one."""
    pairs = _read_pairs(folder / "pairs.csv", names)
    scheme = scheme_of(names, folder) if manifest is None else manifest["scheme"]
    if sorted(scheme.names) != sorted(names):
        raise InputError(f"{folder}: expected the keypoints {', '.join(scheme.names)}, as manifest.json says; "
                         f"found {', '.join(names)}. If the change is yours, delete manifest.json.")
    if pairs is None:
        return scheme
    eyes = eyes_of(pairs) if manifest is None and scheme.eyes is None else scheme.eyes
    try:
        return replace(scheme, pairs=pairs, eyes=eyes)
    except InputError as e:
        raise InputError(f"{folder / 'pairs.csv'}: {e}") from None


def _read_pairs(path: Path, names: tuple[str, ...]) -> tuple[tuple[str, str], ...] | None:
    """(left, right) names, or None if there is no such file."""
    if not path.exists():
        return None
    header, rows = read_table(path)
    if sorted(header) != ["left", "right"]:
        raise InputError(f"{path}: expected the columns left, right; found {', '.join(header)}.")
    for i, row in enumerate(rows):
        unknown = [n for n in row if n not in names]
        if unknown:
            raise InputError(f"{path}, row {i + 1}: expected names of keypoints.csv ({', '.join(names)}); "
                             f"found '{unknown[0]}'. Use one of these.")
    left, right = header.index("left"), header.index("right")
    return tuple((row[left], row[right]) for row in rows)


def read_labels(folder: str | Path) -> Labels:
    """What the folder's ``keypoints.csv`` says, in each file's own pixels; no image is opened.

    Raises:
        InputError: there is no such folder or file, or naming the row and column of what cannot be read.
    """
    folder = Path(os.path.expanduser(folder))
    if not os.path.isfile(folder / "keypoints.csv"):
        what = "no such file in it" if os.path.isdir(folder) else "no such folder"
        raise InputError(f"{folder}: expected a folder with keypoints.csv; there is {what}. Its columns are: file, "
                         "then <name>_x and <name>_y for each keypoint.")
    return table.read(folder / "keypoints.csv")


def in_colour(folder: str | Path, look_at: int = 8) -> bool:
    """Whether one of the first ``look_at`` images of a folder has pixels that are not grey."""
    labels = read_labels(folder)
    photos = _photos(Path(os.path.expanduser(folder)), labels.select(np.arange(min(look_at, len(labels)))))
    return any((photo.pixels != photo.pixels[..., :1]).any() for photo, _ in photos)


def _photos(folder: Path, labels: Labels, side: int = 96) -> Iterator[tuple[Photo, str]]:
    """For each row of the table the image that it names, and the row's name for messages.

    A photo that is shown to a network whole goes the same way, see :mod:`facekp.images`. Where a box says which part
    of the image is the face, it is decoded in full.
    """
    table = folder / "keypoints.csv"
    for i, path in enumerate(images_of(folder, labels, table)):
        where = f"{table}, row {i + 1}"
        try:
            yield read(path, side if np.isnan(labels.boxes[i]).any() else None), where
        except InputError as e:
            raise InputError(f"{where}: {e}") from None


def images_of(folder: Path, labels: Labels, table: Path) -> list[Path]:
    """The files of all rows; InputError that names every one of those that are not there."""
    found = find_images(labels.files, folder)
    rows = [i + 1 for i, path in enumerate(found) if path is None]
    if len(rows) == 1:
        raise InputError(f"{table}, row {rows[0]}, column 'file': expected the image '{labels.files[rows[0] - 1]}' in "
                         "the folder or its images folder; there is none. Put it there, or remove the row.")
    if rows:
        missing = ", ".join(f"'{labels.files[i - 1]}' (row {i})" for i in rows)
        raise InputError(f"{table}, {len(rows)} of {len(labels)} rows: expected their images in the folder or its "
                         f"images folder; there are none: {missing}. Put them there, or leave their rows out with "
                         f"facekp import {folder} OUT_DIR --skip-missing.")
    return [path for path in found if path]
