"""The exercises of Synthetic faces: the solution passes, typical mistakes get their hint."""

import numpy as np
import pytest

from facekp.exercises import check
from facekp.synthetic import Ingredients, render
from facekp.synthetic.people import random_head, with_ingredients


def project(points, rotation, distance, scale, shift, sign=1):
    q = points @ rotation.T
    return scale * distance / (distance - sign * q[:, 2:]) * q[:, :2] + shift


def noses(pose, seeds=range(1000, 1300), axis=0):
    heads = (with_ingredients(random_head(np.random.default_rng([8, i])), Ingredients(pose=pose)) for i in seeds)
    return np.std([render.keypoints(h)["nose_tip"][axis] for h in heads])


@pytest.mark.parametrize(("name", "answer", "text"), [
    ("project", project, "Correct."),
    ("project", lambda p, r, d, s, t: project(p, r.T, d, s, t), "Not yet: this rotates the other way"),
    ("project", lambda p, r, d, s, t: project(p, np.eye(3), d, s, t), "Not yet: the points are not rotated"),
    ("project", lambda p, r, d, s, t: s * (p @ r.T)[:, :2] + t, "Not yet: all points have the same size"),
    ("project", lambda p, r, d, s, t: project(p, r, d, s, t, -1), "Not yet: nearer points"),
    ("project", lambda p, r, d, s, t: project(p, r, d, s, 0), "Not yet: the shift is missing"),
    ("nose-spread", noses, "Correct."),
    ("nose-spread", lambda pose: noses(pose) ** 2, "Not yet: this is a variance"),
    ("nose-spread", lambda pose: noses(pose, [1] * 9), "Not yet: no spread at all"),
    ("nose-spread", lambda pose: 4.6, "Not yet: "),
    ("photographs", lambda s, w: int(np.ceil((s / w) ** 2)), "Correct."),
    ("photographs", lambda s, w: int((s / w) ** 2), "Not yet: one photograph too few"),
    ("photographs", lambda s, w: (s / w) ** 2, "Not yet: a number of photographs"),
    ("photographs", lambda s, w: s / w, "Not yet: the error falls with the root"),
    ("visible", lambda spread, n: 2 * spread * (2 / n) ** 0.5, "Correct."),
    ("visible", lambda spread, n: spread * (2 / n) ** 0.5, "Not yet: this is one standard error"),
    ("visible", lambda spread, n: 2 * spread / n**0.5, "Not yet: this is the uncertainty of one mean"),
    ("visible", lambda spread, n: 4 * spread / n**0.5, "Not yet: standard deviations were added"),
])
def test_the_verdict(name, answer, text):
    found = check(f"synthetic-faces.{name}", answer)
    assert repr(found).startswith(text), found
