"""``facekp calibrate`` and ``facekp predict --coverage``."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from blobs import blob_faces
from PIL import Image
from test_cli import facekp, refused

from facekp import data, runs
from facekp.calibration import calibrate
from facekp.data import load
from facekp.models import create_model
from facekp.predict import predict
from facekp.training import TrainConfig, fit

SHIPPED = "hourglass-s-synthetic"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a run on blobs, trained for a moment; 40 of its 80 faces are held out."""
    folder = tmp_path_factory.mktemp("calibration")
    faces = blob_faces(80)
    faces.save(folder / "faces.npz")
    train, test = faces.split(0.5, 0)
    torch.manual_seed(0)
    model = create_model("hourglass-s", channels=16, depth=2)
    notes = {"split": {"keypoints": "15", "held_out": 0.5, "seed": 0}}
    fit(model, train, test, TrainConfig(epochs=2, batch_size=8, device="cpu"), folder / "run", notes=notes)
    return folder


def test_the_command_calibrates_on_held_out_faces_and_predict_gives_radii(work):
    assert "facekp calibrate RUN DATA" in refused(
        facekp("predict", work / "run", work / "faces.npz", work / "never.csv", "--coverage", "0.9"))
    result = facekp("calibrate", work / "run", work / "faces.npz")
    assert result.returncode == 0 and "40 held-out faces" in result.stdout and "    90%" in result.stdout, result
    model, record = runs.open_run(work / "run", "cpu")
    _, test = runs.held_out(runs.fitting(model, data.load(work / "faces.npz")), record)
    fresh = calibrate(model, test)
    np.testing.assert_allclose(model.calibration.limits(0.9), fresh.limits(0.9), atol=1.1e-3)
    assert (model.calibration.limits(0.9) >= fresh.limits(0.9)).all()  # rounded upwards
    result = facekp("predict", work / "run", work / "faces.npz", work / "points.csv", "--coverage", "0.9")
    assert result.returncode == 0, result.stderr
    table = pd.read_csv(work / "points.csv")
    radius = predict(model, test, coverage=0.9)[2]
    names = [f"{name}_radius" for name in model.scheme.names]
    np.testing.assert_allclose(table.set_index("row").loc[test.rows, names], radius, atol=6e-4)
    assert not (work / "never.csv").exists()


@pytest.mark.parametrize("coverage", ["0", "1", "1.5"])
def test_the_command_refuses_a_coverage_that_is_none(work, coverage):
    assert "coverage between 0 and 1" in refused(
        facekp("predict", SHIPPED, work / "faces.npz", work / "never.csv", "--coverage", coverage))
    assert not (work / "never.csv").exists()


def test_shipped_weights_and_folds_cannot_be_calibrated_by_the_command(work, tmp_path):
    assert "calibrated already" in refused(facekp("calibrate", SHIPPED, work / "faces.npz"))
    (tmp_path / "fold-0").mkdir()
    assert "several folds" in refused(facekp("calibrate", tmp_path, work / "faces.npz"))


def test_photos_get_radii_in_every_answer(work):
    Image.fromarray(load("sample").images[0]).save(work / "face.png")
    result = facekp("predict", SHIPPED, work / "face.png", work / "face.csv", "--json", "--coverage", "0.9")
    assert result.returncode == 0, result.stderr
    radius = json.loads(result.stdout)[0]["radius"]
    line = pd.read_csv(work / "face.csv").iloc[0]
    assert len(radius) == 15 and line["nose_tip_radius"] == pytest.approx(radius["nose_tip"])
    listed = facekp("predict", SHIPPED, work / "face.png", "--coverage", "0.9").stdout.splitlines()
    assert f"radius {radius['left_eye_center']:.2f}" in listed[1] and "radius" not in facekp(
        "predict", SHIPPED, work / "face.png").stdout
    (work / "photos").mkdir()
    Image.fromarray(load("sample").images[1]).save(work / "photos" / "a.png")
    result = facekp("predict", SHIPPED, work / "photos", work / "all.csv", "--coverage", "0.5")
    assert result.returncode == 0 and pd.read_csv(work / "all.csv")["nose_tip_radius"].between(0.1, 20).all()
    assert "coverage between 0 and 1" in refused(
        facekp("predict", SHIPPED, work / "photos", work / "all.csv", "--coverage", "1"))
