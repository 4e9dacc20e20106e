"""The exercises of The data: the solution passes, typical mistakes get their hint."""

import numpy as np
import pytest

from facekp.exercises import check


def widest(faces, order=-1):
    s = faces.summary()
    return np.hypot(s["x std"], s["y std"]).sort_values().index[order]


def grouped(groups, held_out, seed):
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    return np.isin(groups, names[: round(len(names) * held_out)])


def by_row(groups, held_out, seed):
    return np.random.default_rng(seed).random(len(groups)) < held_out


def shape(points):
    centred = points - points.mean(1, keepdims=True)
    centred = centred / np.linalg.norm(centred, axis=(1, 2), keepdims=True)
    return np.linalg.norm(centred - centred.mean(0), axis=(1, 2))


def count(points):
    return (~np.isnan(points[..., 0])).sum(1)


@pytest.mark.parametrize(("name", "answer", "text"), [
    ("spread", widest, "Correct."),
    ("spread", lambda f: widest(f, 0), "Not yet: this is the keypoint that varies least"),
    ("spread", lambda f: f.summary()["x std"].idxmax(), "Not yet: another keypoint varies more"),
    ("spread", lambda f: 3, "Not yet: expected the name of a keypoint"),
    ("sources", lambda p: (count(p) <= 4).astype(int), "Correct."),
    ("sources", lambda p: (count(p) == 4).astype(int), "Not yet: some rows of the second source have fewer"),
    ("sources", lambda p: (count(p) < 15).astype(int), "Not yet: a face with five points or more"),
    ("sources", lambda p: count(p)[:3], "Not yet: expected one number per face"),
    ("grouped_split", grouped, "Correct."),
    ("grouped_split", by_row, "Not yet: "),
    ("grouped_split", lambda g, h, s: grouped(g, h, 0), "Not yet: every seed gives the same split"),
    ("grouped_split", lambda g, h, s: np.unique(g)[:10], "Not yet: expected"),
    ("grouped_split", lambda g, h, s: grouped(g, 0.5, s), "Not yet: expected about 20 %"),
    ("unusual", shape, "Correct."),
    ("unusual", lambda p: np.linalg.norm(p - p.mean(0), axis=(1, 2)), "Not yet: a face that was shifted"),
    ("unusual", lambda p: np.linalg.norm((c := p - p.mean(1, keepdims=True)) - c.mean(0), axis=(1, 2)),
     "Not yet: a face that was enlarged"),
    ("unusual", lambda p: -shape(p), "Not yet: the face whose left and right"),
])
def test_the_verdict(name, answer, text):
    assert repr(check(f"data.{name}", answer)).startswith(text), check(f"data.{name}", answer)


def test_a_split_by_row_is_answered_with_how_many_groups_are_on_both_sides():
    assert "groups have faces on both sides" in repr(check("data.grouped_split", by_row))
