"""Folds, ensembles, the checks before a run, TensorBoard."""

import json
import shutil
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from blobs import blob_faces

from facekp.errors import InputError
from facekp.keypoints import Scheme
from facekp.models import create_model
from facekp.predict import predict
from facekp.training import Ensemble, TrainConfig, find_lr, fit, fit_folds, overfit, tensorboard
from facekp.training.diagnostics import end_of_descent
from facekp.training.folds import MeanHead, load_ensemble

CONFIG = TrainConfig(epochs=2, batch_size=8, lr=4e-3, device="cpu")


def small(**options):
    return create_model("hourglass-s", channels=16, depth=2, **options)


@pytest.fixture(scope="module")
def faces():
    return blob_faces(30)


@pytest.fixture(scope="module")
def folds(faces, tmp_path_factory):
    folder = tmp_path_factory.mktemp("folds")
    return folder, fit_folds(small, faces, 3, CONFIG, folder, progress=False)


def test_each_face_is_predicted_by_the_model_that_never_saw_it(faces, folds):
    folder, record = folds
    assert record == json.loads((folder / "folds.json").read_text()) and record["faces"] == 30
    ensemble = load_ensemble(folder)
    squares = []
    for model, (_, test), expected in zip(ensemble.models, faces.folds(3, 0), record["rmse_of_folds"], strict=True):
        error = (predict(model, test.images)[0] - test.keypoints).astype(float) ** 2
        assert np.sqrt(error.mean()) == pytest.approx(expected, rel=1e-4)
        squares.append(error)
    assert np.sqrt(np.concatenate(squares).mean()) == pytest.approx(record["metrics"]["rmse"], rel=1e-4)


def test_an_ensemble_answers_with_the_mean(faces, folds):
    ensemble = load_ensemble(folds[0])
    points, confidence = predict(ensemble, faces.images)
    each = [predict(m, faces.images) for m in ensemble.models]
    np.testing.assert_allclose(points, np.mean([p for p, _ in each], axis=0), atol=1e-3)
    np.testing.assert_allclose(confidence, np.mean([c for _, c in each], axis=0), atol=1e-5)


def test_finished_folds_are_kept_and_missing_ones_made(faces, folds, tmp_path):
    folder, record = folds
    shutil.copytree(folder, tmp_path / "again")
    shutil.rmtree(tmp_path / "again" / "fold-1")
    kept = (tmp_path / "again" / "fold-0" / "model.safetensors").stat().st_mtime_ns
    assert fit_folds(small, faces, 3, CONFIG, tmp_path / "again", progress=False) == record
    assert (tmp_path / "again" / "fold-0" / "model.safetensors").stat().st_mtime_ns == kept


def test_folds_of_other_data_or_another_config_are_refused(faces, folds):
    with pytest.raises(InputError, match="trained with another config"):
        fit_folds(small, faces, 3, replace(CONFIG, lr=1e-3), folds[0], progress=False)
    with pytest.raises(InputError, match="trained with another data"):
        fit_folds(small, blob_faces(30, seed=1), 3, CONFIG, folds[0], progress=False)


def test_an_ensemble_of_strangers_is_refused(tmp_path):
    two = partial(create_model, "hourglass-s", Scheme("two", ("a", "b")), channels=16, depth=2)
    renamed = create_model("hourglass-s", Scheme("two", ("a", "c")), channels=16, depth=2)
    strangers = [
        ([small(), two()], r"found hourglass-s and hourglass-s with \d+ and 2 points\. Give"),
        ([two(), renamed], "other names or in another order, 'b' and 'c'"),
        ([two(), two(), two(size=48)], "images of 96 and 48 pixels"),
        ([two(), two(pixel_offset=0.5)], r"pixel offsets 0\.0 and 0\.5"),
        ([], "at least one model"),
    ]
    for models, message in strangers:
        with pytest.raises(InputError, match=message):
            Ensemble(models)
    with pytest.raises(InputError, match="expected the folds"):
        load_ensemble(tmp_path)


def test_a_network_learns_eight_faces_by_heart_and_a_broken_one_does_not(faces):
    eight = faces.select(slice(8))
    torch.manual_seed(0)
    good = overfit(small(), eight, replace(CONFIG, lr=1e-2), steps=100, progress=False)
    # By the loss: whether the last doubtful point has found its place by then is chance, and another CPU's rounding.
    assert len(good["losses"]) == 100 and good["losses"][-1] < 0.35 and good["rmse"] < good["mean_face_rmse"]
    torch.manual_seed(0)
    frozen = small()
    for p in frozen.parameters():
        p.requires_grad_(False)
    frozen.network.heads[0].bias.requires_grad_(True)  # a network that can only move its last bias
    bad = overfit(frozen, eight, replace(CONFIG, lr=1e-2), steps=20, progress=False)
    assert min(bad["losses"]) > 0.9 and bad["rmse"] > good["mean_face_rmse"]


def test_the_range_test_finds_a_rate_that_learns_and_stops_where_the_loss_explodes(faces):
    torch.manual_seed(0)
    model = small()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    found = find_lr(model, faces, CONFIG, low=1e-5, high=100.0, steps=40)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert len(found["lr"]) == len(found["loss"]) == len(found["smooth"]) <= 40
    assert 1e-4 < found["suggestion"] < 0.3 and np.isfinite(found["loss"]).all()
    ratios = np.diff(np.log(found["lr"]))
    np.testing.assert_allclose(ratios, ratios[0])


def test_the_end_of_a_descent_is_found_between_noise_and_a_second_dip():
    """Flat and noisy, then falling, then restless with a late dip as low as the first."""
    flat = 1 + 0.03 * np.resize([1, -1], 20)
    curve = np.concatenate([flat, np.linspace(1, 0.5, 20), [0.56, 0.6, 0.7, 0.49, 0.9, 3.0]])
    assert end_of_descent(curve) == 39
    assert end_of_descent(curve[:40]) == 39
    assert end_of_descent(np.linspace(1, 9, 10)) == 0


def test_tensorboard_gets_every_epoch_or_says_what_to_install(faces, tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    fit(small(), *faces.split(0.2), CONFIG, progress=False, on_epoch=tensorboard(tmp_path / "tb"))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "tb"))
    events.Reload()
    assert {"loss", "val_rmse", "lr"} <= set(events.Tags()["scalars"])
    assert [e.step for e in events.Scalars("val_rmse")] == [1, 2]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"facekp\[tensorboard\]"):
        tensorboard(tmp_path)


def test_the_mirror_of_an_ensemble_is_the_mean_of_its_models_mirrors():
    torch.manual_seed(0)
    images = blob_faces(4).images
    one, other = (small(pixel_offset=0.5).eval() for _ in range(2))
    for model in (one, other):
        torch.nn.init.normal_(model.network.heads[0].weight)
    for mirror in (False, True):
        each = [predict(m, images, flip_tta=mirror)[0] for m in (one, other)]
        both, _ = predict(Ensemble([one, other]).eval(), images, flip_tta=mirror)
        np.testing.assert_allclose(both, np.mean(each, axis=0), atol=1e-4)


def test_row_numbers_that_repeat_change_nothing(faces, folds, tmp_path):
    _, record = folds
    twice = replace(faces, rows=np.zeros(len(faces), int))
    assert fit_folds(small, twice, 3, CONFIG, tmp_path, progress=False) == record


def test_a_model_without_confidence_has_no_say_in_the_mean_one():
    raw = torch.rand(2, 4, 5, 3)
    raw[0, ..., 2] = torch.nan
    points, confidence = MeanHead().decode(raw)
    assert torch.equal(confidence, raw[1, ..., 2]) and torch.allclose(points, raw[..., :2].mean(0))


def test_checks_of_too_little_say_so(faces):
    with pytest.raises(InputError, match="at least 2 faces"):
        overfit(small(), faces.select(slice(1)), CONFIG, progress=False)
    with pytest.raises(InputError, match="at least two steps"):
        find_lr(small(), faces, CONFIG, steps=1)
