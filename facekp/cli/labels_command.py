"""What ``facekp import`` says, and how ``facekp predict --format`` writes."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from facekp.data import formats
from facekp.data.find_images import find_images
from facekp.data.formats import table
from facekp.data.importing import Imported, size_of
from facekp.errors import InputError, check_choice, listed
from facekp.files import check_new


def summary(done: Imported, out: Path) -> str:
    """What was found and written, in a few lines."""
    labels = done.labels
    N, K = labels.points.shape[:2]
    absent = int(np.isnan(labels.points[..., 0]).sum())
    lines = [f"{done.form}: {N} face{'s' if N != 1 else ''} in {len(set(labels.files))} images, {K} points each; "
             f"{absent} not annotated, {int(labels.occluded.sum())} occluded."]
    if done.missing:
        lines.append(f"Left out, as their images are not there: {listed(list(done.missing))}.")
    if done.turned:
        lines.append(f"The points of {done.turned} faces were turned with their images, as the EXIF entry says.")
    lines += labels.notes
    hidden = int(labels.occluded.sum())
    if hidden and hidden == int(np.isfinite(labels.points[..., 0]).sum()):
        lines.append("No point is flagged visible, all are flagged 1, occluded: visible points have a 2.")
    if done.cropped:
        lines.append("Each face is a square of its image; the columns box_x, box_y and box_side say which.")
    return "\n".join([*lines, f"Wrote {out}. Next: facekp inspect {out}"])


@contextmanager
def written_as(form: str, run: str | Path, source: Path, out: Path | None) -> Iterator[Path | None]:
    """Yield the table to write predictions to: ``out`` itself, or one that becomes ``out`` in another format.

    Raises:
        InputError: an unknown format, a name that does not go with it, or faces that are in no files.
    """
    check_choice("format", form, ("csv", *formats.WRITERS))
    if form == "csv":
        yield out
        return
    ending = "" if form == "pts" else ".json"
    if out is None or out.suffix.lower() != ending:
        what = f"a file to write, which ends in {ending}" if ending else "a new folder"
        raise InputError(f"Expected the name of {what}, with --format {form}; found {out or 'none'}.")
    check_new(out, source)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.csv"
        yield path
        convert(path, form, run, source, out)


def convert(path: Path, form: str, run: str | Path, source: Path, out: Path) -> None:
    """The table of ``facekp predict`` on ``source``, written as ``out`` in another format."""
    from facekp.runs import open_run

    if "file" not in table.read_table(path)[0]:
        raise InputError(f"{source}: expected photos, or a folder with keypoints.csv, with --format {form}; found "
                         "faces that are in no files. Extract them first.")
    labels = table.read(path)
    folder = source if source.is_dir() else source.parent
    sizes = [size_of(image) if image else (0, 0, 1) for image in find_images(labels.files, folder)]
    upright = np.array([(h, w) if turned > 4 else (w, h) for w, h, turned in sizes])
    counted = open_run(run, "cpu")[0].pixel_offset if (source / "keypoints.csv").is_file() else 0.0
    formats.write(form, out, replace(labels, sizes=upright, pixel_offset=counted))
