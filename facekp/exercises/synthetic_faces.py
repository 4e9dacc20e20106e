"""The exercises of the chapter on synthetic faces."""

from functools import cache
from typing import Any

import numpy as np

from facekp.exercises import expect, expect_close
from facekp.synthetic import Ingredients, render
from facekp.synthetic.people import random_head, with_ingredients


def project(answer: Any) -> str:
    """``answer(points, R, D, s, shift)``: image positions (N, 2) of points (N, 3)."""
    rng = np.random.default_rng(0)
    for _ in range(3):
        points, rotation = rng.normal(0, 0.5, (8, 3)), np.linalg.qr(rng.normal(size=(3, 3)))[0]
        distance, scale, shift = rng.uniform(8, 20), rng.uniform(20, 40), rng.uniform(30, 60, 2)
        found = np.asarray(answer(points, rotation, distance, scale, shift), dtype=float)

        def right(q, near=1.0, distance=distance, scale=scale, shift=shift):
            return scale * distance / (distance - near * q[:, 2:]) * q[:, :2] + shift

        q = points @ rotation.T
        expect(found.shape == (8, 2), f"expected the shape (8, 2); found {found.shape}.")
        expect(not np.allclose(found, right(points @ rotation)), "this rotates the other way round: points are rows.")
        expect(not np.allclose(found, right(points)), "the points are not rotated.")
        expect(not np.allclose(found, right(q, 0.0)), "all points have the same size here; nearer ones appear larger.")
        expect(not np.allclose(found, right(q, -1.0)), "nearer points (larger z) appear smaller here.")
        expect(not np.allclose(found + shift, right(q)), "the shift is missing.")
        expect_close(found, right(q), "the positions are wrong. Rotate, scale each point by its own factor, shift.")
    return "Tried with three random cameras."


@cache
def _spread(pose: float) -> float:
    """Standard deviation of the nose tip's x over 300 random heads, in pixels."""
    heads = (with_ingredients(random_head(np.random.default_rng([7, i])), Ingredients(pose=pose)) for i in range(300))
    return float(np.std([render.keypoints(head)["nose_tip"][0] for head in heads]))


def nose_spread(answer: Any) -> str:
    """``answer(pose)``: the standard deviation of the nose tip's x, for random heads of any seeds."""
    for pose in (0.0, 1.0, 1.6):
        found, right = float(answer(pose)), _spread(pose)
        expect(found > 0.01, "no spread at all: each head needs a generator of its own.")
        expect(abs(found / right**2 - 1) > 0.2, "this is a variance; take the root.")
        expect(abs(found / right - 1) < 0.2, f"for pose {pose} expected about {right:.0f} px; found {found:.1f} px. Is "
                                             "it the x of the nose tip?")
    return "Tried for the poses 0, 1 and 1.6; other seeds may differ by 20 %."


def photographs(answer: Any) -> str:
    """``answer(sigma, within)``: how many photographs bring the standard error of a mean down to ``within``."""
    for sigma, within in ((2.0, 0.5), (2.0, 0.3), (3.3, 0.4), (1.0, 0.07)):
        found, right = float(answer(sigma, within)), np.ceil((sigma / within) ** 2)
        expect(not np.isclose(found, np.ceil(sigma / within)) and not np.isclose(found, sigma / within),
               "the error falls with the root of the number, so the number grows with a square.")
        expect(found == int(found), "a number of photographs is whole: round up.")
        expect(found != right - 1, "one photograph too few: round up, not down.")
        expect_close(found, right, f"for sigma {sigma} and within {within} the number is wrong.")
    return "Tried for four pairs of sigma and within."


def visible(answer: Any) -> str:
    """``answer(spread, seeds)``: twice the standard error of a difference of two means."""
    for spread, seeds in ((0.036, 3), (0.1, 5), (1.0, 10)):
        found, right = float(answer(spread, seeds)), 2 * spread * np.sqrt(2 / seeds)
        expect(not np.isclose(found, right / 2), "this is one standard error; twice that is asked for.")
        expect(not np.isclose(found, right / np.sqrt(2)), "this is the uncertainty of one mean; a difference of two "
                                                          "has more.")
        expect(not np.isclose(found, right * np.sqrt(2)), "standard deviations were added; add the variances.")
        expect_close(found, right, f"for a spread of {spread} and {seeds} seeds the result is wrong.")
    return "Tried for three spreads and numbers of seeds."
