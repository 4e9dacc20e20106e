"""Records: what a run was and what came of it, as one JSON file that the book's tables read."""

import difflib
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

import facekp
from facekp import metrics
from facekp.data import kaggle
from facekp.data.faces import Faces
from facekp.data.regimes import of_kaggle
from facekp.errors import InputError, listed
from facekp.files import read_json
from facekp.models import KeypointModel


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


WHOLE, NUMBER, TEXT = "a whole number, not below 0", "a number", "a text"
SHARE = "a number between 0 and 1"
NUMBERS, TABLE, TABLES = "a list of numbers", "an object", "a list of objects"
MISSING = object()
KINDS = {
    "name": TEXT, "seed": WHOLE, "parameters": WHOLE, "tested_on": TEXT, "face_rmse": NUMBERS,
    "rmse_of_folds": NUMBERS, "folds": WHOLE, "curve": TABLES,
    "config": TABLE, "model": TABLE, "model.head": TABLE, "split": TABLE, "split.keypoints": TEXT,
    "split.held_out": SHARE, "split.seed": WHOLE, "data": TABLE,
    "data.train": TABLE, "data.val": TABLE, "data.train.fingerprint": TEXT, "data.val.fingerprint": TEXT,
    "metrics": TABLE, "metrics.rmse": NUMBER, "metrics.mean_face_rmse": NUMBER, "metrics.nme_inter_ocular": NUMBER,
}
"""What the entries of a record are, where they are there."""


def read_record(path: str | Path, *needed: str) -> dict:
    """The record of a training, as a file.

    Args:
        path: a JSON file that :func:`record` or a plan made.
        needed: entries that must be there, like ``"metrics.rmse"``.

    Raises:
        InputError: no such file, no JSON, an entry that is missing or of another kind.
    """
    found = read_json(path)
    for entry, kind in KINDS.items():
        value: object = found
        for key in entry.split("."):
            value = value.get(key, MISSING) if isinstance(value, dict) else MISSING
        if not is_of(kind, value) and (value is not MISSING or entry in needed):
            what = "nothing" if value is MISSING else repr(value)[:80]
            raise InputError(f"{path}: expected {kind} as '{entry}' of this record; found {what}. Make it again.")
    return found


def is_of(kind: str, value: object) -> bool:
    """Whether ``value`` is of one of the ``KINDS``."""
    if kind in (NUMBERS, TABLES):
        return isinstance(value, list) and all(is_of(NUMBER if kind == NUMBERS else TABLE, v) for v in value)
    if kind in (TEXT, TABLE):
        return isinstance(value, str if kind == TEXT else dict)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e30:  # NaN is not less either
        return False
    return {WHOLE: isinstance(value, int) and value >= 0, SHARE: 0 < value < 1, NUMBER: True}[kind]


def scores(points: np.ndarray, faces: Faces, mean_face: np.ndarray) -> dict:
    """All metrics of predicted ``points`` (N, K, 2) on ``faces``, with the mean face (K, 2) as the baseline.

    Returns:
        ``rmse`` and ``mean_face_rmse`` (pixels per coordinate), ``rmse_per_keypoint`` (a
        dictionary by name; None where nobody annotated it) and, where the scheme has eyes,
        ``nme_inter_ocular``, ``pck_0.1`` and ``auc_0.1`` (all relative to the eye distance); and, where faces of both
        of Kaggle's sources are among them, ``rmse_per_regime``, see :func:`by_regime`.
    """
    truth = faces.keypoints
    per_keypoint = metrics.rmse(points, truth, axis=(0, 2))
    out = {
        "rmse": metrics.rmse(points, truth),
        "mean_face_rmse": metrics.rmse(np.broadcast_to(mean_face, truth.shape), truth),
        "rmse_per_keypoint": {n: None if np.isnan(v) else float(v)
                              for n, v in zip(faces.scheme.names, per_keypoint, strict=True)},
    }
    if faces.scheme.eyes is not None:
        errors = metrics.normalised_errors(points, truth, faces.scheme)  # (N, K)
        if not np.isnan(errors).all():
            whole = errors[~np.isnan(errors).all(axis=1)]
            out |= {"nme_inter_ocular": float(np.nanmean(errors)), "pck_0.1": metrics.pck(errors, 0.1),
                    "auc_0.1": metrics.auc(np.nanmean(whole, axis=1), 0.1)}
    if of_kaggle(faces.scheme) and len(np.unique(kaggle.regime(faces))) == 2:
        out["rmse_per_regime"] = by_regime(points, truth, kaggle.regime(faces))
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


def environment() -> dict:
    """The machine and the versions, so that a figure can be traced to where it was measured."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
            "facekp": facekp.__version__, "gpu": gpu, "threads": torch.get_num_threads(), "machine": platform.machine()}


def commit() -> str | None:
    """The commit of the checkout that facekp runs from; None for an installed package, or where there is no git."""
    here = Path(facekp.__file__).parent
    if not (here.parent / ".git").exists():
        return None
    try:
        git = subprocess.run(["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    except OSError:  # no git on this machine
        return None
    return git.stdout.strip() or None


def peak_memory_mb() -> float | None:
    """Most memory so far: of the GPU where one is used, else of this process (None on Windows)."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    if sys.platform == "win32":
        return None
    import resource  # not on Windows

    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 1e6 if sys.platform == "darwin" else used / 1e3  # bytes on macOS, kilobytes on Linux


def record(model: KeypointModel, train: Faces, val: Faces, config: dict, curve: list[dict], final: dict) -> dict:
    """The record of a training run, in plain JSON values.

    Args:
        model: the trained model.
        train, val: the faces; the record keeps their fingerprints and sizes, not the faces.
        config: the training config as a dictionary.
        curve: one dictionary per epoch.
        final: the metrics of the model as it was saved.
    """
    return {
        "format": 1,
        "model": model.config(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "seed": config["seed"],
        "config": config,
        "data": {"train": {"fingerprint": train.fingerprint(model.pixel_offset), "faces": len(train)},
                 "val": {"fingerprint": val.fingerprint(model.pixel_offset), "faces": len(val)}},
        "environment": environment(),
        "commit": commit(),
        "curve": curve,
        "metrics": final,
        "images_per_second": float(np.median([line["images_per_second"] for line in curve])),
        "duration_s": curve[-1]["seconds"],
        "peak_memory_mb": peak_memory_mb(),
    }
