"""The exercises on all rows: right answers pass, typical wrong ones get their hint."""

import numpy as np
import pytest
import torch

from facekp.exercises import check
from facekp.results import ASKED


def masked_mean(losses):
    mask = torch.isfinite(losses)
    return torch.where(mask, losses, 0.0).sum() / mask.sum().clamp_min(1)


def join(points, sources):
    joined = points[:, :15].copy()
    joined[sources == 1, 10] = points[sources == 1, 15]
    joined[sources == 1, 14] = points[sources == 1, 16]
    return joined


def join_in_place(points, sources):
    points[sources == 1, 10] = points[sources == 1, 15]
    points[sources == 1, 14] = points[sources == 1, 16]
    return points[:, :15]


def score(first, second):
    return np.sqrt((ASKED[0] * first**2 + ASKED[1] * second**2) / sum(ASKED))


@pytest.mark.parametrize(("name", "answer"), [
    ("masked_mean", masked_mean), ("floor", lambda q, d: np.sqrt(q * (1 - q)) * d), ("join", join), ("score", score),
])
def test_a_right_answer_is_correct(name, answer):
    verdict = check(f"all-rows.{name}", answer)
    assert verdict.right, verdict


@pytest.mark.parametrize(("name", "answer", "hint"), [
    ("masked_mean", lambda x: (x * x.isfinite()).sum() / x.isfinite().sum(), "not a finite number"),
    ("masked_mean", lambda x: x.nan_to_num().mean(), "By what do you divide?"),
    ("masked_mean", lambda x: (x * x).sqrt().nan_to_num().sum() / x.isfinite().sum(), "gradient holds NaN"),
    ("masked_mean", lambda x: x[x.isfinite()].mean(), "no losses at all"),
    ("masked_mean", lambda x: masked_mean(x).item(), "a tensor that holds one number"),
    ("floor", lambda q, d: q * (1 - q) * d**2, "squared error"),
    ("floor", lambda q, d: q * d, "expected"),
    ("join", lambda p, s: p[:, :15].copy(), "[10, 14]"),
    ("join", lambda p, s: p.copy(), "expected the shape"),
    ("join", join_in_place, "changed its input"),
    ("score", lambda a, b: (ASKED[0] * a + ASKED[1] * b) / sum(ASKED), "squared errors"),
    ("score", lambda a, b: np.sqrt((a**2 + b**2) / 2), "count equally"),
])
def test_a_wrong_answer_gets_its_hint(name, answer, hint):
    verdict = check(f"all-rows.{name}", answer)
    assert not verdict.right and hint in verdict.text, verdict
