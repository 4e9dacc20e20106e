"""The speed measurements: that they measure what they say. (How fast anything is, is no test.)"""

import json
import sys

import numpy as np
import pytest
import torch

from book.experiments.speed import augmentation as views
from book.experiments.speed import growth as growth_module
from book.experiments.speed import measure as speed_module
from book.experiments.speed import steps
from book.experiments.speed.baseline_loader import FaceDataset, usual_epoch, usual_loader
from book.experiments.speed.serving import serving
from facekp.augment import Augment
from facekp.errors import InputError
from facekp.models import create_model

SMALL = {"channels": 16, "depth": 2}


@pytest.fixture(scope="module")
def faces():
    return speed_module.sample_faces(40)


@pytest.fixture
def small_networks(monkeypatch):
    """The measurements with an hourglass so small that they take a second."""
    make = lambda name, *scheme: create_model("hourglass-s", *scheme, **SMALL)  # noqa: E731
    monkeypatch.setattr(steps, "create_model", make)


def test_the_usual_way_makes_the_same_kind_of_targets_as_ours(faces):
    model = create_model("hourglass-s", **SMALL)
    still = Augment(flip=0, rotation=0, scale=0, shear=0, shift=0, brightness=0, contrast=0, noise=0)
    image, maps = FaceDataset(faces, still, model.head)[3]
    target, _ = model.head.encode(torch.from_numpy(faces.keypoints[3:4]), (48, 48))
    torch.testing.assert_close(maps, target[0], atol=1e-4, rtol=0)
    assert (image[0] * 255 - torch.from_numpy(faces.images[3])).abs().max() < 0.01
    mirrored = FaceDataset(faces, Augment(**(vars(still) | {"flip": 1.0})), model.head)[3][1]
    points = faces.keypoints[3:4, faces.scheme.swap] * [-1, 1] + [95, 0]
    expected, _ = model.head.encode(torch.from_numpy(points), (48, 48))
    torch.testing.assert_close(mirrored, expected[0].float(), atol=1e-4, rtol=0)


def test_the_usual_way_learns(faces):
    torch.manual_seed(0)
    for model in (create_model("hourglass-s", **SMALL), create_model("cnn3", channels=4, hidden=32)):
        still = Augment(flip=0, rotation=1, scale=0.01, shear=0, shift=1)
        loader = usual_loader(faces, model, still, 8, 0)
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
        images, _ = next(iter(loader))
        assert images.shape == (8, 1, 96, 96)
        before = [p.detach().clone() for p in model.parameters()]
        assert usual_epoch(model, loader, optimizer, torch.device("cpu")) == 40
        assert any(not torch.equal(p, b) for p, b in zip(model.parameters(), before, strict=True))


def test_training_is_compared_with_the_bare_network(faces, small_networks):
    row = steps.training("hourglass-s", faces, rounds=2, batch_size=8, device="cpu")
    assert row["fit"] > 0 and row["bare"] > 0 and row["ratio"] > 0 and row["with_evaluation"] < row["fit"]
    row = steps.against_usual("hourglass-s", faces, 0, rounds=2, batch_size=8, device="cpu")
    assert row["fit"] > 0 and row["usual"] > 0 and row["workers"] == 0
    with pytest.raises(InputError, match="Expected augmentation"):
        steps.against_usual("hourglass-s", faces, 0, augment="none", device="cpu")


def test_views_are_exact_and_a_wrong_warp_is_found(faces):
    result = views.views(faces, torch.device("cpu"), batch=16, seconds=0.05)
    assert result["ours"]["error_px"] < 0.02 and result["ours"]["images_per_second"] > 0
    places = torch.stack(torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="xy")).expand(16, 2, 96, 96)
    points = torch.from_numpy(faces.keypoints[:16])
    assert views.error_of_a_warp(places, points, points) < 1e-4
    assert views.error_of_a_warp(places, points + 0.5, points) == pytest.approx(0.5, abs=1e-3)


def test_without_kornia_its_column_is_empty(faces, monkeypatch):
    monkeypatch.setitem(sys.modules, "kornia.augmentation", None)
    result = views.views(faces, torch.device("cpu"), batch=4, seconds=0.01)
    assert result["kornia"] is None and "ratio" not in result


def test_growth_counts_the_bytes_of_a_face():
    few, many = growth_module.growth(base=200, times=(1, 10))["rows"]
    assert (few["faces"], many["faces"]) == (200, 2000) and min(few["seconds"], many["seconds"]) > 0
    assert 5 < many["peak_mb"] - few["peak_mb"] < 60  # 1800 faces of 9336 bytes are 17 MB; the rest is chance


def test_serving_runs_every_way_that_is_there(monkeypatch):
    monkeypatch.setattr("book.experiments.speed.serving.create_model", lambda name: create_model(name, **SMALL))
    monkeypatch.setattr(torch, "compile", lambda model, **_: model)
    row = serving("hourglass-s", torch.device("cpu"), batches=(2,), seconds=0.05)["rows"][0]
    assert row["eager"] > 0 and row["compiled"] > 0


def test_the_record_keeps_its_parts_and_its_table_shows_them(tmp_path, monkeypatch, capsys):
    calls = []
    rows = [{"faces": 10, "seconds": 1.0, "peak_mb": 5.0}]
    result = {"network": "x", "rows": rows, "bytes_per_face": 9216.0, "exponent": 1.0}
    monkeypatch.setattr(speed_module, "growth", lambda: calls.append("growth") or result)
    for _ in range(2):
        record = speed_module.measure(tmp_path / "speed.json", "cpu", ["growth"])
    assert calls == ["growth"] and json.loads((tmp_path / "speed.json").read_text()) == record
    assert "| 10 | 1.00 | 5 |" in speed_module.table(record) and "9216 bytes" in speed_module.table(record)


def test_an_unknown_part_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no measurement called warp\. Here: training"):
        speed_module.measure(tmp_path / "speed.json", "cpu", ["warp"])


def test_sample_faces_are_as_many_as_asked_for():
    many = speed_module.sample_faces(250)
    assert len(many) == 250 and many.annotated.all() and np.array_equal(many.images[0], many.images[len(many) % 250])
