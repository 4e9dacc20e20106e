"""Predictions face by face: every network on the same face, its maps, its error at every point."""

from dataclasses import dataclass
from functools import lru_cache
from html import escape

import numpy as np
import torch
from matplotlib.figure import Figure

from facekp import metrics, plots
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.heads import DSNTHead, stack_list
from facekp.heatmaps import softmax
from facekp.models import KeypointModel
from facekp.predict import as_tensor, predict, to_float
from facekp.runs import fitting
from facekp.widgets.live import Live, Rendered, choice, slider, switch, table

SHOWN = {"truth and prediction": "both", "truth": "truth", "prediction": "prediction"}


@dataclass(frozen=True, eq=False)
class Predictions:
    """What one network says about all faces.

    Attributes:
        faces: N faces with the model's points.
        points: (N, K, 2) predicted pixels.
        confidence: (N, K), NaN where the head has none.
        errors: (N,) RMSE of each face, NaN where nothing is annotated.
    """

    model: KeypointModel
    faces: Faces
    points: np.ndarray
    confidence: np.ndarray
    errors: np.ndarray


def answers(model: KeypointModel, faces: Faces) -> Predictions:
    """Ask ``model`` about every face."""
    faces = fitting(model, faces)
    points, confidence = predict(model, faces)
    return Predictions(model, faces, points, confidence, metrics.rmse(points, faces.keypoints, axis=(1, 2)))


def order(errors: np.ndarray, worst_first: bool) -> np.ndarray:
    """(N,) positions of the faces in the order in which the slider shows them; those without an error come last."""
    if not worst_first:
        return np.arange(len(errors))
    return np.argsort(-np.nan_to_num(errors, nan=-1.0), kind="stable")


@torch.inference_mode()
def maps(model: KeypointModel, faces: Faces, face: int) -> np.ndarray | None:
    """(K, h, w): the model's heatmaps of one face, each from 0 to its own peak; None where it draws none."""
    if getattr(model.head, "reads", "coordinates") in ("coordinates", "distributions"):  # an ensemble reads points
        return None
    images = to_float(as_tensor(faces.images[face : face + 1]).to(next(model.parameters()).device))
    was_training = model.training
    raw = model.eval()(images)
    model.train(was_training)
    last = stack_list(raw)[-1]
    last = softmax(last) if isinstance(model.head, DSNTHead) else last.clamp_min(0)
    return (last / last.amax(dim=(-2, -1), keepdim=True).clamp_min(1e-6))[0].cpu().numpy()


def draw(found: Predictions, face: int, show: str, veil: np.ndarray | None, title: str) -> Figure:
    """One face with the points that ``show`` ("both", "truth", "prediction") asks for.

    Args:
        found: see :func:`answers`.
        face: position among ``found.faces``.
        show: whose points.
        veil: (h, w) in 0..1, laid over the face as a glow; None for none.
        title: above the face.
    """
    figure = Figure(figsize=(4.8, 5.2))
    axis = figure.add_axes((0.02, 0.08, 0.96, 0.84))
    image, scheme = found.faces.images[face], found.faces.scheme
    plots.draw_face(axis, image)
    axis.set_title(title, fontsize=10)
    axis.axis("off")
    if veil is not None:
        H, W = image.shape[:2]
        axis.imshow(veil, cmap="inferno", alpha=0.6, vmin=0, vmax=1, extent=(-0.5, W - 0.5, H - 0.5, -0.5))
    if show in ("both", "truth"):
        plots.draw_points(axis, found.faces.keypoints[face], scheme, plots.TRUTH, lines=show == "truth")
    if show in ("both", "prediction"):
        plots.draw_points(axis, found.points[face], scheme, plots.PREDICTED, marker="x", lines=show == "prediction")
    figure.text(0.5, 0.02, "green rings: truth; orange crosses: prediction", ha="center", fontsize=9)
    return figure


def points_table(found: Predictions, face: int) -> str:
    """An HTML table: each point's error in pixels and the confidence in it, the worst first."""
    off = metrics.distances(found.points[face : face + 1], found.faces.keypoints[face : face + 1])[0]
    rows = [(found.faces.scheme.names[k].replace("_", " "), number(off[k]), number(found.confidence[face, k]))
            for k in order(off, worst_first=True)]
    return table(("keypoint", "error (px)", "confidence"), rows)


def number(value: float) -> str:
    """Two digits, or a dash for NaN."""
    return "–" if np.isnan(value) else f"{value:.2f}"


def checked(models: dict[str, KeypointModel] | KeypointModel, faces: Faces) -> tuple[dict, tuple[str, ...]]:
    """The models by name, and the names of the points that they all find; InputError if they do not fit."""
    models = models if isinstance(models, dict) else {getattr(models, "name", "model"): models}
    if not models or not len(faces):
        raise InputError(f"Expected at least one model and one face; found {len(models)} and {len(faces)}.")
    for name, model in models.items():
        if not isinstance(model, torch.nn.Module):
            raise InputError(f"Expected models by name, as load_pretrained or open_run give them; found {model!r} "
                             f"under '{name}'.")
    points = {fitting(model, faces).scheme.names for model in models.values()}
    if len(points) > 1:
        raise InputError("Expected models of the same points; found models of different ones. Show them one by one.")
    return models, points.pop()


def viewer(models: dict[str, KeypointModel] | KeypointModel, faces: Faces) -> Live:
    """Look at predictions one face at a time: slider, networks, heatmaps, errors, the worst face first.

    Every network is asked about all ``faces`` when it is first chosen, so take some hundred faces, not thousands.

    Args:
        models: by the name that the menu shows; or a single model.
        faces: with the points of the models; they may lack labels.

    Raises:
        InputError: no model, no face, faces that do not fit a model, or ipywidgets is not installed.
    """
    models, names = checked(models, faces)
    ask = lru_cache(None)(lambda network: answers(models[network], faces))
    veils = lru_cache(64)(lambda network, face: maps(models[network], ask(network).faces, face))

    def see(rank: int, network: str, show: str, point: str, worst_first: bool) -> Rendered:
        found = ask(network)
        face = int(order(found.errors, worst_first)[rank])
        veil = None if point == "none" else veils(network, face)
        if veil is not None:
            veil = veil.max(0) if point == "all" else veil[names.index(point)]
        title = f"{network}, face {faces.rows[face]}: RMSE {number(found.errors[face])} px"
        words = points_table(found, face)
        if point != "none" and veil is None:
            words = f"<p>{escape(network)} writes down numbers and draws no heatmap.</p>{words}"
        return Rendered(draw(found, face, show, veil, title), words)

    points = [("none", "none"), ("all points", "all"), *((n.replace("_", " "), n) for n in names)]
    return Live("Prediction viewer", {
        "rank": slider("face", 0, 0, len(faces) - 1, 1),
        "network": choice("network", next(iter(models)), list(models)),
        "show": choice("show", "both", list(SHOWN.items())),
        "point": choice("heatmap of", "none", points),
        "worst_first": switch("worst face first", True),
    }, see)
