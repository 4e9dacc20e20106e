"""Predictions face by face: every network on the same face, its heatmaps, its error at every point."""

import base64
import io
from typing import Any

import numpy as np
import torch
from PIL import Image

from facekp import metrics
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.heads import DSNTHead, stack_list
from facekp.heatmaps import softmax
from facekp.models import KeypointModel
from facekp.predict import as_tensor, predict, to_float
from facekp.runs import fitting
from facekp.widgets.augmentation_playground import faces_data
from facekp.widgets.front import plain, widget

COLUMNS = 5  # heatmaps side by side in one image


def viewer(models: dict[str, KeypointModel] | KeypointModel, faces: Faces) -> Any:
    """Networks side by side on the same face: points, errors, heatmaps; sorted by error, the worst face first.

    Chapter: Results. Everything is predicted when the viewer is made and goes to the page with it, about 10 kB a face
    and network, so show some dozens of faces.

    Args:
        models: by the name that is shown; or a single model.
        faces: with the points of the models; they may lack labels.

    Raises:
        InputError: no model, no face, faces that do not fit a model, or anywidget is not installed.
    """
    models = checked(models, faces)
    first = next(iter(models.values()))
    return widget("viewer", faces_data(fitting(first, faces)) | {
        "rows": [int(row) for row in faces.rows], "columns": COLUMNS,
        "networks": [network_data(name, model, fitting(model, faces)) for name, model in models.items()]})


def network_data(name: str, model: KeypointModel, faces: Faces) -> dict[str, Any]:
    """One network's points (N, 2K) in pixels, confidence (N, K), RMSE of each face, and heatmaps as PNG images."""
    points, confidence = predict(model, faces)
    errors = metrics.rmse(points, faces.keypoints, axis=(1, 2))
    maps = heatmaps(model, faces)
    return {"name": name, "points": plain(points.reshape(len(faces), -1)), "confidence": plain(confidence),
            "errors": plain(errors), "maps": None if maps is None else [sheet(face) for face in maps]}


@torch.inference_mode()
def heatmaps(model: KeypointModel, faces: Faces) -> np.ndarray | None:
    """(N, K, h, w) heatmaps from 0 to each one's own peak, 255; None of a network that has none."""
    if getattr(model.head, "reads", "coordinates") in ("coordinates", "distributions"):  # an ensemble reads points
        return None
    device, was_training, out = next(model.parameters()).device, model.training, []
    model.eval()
    for image in faces.images:
        last = stack_list(model(to_float(as_tensor(image[None]).to(device))))[-1]
        last = softmax(last) if isinstance(model.head, DSNTHead) else last.clamp_min(0)
        last = last / last.amax(dim=(-2, -1), keepdim=True).clamp_min(1e-6)
        out.append((255 * last[0]).round().byte().cpu().numpy())
    model.train(was_training)
    return np.stack(out)


def sheet(maps: np.ndarray) -> str:
    """The heatmaps (K, h, w) of a face as one PNG in base64, ``COLUMNS`` side by side."""
    K, h, w = maps.shape
    rows = -(-K // COLUMNS)
    cells = np.zeros((rows * COLUMNS, h, w), np.uint8)
    cells[:K] = maps
    whole = cells.reshape(rows, COLUMNS, h, w).swapaxes(1, 2).reshape(rows * h, COLUMNS * w)
    out = io.BytesIO()
    Image.fromarray(whole).save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def checked(models: dict[str, KeypointModel] | KeypointModel, faces: Faces) -> dict[str, KeypointModel]:
    """The models by name; InputError unless there are some, of the same points, and faces."""
    models = models if isinstance(models, dict) else {getattr(models, "name", "model"): models}
    if not models or not len(faces):
        raise InputError(f"Expected at least one model and one face; found {len(models)} and {len(faces)}.")
    for name, model in models.items():
        if not isinstance(model, torch.nn.Module):
            raise InputError(f"Expected models by name, as load_pretrained or open_run give them; found {model!r} "
                             f"under '{name}'.")
    if len({fitting(model, faces).scheme.names for model in models.values()}) > 1:
        raise InputError("Expected models of the same points; found models of different ones. Show them one by one.")
    return models
