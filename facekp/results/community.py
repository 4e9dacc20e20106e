"""The community's results: one test for everybody, and records whose numbers anybody can compute again.

The test faces are ``BOARD_SIZE`` synthetic ones of the seed ``BOARD_SEED``, with exact labels. A record holds the
predicted points, so :func:`check_result` computes every metric from them and refuses a record that says otherwise.
It cannot know how the points were made; that the test faces were not trained on is the author's word.
"""

import re
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from facekp import metrics
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import read_json
from facekp.keypoints import KAGGLE
from facekp.results import records_folder
from facekp.synthetic import cached

BOARD_SIZE, BOARD_SEED = 200, 2026
TEXTS = {"name": 60, "by": 60, "trained_on": 200}  # what an author says, and the most characters of each
TOLERANCE = 5e-4  # pixels, and fractions: what rounding the metrics may change


def board_faces() -> Faces:
    """The test faces, rendered once and then kept in the user's cache folder."""
    return cached(BOARD_SIZE, BOARD_SEED)


def board_truth() -> np.ndarray:
    """(200, 15, 2) float64: the true points of the test faces, in pixels, as the repository keeps them.

    ``board.json`` holds them as ``to_lines`` writes those of :func:`board_faces`.
    """
    return from_lines(read_json(records_folder() / "community" / "board.json")["truth"])


def to_lines(points: np.ndarray) -> list[str]:
    """Points (N, K, 2) as a line for each face, "x y x y ...", to a hundredth of a pixel."""
    return [" ".join(f"{value:.2f}" for value in face) for face in points.reshape(len(points), -1)]


def from_lines(lines: Any) -> np.ndarray:
    """What :func:`to_lines` wrote, as (N, K, 2) float64; an empty array of anything else."""
    try:
        points = np.array([line.split() for line in lines], dtype=np.float64)
        return points.reshape(len(points), -1, 2)
    except (TypeError, ValueError, AttributeError):
        return np.empty((0, 0, 2))


def score(points: np.ndarray) -> dict[str, float]:
    """The metrics of predicted ``points`` (200, 15, 2) on the test faces, rounded to four digits.

    Returns:
        ``rmse`` with the ends of its 95 % bootstrap interval over the faces, ``rmse_low`` and ``rmse_high``;
        ``median_face_rmse``; ``nme_inter_ocular``; ``mean_face_rmse``, the error of the test faces' own mean face.
    """
    truth = board_truth()
    per_face = metrics.rmse(points, truth, axis=(1, 2))  # (200,)
    draws = np.random.default_rng(0).integers(0, len(truth), (2000, len(truth)))
    low, high = np.percentile(np.sqrt(np.square(per_face)[draws].mean(1)), (2.5, 97.5))
    out = {"rmse": metrics.rmse(points, truth), "rmse_low": low, "rmse_high": high,
           "median_face_rmse": np.median(per_face), "nme_inter_ocular": metrics.nme_inter_ocular(points, truth, KAGGLE),
           "mean_face_rmse": metrics.mean_face_rmse(truth, truth)}
    return {name: round(float(value), 4) for name, value in out.items()}


def make_result(points: np.ndarray, name: str, by: str, trained_on: str, parameters: int, link: str = "") -> dict:
    """A record of ``points`` predicted on :func:`board_faces`, by this library or by any other program.

    Args:
        points: (200, 15, 2) in pixels, (0, 0) being the centre of the first one.
        name: of the method, as the table will show it.
        by: who made it.
        trained_on: the training data in words, and how many faces.
        parameters: how many numbers were learnt.
        link: to code or a description, beginning with https://; may be empty.

    Raises:
        InputError: see :func:`check_result`.
    """
    points = np.asarray(points, dtype=np.float64)
    if points.shape != (BOARD_SIZE, len(KAGGLE), 2) or not np.isfinite(points).all():
        raise InputError(f"Expected finite points ({BOARD_SIZE}, {len(KAGGLE)}, 2) for the test faces; found "
                         f"{points.shape}, {np.isfinite(points).sum()} of {points.size} finite.")
    lines = to_lines(points)
    record = {"format": 1, "board": board_name(), "name": name, "by": by, "trained_on": trained_on, "link": link,
              "parameters": parameters, "metrics": score(from_lines(lines)), "predicted": lines}
    check_result(record, "this record")
    return record


def board_name() -> str:
    """What a record calls the test faces: how many, and of which seed."""
    return f"synthetic:{BOARD_SIZE}:{BOARD_SEED}"


def refuse(where: str, expected: str, found: object) -> NoReturn:
    """Raise InputError: what the record ``where`` should have, and what it has."""
    raise InputError(f"{where}: expected {expected}; found {str(found)[:100]!r}. Change that and run facekp "
                     "submit-result again.")


def check_author(name: object, by: object, trained_on: object, link: object, where: str = "this record") -> None:
    """Raise InputError unless an author's words fit into a table: short, on one line, no markup; a link is https."""
    for (entry, most), text in zip(TEXTS.items(), (name, by, trained_on), strict=True):
        if not isinstance(text, str) or not 0 < len(text.strip()) <= most or re.search(r"[|<>`$\\\[\]{}\n\r]", text):
            refuse(where, f"1 to {most} characters as '{entry}', on one line, without | < > ` $ \\ [ ] {{ }}", text)
    if not isinstance(link, str) or not re.fullmatch(r"(https://[\w./~%#?&=+:@-]{3,200})?", link):
        refuse(where, "a link that begins with https://, or an empty one", link)


def check_result(record: dict, where: str) -> None:
    """Raise InputError unless ``record`` is whole, of the test faces, and its metrics follow from its points.

    Args:
        record: from :func:`make_result`, or read from a file.
        where: what an error calls it.
    """
    if record.get("format") != 1 or record.get("board") != board_name():
        refuse(where, f"a result of format 1 on the faces {board_name()}",
               f"format {record.get('format')} on {record.get('board')}")
    check_author(record.get("name"), record.get("by"), record.get("trained_on"), record.get("link"), where)
    count = record.get("parameters")
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count < 10**12:
        refuse(where, "a whole number of parameters", count)
    points = from_lines(record.get("predicted"))
    if points.shape != (BOARD_SIZE, len(KAGGLE), 2) or not (np.abs(points) < 1e4).all():  # NaN is not less either
        refuse(where, f"{BOARD_SIZE} faces with {len(KAGGLE)} points each as 'predicted'", f"the shape {points.shape}")
    claimed, computed = record.get("metrics"), score(points)
    if not isinstance(claimed, dict) or claimed.keys() != computed.keys():
        refuse(where, f"the metrics {', '.join(computed)}", claimed)
    for entry, value in computed.items():
        if isinstance(claimed[entry], bool) or not isinstance(claimed[entry], int | float) or \
                not abs(claimed[entry] - value) <= TOLERANCE:
            refuse(where, f"{value} as '{entry}', which is what the predicted points give", claimed[entry])


def read_result(path: str | Path) -> dict:
    """The result in a file, checked; InputError as :func:`check_result` says."""
    record = read_json(path)
    check_result(record, str(path))
    return record
