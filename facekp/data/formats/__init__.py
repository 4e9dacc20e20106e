"""Labels as other programs write them: a short file for each format, and a line in ``FORMATS``.

A format is a module with ``NAME``, ``PIXEL_OFFSET`` (what its labels call the centre of the first pixel),
``recognises(source)``, which looks at a file's content, not at its name, and ``faces(source)``. Optional: ``FRACTIONS``
(its points are fractions of width and height), ``pairs(source)``, ``remarks(sources)``, sentences for the user, and
``write(path, labels)``.
"""

import os
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from xml.etree.ElementTree import ParseError

from facekp.data.formats import (
    coco,
    community,
    cvat,
    deeplabcut,
    label_studio,
    labelme,
    long,
    pts,
    records,
    sleap,
    table,
    wflw,
    yolo,
)
from facekp.data.formats.source import Source
from facekp.data.labels import Labels, gathered
from facekp.errors import InputError, listed

FORMATS = (coco, label_studio, labelme, cvat, pts, deeplabcut, wflw, yolo, sleap, community, records, long,
           table)
"""In the order in which they are tried."""
WRITERS = {"coco": coco, "pts": pts, "labelstudio": label_studio}
"""What ``facekp predict --format`` writes, besides a table."""
ENDINGS = {".json", ".jsonl", ".ndjson", ".xml", ".pts", ".csv", ".tsv", ".txt", ".slp", ".h5"}
FAULTS = (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError, OverflowError, ParseError,
          zipfile.BadZipFile)


def recognise(path: Path) -> ModuleType | None:
    """The format of a file of labels, None for any other file."""
    source = Source(path)
    return next((form for form in FORMATS if form.recognises(source)), None)


def read_labels(path: str | Path) -> tuple[Labels, str]:
    """The labels in a file, or in all files of one format in a folder and below; and the format's name.

    Raises:
        InputError: there are none, several formats, or they are damaged.
    """
    path = Path(path).expanduser()
    files, others = _files(path)
    form = recognise(files[0]) or table  # whose message says what is missing
    sources = [Source(file) for file in files]
    with expected(form, path):
        if hasattr(form, "read"):
            return form.read(files[0]), form.NAME
        pairs = form.pairs(sources[0]) if hasattr(form, "pairs") else None
        faces = (face for source in sources for face in _faces(form, source))
        labels = gathered(faces, path, form.PIXEL_OFFSET, getattr(form, "FRACTIONS", False), pairs)
        notes = form.remarks(sources) if hasattr(form, "remarks") else []
    if others:
        notes.append(f"Passed over, as they are not {form.NAME}: {listed([str(file) for file in others])}.")
    return replace(labels, notes=tuple(notes)), form.NAME


def hint(path: Path) -> str:
    """A sentence for who gives such labels where a data set is wanted; empty for anything else."""
    try:
        files, _ = _files(path)
    except (InputError, OSError):
        return ""
    form = recognise(files[0])
    return "" if form is None else (f"{path}: expected a data set; found labels in a format of other programs "
                                    f"({form.NAME}). Make a folder of them: facekp import {path} OUT_DIR")


def _faces(form: ModuleType, source: Source) -> Iterable:
    """The faces of one of many files; what is wrong with it names the file."""
    source.check_encoding()
    with expected(form, source.path):
        yield from form.faces(source)


@contextmanager
def expected(form: ModuleType, path: Path) -> Iterator[None]:
    """What goes wrong inside, while a file of ``form`` is read, becomes an InputError that names the file."""
    try:
        yield
    except FAULTS as e:
        if isinstance(e, InputError):
            raise
        raise InputError(f"{path}: expected {form.NAME}; found something else ({type(e).__name__}: {e}). Repair or "
                         "remove the file.") from None


def _files(path: Path) -> tuple[list[Path], list[Path]]:
    """(the files of labels at ``path``: itself, or those of one format in the folder; others that end like them)."""
    if path.is_file():
        if recognise(path) is None and path.suffix.lower() not in (".csv", ".tsv"):
            raise InputError(f"{path}: expected labels as {', '.join(form.NAME for form in FORMATS)}; found " + (
                "a ZIP archive or an Excel file. Unpack it, or save the sheet as CSV." if zipfile.is_zipfile(path) else
                "something else, or a damaged file. Export the labels again, in one of these."))
        return [path], []
    if not path.is_dir():
        raise InputError(f"{path}: there is no such file or folder. Check the path.")
    if (path / "keypoints.csv").is_file():
        return [path / "keypoints.csv"], []
    files = sorted(Path(place, name) for place, _, names in os.walk(path) for name in names
                   if os.path.splitext(name)[1].lower() in ENDINGS and not name.startswith("._")  # of a Mac
                   and not (name.endswith(".h5") and f"{name[:-2]}csv" in names))  # DeepLabCut writes both
    found: dict[ModuleType, list[Path]] = {}
    others = []
    for file in files:
        form = recognise(file)
        if form:
            found.setdefault(form, []).append(file)
        elif file.stat().st_size:
            others.append(file)
    if len(found) != 1 or (hasattr(next(iter(found)), "read") and len(next(iter(found.values()))) > 1):
        each = [f"{files[0]} ({form.NAME})" for form, files in found.items()]
        several = listed(each if len(each) != 1 else [str(f) for f in next(iter(found.values()))])
        raise InputError(f"{path}: expected labels of one format, {', '.join(form.NAME for form in FORMATS)}; found "
                         f"{several}. Name the file.")
    (taken,) = found.values()
    return taken, [file for file in others if file.suffix.lower() == taken[0].suffix.lower()]


def write(form: str, path: Path, labels: Labels) -> None:
    """``labels`` as one of ``WRITERS``; they know the images' sizes.

    Raises:
        InputError: the format cannot hold them.
    """
    WRITERS[form].write(path, labels)
