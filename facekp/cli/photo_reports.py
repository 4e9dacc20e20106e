"""``facekp predict`` on a photo, or a folder of them: what it writes, and what it says."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facekp.cli.findings import unsure
from facekp.data.packed import names_of
from facekp.errors import InputError, listed
from facekp.files import check_new, check_table, replacing
from facekp.images import ENDINGS, Box, read
from facekp.photo.face_result import FaceResult, predict_photo
from facekp.predict import check_calibrated
from facekp.runs import open_runs
from facekp.show import bar

if TYPE_CHECKING:
    import pandas as pd

NO_FACE = ("no face was found. Only upright faces that look at the camera are, in enough light and not too small; for "
           "others say where they are with --box x,y,width,height.")


def is_photo(source: str | Path) -> bool:
    """Whether a path is to be read as a picture, by its ending."""
    return Path(source).suffix.lower() in ENDINGS


def pictures(folder: str | Path) -> list[Path]:
    """The pictures of a folder that is no data set, by name; [] for anything else."""
    folder = Path(folder).expanduser()
    if not folder.is_dir() or any((folder / f).is_file() for f in ("keypoints.csv", *names_of("training"))):
        return []
    return sorted(p for p in folder.iterdir() if is_photo(p) and p.is_file() and not p.name.startswith("."))


def where(boxes: Sequence[str], look: bool) -> str | list[Box] | None:
    """The command's --box and --detect as ``predict_photo`` wants them.

    Raises:
        InputError: both, or an invalid box.
    """
    if boxes and look:
        raise InputError("Expected --box or --detect; found both. Say where the face is, or let the library look.")
    return "detect" if look else [Box.parse(text) for text in boxes] or None


def answer(
    runs: list[str | Path], source: str | Path, out: Path | None = None, picture: Path | None = None,
    boxes: str | list[Box] | None = None, as_json: bool = False, device: str = "auto", flip_tta: bool = False,
    coverage: float | None = None,
) -> tuple[str, tuple[str, ...]]:
    """What ``facekp predict`` answers: for a photo, a folder of photos, or a data set.

    The arguments, the return value and the errors are those of :func:`photo_report`, of :func:`folder_report` and of
    :func:`facekp.cli.reports.predict_to_csv`; nothing that is read is written over.
    """
    check_table(out, source)
    check_new(picture, source)
    several = bool(pictures(source))
    if not several and (boxes or as_json or is_photo(source)):
        return photo_report(runs, source, out, picture, boxes, as_json, device, flip_tta, coverage)
    if several and (as_json or picture is not None):
        raise InputError(f"{source}: expected one photo with --json or --out; found a folder. Name OUT.csv instead.")
    if out is None:
        raise InputError("Expected OUT.csv, a file to write the points of all faces to; found none. Name one.")
    if several:
        return folder_report(runs, source, out, boxes, device, flip_tta, coverage)
    from facekp.cli.reports import predict_to_csv  # tables and metrics: a photo needs none of it

    return predict_to_csv(runs, source, out, picture, device, flip_tta, coverage)


def photo_report(
    runs: list[str | Path], source: str | Path, out: Path | None = None, picture: Path | None = None,
    boxes: str | list[Box] | None = None, as_json: bool = False, device: str = "auto", flip_tta: bool = False,
    coverage: float | None = None,
) -> tuple[str, tuple[str, ...]]:
    """Find the faces' points, and write what is asked for.

    Args:
        runs: models; the answer is their mean.
        source: the picture.
        out: a table to write, one line per face, or None.
        picture: the photo with boxes and points, to write, or None.
        boxes: as :func:`facekp.photo.predict_photo` has them.
        as_json: answer in JSON, a list with one entry per face.
        device: for the models.
        flip_tta: predict the flipped images too, and take the mean.
        coverage: also give radii that contain this fraction of the true points.

    Returns:
        The answer in text, and notes on how the picture was read.

    Raises:
        InputError: no face was found, or anything is not as expected.
    """
    if picture is not None:
        from facekp import plots  # matplotlib is loaded only for a picture

        plots.check_picture(picture)
    photo = read(source)
    model, _ = open_runs(runs, device)
    faces = predict_photo(model, photo, boxes, flip_tta, coverage)
    if not faces:
        raise InputError(f"{source}: {NO_FACE}")
    text, notes = [], (*photo.notes, *unsure(np.array([face.confidence for face in faces])))
    if out is not None:
        write_table([table(faces, Path(source).name)], out)
        text.append(f"Wrote {len(faces)} line{'s' if len(faces) > 1 else ''} to {out}")
    if picture is not None:
        plots.save(plots.photo(photo.pixels, faces), picture)
        text.append(f"{'and the picture' if text else 'Wrote'} {picture}")
    if as_json or out is None:  # the points are printed, and what was written goes with the notes
        answer = json.dumps([face.to_dict() for face in faces], indent=1) if as_json else listing(faces)
        return answer, (*notes, " ".join(text) + ".") if text else notes
    return " ".join(text) + ".", notes


def folder_report(
    runs: list[str | Path], source: str | Path, out: Path, boxes: str | list[Box] | None = None, device: str = "auto",
    flip_tta: bool = False, coverage: float | None = None,
) -> tuple[str, tuple[str, ...]]:
    """Find the points of the faces in every picture of a folder, and write them as one table.

    Args:
        runs, boxes, device, flip_tta, coverage: see :func:`photo_report`.
        source: the folder; see :func:`pictures`.
        out: the table to write, one line per face.

    Returns:
        The answer in text, and notes: which pictures no face was found in, how the others were read.

    Raises:
        InputError: a picture that cannot be read, which the message names; or no face was found in any.
    """
    model, _ = open_runs(runs, device)
    if coverage is not None:
        check_calibrated(model, coverage, flip_tta)
    photos, tables = pictures(source), []
    notes: list[str] = []
    without: list[str] = []
    for path in bar(iterable=photos, desc="photos"):
        photo = read(path)
        notes += photo.notes
        try:
            faces = predict_photo(model, photo, boxes, flip_tta, coverage)
        except InputError as e:
            raise InputError(f"{path}: {e}") from None
        if faces:
            tables.append(table(faces, path.name))
        else:
            without.append(path.name)
    if not tables:
        raise InputError(f"{source}: {NO_FACE}")
    write_table(tables, out)
    if without:
        notes.append(f"No face was found in {len(without)} of {len(photos)} pictures: {listed(without)}.")
    lines = sum(map(len, tables))
    return f"Wrote {lines} line{'s' if lines > 1 else ''} of {len(tables)} pictures to {out}.", tuple(notes)


def write_table(tables: "list[pd.DataFrame]", out: str | Path) -> None:
    """The tables, one below the other, as a CSV file; whole or not at all."""
    import pandas as pd

    with replacing(out) as temporary:
        pd.concat(tables).to_csv(temporary, index=False, float_format="%.3f")


def table(faces: list[FaceResult], name: str) -> "pd.DataFrame":
    """One line per face: file, x and y of each point, the mean confidence and each radius where there are any, the
    square looked at."""
    import pandas as pd  # only tables need it, and it takes half a second

    frame = pd.DataFrame([face.points.ravel() for face in faces], columns=faces[0].scheme.columns)
    frame.insert(0, "file", name)
    confidence = np.array([face.confidence for face in faces])
    if np.isfinite(confidence).any():
        frame["confidence"] = confidence.mean(axis=1)
    if faces[0].radius is not None:
        frame[[f"{name}_radius" for name in faces[0].scheme.names]] = np.array([face.radius for face in faces])
    boxes = np.array([face.box.as_tuple() for face in faces])
    return frame.assign(box_x=boxes[:, 0], box_y=boxes[:, 1], box_side=boxes[:, 2])


def listing(faces: list[FaceResult]) -> str:
    """The faces in text, a line per point."""
    lines = []
    for i, face in enumerate(faces, 1):
        x, y, side, _ = face.box.as_tuple()
        lines.append(f"face {i}: a square of {side:.1f} pixels, its corner at {x:.1f}, {y:.1f}")
        radii = [""] * len(face.points) if face.radius is None else [f"   radius {r:.2f}" for r in face.radius]
        each = zip(face.scheme.names, face.points, face.confidence, radii, strict=True)
        lines += [f"  {name:26} {px:9.2f} {py:9.2f}" + (f"   confidence {c:.2f}" if np.isfinite(c) else "") + radius
                  for name, (px, py), c, radius in each]
    return "\n".join(lines)
