"""The exercises of *Metrics and baselines*."""

from collections.abc import Callable

import numpy as np

from facekp import metrics
from facekp.exercises import expect, expect_close
from facekp.keypoints import KAGGLE


def faces(seed: int, n: int = 20, gaps: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true points (n, 15, 2), and a fraction ``gaps`` of the truth missing."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(10, 85, (15, 2)) + rng.normal(0, 3, (n, 15, 2))
    predicted = truth + rng.normal(0, 2, truth.shape)
    missing = rng.random(truth.shape[:2]) < gaps
    missing[:, KAGGLE.index(*(KAGGLE.eyes or ()))] = False
    truth[missing] = np.nan
    return predicted, truth


def mean_face_rmse(answer: Callable[[np.ndarray, np.ndarray], float]) -> str:
    """``answer(train, test)``: the RMSE of the mean-face baseline, with gaps in both."""
    for seed in range(4):
        (_, train), (_, test) = faces(seed, 40, 0.3), faces(seed + 10, 20, 0.3)
        found = float(answer(train, test))
        expect(np.isfinite(found), "the result is NaN: missing labels have to be left out.")
        cheat = metrics.mean_face_rmse(test, test)
        wanted = metrics.mean_face_rmse(train, test)
        expect(not np.isclose(found, cheat), "this mean face was computed from the test faces.")
        expect(not np.isclose(found, 2**0.5 * wanted), "this is a root mean squared distance, larger by sqrt(2).")
        expect_close(found, wanted, f"expected about {wanted:.1f} px, found {found:.2f}.", 1e-3)
    return "Tried on four sets with gaps."


def convert(answer: Callable[[float], float]) -> str:
    """``answer(v)``: pixels per coordinate of a mean squared error ``v`` in half widths of a 96-pixel image."""
    for value in (0.0, 0.001, 0.0017, 0.01):
        found = float(answer(value))
        expect(value == 0 or not np.isclose(found, 48 * value), "a mean *squared* error: take its root first.")
        expect(value == 0 or not np.isclose(found, 96 * value**0.5), "the unit is half of the width, 48 px.")
        expect_close(found, 48 * value**0.5, f"{value} is not {found:.2f} px.", 1e-6)
    return "Tried on four values."


def nme_per_face(answer: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> str:
    """``answer(predicted, truth)``: the normalised mean error of each face, with the distance of the eye centres."""
    for seed in range(4):
        predicted, truth = faces(seed, gaps=0.3 if seed else 0.0)
        found = np.asarray(answer(predicted, truth), float)
        wanted = np.nanmean(metrics.normalised_errors(predicted, truth, KAGGLE), axis=1)
        expect(found.shape == wanted.shape, f"expected one number per face, {wanted.shape}, found {found.shape}.")
        expect(np.isfinite(found).all(), "some are NaN: points without a label have to be left out.")
        pixels = np.nanmean(metrics.distances(predicted, truth), axis=1)
        expect(not np.allclose(found, pixels), "these are pixels: divide by each face's own eye distance.")
        expect(not np.allclose(found, 100 * wanted), "give a fraction, not a percentage.")
        expect_close(found, wanted, f"the first face should have {wanted[0]:.4f}, found {found[0]:.4f}.")
    return "Tried on four sets, three of them with gaps."


def failure_rate(answer: Callable[[np.ndarray, float], float]) -> str:
    """``answer(errors, limit)``: the fraction of faces above the limit; it agrees with the CED."""
    for seed in range(4):
        errors = np.random.default_rng(seed).exponential(0.05, 37)
        for limit in (0.02, 0.08, 1.0):
            found = float(answer(errors, limit))
            wanted = 1 - metrics.ced(errors, limit)[1][-1]
            expect(not np.isclose(found, 1 - wanted) or np.isclose(wanted, 0.5),
                   "this is the fraction of faces *below* the limit.")
            expect(not np.isclose(found, 37 * wanted) or wanted == 0, "give a fraction, not a number of faces.")
            expect_close(found, wanted, f"limit {limit}: expected {wanted:.3f}, found {found:.3f}.", 1e-6)
    return "It is 1 - CED(limit), tried at three limits."
