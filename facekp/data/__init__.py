"""Where faces come from: Kaggle's files, a folder of images, or the library's own drawings."""

import os
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from facekp.data.faces import Faces
from facekp.errors import InputError, listed
from facekp.keypoints import check_pixel_offset

__all__ = ["Faces", "find_kaggle", "load"]

PLACES = ("data/kaggle", "../data/kaggle", "/content/drive/MyDrive/facekp", "/kaggle/input/facial-keypoints-detection")
"""Where Kaggle's files are looked for: this repository, its book folder, Google Drive in Colab, a Kaggle notebook."""


def load(source: str | Path, progress: bool = False, pixel_offset: float = 0.0, colour: bool = False) -> Faces:
    """Faces from whatever ``source`` is, their keypoints in facekp's pixels: (0, 0) is the centre of the first one.

    Args:
        source: the word ``sample`` (the faces that ship with facekp); ``synthetic:2000`` or
            ``synthetic:2000:7`` (that many newly rendered faces, seed 7); an ``.npz`` file of
            :meth:`Faces.save`; a folder with ``keypoints.csv``; Kaggle's ``training.csv`` or
            ``training.zip``, or a folder that holds one of them.
        progress: show a bar where reading takes long.
        pixel_offset: what the source's labels call the centre of the first pixel: 0.5 where they count from the
            pixel's edge, 1 where they count from one. It is taken off here, in each file's own pixels, and nowhere
            else; ``facekp predict`` and ``submit`` add it to the tables that they write.
        colour: keep colours, for a network with ``in_channels=3``; otherwise all images become grey.

    Raises:
        InputError: nothing of that kind is there, an offset of more than two pixels, or ``colour`` of a source that is
            grey.
    """
    check_pixel_offset(pixel_offset)
    if not _is_word(source) and (Path(source).expanduser() / "keypoints.csv").is_file():
        from facekp.data import folder

        return folder.read_folder(source, progress=progress, pixel_offset=pixel_offset, colour=colour)
    faces = _load(source, progress)
    if colour and faces.channels == 1:
        raise InputError(f"{source}: expected images in colour; found grey ones. Leave out --option in_channels=3 "
                         "(colour=True).")
    faces = faces if colour else faces.grey()
    return replace(faces, keypoints=faces.keypoints - np.float32(pixel_offset)) if pixel_offset else faces


def _is_word(source: str | Path) -> bool:
    """Whether it names faces that the library makes or ships, not a path."""
    return str(source) == "sample" or str(source).startswith("synthetic:")


def _load(source: str | Path, progress: bool) -> Faces:
    """Faces whose points are in a grid of their own: anything but a folder of files."""
    from facekp import synthetic  # each source is read only when asked for
    from facekp.data import formats, kaggle
    from facekp.data.packed import names_of

    name = str(source)
    if name == "sample":
        return synthetic.sample()
    if name.startswith("synthetic:"):
        n, seed = _numbers(name)
        return synthetic.generate(n, seed, kaggle_shaped=True, progress=progress)
    path = Path(source).expanduser()
    if name.startswith("generated:") and not path.exists():  # as it was called until version 0.1.0
        raise InputError(f"'{name}' is called {name.replace('generated', 'synthetic', 1)} now. Use that.")
    if not path.exists():
        raise InputError(
            f"{path}: there is no such file or folder. Expected Kaggle's training.csv or .zip, a folder "
            "with keypoints.csv, an .npz of facekp, or the word 'sample'."
        )
    files = names_of("training")
    other = not path.is_dir() or not any((path / f).is_file() for f in files)
    beside = _other_npz(path) and any(formats.recognise(p) is formats.community for p in path.parent.glob("*.csv"))
    if other and path.suffix != ".zip" and (hint := formats.hint(path.parent if beside else path)):
        raise InputError(hint)
    if path.suffix == ".npz":
        return Faces.load(path)
    if path.is_dir() and other:
        raise InputError(
            f"{path}: expected keypoints.csv in this folder, a line per image (file, then <name>_x and <name>_y for "
            f"each keypoint), or Kaggle's {', '.join(files[:-1])} or {files[-1]}; found "
            f"{listed(sorted(p.name for p in path.iterdir()))}. For points in images that have none: facekp predict."
        )
    return kaggle.read_training(path, progress=progress)


def _other_npz(path: Path) -> bool:
    """Whether it is an ``.npz`` without the keypoints that ``Faces.save`` writes."""
    try:
        return path.suffix == ".npz" and "keypoints.npy" not in zipfile.ZipFile(path).namelist()
    except (OSError, zipfile.BadZipFile):
        return False  # its reader says what is wrong


def find_kaggle() -> Path | None:
    """The folder with Kaggle's training.csv or training.zip, or None.

    The environment variable ``FACEKP_KAGGLE`` names it; set but empty, it says that there is none.
    Without it, each of ``PLACES`` is tried.
    """
    from facekp.data.packed import names_of

    named = os.environ.get("FACEKP_KAGGLE")
    places = PLACES if named is None else [named] if named else []
    for place in map(Path, places):
        if any((place / f).is_file() for f in names_of("training")):
            return place
    return None


def _numbers(name: str) -> tuple[int, int]:
    """``synthetic:2000:7`` -> (2000, 7); without a seed it is 0."""
    match = re.fullmatch("synthetic:([0-9]{1,18})(?::([0-9]{1,18}))?", name)
    if match is None or int(match[1]) < 1:
        raise InputError(f"'{name}': expected synthetic:N or synthetic:N:SEED with whole numbers, e.g. "
                         "synthetic:2000:7.")
    return int(match[1]), int(match[2] or 0)
