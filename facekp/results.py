"""Records: what a run was and what came of it, as one JSON file that the book's tables read."""

import difflib
import os
from pathlib import Path

import numpy as np

import facekp
from facekp import metrics
from facekp.data import kaggle
from facekp.data.faces import Faces
from facekp.data.regimes import of_kaggle
from facekp.errors import InputError, listed
from facekp.files import read_json
from facekp.training.record import commit as commit
from facekp.training.record import environment as environment
from facekp.training.record import read_record as read_record


def records_folder() -> Path:
    """Where the book's records lie: in the installed package, or in the checkout's ``book/results``."""
    package = Path(facekp.__file__).parent
    return package / "records" if (package / "records").is_dir() else package.parent / "book" / "results"


def load_record(name: str) -> dict:
    """The book's record called ``name``, e.g. ``"real-resnet18"`` or ``"survey/unet"``.

    Raises:
        InputError: there is none of that name; names those that are close, and where all are.
    """
    folder = records_folder()
    path = folder / f"{name}.json"
    if not os.path.isfile(path):  # Path.is_file() fails on a name that is too long
        there = sorted(p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.json"))
        close = ", ".join(difflib.get_close_matches(name, there)) or "none"
        raise InputError(f"There is no record '{name}'. Close to it: {close}. All are in {folder}.")
    return read_json(path)


def scores(points: np.ndarray, faces: Faces, mean_face: np.ndarray) -> dict:
    """:func:`facekp.metrics.scores`; and, where faces of both of Kaggle's sources are among them,
    ``rmse_per_regime``, see :func:`by_regime`.
    """
    out = metrics.scores(points, faces, mean_face)
    if of_kaggle(faces.scheme) and len(np.unique(kaggle.regime(faces))) == 2:
        out["rmse_per_regime"] = by_regime(points, faces.keypoints, kaggle.regime(faces))
    return out


def left_out(per_keypoint: dict[str, float | None], times: float = 4.0) -> dict[str, float]:
    """The points whose error is more than ``times`` that of the middle one: a network may have given them up.

    The mean over all points does not show it. Points that are merely hard stay below the limit: among the book's
    records only the networks are named that drew no map for a point.
    """
    errors = {name: error for name, error in per_keypoint.items() if error is not None}
    limit = times * float(np.median(list(errors.values()))) if errors else np.inf
    return {name: error for name, error in errors.items() if error > limit}


def left_out_line(per_keypoint: dict[str, float | None]) -> list[str]:
    """A line for people about :func:`left_out`; none if there is nothing to say."""
    found = left_out(per_keypoint)
    if not found:
        return []
    points = listed([f"{name} {error:.1f} px" for name, error in found.items()])
    return [f"Far worse than the other points: {points}. The network may have given up drawing them: try more "
            "channels, or another seed."]


ASKED = (17592, 9532)
"""How many values of the competition's lookup table ask for faces of the first source and of the second."""


def by_regime(points: np.ndarray, truth: np.ndarray, regime: np.ndarray) -> dict:
    """RMSE on each of Kaggle's two sources, and of both in the shares in which the competition asks for them.

    Args:
        points, truth: (N, K, 2).
        regime: (N,) of 0 and 1, from :func:`facekp.data.kaggle.regime`.
    """
    first, second = (metrics.rmse(points[regime == r], truth[regime == r]) for r in (0, 1))
    competition = ((ASKED[0] * first**2 + ASKED[1] * second**2) / sum(ASKED)) ** 0.5
    return {"fifteen points": first, "four points": second, "competition": competition}
