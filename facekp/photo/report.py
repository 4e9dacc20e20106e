"""``facekp predict`` on a photo: what it writes, and what it says."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from facekp import plots
from facekp.errors import InputError
from facekp.evaluation import open_runs
from facekp.files import replacing
from facekp.photo.found import Found, predict_photo
from facekp.photo.picture import ENDINGS, read
from facekp.photo.square import Box


def is_photo(source: str | Path) -> bool:
    """Whether a path is to be read as a picture, by its ending."""
    return Path(source).suffix.lower() in ENDINGS


def where(boxes: Sequence[str], look: bool) -> str | list[Box] | None:
    """The command's --box and --detect as ``predict_photo`` wants them.

    Raises:
        InputError: both, or a box that is none.
    """
    if boxes and look:
        raise InputError("Expected --box or --detect; found both. Say where the face is, or let the library look.")
    return "detect" if look else [Box.parse(text) for text in boxes] or None


def photo_report(
    runs: list[str | Path], source: str | Path, out: Path | None = None, picture: Path | None = None,
    boxes: str | list[Box] | None = None, as_json: bool = False, device: str = "auto", mirror: bool = False,
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
        mirror: ask for the mirror images too.

    Returns:
        The answer in text, and notes on how the picture was read.

    Raises:
        InputError: no face was found, or anything is not as expected.
    """
    plots.check_picture(picture)
    photo = read(source)
    model, _ = open_runs(runs, device)
    faces = predict_photo(model, photo, boxes, mirror)
    if not faces:
        raise InputError(f"{source}: no face was found. Only upright faces that look at the camera are, in enough "
                         "light and not too small; for others say where they are with --box x,y,width,height.")
    told = []
    if out is not None:
        with replacing(out) as temporary:
            table(faces, Path(source).name).to_csv(temporary, index=False, float_format="%.3f")
        told.append(f"Wrote {len(faces)} line{'s' if len(faces) > 1 else ''} to {out}")
    if picture is not None:
        plots.save(plots.photo(photo.pixels, faces), picture)
        told.append(f"{'and the picture' if told else 'Wrote'} {picture}")
    if as_json:
        notes = (*photo.notes, " ".join(told) + ".") if told else photo.notes
        return json.dumps([face.to_dict() for face in faces], indent=1), notes
    return " ".join(told) + "." if told else listing(faces), photo.notes


def table(faces: list[Found], name: str) -> pd.DataFrame:
    """One line per face: file, x and y of each point, the mean confidence where there is one, the square looked at."""
    frame = pd.DataFrame([face.points.ravel() for face in faces], columns=faces[0].scheme.columns)
    frame.insert(0, "file", name)
    confidence = np.array([face.confidence for face in faces])
    if np.isfinite(confidence).any():
        frame["confidence"] = confidence.mean(axis=1)
    boxes = np.array([face.box.as_tuple() for face in faces])
    return frame.assign(box_x=boxes[:, 0], box_y=boxes[:, 1], box_side=boxes[:, 2])


def listing(faces: list[Found]) -> str:
    """The faces in text, a line per point."""
    lines = []
    for i, face in enumerate(faces, 1):
        x, y, side, _ = face.box.as_tuple()
        lines.append(f"face {i}: a square of {side:.1f} pixels, its corner at {x:.1f}, {y:.1f}")
        lines += [f"  {name:26} {px:9.2f} {py:9.2f}" + (f"   confidence {c:.2f}" if np.isfinite(c) else "")
                  for name, (px, py), c in zip(face.scheme.names, face.points, face.confidence, strict=True)]
    return "\n".join(lines)
