"""The exercises on training: right answers pass, typical wrong ones get their hint."""

import math

import numpy as np
import pytest

from facekp.exercises import check


def schedule(i, steps, peak, warmup):
    if i < warmup:
        return peak * (i + 1) / (warmup + 1)
    return peak * 0.5 * (1 + math.cos(math.pi * (i - warmup) / (steps - warmup)))


def part_weights(counts):
    return len(counts) * counts / max(1, counts.sum())


@pytest.mark.parametrize(("name", "answer"), [
    ("half_life", lambda d: math.log(0.5) / math.log(d)),
    ("schedule", schedule),
    ("loss_scale", lambda g: 2.0 ** max(0, math.ceil(math.log2(2.0**-14 / g)))),
    ("part_weights", part_weights),
])
def test_a_right_answer_is_correct(name, answer):
    verdict = check(f"training.{name}", answer)
    assert verdict.right, verdict


@pytest.mark.parametrize(("name", "answer", "hint"), [
    ("half_life", lambda d: 1 / (1 - d), "steps leave d^n ="),
    ("half_life", lambda d: math.log(0.5) / math.log10(d), "steps leave d^n ="),
    ("half_life", lambda d: round(math.log(0.5) / math.log(d)), "do not round"),
    ("half_life", lambda d: math.log(d) / math.log(2), "should be positive"),
    ("schedule", lambda i, s, p, w: schedule(max(i, w), s, p, w), "in the warm-up"),
    ("schedule", lambda i, s, p, w: schedule(i, s, p, w) if i < w else p * (s - i) / (s - w), "after the warm-up"),
    ("loss_scale", lambda g: 1e-4 / g, "is not a power of two"),
    ("loss_scale", lambda g: 65536.0, "half of your scale would do"),
    ("loss_scale", lambda g: 2.0 ** math.ceil(math.log2(2.0**-14 / g)), "below 1"),
    ("loss_scale", lambda g: 1.0, "still below"),
    ("part_weights", lambda c: c / c.sum(), "mean should be 1"),
    ("part_weights", lambda c: np.ones(len(c)), "not the mean over all points"),
    ("part_weights", lambda c: len(c) * c / c.sum(), "finite"),
    ("part_weights", lambda c: 1.0, "the shape"),
])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_wrong_answer_gets_its_hint(name, answer, hint):
    verdict = check(f"training.{name}", answer)
    assert not verdict.right and hint in verdict.text, verdict
