"""Look inside a network: its stages as they are computed, what each cell sees, what each branch adds."""

import json
from typing import Any

import numpy as np
import safetensors.torch
import torch

from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.models import KeypointModel
from facekp.models.hourglass import StackedHourglass
from facekp.widgets.front import packed, widget

MOST_PARAMETERS, MOST_FACES = 2_000_000, 100
KNOWN = "an hourglass with a stem of stride 2 that takes grey images and decodes with local_mean, or cnn3"


def look_inside(models: KeypointModel | dict[str, KeypointModel], faces: Faces) -> Any:
    """The stages of one network or several, computed in the browser layer by layer.

    A cell of any stage shows the image pixels that can reach it (its receptive field) and, on request, how much each of
    them would change it (its gradient). Skip connections and what comes from below can be cut; the error on the face
    says what that costs. Chapter: Look inside a network. ``js/layers.js`` holds the layers, ``js/graph.js`` the
    networks; tests compare every stage with PyTorch's.

    Args:
        models: a model, or several by name: hourglasses (``hourglass-s`` and its kind) and ``cnn3``.
        faces: at most 100, with all points.

    Raises:
        InputError: another network, one of more than 2 million parameters, other faces than it takes, or no anywidget.
    """
    return widget("inside", state(models if isinstance(models, dict) else {models.name: models}, faces))


def state(models: dict[str, KeypointModel], faces: Faces) -> dict[str, Any]:
    """What ``js/inside.js`` is given: weights as ``.safetensors`` and faces as bytes, in base64; the true points."""
    faces = faces.complete()
    for name, model in models.items():
        check(name, model)
        if faces.images.shape[1:] != (model.size, model.size):
            raise InputError(f"Expected grey faces of {model.size} x {model.size} pixels, as {name} takes them; found "
                             f"images of shape {faces.images.shape[1:]}.")
    if not models or not 1 <= len(faces) <= MOST_FACES:
        raise InputError(f"Expected a network and 1 to {MOST_FACES} faces with all points; found {len(models)} and "
                         f"{len(faces)}. Select some: faces.select(slice(8)).")
    return {"networks": [{"name": name, "weights": packed(weights(model))} for name, model in models.items()],
            "faces": packed(faces.images), "size": faces.images.shape[-1],
            "truth": faces.keypoints.astype(float).round(3).tolist()}


def check(name: str, model: KeypointModel) -> None:
    """Raise InputError unless ``js/graph.js`` knows the network."""
    options = model.options
    if isinstance(model.network, StackedHourglass):
        stem = options.get("stem_stride", 2) == 2 and not options.get("stem_pool")
        known = stem and model.head.decoder == "local_mean"
    else:
        known = model.name == "cnn3"
    if not known or model.channels != 1:
        raise InputError(f"Expected {KNOWN}; found {name} ({model.name}). Other networks can be trained and used, but "
                         "the page does not compute them.")
    parameters = sum(p.numel() for p in model.parameters())
    if parameters > MOST_PARAMETERS:
        raise InputError(f"Expected at most {MOST_PARAMETERS / 1e6:.0f} million parameters, as the page computes with "
                         f"JavaScript; found {parameters / 1e6:.1f} million in {name}. Take a compact size.")


def weights(model: KeypointModel) -> np.ndarray:
    """The bytes of a ``.safetensors`` file, (N,) uint8; 16 bits a value where that loses nothing."""
    tensors = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items() if v.is_floating_point()}
    small = {k: v.half() if torch.equal(v.half().float(), v) else v for k, v in tensors.items()}
    return np.frombuffer(safetensors.torch.save(small, metadata={"facekp": json.dumps(model.config())}), np.uint8)
