"""The networks of the book, by name.

``MODELS`` is a plain dictionary: a name, and a function of (number of keypoints, image size,
options) that gives a network and the head that reads it. ``create_model`` joins the two.

Each network's file says where it departs from its paper, and why. One departure is common to all: they are
trained alike (AdamW, warm-up and cosine, averaged weights, our augmentation; see :mod:`facekp.training`; only the rate
is each one's own) and not as their authors did, on images scaled alike, so that a table of results compares networks.
"""

import dataclasses
import inspect
import math
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from facekp.errors import InputError, check_choice, listed
from facekp.keypoints import KAGGLE, Scheme, check_pixel_offset
from facekp.models import stored
from facekp.models.model import KeypointModel

if TYPE_CHECKING:
    from facekp.heads import Head


def network(place: str, num_keypoints: int, **options: Any) -> tuple[nn.Module, "Head"]:
    """What the function at ``place`` gives ("vgg.vgg16": in ``vgg.py``), whose file is imported only now."""
    return function_at(place)(num_keypoints, **options)


def function_at(place: str) -> Callable[..., tuple[nn.Module, "Head"]]:
    """The function of a network's file."""
    file, name = place.split(".")
    return getattr(import_module(f"facekp.models.{file}"), name)


MODELS: dict[str, Callable[..., tuple[nn.Module, "Head"]]] = {
    # baselines
    "cnn3": partial(network, "reference.cnn3"),
    "fcn24": partial(network, "reference.fcn24"),
    # direct regression
    "vgg16-s": partial(network, "vgg.vgg16", width=0.25, hidden=256),
    "vgg16": partial(network, "vgg.vgg16"),
    "resnet18": partial(network, "resnet.resnet", depth=18),
    "resnet34": partial(network, "resnet.resnet", depth=34),
    "resnet50": partial(network, "resnet.resnet", depth=50),
    # heatmap regression
    "fcn8-s": partial(network, "fcn.fcn8", width=0.25, channels=256),
    "fcn8": partial(network, "fcn.fcn8"),
    "unet-s": partial(network, "unet.unet", channels=16),
    "unet": partial(network, "unet.unet"),
    "hourglass-s": partial(network, "hourglass.hourglass", stacks=1, channels=64),
    "hourglass-1": partial(network, "hourglass.hourglass", stacks=1),
    "hourglass-2": partial(network, "hourglass.hourglass", stacks=2),
    "hourglass-4": partial(network, "hourglass.hourglass", stacks=4),
    "hourglass-8": partial(network, "hourglass.hourglass", stacks=8),
    "parts-s": partial(network, "parts.parts", depth=18, layers=2, channels=32),
    "parts": partial(network, "parts.parts"),
    "lgcn-s": partial(network, "lgcn.lgcn", channels=32, layers=(2, 4, 4), stride=2, sigmas=(1, 2, 4)),
    "lgcn": partial(network, "lgcn.lgcn"),
    # classification of each coordinate
    "simcc-s": partial(network, "simcc.simcc", depth=18),
    "simcc": partial(network, "simcc.simcc"),
}


MAX_SIZE = 4096  # pixels, height and width of an image; a face needs 96


def create_model(name: str, scheme: Scheme = KAGGLE, size: int = 96, head: dict | None = None,
                 pixel_offset: float = 0.0, **options) -> KeypointModel:
    """The network called ``name`` with fresh weights, on the CPU.

    Args:
        name: a key of ``MODELS``.
        scheme: the points it predicts.
        size: image height and width in pixels.
        head: changes to the network's own head, e.g. ``{"sigma": 2.0, "decoder": "dark"}``; or, with
            ``{"kind": "dsnt"}``, another head of ``HEADS`` that reads the same raw output.
        pixel_offset: what its training labels call the centre of the first pixel, see :class:`KeypointModel`.
        options: changes to the network itself, e.g. ``stacks=2``.

    Raises:
        InputError: an unknown name or option, or a value that does not fit.
    """
    check_choice("network", name, MODELS)
    check_pixel_offset(pixel_offset)
    if type(size) is not int or not 1 <= size <= MAX_SIZE:
        raise InputError(f"Expected an image size from 1 to {MAX_SIZE} pixels; found {size!r}.")
    check_options(name, options)
    made, default_head = MODELS[name](len(scheme), size=size, **options)
    return KeypointModel(made, change_head(default_head, head or {}), scheme, name, size, options,
                         float(pixel_offset))


def check_options(name: str, options: dict) -> None:
    """Raise InputError for an option that the network does not have, or for a value unlike its default."""
    check_choice("network", name, MODELS)
    made = MODELS[name]
    if isinstance(made, partial) and made.func is network:  # its own signature says nothing of the options
        made = partial(function_at(*made.args), **made.keywords)
    arguments = inspect.signature(made).parameters
    defaults = {k: p.default for k, p in arguments.items() if k not in ("num_keypoints", "size")}
    for option, value in options.items():
        if option not in defaults:
            raise InputError(f"'{name}' was given an option that it does not have: '{option}'. "
                             f"Known: {', '.join(defaults)}.")
        default = defaults[option]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if isinstance(default, bool | str):
            fits, wanted = type(value) is type(default), type(default).__name__
        elif isinstance(default, int):
            fits, wanted = number and isinstance(value, int) and value > 0, "whole number above 0"
        elif isinstance(default, float):
            fits, wanted = number and value >= 0, "number, not below 0"
        else:
            fits, wanted = value is None or isinstance(value, tuple | list), "list of numbers"
        if not fits:
            raise InputError(f"Expected {option} of '{name}' to be like {default}, a {wanted}; found {value!r}.")


def change_head(head: Any, changes: dict) -> "Head":
    """``head`` with other settings; or one of another ``"kind"``, at the same stride.

    Raises:
        InputError: there is no such kind or setting, or it does not fit what the network puts out.
    """
    from facekp.heads import HEADS

    changes = {k: tuple(v) if isinstance(v, list) else v for k, v in changes.items()}
    kind = changes.pop("kind", None)
    if kind is not None:
        check_choice("head", kind, HEADS)
    new = HEADS[kind] if kind is not None else type(head)
    if new is not type(head) and not head.reads.endswith(new.reads):
        raise InputError(f"The head '{kind}' reads {new.reads}; this network puts out {head.reads}.")
    fields = [f.name for f in dataclasses.fields(new)]
    for setting, value in changes.items():
        check_choice("head setting", setting, fields)
        if hasattr(head, setting) and not same_type(getattr(head, setting), value):
            raise InputError(f"Expected the head's {setting} to be like {getattr(head, setting)!r}; found {value!r}.")
        if setting in ("size", "stride", "sigmas", "split") and value != getattr(head, setting):
            raise InputError(f"The head's {setting} is the network's, {getattr(head, setting)}; found {value}. Change "
                             "the network's options instead.")
    return dataclasses.replace(head, **changes) if new is type(head) else new(**{"stride": head.stride, **changes})


def same_type(default: Any, value: Any) -> bool:
    """Whether ``value`` can stand where ``default`` stands: a text, a finite number, a dictionary or tuple of such."""
    if isinstance(default, dict):
        return isinstance(value, dict) and all(same_type(1.0, v) for v in value.values())
    if isinstance(default, tuple):
        return isinstance(value, tuple) and len(value) > 0 and all(same_type(1.0, v) for v in value)
    if isinstance(default, str):
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def save_model(model: KeypointModel, path: str | Path) -> Path:
    """Weights and config in one ``.safetensors`` file (no pickle: opening it runs no code).

    Raises:
        InputError: the model is not one of ``MODELS`` (a mean face, a ridge regression): it could not be loaded.
    """
    check_choice("network to save called", model.name, MODELS)
    return stored.write(path, model.state_dict(), model.config())


def load_model(path: str | Path, device: str | torch.device = "cpu") -> KeypointModel:
    """The model that :func:`save_model` wrote, in eval mode.

    Raises:
        InputError: no such file, not a facekp model, a damaged one, or weights that do not fit the named network.
    """
    tensors, config = stored.read(path)
    try:
        if config["options"].get("in_channels", 1) == 2:
            raise InputError("this network was conditioned on the source of each face (--conventions told of version "
                             "0.1), which left the library. Train again with --conventions two.")
        stored.check_size(config["options"], tensors)
        # First without memory for the weights: a file may name a network of any size.
        with torch.device("meta"):
            stored.check_fit(from_config(config), tensors)
        model = from_config(config)
        model.load_state_dict(tensors)
    except InputError as e:
        raise InputError(f"{path}: {e}") from None
    except Exception as e:  # noqa: BLE001  # whatever a damaged config may cause
        raise InputError(f"{path}: expected a model written by 'facekp train'; found something else "
                         f"({stored.reason(e)}). Copy the file again, or train again.") from None
    model.options = config["options"]
    return model.to(device).eval()


def start_from(model: KeypointModel, given: KeypointModel | None) -> KeypointModel:
    """``model`` with the weights of ``given``, another model of the same network; None leaves it as it is.

    Raises:
        InputError: ``given`` finds other points, or is another network or one of other sizes.
    """
    if given is None:
        return model
    ours, theirs = model.scheme.names, given.scheme.names
    if ours != theirs:
        raise InputError(f"Expected initial weights for the {len(ours)} points of these faces ({listed(list(ours))}); "
                         f"found weights for {len(theirs)} points ({listed(list(theirs))}). Name a run that was "
                         "trained on the same points in the same order.")
    state, there = model.state_dict(), given.state_dict()
    other = [name for name in sorted(state.keys() | there.keys())
             if name not in state or name not in there or state[name].shape != there[name].shape]
    if other:
        raise InputError(f"Expected initial weights of the network {model.name} with the same options; found those of "
                         f"{given.name}, which differ in '{other[0]}'. Name a run of the same network, or give the "
                         "options that it was trained with.")
    model.load_state_dict(there)
    return model


def from_config(config: dict) -> KeypointModel:
    """The network that :meth:`KeypointModel.config` describes, with fresh weights; none are downloaded."""
    options = {k: False if k == "pretrained" else v for k, v in config["options"].items()}
    return create_model(config["model"], Scheme.from_dict(config["scheme"]), config["size"], config["head"],
                        config.get("pixel_offset", config.get("origin", 0.0)), **options)  # "origin" until 0.1.0
