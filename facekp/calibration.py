"""Radii around predicted points that contain a promised fraction of the true ones.

*Split conformal prediction* (Vovk, Gammerman and Shafer 2005; Lei et al. 2018): measure the errors on n held-out
faces, sort them, and take the one at rank ``ceil((n + 1) * coverage)``. A new face's error is equally likely to have
any rank among the n, so it is at most that one with a probability of at least ``coverage``. Nothing is assumed about
the network or about how its errors are distributed, only that new faces are like the held-out ones.

Errors are first multiplied by the confidence, and the radius is divided by it again: uncertain points get larger
radii. A head without a confidence gets one radius for each keypoint.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facekp import metrics
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import read_json, sha256, write_json
from facekp.models import KeypointModel
from facekp.predict import predict

MIN_CONFIDENCE = 0.1  # a lower confidence counts as this, so that no radius exceeds ten times that of a certain point


def certainty(confidence: np.ndarray) -> np.ndarray:
    """``confidence`` between ``MIN_CONFIDENCE`` and 1; 1 where the head has none (NaN). Same shape."""
    return np.nan_to_num(confidence, nan=1.0).clip(MIN_CONFIDENCE, 1.0)


@dataclass(frozen=True, eq=False)
class Calibration:
    """What held-out faces say about a model's errors.

    Attributes:
        names: of the K keypoints.
        scores: for each keypoint its errors on the held-out faces, in pixels, times the certainty; sorted.
        flip_tta: whether these were predictions with flip TTA. Radii hold for predictions of the same kind.
    """

    names: tuple[str, ...]
    scores: tuple[np.ndarray, ...]
    flip_tta: bool = False

    def limits(self, coverage: float) -> np.ndarray:
        """(K,): the score at rank ``ceil((n + 1) * coverage)`` of each keypoint's n.

        Raises:
            InputError: a coverage that is not between 0 and 1, or too few held-out faces for it: n must be at least
                ``coverage / (1 - coverage)``, which is 9 for 0.9.
        """
        if isinstance(coverage, bool) or not isinstance(coverage, int | float) or not 0 < coverage < 1:
            raise InputError("Expected a coverage between 0 and 1, such as 0.9 for radii that contain 90 % of the true "
                             f"points; found {coverage!r}.")
        # 1e-9, because 100 * 0.55 is a little more than 55.
        ranks = [max(1, math.ceil((len(s) + 1) * coverage - 1e-9)) for s in self.scores]
        short = next((i for i, s in enumerate(self.scores) if ranks[i] > len(s)), None)
        if short is not None:
            raise InputError(f"Expected at least {math.ceil(coverage / (1 - coverage) - 1e-9)} held-out faces for a "
                             f"coverage of {coverage}; found {len(self.scores[short])} with '{self.names[short]}'. "
                             "Calibrate on more faces, or ask for a lower coverage.")
        return np.array([s[rank - 1] for s, rank in zip(self.scores, ranks, strict=True)])

    def radius(self, confidence: np.ndarray, coverage: float) -> np.ndarray:
        """(N, K) float32: the radius in pixels around each point, from its ``confidence`` (N, K)."""
        return (self.limits(coverage) / certainty(confidence)).astype(np.float32)


def from_errors(
    errors: np.ndarray, confidence: np.ndarray, names: tuple[str, ...], flip_tta: bool = False
) -> Calibration:
    """The calibration that follows from errors on held-out faces.

    Args:
        errors: (N, K) distances in pixels, NaN where not annotated.
        confidence: (N, K), as ``predict`` gives it.
        names: of the K keypoints.
        flip_tta: whether the predictions were made with it.
    """
    table = (errors * certainty(confidence)).T
    return Calibration(names, tuple(np.sort(row[~np.isnan(row)]) for row in table), flip_tta)


def calibrate(model: KeypointModel, faces: Faces, flip_tta: bool = False) -> Calibration:
    """Measure ``model`` on ``faces`` that it did not learn from; ``predict(..., coverage=0.9)`` then gives radii.

    ``model.calibration = calibrate(model, faces)`` is what ``predict`` looks for; new parameters remove it.

    Args:
        model: a trained model.
        faces: as new faces will be, and annotated: about 200 or more, and none of the training faces.
        flip_tta: calibrate predictions with flip TTA instead.
    """
    points, confidence = predict(model, faces, flip_tta=flip_tta)
    return from_errors(metrics.distances(points, faces.keypoints), confidence, faces.scheme.names, flip_tta)


# ---- in a file beside the weights ----------------------------------------------------------------


def file_of(weights: str | Path) -> Path:
    """Where the calibration of a ``.safetensors`` file is: ``model.calibration.json`` beside ``model.safetensors``."""
    return Path(weights).with_suffix(".calibration.json")


def save_calibration(calibration: Calibration, weights: str | Path) -> Path:
    """Write a calibration beside the file with the model's ``weights``, whose SHA-256 it names; the new file."""
    path = file_of(weights)
    # Rounded upwards: a radius may become larger by that, and never smaller.
    scores = [" ".join(f"{math.ceil(v * 1000) / 1000:.3f}" for v in s) for s in calibration.scores]
    write_json(path, {"weights": sha256(weights), "flip_tta": calibration.flip_tta,
                      "scores": dict(zip(calibration.names, scores, strict=True))})
    return path


def load_calibration(weights: str | Path) -> Calibration | None:
    """The calibration beside the file with a model's ``weights``; None if there is none for these weights.

    Raises:
        InputError: the file is not one that :func:`save_calibration` wrote.
    """
    path = file_of(weights)
    if not path.is_file():
        return None
    found = read_json(path)
    try:
        names = tuple(found["scores"])
        scores = tuple(np.array(text.split(), np.float64) for text in found["scores"].values())
        if not all((np.diff(s) >= 0).all() and np.isfinite(s).all() and (s >= 0).all() for s in scores):
            raise ValueError("unsorted or negative scores")
        calibration, known = Calibration(names, scores, bool(found["flip_tta"])), str(found["weights"])
    except (KeyError, TypeError, AttributeError, ValueError) as e:
        raise InputError(f"{path}: expected a calibration written by 'facekp calibrate'; found something else ({e!r}). "
                         "Calibrate again.") from None
    return calibration if known == sha256(weights) else None
