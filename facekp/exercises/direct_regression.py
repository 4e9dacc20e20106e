"""The exercises of the chapter on direct regression."""

from typing import Any

import numpy as np
import torch

from facekp import losses
from facekp.exercises import Wrong, expect, expect_close
from facekp.heads import CoordinateHead


def units(answer: Any) -> str:
    """``answer(points, size)`` inverts ``CoordinateHead.points``: pixels (B, K, 2) -> (B, 2K) values."""
    raw = torch.rand(3, 10, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for size in ((96, 96), (40, 120)):
        points = CoordinateHead(size).points(raw)
        found = torch.as_tensor(np.asarray(answer(points, size)), dtype=torch.float32)
        expect(found.shape == raw.shape, f"expected the shape {tuple(raw.shape)} for points of {tuple(points.shape)}; "
                                         f"found {tuple(found.shape)}. Flatten the last two axes.")
        h, w = size
        shifted = raw - (1 / torch.tensor([w, h], dtype=torch.float32)).repeat(5)
        expect(not torch.allclose(found, shifted, atol=1e-5), "every value is half a pixel too small. The left edge of "
                                                              "the image is at -0.5, not at 0.")
        if h != w:
            swapped = torch.stack([(points[..., 0] + 0.5) / h, (points[..., 1] + 0.5) / w], -1).flatten(1) * 2 - 1
            expect(not torch.allclose(found, swapped, atol=1e-5), "x is divided by the height. `size` is (H, W).")
        expect_close(found, raw, "passing the values through the head does not give the points back. Solve the formula "
                                 "of the head for u.", 1e-5)
    return "Tried on random points in images of 96x96 and 40x120."


def masked_loss(answer: Any) -> str:
    """``answer(predicted, truth)``: the masked squared error, without NaN in its value or its gradient."""
    g = torch.Generator().manual_seed(1)
    for missing in (0.0, 0.4):
        truth = 96 * torch.rand(4, 15, 2, generator=g)
        truth[torch.rand(4, 15, generator=g) < missing] = torch.nan
        mine, ours = ((truth.nan_to_num(50.0) + 1 + truth.nan_to_num(0.0) / 48).requires_grad_() for _ in range(2))
        target, mask = losses.annotated(truth)
        right = losses.masked_mean(losses.mse(ours - target), mask)
        found = answer(mine, truth)
        expect(isinstance(found, torch.Tensor) and found.ndim == 0, "expected a scalar tensor.")
        expect(found.isfinite(), "the loss is not a finite number when points are missing.")
        (theirs,) = torch.autograd.grad(right, ours)
        (gradient,) = torch.autograd.grad(found, mine)
        expect(gradient.isfinite().all(), "the loss is finite but its gradient holds NaN. Missing labels have to be "
                                          "replaced before they are subtracted.")
        expect(not torch.allclose(found, 2 * right), "the loss is twice the right one. Take the mean over x and y.")
        expect_close(found, right, "the value is wrong. Divide by the number of annotated points.", 1e-3)
        expect_close(gradient, theirs, "the gradient is wrong.", 1e-5)
    return "Tried with and without missing points: the value and the gradient are right, and the gradient has no NaN."


def wing(answer: Any) -> str:
    """``answer(residual, w, eps)``: the wing loss of each value, any shape."""
    r = torch.linspace(-30, 30, 241)
    for w, eps in ((10.0, 2.0), (5.0, 0.5)):
        found = torch.as_tensor(answer(r, w, eps))
        right = losses.wing(torch.stack([r, r], -1), w, eps)  # the mean of two equal values
        expect(found.shape == r.shape, f"expected a value for each residual, {tuple(r.shape)}; found "
                                       f"{tuple(found.shape)}.")
        expect(torch.allclose(found, found.flip(0), atol=1e-4), "it is not symmetric: an error of -3 px should cost as "
                                                                "much as one of 3 px.")
        inside = r.abs() < w
        expect(torch.allclose(found[inside], right[inside], atol=1e-4), "the logarithm below w is not right yet.")
        expect(torch.allclose(found, right, atol=1e-4), "the line above w does not start where the logarithm ends. "
                                                        "Check the constant C.")
    return "Tried on residuals from -30 to 30 px for two pairs of w and epsilon."


def filled(answer: Any) -> str:
    """``answer(mean, q)``: the best constant answer where a fraction q of the labels was replaced by 0."""
    rng = np.random.default_rng(0)
    for q in (0.25, 0.68, 0.0):
        labels = rng.normal((60, 75), 3, (1000, 2))
        mean = labels.mean(0)
        gone = labels.copy()
        gone[: round(1000 * q)] = 0
        kept = (1 - q) * mean
        try:
            found = np.asarray(answer(mean, q), dtype=float)
        except TypeError as error:
            raise Wrong(f"it could not be called with (mean, q): {error}") from None
        expect(found.shape == (2,), f"expected two coordinates; found the shape {found.shape}.")
        if q:
            expect(not np.allclose(found, q * mean), "q is the fraction of faces that *lack* the label.")
            expect(not np.allclose(found, mean), "the zeros count as labels under the squared error.")
        expect_close(found, kept, "compare it with the mean of all labels, zeros included.", 1e-6)
        expect(np.abs(gone.mean(0) - found).max() < 1, "compare it with the mean of all labels, zeros included.")
    return "Tried with none, a quarter and 68 % of the labels missing."
