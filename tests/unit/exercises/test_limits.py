"""The exercises of Limits: the solution passes, typical mistakes get their hint."""

import numpy as np
import pytest

from facekp.exercises import check


def group(w, total, others):
    return np.sqrt((total**2 - (1 - w) * others**2) / w)


def inside(points, size):
    return ((points >= -0.5) & (points <= size - 0.5)).all(-1)


def covered(predicted, truth, radius):
    far = np.linalg.norm(predicted - truth, axis=-1)
    return np.mean((far <= radius)[~np.isnan(far)])


@pytest.mark.parametrize(("name", "answer", "text"), [
    ("group-error", group, "Correct."),
    ("group-error", lambda w, t, o: (t - (1 - w) * o) / w, "Not yet: errors were averaged"),
    ("group-error", lambda w, t, o: group(w, t, o) ** 2, "Not yet: this is a mean squared error"),
    ("group-error", lambda w, t, o: group(1 - w, t, o), "Not yet: w is the fraction of the group"),
    ("group-error", lambda w, t, o: t, "Not yet: put your result back"),
    ("inside-image", inside, "Correct."),
    ("inside-image", lambda p, n: ((p >= 0) & (p <= n - 1)).all(-1), "Not yet: the outer half"),
    ("inside-image", lambda p, n: ((p >= -0.5) & (p <= n - 0.5)).any(-1), "Not yet: a point outside"),
    ("inside-image", lambda p, n: ~((p < -0.5) | (p > n - 0.5)).any(-1), "Not yet: a missing point"),
    ("inside-image", lambda p, n: (p >= -0.5) & (p <= n - 0.5), "Not yet: expected one value per point"),
    ("coverage", covered, "Correct."),
    ("coverage", lambda p, t, r: (np.linalg.norm(p - t, axis=-1) <= r).mean(), "Not yet: points without"),
    ("coverage", lambda p, t, r: np.mean(np.linalg.norm(p - t, axis=-1)), "Not yet: the result is NaN"),
    ("coverage", lambda p, t, r: (np.abs(p - t) <= r[..., None]).all(-1)[~np.isnan(t[..., 0])].mean(),
     "Not yet: x and y"),
    ("coverage", lambda p, t, r: 1 - covered(p, t, r), "Not yet: this is the fraction outside"),
    ("coverage", lambda p, t, r: 100 * covered(p, t, r), "Not yet: give a fraction"),
    ("coverage", lambda p, t, r: covered(p, t, r.mean()), "Not yet: the fraction is wrong"),
    ("standard-error", lambda a, b: np.std(a - b, ddof=1) / len(a) ** 0.5, "Correct."),
    ("standard-error", lambda a, b: ((np.var(a) + np.var(b)) / len(a)) ** 0.5, "Not yet: this is right for different"),
    ("standard-error", lambda a, b: np.std(a - b, ddof=1), "Not yet: this is the deviation of one"),
    ("standard-error", lambda a, b: np.std(a - b) / len(a) ** 0.5, "Not yet: divide by n - 1"),
])
def test_the_verdict(name, answer, text):
    assert repr(check(f"limits.{name}", answer)).startswith(text), check(f"limits.{name}", answer)
