from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facekp import metrics
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.keypoints import Scheme

TWO = Scheme("two", ("left", "right", "nose"), (("left", "right"),), eyes=("left", "right"))
TRUTH = np.array([[[10, 0], [0, 0], [5, 5]], [[20, 0], [0, 0], [np.nan, np.nan]]], np.float32)


def test_rmse_by_hand():
    predicted = np.nan_to_num(TRUTH) + np.array([3, 4], np.float32)
    assert metrics.rmse(predicted, TRUTH) == pytest.approx(np.sqrt((9 + 16) / 2))
    np.testing.assert_allclose(metrics.rmse(predicted, TRUTH, axis=(0, 2)), np.sqrt(12.5))
    assert np.nanmax(np.abs(metrics.distances(predicted, TRUTH) - 5)) == 0
    assert np.isnan(metrics.distances(predicted, TRUTH)[1, 2])


def test_visible_and_occluded_points_are_scored_apart():
    faces = Faces(np.zeros((2, 8, 8), np.uint8), TRUTH, TWO)
    predicted = np.nan_to_num(TRUTH)
    predicted[0, 1] += (3, 4)
    hidden = np.array([[False, True, False], [False, False, True]])  # the last one is not annotated
    assert "rmse_visible" not in metrics.scores(predicted, faces, TRUTH[0])
    found = metrics.scores(predicted, replace(faces, occluded=hidden), TRUTH[0])
    assert found["rmse_visible"] == 0 and found["rmse_occluded"] == pytest.approx(np.sqrt(12.5))
    none_hidden = metrics.scores(predicted, replace(faces, occluded=hidden & False), TRUTH[0])
    assert none_hidden["rmse_visible"] == none_hidden["rmse"] and "rmse_occluded" not in none_hidden


def test_nme_divides_by_each_face_s_own_eye_distance():
    predicted = np.nan_to_num(TRUTH) + np.array([3, 4], np.float32)
    errors = metrics.normalised_errors(predicted, TRUTH, TWO)
    np.testing.assert_allclose(errors[0], 0.5)
    np.testing.assert_allclose(errors[1, :2], 0.25)
    assert metrics.nme_inter_ocular(predicted, TRUTH, TWO) == pytest.approx((3 * 0.5 + 2 * 0.25) / 5)


def test_nme_needs_eyes():
    with pytest.raises(InputError, match="names no eyes"):
        metrics.nme_inter_ocular(TRUTH, TRUTH, Scheme("own", ("a", "b", "c")))


def test_the_mean_face_takes_each_keypoint_where_it_is_there():
    np.testing.assert_allclose(metrics.mean_face(TRUTH), [[15, 0], [0, 0], [5, 5]])
    assert metrics.mean_face_rmse(TRUTH, TRUTH) == pytest.approx(np.sqrt((25 + 25) / 10))


@given(st.lists(st.floats(0, 2), min_size=1, max_size=30))
def test_the_area_under_the_curve_is_the_curve_s_area(values):
    errors = np.array(values)
    thresholds, shares = metrics.ced(errors, 1.0, steps=20001)
    area = (np.diff(thresholds) * (shares[1:] + shares[:-1]) / 2).sum()  # np.trapezoid, which numpy 1 has not
    assert metrics.auc(errors, 1.0) == pytest.approx(area, abs=1e-3)
    assert (np.diff(shares) >= 0).all() and metrics.pck(errors, 1.0) == pytest.approx(shares[-1])


def test_shapes_that_would_broadcast_are_refused():
    with pytest.raises(InputError, match="one shape"):
        metrics.rmse(TRUTH[:1], TRUTH)


def test_a_network_that_answers_with_no_number_does_not_look_good():
    truth = np.zeros((4, 2, 2), np.float32)
    truth[0, 0] = np.nan  # not annotated: nothing is asked there
    predicted = truth + 1
    assert metrics.rmse(predicted, truth) == 1
    predicted[2] = np.nan
    with pytest.raises(InputError, match="NaN for 2 of 7"):
        metrics.rmse(predicted, truth)
