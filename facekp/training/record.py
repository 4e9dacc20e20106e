"""The record of a run: what it was and what came of it, as one JSON file; made here, and read."""

import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

import facekp
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import read_json
from facekp.models import KeypointModel

WHOLE, NUMBER, TEXT = "a whole number, not below 0", "a number", "a text"
FRACTION = "a number between 0 and 1"
NUMBERS, TABLE, TABLES = "a list of numbers", "an object", "a list of objects"
MISSING = object()
KINDS = {
    "name": TEXT, "seed": WHOLE, "parameters": WHOLE, "tested_on": TEXT, "face_rmse": NUMBERS,
    "rmse_of_folds": NUMBERS, "folds": WHOLE, "curve": TABLES,
    "config": TABLE, "model": TABLE, "model.head": TABLE, "model.pixel_offset": NUMBER,
    "split": TABLE, "split.keypoints": TEXT, "split.held_out": FRACTION, "split.seed": WHOLE, "data": TABLE,
    "data.train": TABLE, "data.val": TABLE, "data.train.fingerprint": TEXT, "data.val.fingerprint": TEXT,
    "metrics": TABLE, "metrics.rmse": NUMBER, "metrics.mean_face_rmse": NUMBER, "metrics.nme_inter_ocular": NUMBER,
}
"""What the entries of a record are, where present."""


def read_record(path: str | Path, *needed: str) -> dict:
    """The record of a training run, as a file.

    Args:
        path: a JSON file that :func:`make_record` or a plan made.
        needed: entries that must be there, like ``"metrics.rmse"``.

    Raises:
        InputError: no such file, no JSON, an entry that is missing or of another kind.
    """
    found = read_json(path)
    model = found.get("model")
    if isinstance(model, dict) and "origin" in model:
        model.setdefault("pixel_offset", model.pop("origin"))  # as it was called until version 0.1.0
    measured = found.get("metrics")
    if isinstance(measured, dict) and "rmse_per_regime" in measured:
        measured.setdefault("rmse_per_source", measured.pop("rmse_per_regime"))  # the same
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
    return {WHOLE: isinstance(value, int) and value >= 0, FRACTION: 0 < value < 1, NUMBER: True}[kind]


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


def make_record(model: KeypointModel, train: Faces, val: Faces, config: dict, curve: list[dict], final: dict) -> dict:
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
