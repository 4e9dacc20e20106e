"""The chapter's exercises: its solutions pass, and the usual wrong answers get their hint."""

import math

import pytest
import torch

from facekp import losses
from facekp.exercises import check


def units(points, size):
    h, w = size
    return ((points + 0.5) / torch.tensor([w / 2, h / 2]) - 1).flatten(1)


def masked_loss(predicted, truth):
    mask = truth.isfinite().all(-1)
    target = torch.where(mask[..., None], truth, 0.0)
    return ((predicted - target).square().mean(-1) * mask).sum() / mask.sum()


def wing(residual, w, eps):
    x = residual.abs()
    return torch.where(x < w, w * torch.log1p(x / eps), x - w + w * math.log(1 + w / eps))


SOLUTIONS = {"units": units, "masked-loss": masked_loss, "wing": wing, "filled": lambda mean, q: (1 - q) * mean}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_is_right(name):
    assert check(f"direct-regression.{name}", SOLUTIONS[name]).right


def careless(predicted, truth):
    mask = truth.isfinite().all(-1)
    return ((predicted - truth).square().mean(-1) * mask).nansum() / mask.sum()


def over_all(predicted, truth):
    target, mask = losses.annotated(truth)
    return ((predicted - target).square().mean(-1) * mask).mean()


@pytest.mark.parametrize(("name", "answer", "hint"), [
    ("units", lambda p, size: (p / torch.tensor([size[1] / 2, size[0] / 2]) - 1).flatten(1), "half a pixel"),
    ("units", lambda p, size: ((p + 0.5) / torch.tensor([size[0] / 2, size[1] / 2]) - 1).flatten(1), "the height"),
    ("units", lambda p, size: (p + 0.5) / torch.tensor([size[1] / 2, size[0] / 2]) - 1, "Flatten"),
    ("masked-loss", careless, "gradient holds NaN"),
    ("masked-loss", lambda p, t: (p - t).square().mean(), "not a finite number"),
    ("masked-loss", over_all, "number of annotated points"),
    ("masked-loss", lambda p, t: 2 * masked_loss(p, t), "twice"),
    ("wing", lambda r, w, eps: w * torch.log1p(r.abs() / eps), "constant C"),
    ("wing", lambda r, w, eps: wing(r.clamp_min(0), w, eps), "symmetric"),
    ("wing", lambda r, w, eps: wing(r, w, 1.0), "logarithm"),
    ("filled", lambda mean, q: q * mean, "lack"),
    ("filled", lambda mean, q: mean, "count as labels"),
])
def test_a_wrong_answer_gets_its_hint(name, answer, hint):
    verdict = check(f"direct-regression.{name}", answer)
    assert not verdict.right and hint in verdict.text
