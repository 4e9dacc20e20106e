"""Radii that contain the promised fraction of the true points: on made-up errors, on synthetic faces, in files."""

import json

import numpy as np
import pytest
import torch
from blobs import blob_faces
from hypothesis import given, settings
from hypothesis import strategies as st

from facekp import load_pretrained, metrics, pretrained, runs
from facekp.calibration import (
    MIN_CONFIDENCE,
    Calibration,
    calibrate,
    file_of,
    from_errors,
    load_calibration,
    save_calibration,
)
from facekp.errors import InputError
from facekp.models import create_model, save_model
from facekp.photo import Box, predict_photo
from facekp.predict import predict
from facekp.synthetic import generate

SHIPPED = "hourglass-s-synthetic"


def made_up(seed: int, faces: int, points: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Errors with a long tail, and a confidence that tells a little about them."""
    rng = np.random.default_rng(seed)
    hard = rng.gamma(2.0, size=(faces, points))
    return hard * rng.gamma(1.5, size=hard.shape), 1 / (1 + hard * rng.uniform(0.5, 2, hard.shape))


@given(st.sampled_from([0.5, 0.8, 0.9, 0.95]), st.integers(19, 150), st.integers(0, 2**31), st.booleans())
@settings(max_examples=25, deadline=None)
def test_the_promise_holds_on_made_up_errors(coverage, n, seed, with_confidence):
    """The mean over many draws is between coverage and coverage + 1 / (n + 1): the theorem, both of its sides."""
    errors, confidence = made_up(seed, 2000 + 200 * n)
    if not with_confidence:
        confidence = np.full_like(confidence, np.nan)
    reached = []
    for i in range(200):
        rows = slice(2000 + i * n, 2000 + (i + 1) * n)
        found = from_errors(errors[rows], confidence[rows], ("a", "b", "c"))
        reached.append((errors[:2000] <= found.radius(confidence[:2000], coverage)).mean())
    spread = 4 * np.sqrt(coverage * (1 - coverage) * (1 / (200 * n) + 1 / 2000))
    assert coverage - spread <= np.mean(reached) <= coverage + 1 / (n + 1) + spread


def test_the_rank_is_the_one_of_the_theorem():
    errors = np.arange(1.0, 20)[::-1, None]  # 19 faces: 19 down to 1 px
    found = from_errors(errors, np.ones_like(errors), ("a",))
    assert [found.limits(c)[0] for c in (0.05, 0.5, 0.55, 0.9, 0.95, 1e-12)] == [1, 10, 11, 18, 19, 1]
    with pytest.raises(InputError, match=r"at least 24 held-out faces for a coverage of 0\.96; found 19 with 'a'"):
        found.limits(0.96)


def test_an_uncertain_point_gets_a_larger_radius_and_an_impossible_one_a_finite_one():
    found = from_errors(np.full((99, 1), 2.0), np.full((99, 1), 0.5), ("a",))  # scores of 1
    np.testing.assert_allclose(found.radius(np.array([[1.0], [0.5], [0.25], [0.0], [np.nan]]), 0.9).ravel(),
                               [1, 2, 4, 1 / MIN_CONFIDENCE, 1], rtol=1e-6)


def test_points_without_annotation_do_not_count():
    errors = np.array([[1.0, np.nan]] * 5 + [[3.0, 2.0]] * 20)
    found = from_errors(errors, np.ones_like(errors), ("a", "b"))
    assert [len(s) for s in found.scores] == [25, 20] and found.limits(0.9).tolist() == [3, 2]
    with pytest.raises(InputError, match="found 0 with 'b'"):
        from_errors(errors[:5], np.ones((5, 2)), ("a", "b")).limits(0.5)


@pytest.mark.parametrize("coverage", [0, 1, 1.5, -0.1, float("nan"), True, "0.9"])
def test_a_coverage_that_is_none_is_one_error(coverage):
    model = load_pretrained(SHIPPED)
    with pytest.raises(InputError, match="Expected a coverage between 0 and 1"):
        predict(model, np.zeros((1, 96, 96), np.uint8), coverage=coverage)


def test_shipped_radii_contain_what_they_promise_on_fresh_synthetic_faces():
    faces, model = generate(300, seed=424242), load_pretrained(SHIPPED)
    points, confidence = predict(model, faces)
    error = metrics.distances(points, faces.keypoints)
    for coverage in (0.8, 0.9, 0.95):
        reached = (error <= model.calibration.radius(confidence, coverage)).mean()
        assert reached == pytest.approx(coverage, abs=0.02), coverage


@pytest.mark.parametrize("name", pretrained.names())
def test_every_shipped_network_is_calibrated_as_it_is_used(name):
    model = load_pretrained(name)
    images = generate(2, seed=3).images
    points, confidence, radius = predict(model, images, coverage=0.9)
    again, sure = predict(model, images)
    assert np.array_equal(points, again) and np.array_equal(confidence, sure)
    assert radius.shape == (2, 15) and radius.dtype == np.float32 and (radius > 0.3).all() and (radius < 60).all()


def test_another_kind_of_prediction_or_other_points_are_refused():
    model, images = load_pretrained(SHIPPED), np.zeros((1, 96, 96), np.uint8)
    with pytest.raises(InputError, match=r"a calibration with flip TTA.*found one without it"):
        predict(model, images, flip_tta=True, coverage=0.9)
    model.calibration = Calibration(("nose",), (np.ones(20),))
    with pytest.raises(InputError, match="found one of nose"):
        predict(model, images, coverage=0.9)


def test_other_weights_have_no_calibration_any_more(tmp_path):
    torch.manual_seed(0)
    model, faces = create_model("hourglass-s", channels=16, depth=2), blob_faces(20)
    model.calibration = calibrate(model, faces)
    path = save_model(model, tmp_path / "model.safetensors")
    save_calibration(model.calibration, path)
    back = load_calibration(path)
    assert back.names == model.scheme.names and not back.flip_tta and file_of(path).name == "model.calibration.json"
    model.load_state_dict(create_model("hourglass-s", channels=16, depth=2).state_dict())
    assert model.calibration is None
    save_model(model, path)
    assert load_calibration(path) is None and runs.open_run(path, "cpu")[0].calibration is None
    assert load_calibration(tmp_path / "none.safetensors") is None


@pytest.mark.parametrize("change", [
    {"scores": None}, {"scores": {"a": "2.0 1.0"}}, {"scores": {"a": "one"}}, {"scores": {"a": "-1 1"}},
    {"scores": {"a": "1 nan"}}, {"scores": [1, 2]}, {"weights": ...},
])
def test_a_damaged_file_is_one_error(tmp_path, change):
    path = save_model(create_model("cnn3", channels=4, hidden=32), tmp_path / "a.safetensors")
    whole = {"weights": "0", "flip_tta": False, "scores": {"a": "1.0 2.0"}} | change
    file_of(path).write_text(json.dumps({k: v for k, v in whole.items() if v is not ...}))
    with pytest.raises(InputError, match=r"a\.calibration\.json: expected a calibration"):
        load_calibration(path)


def test_radii_of_a_photo_are_in_its_own_pixels(tmp_path):
    model, face = load_pretrained(SHIPPED), generate(1, seed=8).images[0]
    large = np.kron(face, np.ones((3, 3), np.uint8))
    small, = predict_photo(model, face, [Box(0, 0, 96, 96)], coverage=0.9)
    found, = predict_photo(model, large, [Box(0, 0, 288, 288)], coverage=0.9)
    np.testing.assert_allclose(found.radius / small.radius, 3, rtol=0.15)
    assert found.to_dict()["radius"]["nose_tip"] == pytest.approx(found.radius[10], abs=1e-3)
    assert "radius" not in predict_photo(model, face)[0].to_dict()
    with pytest.raises(InputError, match="Expected a calibrated model"):
        predict_photo(create_model("cnn3"), face, coverage=0.9)
