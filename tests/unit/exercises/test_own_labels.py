"""The exercises of Your own labels: the solution passes, typical mistakes get their hint."""

import numpy as np
import pytest

from facekp.exercises import check


def swap(names):
    other = {"left": "right", "right": "left"}
    parts = [n.split("_", 1) for n in names]
    return [names.index("_".join([other.get(p[0], p[0]), *p[1:]])) for p in parts]


def farthest(distances, labelled):
    return distances[:, labelled].min(1).argmax()


@pytest.mark.parametrize(("name", "answer", "text"), [
    ("swap", swap, "Correct."),
    ("swap", lambda names: np.arange(len(names)), "Not yet: nothing is swapped"),
    ("swap", lambda names: swap(names)[::-1], "Not yet: head, waist and tail"),
    ("swap", lambda names: swap(names)[:3], "Not yet: expected 13 positions"),
    ("farthest", farthest, "Correct."),
    ("farthest", lambda d, m: np.flatnonzero(m)[0], "Not yet: this image has a label"),
    ("farthest", lambda d, m: np.where(m, np.inf, d[:, m].min(1)).argmin(), "Not yet: this is the image that is most"),
    ("farthest", lambda d, m: np.where(m, -1, d[:, m].mean(1)).argmax(), "Not yet: you took the mean"),
    ("measured", np.hypot, "Correct."),
    ("measured", lambda e, n: e + n, "Not yet: independent errors do not add up"),
    ("measured", lambda e, n: e, "Not yet: the labels' noise is measured too"),
    ("measured", lambda e, n: (e**2 + n**2) / 2, "Not yet: the measured error is wrong"),
])
def test_the_verdict_names_the_mistake(name, answer, text):
    assert repr(check(f"own-labels.{name}", answer)).startswith(text), check(f"own-labels.{name}", answer)
