"""Shipped weights: what a card promises is what the file does."""

import json

import numpy as np
import pytest
import torch

import facekp
from facekp import pretrained
from facekp.errors import InputError
from facekp.metrics import rmse
from facekp.predict import predict
from facekp.runs import open_run
from facekp.synthetic import generate
from facekp.training import TrainConfig, fit


def test_there_are_weights_and_together_they_are_small():
    assert {"hourglass-s", "hourglass-s-synthetic"} <= set(pretrained.names())
    assert sum(p.stat().st_size for p in pretrained.FOLDER.iterdir()) < 8e6


@pytest.mark.parametrize("name", pretrained.names())
def test_a_card_is_whole_and_its_figure_comes_out_again(name):
    card = pretrained.card(name)
    assert card["name"] == name and len(card["sha256"]) == 64
    assert card["command"].startswith(("facekp ", "python -m book.experiments."))
    assert (card["licence"] == pretrained.RESEARCH) == ("photographs" in card["data"])
    model = facekp.load_pretrained(name)
    assert not model.training and sum(p.numel() for p in model.parameters()) == card["parameters"]
    assert pretrained.rmse_on_sample(model) == pytest.approx(card["rmse_on_sample"], abs=0.01)
    assert card["rmse"] < 0.5 * card["mean_face_rmse"] and name in pretrained.table()


def test_the_model_of_synthetic_faces_knows_synthetic_faces():
    faces = generate(24, seed=5)
    points, _ = predict(facekp.load_pretrained("hourglass-s-synthetic"), faces.images)
    assert rmse(points, faces.keypoints) < 2.0


@pytest.mark.tried("weights that ship", "a name that is none, a file with one bit flipped", "one message")
def test_an_unknown_name_and_a_changed_file_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"no weights called 'resnet999'.*hourglass-s"):
        facekp.load_pretrained("resnet999")
    for path in pretrained.FOLDER.glob("hourglass-s.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    broken = bytearray((tmp_path / "hourglass-s.safetensors").read_bytes())
    broken[-100] ^= 1
    (tmp_path / "hourglass-s.safetensors").write_bytes(broken)
    with pytest.raises(InputError, match="not the weights that the card describes"):
        facekp.load_pretrained("hourglass-s")


def test_commands_take_them_by_name():
    model, record = open_run("pretrained:hourglass-s-synthetic", "cpu")
    assert model.name == "hourglass-s" and record == {}


def test_shipping_makes_weights_and_card_from_a_run(tmp_path):
    from blobs import blob_faces

    from facekp.models import create_model

    train, val = blob_faces(36).split(0.25)
    torch.manual_seed(0)
    model = create_model("hourglass-s", channels=16, depth=2)
    fit(model, train, val, TrainConfig(epochs=1, batch_size=9, device="cpu"), tmp_path / "run", progress=False)
    card = pretrained.ship(tmp_path / "run", "tiny", "CC0 1.0", "blobs", "facekp train", tmp_path / "weights")
    assert json.loads((tmp_path / "weights" / "tiny.json").read_text()) == card
    back = pretrained.load_model(tmp_path / "weights" / "tiny.safetensors")
    # After one epoch a map may have two peaks of one height, and rounding to 16 bits decides between them.
    moved = np.abs(predict(back, val.images)[0] - predict(model, val.images)[0]).max(-1)
    assert np.median(moved) < 0.5 and (moved > 2).mean() < 0.05


def test_the_package_has_no_other_surprises():
    with pytest.raises(AttributeError, match="no attribute 'load_everything'"):
        facekp.load_everything  # noqa: B018
