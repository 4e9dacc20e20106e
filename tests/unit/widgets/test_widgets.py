"""What the widgets show, without a browser: their states, their images, their plumbing.

In a browser: test_widgets_browser.py.
"""

import base64
import importlib
import io
import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from blobs import blob_faces
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from facekp import metrics
from facekp.augment import Augment
from facekp.errors import InputError
from facekp.keypoints import KAGGLE, Scheme
from facekp.models import create_model
from facekp.predict import predict
from facekp.training import Ensemble, TrainConfig, fit
from facekp.widgets import augmentation_playground, front, heatmap_lab, monitor, training_replay, viewer
from facekp.widgets.viewer import heatmaps as heatmaps_of

training_replay_file = importlib.import_module("facekp.widgets.training_replay")
VIEW = "application/vnd.jupyter.widget-view+json"

ROOT = Path(__file__).parents[3]


def size(png: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(png)).size


def small_model():
    torch.manual_seed(0)
    return create_model("hourglass-s", channels=8, depth=1).eval()


def from_nothing(model):
    """The model with random last layers, where a fresh one has zeros and draws empty maps."""
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d) and (layer.weight == 0).all():
            torch.nn.init.normal_(layer.weight, std=0.1)
    return model


# ---- plumbing ---------------------------------------------------------------------------------


def test_importing_the_widgets_imports_no_ipywidgets():
    code = "import sys, facekp.widgets; assert not {'ipywidgets', 'IPython'} & set(sys.modules), sorted(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_ipywidgets_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    front.widget_class.cache_clear()
    with pytest.raises(InputError, match=r'pip install "facekp\[widgets\]"'):
        heatmap_lab()


def test_a_stored_notebook_keeps_state_and_still_and_not_the_view(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "tools")
    stills = importlib.import_module("stills")
    monkeypatch.setattr(stills, "photograph", lambda module, data: b"an image")
    data = {"text/plain": "t", VIEW: {"model_id": "7"}}
    book = new_notebook(cells=[new_code_cell("", outputs=[new_output("display_data", data)])])
    state = {"module": "heatmap_lab", "data": {"a": 1}, "_esm": "..."}
    book.metadata["widgets"] = {stills.STATE: {"state": {"7": {"state": state}}}}
    stills.keep(book)
    output = book.cells[0].outputs[0]
    assert set(output.data) == {"image/png", "text/plain"} and "widgets" not in book.metadata
    assert output.metadata["widget"] == {"module": "heatmap_lab", "data": {"a": 1}}
    again = new_notebook(cells=[new_code_cell("", outputs=[new_output("display_data", data)], id=book.cells[0].id)])
    again.metadata["widgets"] = {stills.STATE: {"state": {"7": {"state": state}}}}
    monkeypatch.setattr(stills, "photograph", lambda module, data: None)  # no Chromium
    stills.keep(again, earlier=book)
    assert again.cells[0].outputs[0].data["image/png"] == output.data["image/png"]


# ---- heatmap lab ------------------------------------------------------------------------------


def test_a_widget_is_one_module_with_its_style_and_data():
    made = heatmap_lab()
    assert made.module == "heatmap_lab" and made.data == {} and made._css == front.style()
    assert made._esm.count("export") == 1 and "import {" not in made._esm
    forms = made._repr_mimebundle_()[0]
    assert forms[VIEW]["model_id"] == made.model_id
    assert forms["text/plain"] == "Heatmap lab (run the notebook to use it)"


@pytest.mark.parametrize("path", sorted((Path(front.__file__).parent / "js").glob("*.js")), ids=lambda p: p.stem)
def test_every_module_can_be_put_together_and_no_name_in_it_is_there_twice(path):
    text = front.source(path.stem)
    names = re.findall(r"^(?:const|let|(?:async )?function) (\w+)", text, re.MULTILINE)
    assert names and len(set(names)) == len(names)
    assert text.count("export default") == path.read_text().count("export default") <= 1


# ---- playground -------------------------------------------------------------------------------


def test_the_playground_has_the_faces_and_the_limits_of_a_training_run():
    faces = blob_faces(2)
    faces.keypoints[1, 4] = np.nan
    data = augmentation_playground(faces).data
    assert base64.b64decode(data["images"]) == faces.images.tobytes() and data["size"] == [96, 96]
    assert data["points"][1][8:10] == [None, None] and data["limits"] == asdict(Augment())
    assert [data["sides"][k] for k in KAGGLE.index("left_eye_center", "right_eye_center", "nose_tip")] == [
        "left", "right", "middle"]
    json.dumps(data, allow_nan=False)
    with pytest.raises(InputError, match="at least one face"):
        augmentation_playground(faces.select(slice(0)))


def test_faces_of_another_scheme_can_be_played_with():
    three = Scheme("three", ("a", "b", "c"), (("a", "b"),))
    data = augmentation_playground(blob_faces(2, scheme=three, size=48)).data
    assert data["sides"] == ["left", "right", "middle"] and data["size"] == [48, 48] and data["swap"] == [1, 0, 2]


# ---- viewer -----------------------------------------------------------------------------------


def test_the_viewer_has_the_points_the_errors_and_the_heatmaps_of_each_network():
    faces = blob_faces(3)
    models = {"a": from_nothing(small_model()), "b": create_model("cnn3", channels=8, hidden=16)}
    one, two = viewer(models, faces).data["networks"]
    points, _ = predict(models["a"], faces)
    np.testing.assert_allclose(np.reshape(one["points"], points.shape), points, atol=0.006)
    np.testing.assert_allclose(one["errors"], metrics.rmse(points, faces.keypoints, axis=(1, 2)), atol=0.006)
    assert two["maps"] is None and two["name"] == "b" and len(one["maps"]) == 3
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(one["maps"][1]))))
    maps = heatmaps_of(models["a"], faces)[1]
    assert sheet.shape == (3 * 48, 5 * 48) and np.array_equal(sheet[48:96, 96:144], maps[7])


@pytest.mark.parametrize("name", ["hourglass-s", "unet", "parts-s", "lgcn-s"])
def test_maps_are_those_of_the_face_and_reach_their_peak(name):
    options = {"hourglass-s": {"channels": 8, "depth": 1}, "unet": {"channels": 8, "depth": 2},
               "parts-s": {"channels": 8, "hourglass_depth": 1}, "lgcn-s": {"channels": 8}}[name]
    torch.manual_seed(0)
    model, faces = from_nothing(create_model(name, **options)), blob_faces(2)
    one, two = heatmaps_of(model, faces)
    assert one.shape[0] == 15 and one.max() == 255 and not np.array_equal(one, two)
    assert model.training  # it is left as it was


def test_an_ensemble_can_be_looked_at_and_draws_no_map():
    assert viewer(Ensemble([small_model(), small_model()]), blob_faces(2)).data["networks"][0]["maps"] is None


def test_faces_without_labels_have_no_error():
    faces = blob_faces(2)
    bare = type(faces)(faces.images, np.full_like(faces.keypoints, np.nan), faces.scheme)
    data = viewer(small_model(), bare).data
    assert data["networks"][0]["errors"] == [None, None]
    json.dumps(data, allow_nan=False)


def test_models_and_faces_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="at least one model"):
        viewer({}, blob_faces(2))
    with pytest.raises(InputError, match="models by name"):
        viewer("hourglass-s", blob_faces(2))
    with pytest.raises(InputError, match="points"):
        viewer(small_model(), blob_faces(2, scheme=Scheme("two", ("a", "b"))))


# ---- monitor ----------------------------------------------------------------------------------


def line(epoch: int, seconds: float | None = None) -> dict:
    return {"epoch": epoch, "loss": 1 / epoch, "val_rmse": 5 / epoch, "mean_face_rmse": 3.0,
            "lr": 1e-3, "images_per_second": 100.0, "seconds": epoch if seconds is None else seconds}


def test_the_time_that_is_left():
    assert "epoch 2 of 10, about 8 s left" in training_replay_file.sentence(line(2), 10)
    assert "epoch 10 of 10, done" in training_replay_file.sentence(line(10), 10)
    assert [training_replay_file.duration(s) for s in (59.4, 200, 7500)] == ["59 s", "3 min 20 s", "2 h 05 min"]


@pytest.fixture
def shown(monkeypatch):
    """As in a notebook: the widgets that were displayed."""
    calls = []
    monkeypatch.setattr(training_replay_file, "in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", calls.append)
    return calls


def test_fit_calls_the_monitor_with_the_averaged_model(shown):
    faces, seen = blob_faces(8), []
    watch = monitor(faces, 3)

    def callback(line, model):
        seen.append((line["epoch"], model.training))
        watch(line, model)

    record = fit(small_model(), faces, faces, TrainConfig(epochs=3, batch_size=4), progress=False, callback=callback)
    assert seen == [(1, False), (2, False), (3, False)]
    assert shown == [watch.widget]
    run = watch.widget.live["runs"][0]
    assert "epoch 3 of 3, done" in run["state"] and np.shape(run["points"][2]) == (6, 30)
    assert [line["val_rmse"] for line in run["curve"]] == [line["val_rmse"] for line in record["curve"]]


def test_the_monitor_changes_nothing_in_the_training():
    faces, config = blob_faces(8), TrainConfig(epochs=3, batch_size=4)
    records = [fit(small_model(), faces, faces, config, progress=False, callback=w) for w in (None, monitor(faces, 3))]
    assert records[0]["metrics"] == records[1]["metrics"]


def test_the_monitor_keeps_to_its_fraction_of_the_time(shown, monkeypatch):
    clock, faces = [0.0], blob_faces(4)

    def slow_predict(model, faces_):
        clock[0] += 0.1
        return faces.keypoints, None

    monkeypatch.setattr(training_replay_file, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(training_replay_file, "predict", slow_predict)
    watch, model = monitor(faces, 400), small_model()
    for epoch in range(1, 401):
        watch(line(epoch, seconds=0.1 * epoch), model)  # 40 s of training in all: 0.8 s for predictions
    kept = [i + 1 for i, points in enumerate(watch.points) if points]
    assert watch.spent == pytest.approx(0.1 * len(kept)) and 8 <= len(kept) <= 10 and kept[-1] == 400
    assert len(shown) == 1


def test_a_second_training_run_gets_a_widget_of_its_own(shown):
    watch, model = monitor(blob_faces(2), 2), small_model()
    for epoch in (1, 2, 1, 2):
        watch(line(epoch), model)
    assert len(shown) == 2 and len(watch.curve) == 2
    assert all(len(made.live["runs"][0]["curve"]) == 2 for made in shown)


def test_a_replay_has_the_runs_and_wants_their_points_of_the_same_faces():
    faces = blob_faces(2)
    run = {"curve": [line(1), line(2)], "by_epoch": [[[1.0] * 30] * 2] * 2}
    data = training_replay({"a": run}, faces).data
    assert data["runs"] == [{"name": "a", "epochs": 2, "curve": run["curve"], "points": run["by_epoch"]}]
    for wrong in ({}, {"a": run | {"by_epoch": [[[1.0] * 30]] * 2}}):
        with pytest.raises(InputError, match="points of 2 faces"):
            training_replay(wrong, faces)


@pytest.mark.parametrize("wrong", [{"epochs": TrainConfig()}, {"epochs": 0}, {"epochs": 3, "fraction": 0},
                                   {"epochs": 3, "count": 0}, {"epochs": 3, "faces": blob_faces(1).select(slice(0))}])
def test_a_monitor_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(InputError, match="Expected"):
        monitor(**({"faces": blob_faces(1)} | wrong))


def test_in_a_terminal_the_monitor_writes_a_line_per_epoch(capsys):
    watch = monitor(blob_faces(4), 2)
    for epoch in (1, 2):
        watch(line(epoch), None)
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2 and out[1].startswith("epoch 2 of 2, done") and watch.widget is None


def test_a_kernel_is_recognised(monkeypatch):
    shell = InteractiveShell.instance()
    try:
        assert not training_replay_file.in_notebook()
        monkeypatch.setattr(type(shell), "kernel", object(), raising=False)
        assert training_replay_file.in_notebook()
    finally:
        InteractiveShell.clear_instance()


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.ipynb")), ids=lambda p: p.stem)
def test_no_notebook_stores_a_control_that_would_be_dead(path):
    """A view without a kernel does nothing, and a stored state makes the rendered page load scripts from a CDN."""
    notebook = nbformat.read(path, as_version=4)
    forms = [set(o.get("data", {})) for c in notebook.cells for o in c.get("outputs", [])]
    assert "widgets" not in notebook.metadata and not any(VIEW in f for f in forms)


def test_each_widget_is_in_its_chapter_with_a_still_and_the_data_that_its_cell_had():
    found = {}
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                if state := output.get("metadata", {}).get("widget"):
                    found.setdefault(state["module"], []).append(path.stem)
                    assert "image/png" in output.data and len(cell.metadata["mystnb"]["image"]["alt"]) > 80, cell.id
                    json.dumps(state, allow_nan=False)
    places = {"heatmap_lab": ["heatmaps"], "augmentation_playground": ["coordinates"], "viewer": ["results"]}
    assert places.items() <= found.items()
