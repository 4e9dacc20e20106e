"""The demo, the recipes, the figures and what a notebook shows."""

import inspect
import json

import matplotlib.pyplot as plt
import numpy as np
import pytest
from blobs import blob_faces
from matplotlib.figure import Figure
from PIL import Image

from facekp import plots, results
from facekp.cli import demo_command
from facekp.errors import InputError
from facekp.keypoints import KAGGLE
from facekp.losses import masked_mean
from facekp.metrics import distances
from facekp.models import MODELS, create_model
from facekp.show import bar, source
from facekp.training import TrainConfig
from facekp.training.recipes import RECIPES, recipe


def test_the_demo_leaves_a_figure_and_its_record(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(demo_command, "create_model", lambda name: create_model(name, channels=16, depth=2))
    record = demo_command.run(tmp_path / "demo.png", seconds=1, count=40)
    assert json.loads((tmp_path / "demo.json").read_text())["metrics"] == record["metrics"]
    assert Image.open(tmp_path / "demo.png").size == (1320, 550)
    printed = capsys.readouterr().out
    assert f"{record['metrics']['rmse']:.2f} px" in printed and "mean face" in printed and "faces per second" in printed


def test_recipes_name_networks_that_exist_and_changes_go_first():
    assert set(RECIPES) <= set(MODELS)
    assert recipe("hourglass-s") == TrainConfig()
    assert recipe("resnet18").lr == RECIPES["resnet18"]["lr"]
    assert recipe("resnet18", lr=0.5, epochs=None).lr == 0.5 and recipe("resnet18", epochs=7).epochs == 7
    with pytest.raises(InputError, match="found rate"):
        recipe("resnet18", rate=1)


def test_every_plot_is_a_closed_figure_with_the_right_panels():
    faces = blob_faces(10)
    away = faces.keypoints + 2
    curve = [{"epoch": i, "val_rmse": 5.0 / i, "mean_face_rmse": 4.0} for i in (1, 2, 3)]
    figures = {
        10: plots.faces(faces, away),
        5: plots.heatmaps(faces.images[0], np.random.default_rng(0).random((5, 24, 24)), KAGGLE.names[:5]),
        1: plots.curves({"a": {"curve": curve}}),
    }
    for panels, figure in figures.items():
        assert isinstance(figure, Figure)
        assert len([a for a in figure.axes if a.get_images() or a.lines]) == panels
    assert plots.faces(faces, away).axes[0].get_title() == "2.00 px"
    bars = plots.keypoint_errors({"a": np.arange(15.0), "b": np.ones(15)}, KAGGLE).axes[0]
    assert [b.get_width() for b in bars.patches[:15]] == list(range(15))
    errors = distances(away, faces.keypoints).mean(axis=1)
    assert "AUC 0.29" in plots.error_curves({"a": errors}, 4.0, "px").axes[0].get_legend().texts[0].get_text()
    assert plt.get_fignums() == []


def test_epochs_are_whole_numbers_on_the_axis_of_a_short_run():
    curve = [{"epoch": e, "val_rmse": 4.0 - e, "mean_face_rmse": 3.5} for e in (1, 2, 3)]
    figure = plots.curves({"short": {"curve": curve}})
    figure.draw_without_rendering()
    assert all(tick == round(tick) for tick in figure.axes[0].get_xticks())


def test_many_curves_can_be_distinguished():
    curve = [{"epoch": i, "val_rmse": 5.0 / i, "mean_face_rmse": 4.0} for i in (1, 2, 3)]
    figure = plots.curves({f"network {i}": {"curve": curve} for i in range(14)})
    axis = figure.axes[0]
    lines = [line for line in axis.lines if line.get_label().startswith("network")]
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 14
    figure.canvas.draw()
    assert axis.get_legend().get_window_extent().x0 >= axis.get_window_extent().x1  # beside the lines, not on them


def test_a_point_outside_the_image_does_not_shrink_it():
    faces = blob_faces(1)
    faces.keypoints[0, 0] = (300, 300)
    axis = plots.faces(faces).axes[0]
    assert axis.get_xlim() == (-0.5, 95.5) and axis.get_ylim() == (95.5, -0.5)


def test_a_shown_source_is_the_source():
    shown = source(masked_mean)
    assert inspect.getsource(masked_mean) in shown._repr_markdown_() and "masked_mean" in repr(shown)


def test_no_bar_where_none_is_wanted(monkeypatch):
    assert bar(False, total=3).disable
    monkeypatch.setenv("TQDM_DISABLE", "1")
    assert bar(True, total=3).disable


def test_records_are_found_by_name():
    assert results.load_record("real-resnet18")["model"]["model"] == "resnet18"
    with pytest.raises(InputError, match="Close to it: real-resnet18"):
        results.load_record("real-resnet81")
    with pytest.raises(InputError, match=r"no record 'nothing'. Close to it: none. All are in .*results"):
        results.load_record("nothing")
