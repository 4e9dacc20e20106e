"""Records: what a run was and what came of it, as one JSON file that the book's tables read."""

import json
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
from facekp.errors import InputError
from facekp.models import KeypointModel


def records_folder() -> Path:
    """Where the book's records lie: in the installed package, or in the checkout's ``book/results``."""
    package = Path(facekp.__file__).parent
    return package / "records" if (package / "records").is_dir() else package.parent / "book" / "results"


def load_record(name: str) -> dict:
    """The book's record called ``name``, e.g. ``"real-resnet18"`` or ``"survey/unet"``.

    Raises:
        InputError: there is none of that name; lists those that are there.
    """
    folder = records_folder()
    path = folder / f"{name}.json"
    if not path.is_file():
        there = sorted(p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.json"))
        raise InputError(f"There is no record '{name}'. Known: {', '.join(there)}.")
    return json.loads(path.read_text())


# Entries of a training's record that are read again, and what they must be. One that is not there is not asked for.
ENTRIES = {
    "data.train.fingerprint": "a text", "data.val.fingerprint": "a text", "config": "a dictionary",
    "split.keypoints": "a text", "split.held_out": "a share", "split.seed": "a count",
    "folds": "a count", "metrics.rmse": "a number",
}
KINDS = {
    "a text": lambda v: isinstance(v, str),
    "a dictionary": lambda v: isinstance(v, dict),
    "a number": lambda v: type(v) in (int, float),
    "a share": lambda v: type(v) in (int, float) and 0 < v < 1,
    "a count": lambda v: type(v) is int and v >= 0,
}


def read_record(path: Path, needed: tuple[str, ...] = ()) -> dict:
    """The record of a training at ``path``; {} if there is no such file.

    Raises:
        InputError: it is no JSON, or an entry that is read again, or one that is ``needed``, is not as it was written.
    """
    if not path.is_file():
        return {}
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as e:
        raise InputError(f"{path}: expected a JSON record of 'facekp train'; found something else ({e}). "
                         f"{WITHOUT}") from None
    if not isinstance(record, dict):
        raise InputError(f"{path}: expected a record of 'facekp train'; found JSON of another kind. {WITHOUT}")
    wanted = {*needed, *(("folds", "metrics") if "rmse_of_folds" in record else ("data",) if "split" in record else ())}
    if missing := sorted(wanted - record.keys()):
        raise InputError(f"{path}: expected a record of 'facekp train'; found one without '{missing[0]}'. {WITHOUT}")
    for name, kind in ENTRIES.items():
        first, *rest = name.split(".")
        value = record.get(first)
        for key in rest:
            value = value.get(key) if isinstance(value, dict) else None
        if first in record and not KINDS[kind](value):
            raise InputError(f"{path}: expected {kind} as '{name}', as 'facekp train' writes it; found "
                             f"{json.dumps(value)[:60]}. {WITHOUT}")
    return record


WITHOUT = "Copy the file again, or remove it: the model works without it, but nobody knows which faces were held out."


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
    """The commit of the checkout that facekp runs from; None for an installed package."""
    here = Path(facekp.__file__).parent
    if not (here.parent / ".git").exists():
        return None
    git = subprocess.run(["git", "-C", here, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
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
        "data": {"train": {"fingerprint": train.fingerprint(), "faces": len(train)},
                 "val": {"fingerprint": val.fingerprint(), "faces": len(val)}},
        "environment": environment(),
        "commit": commit(),
        "curve": curve,
        "metrics": final,
        "images_per_second": float(np.median([line["images_per_second"] for line in curve])),
        "duration_s": curve[-1]["seconds"],
        "peak_memory_mb": peak_memory_mb(),
    }
