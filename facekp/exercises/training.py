"""The exercises of the chapter on training."""

import math
from collections.abc import Callable

import numpy as np

from facekp.exercises import expect, expect_close
from facekp.training.config import TrainConfig
from facekp.training.optim import learning_rate


def half_life(answer: Callable) -> str:
    """``half_life(d)``: after how many steps an average with decay ``d`` has forgotten half."""
    for d in (0.9, 0.99, 0.999, 0.5):
        n = float(answer(d))
        expect(n > 0, f"for d = {d} the number of steps should be positive; found {n:g}.")
        expect(abs(d**n - 0.5) > 0.03 or abs(d**n - 0.5) < 1e-6,
               f"for d = {d} you are close, but {n:g} steps leave {d**n:.4f} of it; do not round the result.")
        expect(abs(d**n - 0.5) < 1e-6, f"for d = {d}, {n:g} steps leave d^n = {d**n:.3f} of it, not a half.")
    return "Tried with four decays."


def schedule(answer: Callable) -> str:
    """``schedule(i, steps, peak, warmup)``: a linear warm-up, then half a cosine."""
    rng = np.random.default_rng()
    for _ in range(20):
        steps, warmup, peak = int(rng.integers(50, 400)), int(rng.integers(1, 20)), float(rng.uniform(1e-4, 1.0))
        config = TrainConfig(lr=peak, warmup=warmup / steps)
        for i in (0, warmup - 1, warmup, int(rng.integers(warmup, steps)), steps - 1):
            part = "in the warm-up" if i < warmup else "after the warm-up"
            expect_close(answer(i, steps, peak, warmup) / peak, learning_rate(i, steps, config) / peak,
                         f"step {i} of {steps} with {warmup} steps of warm-up ({part}) has another rate.", 1e-6)
    return "Tried on 100 steps of 20 random schedules."


def loss_scale(answer: Callable) -> str:
    """``loss_scale(gradient)``: the smallest power of two, at least 1, that makes the gradient a normal float16."""
    rng = np.random.default_rng()
    for gradient in (1e-8, 2.0**-14, 2.0**-15, 0.5, *10 ** rng.uniform(-9, -3, 20)):
        scale = float(answer(gradient))
        expect(scale >= 1, f"for a gradient of {gradient:.1e} the scale is {scale:g}, below 1.")
        expect(math.frexp(scale)[0] == 0.5, f"{scale:g} is not a power of two.")
        expect(gradient * scale >= 2.0**-14, f"{gradient:.1e} times {scale:g} is still below 2^-14.")
        expect(scale == 1 or gradient * scale / 2 < 2.0**-14,
               f"for a gradient of {gradient:.1e} half of your scale would do.")
    return "Tried on 24 gradients from 1e-9 to 0.5."


def part_weights(answer: Callable) -> str:
    """``part_weights(counts)``: weights that make the plain mean of the parts' losses the mean over all points."""
    rng = np.random.default_rng()
    for n in (2, 3, 4, 8):
        counts, losses = rng.integers(1, 200, n), rng.uniform(0, 5, n)
        weights = np.asarray(answer(counts), dtype=float)
        expect(weights.shape == (n,), f"expected {n} weights for {n} parts, found the shape {weights.shape}.")
        expect_close(weights.mean(), 1.0, f"the weights' mean should be 1; for {n} parts it is {weights.mean():.3f}.")
        expect_close((weights * losses).mean(), (counts * losses).sum() / counts.sum(),
                     "the plain mean of the weighted losses is not the mean over all points.")
    expect_close(answer(np.array([0, 10])), [0.0, 2.0], "a part without annotated points should have the weight 0.")
    expect(np.isfinite(np.asarray(answer(np.array([0, 0])), dtype=float)).all(),
           "if no part has a point, the weights should still be finite numbers.")
    return "Tried with 2, 3, 4 and 8 parts, and with empty ones."
