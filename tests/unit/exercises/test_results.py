"""The exercises on results: right answers pass, typical wrong ones get their hint."""

import numpy as np
import pytest

from facekp.exercises import check


def paired_interval(a, b, power=2, paired=True):
    rng = np.random.default_rng(0)
    pick = rng.integers(0, len(a), (4000, len(a)))
    other = pick if paired else rng.integers(0, len(a), (4000, len(a)))
    gaps = np.mean(a[pick] ** power, 1) ** (1 / power) - np.mean(b[other] ** power, 1) ** (1 / power)
    return np.percentile(gaps, (2.5, 97.5))


def to_correct(distance, order, limit, coordinates=2):
    squares = distance[order] ** 2
    left = np.append(squares.sum(), squares.sum() - np.cumsum(squares))
    return np.argmax(np.sqrt(np.maximum(left, 0) / (coordinates * len(distance))) < limit) / len(distance)


def label_noise(groups, lost=1):
    return np.sqrt(sum(((g - g.mean()) ** 2).sum() for g in groups) / sum(len(g) - lost for g in groups))


@pytest.mark.parametrize(("name", "answer"), [
    ("paired_interval", paired_interval), ("to_correct", to_correct), ("factor", 4), ("label_noise", label_noise),
])
def test_a_right_answer_is_correct(name, answer):
    verdict = check(f"results.{name}", answer)
    assert verdict.right, verdict


@pytest.mark.parametrize(("name", "answer", "hint"), [
    ("paired_interval", lambda a, b: paired_interval(b, a), "expected about"),
    ("paired_interval", lambda a, b: paired_interval(a, b)[::-1], "above the upper end"),
    ("paired_interval", lambda a, b: paired_interval(a, b, paired=False), "is it paired?"),
    ("paired_interval", lambda a, b: paired_interval(a, b) * 3, "expected about"),
    ("to_correct", lambda d, o, x: to_correct(d, o, x, 1), "RMSE per coordinate"),
    ("to_correct", lambda d, o, x: len(d) * to_correct(d, o, x), "a fraction, not a count"),
    ("to_correct", lambda d, o, x: to_correct(d, o, x) + 1 / len(d), "nothing has to be corrected"),
    ("factor", 2, "about 1.4"),
    ("factor", 8, "one over the root"),
    ("label_noise", lambda g: label_noise(g, 0), "divide by the sum of n - 1"),
    ("label_noise", lambda g: np.mean([x.std(ddof=1) for x in g]), "NaN"),
    ("label_noise", lambda g: label_noise(g) ** 2, "random groups"),
])
@pytest.mark.filterwarnings("ignore:Degrees of freedom", "ignore:invalid value", "ignore:Mean of empty")
def test_a_wrong_answer_gets_its_hint(name, answer, hint):
    verdict = check(f"results.{name}", answer)
    assert not verdict.right and hint in verdict.text, verdict
