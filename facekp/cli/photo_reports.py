"""``facekp predict`` on a photo, or a folder of them: what it writes, and what it says."""

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facekp.cli.learnt import unsure
from facekp.data.packed import names_of
from facekp.errors import InputError, listed
from facekp.files import check_new, check_table, replacing
from facekp.images import ENDINGS, Box, Photo, read
from facekp.photo.face_result import FaceResult, predict_photo
from facekp.predict import check_calibrated
from facekp.runs import open_runs
from facekp.show import bar

if TYPE_CHECKING:
    import pandas as pd

VIDEOS = {".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm"}

NO_FACE = ("no face was found. Faces that look at the camera are, turned by 30 degrees at most, in enough light and "
           "not too small; for others say where they are with --box x,y,width,height.")


def is_photo(source: str | Path) -> bool:
    """Whether a path is to be read as an image, by its ending."""
    return Path(source).suffix.lower() in ENDINGS


def is_video(source: str | Path) -> bool:
    """Whether a path is to be read as a video, by its ending."""
    return Path(source).suffix.lower() in VIDEOS and not Path(source).is_dir()


def subfolders(folder: str | Path) -> list[str]:
    """The names of the folders in a folder; hidden ones are left out."""
    folder = Path(folder).expanduser()
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != ".") if folder.is_dir() else []


def image_paths(folder: str | Path, recursive: bool = False) -> list[Path]:
    """The images of a folder that is not a data set, frame2 before frame10; [] for anything else.

    ``recursive`` takes those of its subfolders too, hidden files and folders left out.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir() or any((folder / f).is_file() for f in ("keypoints.csv", *names_of("training"))):
        return []
    there = folder.rglob("*") if recursive else folder.iterdir()
    found = [p.relative_to(folder) for p in there if is_photo(p) and p.is_file()]
    return [folder / p for p in sorted((p for p in found if not any(part[0] == "." for part in p.parts)), key=_order)]


def _order(path: Path) -> list:
    """A key that sorts numbers in names by their size."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"([0-9]+)", path.as_posix())]


def detector_terms() -> list[str]:
    """A line about the weights that ``--detect`` uses, if it uses any."""
    from facekp.photo import detector, face_maps

    if detector.default_method() != "network":
        return []
    return [f"--detect: {face_maps.card()['licence']} (its network learnt from photographs and synthetic faces)."]


def parse_boxes(boxes: Sequence[str], detect: bool) -> str | list[Box] | None:
    """The command's --box and --detect as ``predict_photo`` wants them.

    Raises:
        InputError: both, or an invalid box.
    """
    if boxes and detect:
        raise InputError("Expected --box or --detect; found both. Say where the face is, or let the library look.")
    return "detect" if detect else [Box.parse(text) for text in boxes] or None


def predict_report(
    runs: list[str | Path], source: str | Path, out: Path | None = None, figure: Path | None = None,
    boxes: str | list[Box] | None = None, as_json: bool = False, device: str = "auto", flip_tta: bool = False,
    coverage: float | None = None, recursive: bool = False, smooth: bool = False,
) -> tuple[str, tuple[str, ...]]:
    """What ``facekp predict`` answers: for a photo, a folder of photos, a video, or a data set.

    The arguments, the return value and the errors are those of :func:`photo_report`, of :func:`folder_report` and of
    :func:`facekp.cli.reports.predict_to_csv`; nothing that is read is written over.
    """
    check_table(out, source)
    check_new(figure, source)
    several = is_video(source) or bool(image_paths(source, recursive))
    if not several and image_paths(source, True):
        raise InputError(f"{source}: expected images in this folder; found them only in its subfolders "
                         f"({listed(subfolders(source))}). Add --recursive, or name one of those.")
    if smooth and not several:
        raise InputError(f"{source}: expected a video or a folder of frames with --smooth; found neither.")
    if not several and (boxes or as_json or is_photo(source)):
        return photo_report(runs, source, out, figure, boxes, as_json, device, flip_tta, coverage)
    if several and (as_json or figure is not None):
        found = "a video" if is_video(source) else "a folder"
        raise InputError(f"{source}: expected one photo with --json or --out; found {found}. Name OUT.csv instead.")
    if out is None:
        raise InputError("Expected OUT.csv, a file to write the points of all faces to; found none. Name one.")
    if several:
        return folder_report(runs, source, out, boxes, device, flip_tta, coverage, recursive, smooth)
    from facekp.cli.reports import predict_to_csv  # tables and metrics: a photo needs none of it

    return predict_to_csv(runs, source, out, figure, device, flip_tta, coverage)


def photo_report(
    runs: list[str | Path], source: str | Path, out: Path | None = None, figure: Path | None = None,
    boxes: str | list[Box] | None = None, as_json: bool = False, device: str = "auto", flip_tta: bool = False,
    coverage: float | None = None,
) -> tuple[str, tuple[str, ...]]:
    """Find the faces' points, and write what is asked for.

    Args:
        runs: models; the answer is their mean.
        source: the image.
        out: a table to write, one line per face, or None.
        figure: the photo with boxes and points, to write, or None.
        boxes: as :func:`facekp.photo.predict_photo` has them.
        as_json: answer in JSON, a list with one entry per face.
        device: for the models.
        flip_tta: predict the flipped images too, and take the mean.
        coverage: also give radii that contain this fraction of the true points.

    Returns:
        The answer in text, and notes on how the image was read.

    Raises:
        InputError: no face was found, or anything is not as expected.
    """
    if figure is not None:
        from facekp import plots  # matplotlib is loaded only for a figure

        plots.check_figure(figure)
    model, _ = open_runs(runs, device)
    photo = read(source, model.size if boxes is None and figure is None else None)
    faces = predict_photo(model, photo, boxes, flip_tta, coverage)
    if not faces:
        raise InputError(f"{source}: {NO_FACE}")
    text, notes = [], (*photo.notes, *unsure(np.array([face.confidence for face in faces])))
    if out is not None:
        write_table([table(faces, Path(source).name)], out)
        text.append(f"Wrote {len(faces)} line{'s' if len(faces) > 1 else ''} to {out}")
    if figure is not None:
        plots.save(plots.photo(photo.pixels, faces), figure)
        text.append(f"{'and the figure' if text else 'Wrote'} {figure}")
    if as_json or out is None:  # the points are printed, and what was written goes with the notes
        answer = json.dumps([face.to_dict() for face in faces], indent=1) if as_json else listing(faces)
        return answer, (*notes, " ".join(text) + ".") if text else notes
    return " ".join(text) + ".", notes


def folder_report(
    runs: list[str | Path], source: str | Path, out: Path, boxes: str | list[Box] | None = None, device: str = "auto",
    flip_tta: bool = False, coverage: float | None = None, recursive: bool = False, smooth: bool = False,
) -> tuple[str, tuple[str, ...]]:
    """Find the points of the faces in every image of a folder, or every frame of a video, and write them as a table.

    Args:
        runs, boxes, device, flip_tta, coverage: see :func:`photo_report`.
        source: the folder; see :func:`image_paths`. Or a video.
        out: the table to write, one line per face.
        recursive: look into subfolders too.
        smooth: the images are successive frames (of a folder, 30 a second): see :func:`facekp.photo.video.smoothed`.

    Returns:
        The answer in text, and notes: which images could not be read or have no face, how the others were read.

    Raises:
        InputError: no image can be read, or no face was found in any.
    """
    model, _ = open_runs(runs, device)
    if coverage is not None:
        check_calibrated(model, coverage, flip_tta)
    named, times, found, notes, bad = [], [], [], [], []
    side = model.size if boxes is None else None
    for name, time, load in bar(iterable=iter_photos(source, recursive, side), desc="photos", unit="photo"):
        try:
            photo = load()
            faces = predict_photo(model, photo, boxes, flip_tta, coverage)
        except InputError as e:
            bad.append((name, e))
            continue
        notes += photo.notes
        named.append(name)
        times.append(time)
        found.append(faces)
    if not any(found):
        raise InputError(f"{source}: {NO_FACE}" if found or not bad else
                         f"{source}: none of the {len(bad)} images can be read. The first: {bad[0][1]}")
    if smooth:
        from facekp.photo.video import smoothed

        found = smoothed(found, times)
    write_table([_timed(table(faces, name), time, source) for name, time, faces in zip(named, times, found, strict=True)
                 if faces], out)
    lines = [face for faces in found for face in faces]
    notes = [*notes[:8], *([f"... and {len(notes) - 8} more such notes."] if len(notes) > 8 else []),
             *folder_notes(source, recursive, named, found, bad), *unsure(np.array([f.confidence for f in lines]))]
    return (f"Wrote {len(lines)} line{'s' if len(lines) > 1 else ''} of {sum(map(bool, found))} images to {out}.",
            tuple(notes))


def folder_notes(source: str | Path, recursive: bool, named: list[str], found: list[list[FaceResult]],
                 bad: list[tuple[str, InputError]]) -> list[str]:
    """What was left out of a table of many images: those without a face, those not readable, subfolders."""
    without = [name for name, faces in zip(named, found, strict=True) if not faces]
    notes = []
    if without:
        notes.append(f"No face was found in {len(without)} of {len(named)} images: {listed(without)}.")
    if bad:
        notes.append(f"Left out, as they cannot be read: {listed([name for name, _ in bad])}. The first: {bad[0][1]}")
    if not recursive and (inner := subfolders(source)):
        notes.append(f"Subfolders were not looked into: {listed(inner)}. --recursive does that.")
    return notes


def iter_photos(
    source: str | Path, recursive: bool, side: int | None
) -> Sequence[tuple[str, float, Callable[[], Photo]]]:
    """(name, seconds, a function that gives the photo) of each image of a folder, or each frame of a video."""
    if not is_video(source):
        folder = Path(source).expanduser()
        return [(path.relative_to(folder).as_posix(), i / 30, partial(read, path, side))
                for i, path in enumerate(image_paths(source, recursive))]
    from facekp.data.video import frames

    return ((f"frame {i}", time, partial(Photo, photo.pixels))  # type: ignore[return-value]  # a bar takes it too
            for i, (time, photo) in enumerate(frames(source)))


def _timed(frame: "pd.DataFrame", time: float, source: str | Path) -> "pd.DataFrame":
    """A frame's table with its time behind its name, for a video."""
    if is_video(source):
        frame.insert(1, "seconds", round(time, 4))
    return frame


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
