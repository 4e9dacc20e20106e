"""The exercises of the chapter on all rows."""

from collections.abc import Callable

import numpy as np
import torch

from facekp.data.conventions import join_conventions
from facekp.exercises import expect, expect_close
from facekp.results import ASKED


def masked_mean(answer: Callable) -> str:
    """``masked_mean(losses)``: the mean over the entries that are there, with a finite gradient."""
    for fraction in (0.0, 0.3, 0.9):
        values = torch.rand(8, 15)
        gaps = torch.rand(8, 15) < fraction
        losses = torch.where(gaps, torch.nan, values).requires_grad_()
        found = answer(losses)
        expect(torch.is_tensor(found) and found.ndim == 0, "expected a tensor that holds one number.")
        expect(bool(found.isfinite()), "the result is not a finite number where losses are missing.")
        expect_close(found, values[~gaps].mean(), "not the mean over the annotated points. By what do you divide?")
        found.backward()
        assert losses.grad is not None
        expect(bool(losses.grad.isfinite().all()), "the value is right, but its gradient holds NaN.")
        expect(bool((losses.grad[gaps] == 0).all()), "a missing entry has a gradient.")
    nothing = answer(torch.full((2, 3), torch.nan))
    expect(float(nothing) == 0, f"the mean of no losses at all should be 0; found {float(nothing):g}.")
    return "Tried with no, some, most and all labels missing."


def floor(answer: Callable) -> str:
    """``floor(q, d)``: the smallest RMSE of one constant prediction for two positions."""
    rng = np.random.default_rng()
    for q, d in ((0.5, 8.0), *zip(rng.uniform(0.05, 0.95, 10), rng.uniform(0.5, 20, 10), strict=True)):
        labels = np.where(np.arange(10_000) < round(q * 10_000), d, 0.0)
        found = float(answer(q, d))
        expect(abs(found - labels.var()) > 1e-3 or abs(found - labels.std()) < 0.02,
               "this is the squared error; the RMSE is its root.")
        expect_close(found, labels.std(), f"for q = {q:.2f} and d = {d:.1f} px expected {labels.std():.2f} px, "
                                          f"found {found:.2f}.", 0.02)
    return "Compared with the standard deviation of 10,000 labels for eleven pairs of q and d."


def join(answer: Callable) -> str:
    """``join(points, sources)``: from 17 points to 15, each face in the convention of its source."""
    rng = np.random.default_rng()
    for n in (1, 5, 40):
        points, sources = rng.uniform(0, 96, (n, 17, 2)), rng.integers(0, 2, n)
        sources[0] = 1
        before = points.copy()
        found = np.asarray(answer(points, sources))
        expect(np.array_equal(points, before), "your function changed its input; work on a copy.")
        expect(found.shape == (n, 15, 2), f"expected the shape ({n}, 15, 2), found {found.shape}.")
        wanted = join_conventions(points, sources)
        wrong = np.unique(np.argwhere(found != wanted)[:, 1]).tolist()
        expect(not wrong, f"the points {wrong} are not the right ones in every face.")
    return "Tried on 1, 5 and 40 faces of both sources."


def score(answer: Callable) -> str:
    """``score(first, second)``: the competition's RMSE from those on its two sources."""
    rng = np.random.default_rng()
    n, m = ASKED
    for first, second in rng.uniform(0.5, 4, (10, 2)):
        found, wanted = float(answer(first, second)), np.sqrt((n * first**2 + m * second**2) / (n + m))
        linear, plain = (n * first + m * second) / (n + m), np.sqrt((first**2 + second**2) / 2)
        expect(abs(found - wanted) < 1e-6 or abs(found - linear) > 1e-6, "mix the squared errors, not their roots.")
        expect(abs(found - wanted) < 1e-6 or abs(found - plain) > 1e-6, "the two sources do not count equally.")
        expect_close(found, wanted, f"for {first:.2f} and {second:.2f} px expected {wanted:.3f}, found {found:.3f}.",
                     1e-6)
    return "Tried on ten pairs of errors."
