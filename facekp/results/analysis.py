"""Where a network errs: the questions that a single RMSE cannot answer.

Each function answers one, from arrays alone: how good the labels themselves are, whether the confidence tells
anything, which faces are the worst, whether faces that resemble a training face are easier. :func:`analyse` puts the
answers for one network into a record. The record holds points and no pixel, so it may be shown where the photographs
may not.
"""

import math
from dataclasses import replace

import numpy as np
import torch

from facekp import heatmaps, metrics
from facekp.augment import about_centre, inverse, warp_images, warp_points
from facekp.data.conventions import of_kaggle, split_conventions
from facekp.data.faces import Faces
from facekp.data.similar import nearest
from facekp.heads import HeatmapHead
from facekp.models import KeypointModel
from facekp.predict import predict


def label_noise(faces: Faces) -> dict:
    """How far apart the labels of one and the same image are, from the exact copies among ``faces``.

    A group of n copies has n opinions on each coordinate; their variance about the group's own mean, with n - 1 in the
    denominator, is averaged over all groups. Its root is the standard deviation of a single label, and no network,
    however good, has a smaller RMSE against single labels.

    Kaggle's two sources are kept apart first: where they mark different positions, that is not noise.

    Returns:
        ``groups``, the images with more than one annotated copy; ``rmse`` (pixels per coordinate), None without
        groups; ``rmse_per_keypoint``, by name.
    """
    faces = split_conventions(faces) if of_kaggle(faces.scheme) else faces
    group = faces.duplicates()
    there, points = faces.annotated[..., None], np.nan_to_num(faces.keypoints.astype(np.float64))
    count = np.zeros((group.max() + 1, len(faces.scheme), 1))
    total = np.zeros((len(count), len(faces.scheme), 2))
    np.add.at(count, group, there)
    np.add.at(total, group, points * there)
    squares = np.where(there, points - (total / np.maximum(count, 1))[group], 0.0) ** 2  # (N, K, 2)
    degrees = np.maximum(count - 1, 0).sum(0)[:, 0]  # (K,) opinions beyond the first, of all groups
    each = np.sqrt(np.divide(squares.sum((0, 2)), 2 * degrees, out=np.full(len(degrees), np.nan), where=degrees > 0))
    overall = float(np.sqrt(squares.sum() / (2 * degrees.sum()))) if degrees.sum() else None
    return {"groups": int((count > 1).any((1, 2)).sum()), "rmse": overall,
            "rmse_per_keypoint": {n: None if np.isnan(v) else float(v)
                                  for n, v in zip(faces.scheme.names, each, strict=True)}}


def calibration(confidence: np.ndarray, distance: np.ndarray, bins: int = 10) -> dict[str, np.ndarray]:
    """Whether confident points are good points: both in ``bins`` groups of equal size, the least confident first.

    Args:
        confidence: of any shape; NaN entries of either are left out.
        distance: of the same shape, each point's error in pixels.
        bins: how many groups.

    Returns:
        ``confidence``, ``rmse`` (pixels per coordinate) and ``fraction``, of points off by more than 5 px; each
        (bins,).
    """
    keep = np.isfinite(confidence) & np.isfinite(distance)
    order = np.argsort(confidence[keep], kind="stable")
    c, d = (np.array_split(a[keep][order], bins) for a in (confidence, distance))
    return {"confidence": np.array([part.mean() for part in c]),
            "rmse": np.array([np.sqrt(np.mean(part**2) / 2) for part in d]),
            "fraction": np.array([np.mean(part > 5) for part in d])}


def worst(errors: np.ndarray, fraction: float = 0.01) -> np.ndarray:
    """Positions of the ``fraction`` of faces with the largest ``errors`` (N,), at least one, the worst first."""
    order = np.argsort(-np.nan_to_num(errors), kind="stable")
    return order[: max(1, round(fraction * len(errors)))]


def by_decoder(model: KeypointModel, faces: Faces) -> dict[str, float]:
    """RMSE of the same maps read by each decoder; empty where the head has no decoder to change."""
    if not isinstance(model.head, HeatmapHead):
        return {}
    head = model.head
    found: dict[str, float] = {}
    try:
        for name in heatmaps.DECODERS:
            model.head = replace(head, decoder=name, decoder_options={})
            points, _ = predict(model, faces)
            found[name] = metrics.rmse(points, faces.keypoints)
    finally:
        model.head = head
    return found


# How a crop may differ from those learnt from: degrees, factors, pixels. The last of each is far out.
MOVES = {"rotation": (0, 5, 10, 20, 30), "scale": (0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.4), "shift": (0, 3, 6, 9, 12)}


def moved(model: KeypointModel, faces: Faces) -> dict[str, dict[str, float]]:
    """RMSE where every face is turned, scaled or shifted on purpose: what happens when the crop is not as usual.

    Each face is moved both ways where there are two (a turn or a shift to the left and to the right). The answers are
    moved back before they are compared, so all errors are in pixels of the original; points that leave the image are
    left out.

    Returns:
        By kind of move, by its amount as text.
    """
    images = torch.from_numpy(faces.images)[:, None].float()
    points = torch.from_numpy(faces.keypoints)
    h, w = faces.images.shape[1:]
    limit = torch.tensor([w - 0.5, h - 0.5])
    found: dict[str, dict[str, float]] = {}
    for kind, amounts in MOVES.items():
        for amount in amounts:
            wrong = []
            for sign in (1, -1) if amount and kind != "scale" else (1,):
                matrix = one_move(kind, sign * amount, (h, w)).expand(len(faces), 2, 3)
                views = warp_images(images, matrix)[:, 0].round().clamp(0, 255).byte().numpy()
                there = warp_points(points, matrix)
                seen = ((there > -0.5) & (there < limit)).all(-1, keepdim=True)
                answers = torch.from_numpy(predict(model, views)[0])
                wrong.append(torch.where(seen, warp_points(answers, inverse(matrix)) - points, torch.nan).numpy())
            found.setdefault(kind, {})[f"{amount:g}"] = float(np.sqrt(np.nanmean(np.square(np.stack(wrong)))))
    return found


def one_move(kind: str, amount: float, size: tuple[int, int]) -> torch.Tensor:
    """(1, 2, 3): the matrix that turns by degrees, scales by a factor or shifts to the right by pixels."""
    angle = math.radians(amount) if kind == "rotation" else 0.0
    values = angle, amount if kind == "scale" else 1.0, amount if kind == "shift" else 0.0
    turn, scale, right = torch.tensor(values, dtype=torch.float32)[:, None]  # (1,) each
    return about_centre(size, turn, scale, torch.tensor([False]), right, torch.zeros(1))


def analyse(model: KeypointModel, train: Faces, test: Faces, everything: Faces | None = None) -> dict:
    """A record of points and errors of ``model`` on ``test``; no pixel is in it.

    Args:
        model: trained on ``train``.
        train, test: see ``runs.held_out``.
        everything: faces whose copies tell how good the labels are; default both sides together.

    Returns:
        Plain JSON values: ``rmse``; ``flip_tta``, the same with flip TTA; ``decoders``; ``names`` of the points;
        ``truth`` and ``predicted`` (N, K, 2), ``confidence`` (N, K), None where there is none; ``nearest`` (N,);
        ``label_noise``; ``moved``, see :func:`moved`.
    """
    points, confidence = predict(model, test)
    flipped, _ = predict(model, test, flip_tta=True)
    if everything is None:
        everything = replace(train, images=np.concatenate([train.images, test.images]),
                             keypoints=np.concatenate([train.keypoints, test.keypoints]),
                             rows=np.concatenate([train.rows, test.rows]), files=None)
    return {
        "model": model.name, "faces": len(test), "fingerprint": test.fingerprint(),
        "rmse": metrics.rmse(points, test.keypoints), "flip_tta": metrics.rmse(flipped, test.keypoints),
        "mean_face_rmse": metrics.mean_face_rmse(train.keypoints, test.keypoints),
        "decoders": by_decoder(model, test), "label_noise": label_noise(everything),
        "moved": moved(model, test),
        "names": list(test.scheme.names), "truth": rounded(test.keypoints, 2), "predicted": rounded(points, 2),
        "confidence": rounded(confidence, 3), "nearest": rounded(nearest(test.images, train.images), 4),
    }


def rounded(array: np.ndarray, digits: int) -> list:
    """Nested lists, rounded, with None for NaN: what JSON can hold."""
    rounded = np.round(array.astype(np.float64), digits).astype(object)
    rounded[np.isnan(array)] = None
    return rounded.tolist()


def arrays(record: dict) -> dict[str, np.ndarray]:
    """``truth``, ``predicted``, ``confidence`` and ``nearest`` of a record as arrays, NaN for None; and each point's
    ``distance`` (N, K) and each face's ``rmse`` (N,)."""
    out = {k: np.array(record[k], dtype=np.float64) for k in ("truth", "predicted", "confidence", "nearest")}
    return out | {"distance": metrics.distances(out["predicted"], out["truth"]),
                  "rmse": metrics.rmse(out["predicted"], out["truth"], axis=(1, 2))}
