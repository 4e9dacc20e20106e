"""The exercises of Coordinates: the solution passes, typical mistakes get their hint."""

import numpy as np
import pytest

from facekp.exercises import check
from facekp.keypoints import KAGGLE


def about(degrees, scale, centre=47.5, transpose=False):
    phi = np.radians(degrees)
    A = scale * np.array([[np.cos(phi), -np.sin(phi)], [np.sin(phi), np.cos(phi)]])
    A = A.T if transpose else A
    c = np.array([centre, centre])
    return np.column_stack([A, c - A @ c])


def twice(network, images, swap=KAGGLE.swap, width=95):
    back = network(images[..., ::-1])[:, swap] * [-1, 1] + [width, 0]
    return (network(images) + back) / 2


@pytest.mark.parametrize(("name", "answer", "text"), [
    ("to_photo", lambda p, stride, side: (p + 0.5) * stride * side / 96 - 0.5, "Correct."),
    ("to_photo", lambda p, stride, side: p * stride * side / 96, "Not yet: the half pixels are missing"),
    ("to_photo", lambda p, stride, side: (p + 0.5) * stride * side / 96, "Not yet: add the half pixel"),
    ("to_photo", lambda p, stride, side: (p + 0.5) * stride - 0.5, "Not yet: this is still in the 96-pixel image"),
    ("align_corners", lambda x: x / 190 - 0.25, "Correct."),
    ("align_corners", lambda x: 0.25 - x / 190, "Not yet: the sign"),
    ("align_corners", lambda x: x / 95 - 0.5, "Not yet: this is in pixels of the doubled image"),
    ("align_corners", lambda x: 0 * x, "Not yet: at x = 0"),
    ("matrix", about, "Correct."),
    ("matrix", lambda d, s: about(d, s, centre=48), "Not yet: the centre (47.5, 47.5) should stay"),
    ("matrix", lambda d, s: about(d, s, transpose=True), "Not yet: it turns the other way"),
    ("matrix", lambda d, s: about(np.degrees(d), s), "Not yet: points are misplaced at"),
    ("matrix", lambda d, s: about(d, 1.0), "Not yet: lengths should grow by 0.8"),
    ("flip_tta", twice, "Correct."),
    ("flip_tta", lambda network, images: network(images), "Not yet: this is the prediction for the images alone"),
    ("flip_tta", lambda network, images: twice(network, images, np.arange(15)), "Not yet: the predictions for the"),
    ("flip_tta", lambda network, images: twice(network, images, width=96), "Not yet: the flip of x is W - 1 - x"),
    ("flip_tta", lambda network, images: network(images + 1), "Not yet: your answer stopped with ValueError"),
])
def test_the_verdict(name, answer, text):
    assert repr(check(f"coordinates.{name}", answer)).startswith(text), check(f"coordinates.{name}", answer)
