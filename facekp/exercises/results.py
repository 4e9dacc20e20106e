"""The exercises of the chapter on results."""

from collections.abc import Callable

import numpy as np

from facekp.exercises import expect, expect_close


def paired_interval(answer: Callable) -> str:
    """``paired_interval(a, b)``: the 95 % bootstrap interval of RMSE(a) - RMSE(b) over faces."""
    rng = np.random.default_rng()
    hard = rng.uniform(0.5, 4, 200)
    a, b = hard + rng.normal(0.3, 0.2, 200), hard + rng.normal(0, 0.2, 200)
    low, high = (float(v) for v in answer(a, b))
    expect(low <= high, f"the lower end, {low:.3f}, is above the upper end, {high:.3f}.")
    same = [float(v) for v in answer(a, a)]
    expect(max(map(abs, same)) < 1e-9, "for twice the same network the interval should be 0 to 0: is it paired?")
    pick = rng.integers(0, 200, (4000, 200))
    gaps = np.sqrt(np.mean(a[pick] ** 2, 1)) - np.sqrt(np.mean(b[pick] ** 2, 1))
    means = a[pick].mean(1) - b[pick].mean(1)
    wanted, of_means = np.percentile(gaps, (2.5, 97.5)), np.percentile(means, (2.5, 97.5))
    near = max(abs(low - wanted[0]), abs(high - wanted[1])) < 0.15 * (wanted[1] - wanted[0])
    if not near and np.allclose((low, high), of_means, atol=0.2 * (of_means[1] - of_means[0])):
        expect(False, "this looks like the difference of the mean errors; the RMSE squares them first.")
    expect(near, f"expected about {wanted[0]:+.3f} to {wanted[1]:+.3f} on 200 random faces, "
                 f"found {low:+.3f} to {high:+.3f}.")
    return "Tried on 200 random faces, and with twice the same network."


def to_correct(answer: Callable) -> str:
    """``to_correct(distance, order, limit)``: the fraction of points to correct until the RMSE is below the limit."""
    rng = np.random.default_rng()
    for points in (40, 150, 300):
        distance, order = rng.uniform(0.1, 5, points), rng.permutation(points)
        now = np.sqrt(np.mean(distance**2) / 2)
        for limit in (1.1 * now, 0.8 * now, 0.4 * now):
            left = distance[order].copy()
            count = 0
            while np.sqrt(np.mean(left**2) / 2) >= limit:
                left[count] = 0
                count += 1
            found = float(answer(distance, order, limit))
            if limit > now:
                expect(abs(found) < 1e-9, "where the RMSE per coordinate is below the limit already, nothing has to be "
                                         "corrected.")
            expect(not abs(found - count) < 1e-9 or count < 2, "the answer should be a fraction, not a count.")
            expect(abs(found - count / points) < 0.5 / points,
                   f"on {points} random points expected {count / points:.3f}, found {found:.3f}. "
                   "Is it the RMSE per coordinate?")
    return "Tried on three random sets of points with three limits."


def factor(answer: float) -> str:
    """By which factor the number of faces must grow to halve the width of an interval."""
    value = float(answer)
    expect(value != 2, "twice as many faces make it narrower by a factor of about 1.4 only.")
    expect(abs(value - 4) < 0.3, "widths shrink like one over the root of the number of faces.")
    return "Half the width needs four times as many faces."


def label_noise(answer: Callable) -> str:
    """``label_noise(groups)``: the standard deviation of a single label, pooled over groups."""
    rng = np.random.default_rng()
    for _ in range(10):
        groups = [rng.normal(rng.uniform(0, 96), 0.6, n) for n in rng.integers(1, 5, 60)]
        squares = sum(((g - g.mean()) ** 2).sum() for g in groups)
        labels = sum(len(g) for g in groups)
        wanted, biased = np.sqrt(squares / (labels - len(groups))), np.sqrt(squares / labels)
        found = float(answer(groups))
        expect(np.isfinite(found), "a group with one label should not make the result NaN.")
        expect(abs(found - biased) > 1e-6, "the result is too small: divide by the sum of n - 1.")
        expect_close(found, wanted, f"expected {wanted:.4f} on 60 random groups, found {found:.4f}.")
    return "Tried on ten times 60 random groups."
