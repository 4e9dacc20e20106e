"""The file from which an interrupted training goes on: read with every doubt, as it may be cut, damaged or not ours.

``resume.pt`` is what ``torch.save`` writes: a zip of plain numbers and of a pickle that says what they are. PyTorch
reads the pickle with a reader that knows tensors and plain values only, so that a file that would run code is refused;
but it does not look at the zip's checksums, and a flipped bit would become a weight. Here they are looked at.
"""

import json
import math
import zipfile
from pathlib import Path

import torch
from torch import Tensor

from facekp.errors import InputError

ADVICE = "Train without --resume, into a new folder"
TENSORS = ("shuffle", "views", "torch", "losses")
DICTIONARIES = ("model", "ema", "optimizer", "scaler")


def read(path: Path) -> dict:
    """``identity``, a dictionary, and ``state``, as :meth:`facekp.training.state.Run.state` has it; all on the CPU.

    Raises:
        InputError: this is no resume file, or a damaged one.
    """
    try:
        check_zip(path)
        saved = torch.load(path, map_location="cpu", weights_only=True)
        identity, state = dict(json.loads(saved["identity"])), dict(saved["state"])
        check_values(state)
        return {"identity": identity, "state": state}
    except Exception as e:  # noqa: BLE001  # a file of any kind can fail in zip, pickle, torch or json
        # What torch says of a pickle that it refuses is long, and tells how to run it all the same.
        why = str(e) if type(e) is ValueError else type(e).__name__
        raise InputError(f"{path}: expected the resume file of a training run; found something else ({why}). "
                         f"{ADVICE}.") from None


def check_zip(path: Path) -> None:
    """Raise ValueError unless the file is a zip of entries as they were written, and no larger than the file.

    (An entry of few bytes may say that it unpacks to many gigabytes; PyTorch packs none.)
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(e.compress_type != zipfile.ZIP_STORED for e in entries):
            raise ValueError("packed entries")
        if sum(e.file_size for e in entries) > path.stat().st_size:
            raise ValueError("entries larger than the file")
        if archive.testzip() is not None:
            raise ValueError("an entry does not have its checksum")


def check_values(state: dict) -> None:
    """Raise ValueError unless the values of a state are of the kinds that a training saves.

    What must fit the training that goes on (shapes, names) is for :meth:`facekp.training.state.Run.load_state`.
    """
    kinds = [isinstance(state[k], Tensor) for k in TENSORS] + [isinstance(state[k], dict) for k in DICTIONARIES]
    order, steps = state["order"], len(state["losses"])
    kinds += [order is None or (order.ndim == 2 and len(order) == steps and order.dtype == torch.int64)]
    kinds += [type(state["done"]) is int and 0 <= state["done"] <= (0 if order is None else steps)]
    kinds += [type(state["ema_steps"]) is int and state["ema_steps"] >= 0]
    kinds += [math.isfinite(state["seconds"]) and state["seconds"] >= 0]
    kinds += [isinstance(state["curve"], list)]
    kinds += [type(line[k]) is float for line in state["curve"] for k in ("loss", "val_rmse", "seconds")]
    if not all(kinds):
        raise ValueError("values that no training saves")
    if not all(v.isfinite().all() for part in ("model", "ema") for v in state[part].values()):
        raise ValueError("weights that are no finite numbers")
