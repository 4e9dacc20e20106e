"""The exercises of the chapter on limits."""

from typing import Any

import numpy as np

from facekp.exercises import expect, expect_close


def group_error(answer: Any) -> str:
    """``answer(w, total, others)``: the RMSE of a group that is the fraction ``w`` of all faces."""
    rng = np.random.default_rng(0)
    for _ in range(5):
        w, others, right = rng.uniform(0.05, 0.5), rng.uniform(1, 2), rng.uniform(2, 4)
        total = np.sqrt(w * right**2 + (1 - w) * others**2)
        found = float(answer(w, total, others))
        expect(not np.isclose(found, (total - (1 - w) * others) / w), "errors were averaged. Average their squares.")
        expect(not np.isclose(found, right**2), "this is a mean squared error; the root is missing.")
        swapped = np.sqrt(max(0.0, (total**2 - w * others**2) / (1 - w)))
        expect(not np.isclose(found, swapped), "w is the fraction of the group, not of the others.")
        expect_close(found, right, "put your result back into the formula for all faces: the total should come out.")
    return "Tried with five random groups."


def inside_image(answer: Any) -> str:
    """``answer(points, size)``: (N, K) whether each of the points (N, K, 2) is inside a square image."""
    for size in (96, 20):
        edge = size - 0.5
        inside = [(0, 0), (-0.4, 3), (3, edge - 0.1), (size - 0.6, size - 0.6), (-0.4, -0.4)]
        outside = [(-0.6, 3), (3, edge + 0.1), (edge + 0.1, 3), (5, -2), (np.nan, np.nan)]
        points = np.array([inside, outside])
        found = np.asarray(answer(points, size))
        expect(found.shape == (2, 5), f"expected one value per point, shape (2, 5); found {found.shape}.")
        expect(not (found == (points >= 0).all(-1) & (points <= size - 1).all(-1)).all(),
               "the outer half of the first and last pixels counts as outside, but it belongs to the image.")
        expect(found[0].all(), f"a point inside was called outside: one of {inside}, size {size}.")
        expect(not found[1, 4], "a missing point (NaN) was called inside.")
        expect(not found[1].any(), f"a point outside was called inside: one of {outside[:4]}, size {size}.")
    return "Tried on points near the borders of images of 96 and 20 pixels, and on missing ones."


def coverage(answer: Any) -> str:
    """``answer(predicted, truth, radius)``: the fraction of the annotated points within their radius."""
    rng = np.random.default_rng(1)
    truth = rng.uniform(20, 70, (40, 15, 2))
    predicted = truth + rng.normal(0, 1, truth.shape)
    radius = rng.uniform(1, 2.5, (40, 15))
    truth[rng.random((40, 15)) < 0.3] = np.nan
    far = np.linalg.norm(predicted - truth, axis=-1)
    there, inside = ~np.isnan(far), np.asarray(far <= radius)
    found = float(answer(predicted, truth, radius))
    expect(not np.isnan(found), "the result is NaN, because some points are not annotated.")
    expect(not np.isclose(found, inside.mean()), "points without an annotation count as outside here. Leave them "
                                                 "out.")
    each = np.asarray((np.abs(predicted - truth) <= radius[..., None]).all(-1))
    expect(not np.isclose(found, each[there].mean()), "x and y were compared one by one: that is a square, and the "
                                                      "radius is one of a circle.")
    expect(not np.isclose(found, 1 - inside[there].mean()), "this is the fraction outside.")
    expect(not np.isclose(found, 100 * inside[there].mean()), "give a fraction, not a percentage.")
    expect_close(found, inside[there].mean(), "the fraction is wrong. Each point has a radius of its own.")
    return "Tried on 40 random faces with 30 % of the points missing."


def standard_error(answer: Any) -> str:
    """``answer(a, b)``: the standard error of ``a.mean() - b.mean()`` for paired values (n,)."""
    rng = np.random.default_rng(2)
    for n in (12, 50):
        b = rng.normal(5, 2, n)
        a = b + rng.normal(1, 0.5, n)
        found = float(answer(a, b))
        right = np.std(a - b, ddof=1) / np.sqrt(n)
        unpaired = [np.sqrt((np.var(a, ddof=d) + np.var(b, ddof=d)) / n) for d in (0, 1)]
        expect(not np.isclose(found, unpaired).any(), "this is right for different people in the two groups. The same "
                                                      "people are in both, so subtract first.")
        expect(not np.isclose(found, right * np.sqrt(n)), "this is the deviation of one difference; a mean of n of "
                                                          "them varies less.")
        expect(not np.isclose(found, np.std(a - b) / np.sqrt(n)), "divide by n - 1 in the standard deviation (ddof=1).")
        expect_close(found, right, "take one difference per person, and the standard error of their mean.")
    return "Tried on 12 and on 50 random people."
