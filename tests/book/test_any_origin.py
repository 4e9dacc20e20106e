"""The network for photographs of any origin: what it learns from, and what it is tested on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from book.experiments import any_origin
from facekp.data import kaggle, load
from facekp.files import read_json
from facekp.metrics import rmse
from facekp.models import create_model, load_model
from facekp.predict import predict
from facekp.runs import open_run
from facekp.synthetic import generate


@pytest.fixture(scope="module")
def photographs():
    """Rows of both sources, as a file in Kaggle's format has them."""
    faces = load("sample")
    return faces.select(np.sort(np.r_[np.flatnonzero(kaggle.sources(faces) == 0)[:30],
                                      np.flatnonzero(kaggle.sources(faces) == 1)[:12]]))


def test_the_mixture_has_no_copy_of_a_test_face_and_only_eyes_of_the_second_source(photographs, monkeypatch):
    monkeypatch.setattr(any_origin, "SECOND", 10)
    monkeypatch.setattr(any_origin, "SYNTHETIC", 4)
    complete = photographs.complete()
    test = complete.select(slice(3))
    copy = replace(photographs, images=np.concatenate([photographs.images, test.images[:1]]),
                   keypoints=np.concatenate([photographs.keypoints, test.keypoints[:1]]), rows=np.arange(43))
    train, kinds = any_origin.mixture(copy, test)
    assert kinds == {"photographs": len(complete) - 3, "second source, eye centres": 10, "synthetic": 4}
    assert len(train) == sum(kinds.values())
    assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in test.images}
    second = train.select(slice(kinds["photographs"], kinds["photographs"] + 10))
    eyes = np.isin(second.scheme.names, any_origin.BOTH)
    assert not second.annotated[:, ~eyes].any() and second.annotated[:, eyes].sum() >= 18
    for image, points in zip(second.images, second.keypoints, strict=True):
        same = (copy.images == image).all((1, 2))  # some images are in the file twice
        assert any(np.array_equal(of_file[eyes], points[eyes]) for of_file in copy.keypoints[same])


def test_the_damaged_faces_keep_their_points_and_the_moved_ones_move_them():
    faces = generate(6, seed=11)
    sets = any_origin.test_sets(faces)
    assert sets.pop("as they are") is faces and len(sets.pop("synthetic")) == 500
    moved = sets.pop("cropped otherwise")
    far = np.linalg.norm(moved.keypoints - faces.keypoints, axis=-1)
    assert 1 < np.nanmean(far) < 25
    assert len(sets) == 3
    for damaged in sets.values():
        np.testing.assert_array_equal(damaged.keypoints, faces.keypoints)
        assert damaged.images.dtype == np.uint8 and damaged.images.shape == faces.images.shape
        assert not np.array_equal(damaged.images, faces.images)
    small = any_origin.resampled(faces.images, 4).astype(float)
    assert np.abs(np.diff(small, axis=2)).mean() < 0.8 * np.abs(np.diff(faces.images.astype(float), axis=2)).mean()
    np.testing.assert_allclose(any_origin.darker(faces.images).mean(), faces.images.mean() / 3, atol=1)


def test_the_command_goes_on_from_the_shipped_network_and_measures_before_and_after(photographs, tmp_path, monkeypatch):
    test = photographs.complete().select(slice(2))
    monkeypatch.setattr(any_origin, "unseen", lambda name, faces: test)
    monkeypatch.setattr(any_origin, "test_sets", lambda faces: {"as they are": faces})
    for name, count in (("SECOND", 3), ("SYNTHETIC", 2)):
        monkeypatch.setattr(any_origin, name, count)
    photographs.select(slice(12)).save(tmp_path / "faces.npz")
    called = CliRunner().invoke(any_origin.app, [str(tmp_path / "faces.npz"), str(tmp_path / "run"), "--epochs", "1",
                                                 "--pixel-offset", "0", "--precision", "fp32", "--lr", "1e-5"])
    assert called.exit_code == 0, called.output
    record = read_json(tmp_path / "run" / "record.json")
    assert record["start"] == "parts-s" and record["kinds"]["synthetic"] == 2
    before, after = (record[when]["as they are"]["rmse"] for when in ("before", "after"))
    assert before != after == pytest.approx(record["metrics"]["rmse"]) and after == pytest.approx(before, rel=0.5)
    assert list(record["interpolated"]) == ["0.3", "0.5", "0.7"] and "| as they are | " in called.output
    model = load_model(tmp_path / "run" / "half" / "model.safetensors")
    points, _, radius = predict(open_run(tmp_path / "run" / "half", "cpu")[0], test, coverage=0.5)
    assert rmse(predict(model, test)[0], test.keypoints) == pytest.approx(
        read_json(tmp_path / "run" / "half" / "record.json")["metrics"]["rmse"], abs=1e-4)
    assert radius.shape == points.shape[:2] and read_json(tmp_path / "run" / "half" / "record.json")["alpha"] == 0.5


def test_interpolated_weights_are_a_mean_and_both_ends_are_the_networks():
    torch.manual_seed(0)
    one, two = (create_model("hourglass-s", channels=16, depth=2).eval() for _ in range(2))
    images = generate(2, seed=3).images
    for alpha, end in ((0.0, one), (1.0, two)):
        np.testing.assert_array_equal(predict(any_origin.interpolated(one, two, alpha), images)[0],
                                      predict(end, images)[0])
    key = next(iter(one.state_dict()))
    half = any_origin.interpolated(one, two, 0.5).state_dict()[key]
    torch.testing.assert_close(half, (one.state_dict()[key] + two.state_dict()[key]) / 2)
