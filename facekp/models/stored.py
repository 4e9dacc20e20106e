"""Weights in a file: written with a checksum, read with every doubt that a file from elsewhere deserves.

A file is a ``.safetensors`` (a table of contents in JSON, then plain numbers: opening it runs no code). The entry
``facekp`` of its metadata is the model's config as JSON, with the SHA-256 of config and numbers as ``sha256``. Files
from before there was one have none, and load all the same.
"""

import hashlib
import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from facekp.errors import InputError
from facekp.files import replacing

EARLIER_NAMES = {"network.trunk.": "network.backbone."}
"""Starts of the names of weights in files of version 0.1, and today's."""


def write(path: str | Path, tensors: dict[str, Tensor], config: dict) -> Path:
    """Weights by name, and the config of the model they belong to; the whole file or nothing."""
    path = Path(path)
    tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    text = json.dumps(config | {"sha256": checksum(tensors, config)})
    whole = safetensors.torch.save(tensors, metadata={"facekp": text})
    with replacing(path) as temporary:
        temporary.write_bytes(whole)  # by Python, whose OSError the command line knows
    return path


def read(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """What :func:`write` wrote: weights by name, and the config.

    Raises:
        InputError: no such file, none of facekp's, or one whose numbers changed since it was written.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file. Expected a model written by 'facekp train', or a name that "
                         "'facekp weights' lists.")
    try:
        with safetensors.safe_open(path, framework="pt") as f:
            config = dict(json.loads((f.metadata() or {})["facekp"]))
            tensors = {k: f.get_tensor(k) for k in f.keys()}  # noqa: SIM118 (not a dict)
    except Exception as e:  # noqa: BLE001  # safetensors and json each have their own family of errors
        raise InputError(f"{path}: expected a model written by 'facekp train'; found something else ({reason(e)}). "
                         "Copy the file again, or train again.") from None
    wanted = config.pop("sha256", None)
    if wanted is not None and wanted != checksum(tensors, config):
        raise InputError(f"{path}: expected the weights as they were written (their SHA-256 is in the file); found "
                         "others: the file was damaged or changed. Copy it again, or train again.")
    return {renamed(name): tensor for name, tensor in tensors.items()}, config


def renamed(name: str) -> str:
    """Today's name of a weight."""
    for earlier, today in EARLIER_NAMES.items():
        if name.startswith(earlier):
            return today + name.removeprefix(earlier)
    return name


def checksum(tensors: dict[str, Tensor], config: dict) -> str:
    """SHA-256 of the config and of all weights with their names, types and shapes, whatever their order."""
    h = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        h.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        h.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return h.hexdigest()


def check_size(options: dict, tensors: dict[str, Tensor]) -> None:
    """Raise InputError for options of a network far larger than its weights: building it would take for ever."""
    most = max([64, len(tensors), *(side for t in tensors.values() if t.numel() for side in t.shape)])
    for option, value in options.items():
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int | float) and not number <= most:
                raise InputError(f"expected a network of the size of its weights; found the option {option}={value!r}. "
                                 "Copy the file again, or train again.")


def check_fit(model: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Raise InputError unless ``tensors`` are finite weights of ``model``, which may be on the device "meta"."""
    there = model.state_dict()
    for name in sorted(there.keys() | tensors.keys()):
        wanted, found = (describe(of.get(name)) for of in (there, tensors))
        if wanted != found:
            raise InputError(f"expected weights that fit the network that the file names; found {found} for '{name}' "
                             f"instead of {wanted}. These are another network's: train again.")
        # Long numbers may be too long for the network's.
        if there[name].is_floating_point() and not tensors[name].to(there[name].dtype).isfinite().all():
            raise InputError(f"expected weights that are finite numbers; found NaN or infinity in '{name}'. The file "
                             "is damaged, or its training failed: train again.")


def describe(tensor: Tensor | None) -> str:
    """What must agree of a tensor in a file and one in a network, in words."""
    if tensor is None:
        return "nothing"
    return f"{'' if tensor.is_floating_point() else 'whole '}numbers {tuple(tensor.shape)}"


def reason(error: Exception) -> str:
    """Another library's error in a line that can stand in a sentence."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
    return text if len(text) <= 160 else f"{text[:160]}..."
