"""What ``facekp inspect`` says of a data set."""

from dataclasses import replace

import numpy as np
import pytest

from facekp import synthetic
from facekp.data import describe
from facekp.data.faces import Faces
from facekp.keypoints import KAGGLE, Scheme


@pytest.mark.tried("labels", "left and right of some faces exchanged, others with gaps", "these faces named, no other")
@pytest.mark.parametrize("rows", [[], [7], [0, 3, 11]])
def test_exchanged_sides_are_found(rows):
    faces = synthetic.sample().select(slice(60))  # with gaps, as in Kaggle's files
    points = faces.keypoints.copy()
    points[rows] = points[rows][:, KAGGLE.swap]
    found = describe.exchanged(replace(faces, keypoints=points))
    named = [r for r in rows if np.isfinite(points[r, KAGGLE.index("left_eye_center", "right_eye_center")]).all()]
    assert set(named) <= set(found.tolist()) <= set(rows)
    assert f"exchanged: {len(found)}" in describe.report(replace(faces, keypoints=points))


def test_half_a_face_is_not_called_exchanged():
    faces = synthetic.sample().complete().select(slice(20))
    points = faces.keypoints.copy()
    for left, right in KAGGLE.pairs[:3]:  # half of the pairs: more likely a slip than the other side
        points[4, KAGGLE.index(left, right)] = points[4, KAGGLE.index(right, left)]
    assert describe.exchanged(replace(faces, keypoints=points)).size == 0


def test_points_without_sides_and_no_faces():
    nose = Faces(np.zeros((2, 96, 96), np.uint8), np.ones((2, 1, 2), np.float32), Scheme("noses", ("nose",)))
    assert describe.exchanged(nose).size == 0
    assert describe.exchanged(synthetic.sample().select(slice(0))).size == 0


def test_long_lists_are_cut():
    assert describe.listed(np.arange(12)) == "12 (rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...)"
    assert describe.listed(np.array([970])) == "1 (row 970)" and describe.listed(np.arange(0)) == "0"
