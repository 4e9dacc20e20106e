"""The record of a network with its dropout off and on."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from blobs import blob_faces

from book.experiments.dropout import measured, with_dropout
from facekp.errors import InputError
from facekp.models import create_model

RECORD = Path(__file__).parents[2] / "book" / "results" / "pitfalls" / "dropout.json"


def shaken(dropout: float):
    """cnn3 whose last layer is not 0, as if it had been trained."""
    torch.manual_seed(0)
    model = create_model("cnn3", channels=8, hidden=32, dropout=dropout)
    torch.nn.init.normal_(model.network[-1].weight, std=0.05)
    return model


def test_dropout_is_on_in_each_pass_and_off_afterwards():
    model, faces = shaken(1.0), blob_faces(6)
    points = with_dropout(model, faces, passes=3)
    assert points.shape == (3, 6, 15, 2) and np.abs(points[0] - points[1]).max() > 0.1
    assert not any(layer.training for layer in model.modules())
    found = measured(model, faces, passes=8)
    assert found["on"] > found["mean_of_passes"] and np.isfinite(list(found.values())).all()


def test_without_dropout_all_passes_are_the_prediction():
    found = measured(shaken(0.0), blob_faces(6), passes=2)
    assert np.allclose(found["off"], [found["on"], found["mean_of_passes"]], atol=1e-4)
    assert found["bias_off"] > 0


def test_a_network_without_dropout_is_refused():
    with pytest.raises(InputError, match="found hourglass-s, which has none"):
        with_dropout(create_model("hourglass-s"), blob_faces(2), passes=1)


def test_the_record_shows_the_shift():
    runs = json.loads(RECORD.read_text())["runs"]
    assert runs["cnn3-0"]["off"] > 1.5 * runs["cnn3-0"]["on"] and runs["cnn3-0"]["bias_off"] > 5
    assert runs["vgg16-s-0"]["off"] <= runs["vgg16-s-0"]["on"]
