"""How far off: RMSE, NME, PCK and the cumulative error curve.

All work on (N, K, 2) arrays of points in pixels. The truth's NaN points are left out everywhere.
Each metric starts from a table with one number per face and keypoint; the mean is the last step.
"""

from typing import TYPE_CHECKING, overload

import numpy as np

from facekp.errors import InputError
from facekp.keypoints import Scheme

if TYPE_CHECKING:
    from facekp.data.benchmarks import Part
    from facekp.data.faces import Faces


def distances(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N, K) Euclidean distances in pixels; NaN where the truth is not annotated."""
    same_shape(predicted, truth)
    return np.sqrt(np.square(predicted.astype(np.float64) - truth).sum(-1))


@overload
def rmse(predicted: np.ndarray, truth: np.ndarray, axis: None = None) -> float: ...
@overload
def rmse(predicted: np.ndarray, truth: np.ndarray, axis: int | tuple) -> np.ndarray: ...
def rmse(predicted: np.ndarray, truth: np.ndarray, axis: int | tuple | None = None) -> float | np.ndarray:
    """Root of the mean squared error over single coordinates, in pixels: the competition's score.

    x and y count separately, so it is 1 / sqrt(2) of the root mean squared *distance*.

    Args:
        predicted, truth: (N, K, 2).
        axis: None for one number; 0 for one per keypoint and coordinate; (0, 2) for one per
            keypoint (K,); (1, 2) for one per face (N,).
    """
    same_shape(predicted, truth)
    squared = np.square(predicted.astype(np.float64) - truth)
    there = ~np.isnan(squared)
    total = np.where(there, squared, 0).sum(axis=axis)
    with np.errstate(invalid="ignore"):
        value = np.sqrt(total / there.sum(axis=axis))
    return float(value) if axis is None else value


def mean_face(keypoints: np.ndarray) -> np.ndarray:
    """(K, 2): each keypoint's mean over the faces that have it, (0, 0) for one that none has. The score to beat."""
    there = ~np.isnan(keypoints)
    return (np.where(there, keypoints, 0).sum(0, dtype=np.float64) / np.maximum(there.sum(0), 1)).astype(np.float32)


def mean_face_rmse(train: np.ndarray, truth: np.ndarray) -> float:
    """RMSE of answering every face of ``truth`` with the mean face of ``train``."""
    return rmse(np.broadcast_to(mean_face(train), truth.shape), truth)


def normalised_errors(predicted: np.ndarray, truth: np.ndarray, scheme: Scheme) -> np.ndarray:
    """(N, K) distances divided by the face's own inter-ocular distance (between ``scheme.eyes``).

    A face without both eyes has no unit and gives NaN.

    Raises:
        InputError: the scheme names no eyes.
    """
    if scheme.eyes is None:
        raise InputError(
            f"'{scheme.name}' names no eyes, so there is no inter-ocular distance. Give the scheme 'eyes'."
        )
    left, right = scheme.index(*scheme.eyes)
    unit = np.linalg.norm(truth[:, left].astype(np.float64) - truth[:, right], axis=-1)  # (N,)
    return distances(predicted, truth) / np.where(unit > 0, unit, np.nan)[:, None]


def nme_inter_ocular(predicted: np.ndarray, truth: np.ndarray, scheme: Scheme) -> float:
    """Normalised mean error: the mean of :func:`normalised_errors`. 0.05 is 5 % of the eye distance."""
    return float(np.nanmean(normalised_errors(predicted, truth, scheme)))


def pck(errors: np.ndarray, threshold: float) -> float:
    """Percentage of correct keypoints: the fraction of ``errors`` (any unit, NaN left out) at most ``threshold``."""
    errors = errors[~np.isnan(errors)]
    return float((errors <= threshold).mean())


def failure_rate(errors: np.ndarray, limit: float) -> float:
    """The fraction of faces whose error (N,), e.g. the mean of its normalised errors, is above ``limit``; NaN left out.
    """
    return 1 - pck(errors, limit)


def ced(errors: np.ndarray, limit: float, steps: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative error distribution: for thresholds 0..limit, the fraction of errors below each.

    Args:
        errors: one error per face (N,), e.g. the mean of its normalised errors; NaN left out.
        limit: the largest threshold.

    Returns:
        thresholds (steps,) and fractions (steps,).
    """
    thresholds = np.linspace(0, limit, steps)
    ordered = np.sort(errors[~np.isnan(errors)])
    return thresholds, np.searchsorted(ordered, thresholds, side="right") / len(ordered)


def auc(errors: np.ndarray, limit: float) -> float:
    """Area under the CED curve up to ``limit``, divided by ``limit``: 1 is perfect.

    Exact: each error e below the limit contributes (limit - e) / limit.
    """
    errors = errors[~np.isnan(errors)]
    return float(np.clip(1 - errors / limit, 0, None).mean())


def same_shape(predicted: np.ndarray, truth: np.ndarray) -> None:
    """Raise InputError unless both are (N, K, 2), since broadcasting would hide a mistake, and every point is answered:
    a NaN that is left out of a mean would make a broken network look good.
    """
    if predicted.shape != truth.shape or truth.ndim != 3 or truth.shape[-1] != 2:
        raise InputError(f"Expected two arrays (N, K, 2) of one shape; found {predicted.shape} and {truth.shape}.")
    missing = np.isnan(predicted) & ~np.isnan(truth)
    if missing.any():
        raise InputError(f"Expected a prediction for each annotated point; found NaN for {missing.any(-1).sum()} of "
                         f"{(~np.isnan(truth)).any(-1).sum()}. The network is broken, or its training diverged.")


def scores(points: np.ndarray, faces: "Faces", mean_face: np.ndarray) -> dict:
    """All metrics of predicted ``points`` (N, K, 2) on ``faces``, with the mean face (K, 2) as the baseline.

    Returns:
        ``rmse`` and ``mean_face_rmse`` (pixels per coordinate), ``rmse_per_keypoint`` (a
        dictionary by name; None where it is not annotated); where ``faces.occluded`` tells points apart,
        ``rmse_visible`` and ``rmse_occluded``; and, where the scheme has eyes,
        ``nme_inter_ocular``, ``pck_0.1``, ``failure_rate_0.1`` and ``auc_0.1`` (all relative to the eye distance).
    """
    truth = faces.keypoints
    per_keypoint = rmse(points, truth, axis=(0, 2))
    out = {
        "rmse": rmse(points, truth),
        "mean_face_rmse": rmse(np.broadcast_to(mean_face, truth.shape), truth),
        "rmse_per_keypoint": {n: None if np.isnan(v) else float(v)
                              for n, v in zip(faces.scheme.names, per_keypoint, strict=True)},
    }
    if faces.occluded is not None:
        for name, chosen in (("visible", ~faces.occluded), ("occluded", faces.occluded)):
            if (chosen & faces.annotated).any():
                out[f"rmse_{name}"] = rmse(points, np.where(chosen[..., None], truth, np.nan))
    if faces.scheme.eyes is not None:
        errors = normalised_errors(points, truth, faces.scheme)  # (N, K)
        if not np.isnan(errors).all():
            faces_nme = np.nanmean(errors[~np.isnan(errors).all(axis=1)], axis=1)
            out |= {"nme_inter_ocular": float(np.nanmean(errors)), "pck_0.1": pck(errors, 0.1),
                    "failure_rate_0.1": failure_rate(faces_nme, 0.1), "auc_0.1": auc(faces_nme, 0.1)}
    return out


def benchmark_scores(points: np.ndarray, part: "Part", limit: float = 0.1) -> dict[str, dict[str, float]]:
    """What papers report on a benchmark (:mod:`facekp.data.benchmarks`), for all faces ("full"), for each subset, and
    for "visible points" and "occluded points" where the benchmark tells them apart.

    Args:
        points: (N, K, 2) predictions in the grid of ``part.faces``.
        part: the faces with what their errors are divided by.
        limit: of failure rate and AUC: 0.1 in most papers, 0.08 in some on 300-W and COFW.

    Returns:
        By subset: ``faces``, how many have such points; ``nme``, the mean over faces of each face's mean error over its
        divisor, in percent; ``failure_rate``, the percentage of faces whose error is above ``limit``; ``auc``, the area
        under the cumulative error curve up to it, in percent.
    """
    far, faces = distances(points, part.faces.keypoints), part.faces
    chosen = {"full": faces.annotated} | {name: faces.annotated & s[:, None] for name, s in part.subsets.items()}
    if faces.occluded is not None:
        chosen |= {"visible points": faces.annotated & ~faces.occluded,
                   "occluded points": faces.annotated & faces.occluded}
    table: dict[str, dict[str, float]] = {}
    for name, those in chosen.items():  # (N, K)
        some = those.any(1)
        if len(e := np.where(those, far, 0)[some].sum(1) / those[some].sum(1) / part.units[some]):
            table[name] = {"faces": len(e), "nme": 100 * float(e.mean()),
                           "failure_rate": 100 * failure_rate(e, limit), "auc": 100 * auc(e, limit)}
    return table
