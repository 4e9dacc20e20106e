"""What the widgets show, without a browser: their states, their pictures, their plumbing.

In a browser: test_widgets_browser.py.
"""

import base64
import importlib
import io
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch
from blobs import blob_faces
from IPython.core.interactiveshell import InteractiveShell
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image

from facekp import heatmaps
from facekp.augment import Augment, random_matrices
from facekp.errors import InputError
from facekp.keypoints import KAGGLE, Scheme
from facekp.models import create_model
from facekp.training import Ensemble, TrainConfig, fit
from facekp.widgets import (
    augmentation_playground,
    front,
    gallery,
    heatmap_lab,
    live,
    monitor,
    playground,
    progress,
    viewer,
)
from facekp.widgets.playground import View

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


def test_a_control_moves_the_picture_and_the_words():
    made = augmentation_playground(blob_faces(1))
    picture, words = made.picture.value, made.words.value
    made.controls["shift_x"].value = 30.0
    assert made.picture.value != picture and made.words.value != words
    made.controls["shift_x"].value = 0.0
    assert made.picture.value == picture and made.words.value == words


def test_several_controls_move_with_one_drawing():
    calls = []
    shown = live.Rendered(Figure(), "")
    controls = {"a": live.slider("a", 1, 0, 9, 1), "b": live.slider("b", 2, 0, 9, 1)}
    made = live.Live("two", controls, lambda **values: calls.append(values) or shown)
    made.set(a=5, b=6)
    assert calls == [{"a": 1, "b": 2}, {"a": 5, "b": 6}] and made.values == {"a": 5, "b": 6}


def numbers(see) -> live.Live:
    return live.Live("one", {"a": live.slider("a", 0.0, 0.0, 9.0, 0.01)}, see)


def test_a_number_that_comes_back_in_a_browsers_digits_is_no_movement():
    calls, shown = [], live.Rendered(Figure(), "")
    made = numbers(lambda a: calls.append(a) or shown)
    made.controls["a"].value = 0.07
    made.controls["a"].value = 0.06999999999999995  # what noUiSlider makes of it
    assert calls == [0.0, 0.07] and made.values == {"a": 0.07}


def test_two_threads_draw_one_after_the_other_and_the_last_value_stays():
    calls, busy, shown = [], threading.Lock(), live.Rendered(Figure(), "")

    def see(a):
        assert busy.acquire(blocking=False), "two drawings at once"
        time.sleep(0.02)
        calls.append(a)
        busy.release()
        return live.Rendered(shown.figure, f"{a}")

    made = numbers(see)
    with ThreadPoolExecutor(2) as pool:
        for work in [pool.submit(made.set, a=i / 100) for i in range(1, 31)]:
            work.result()
    assert made.words.value == f"{made.values['a']}" == f"{calls[-1]}"


def test_what_could_not_be_drawn_is_tried_again_at_the_next_movement():
    shown, wrong = live.Rendered(Figure(), ""), [False]

    def see(a):
        if wrong[0]:
            raise InputError("not now")
        return live.Rendered(shown.figure, f"{a}")

    made = numbers(see)
    wrong[0] = True
    with pytest.raises(InputError, match="not now"):
        made.set(a=1.0)
    wrong[0] = False
    made.set(a=1.0)
    assert made.words.value == "1.0"


def test_the_output_holds_a_widget_a_picture_and_a_text():
    made = augmentation_playground(blob_faces(1))
    forms = made._repr_mimebundle_()
    assert forms[live.VIEW]["model_id"] == made.box.model_id and made.box.model_id
    assert base64.b64decode(forms["image/png"]) == made.still
    assert forms["text/plain"] == repr(made) == "Augmentation playground (run the notebook to move the sliders)"
    made.box.close()  # without a kernel there is nobody to hold the widget
    assert set(made._repr_mimebundle_()) == {"text/plain", "image/png"}


def test_what_users_named_cannot_become_html():
    assert "<b>" not in live.table(("a", "b"), [("<b>", "1")])


def test_a_stored_notebook_keeps_state_and_still_and_not_the_view(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "tools")
    stills = importlib.import_module("stills")
    monkeypatch.setattr(stills, "photograph", lambda module, data: b"a picture")
    data = {"text/plain": "t", live.VIEW: {"model_id": "7"}}
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
    assert forms[live.VIEW]["model_id"] == made.model_id
    assert forms["text/plain"] == "Heatmap lab (run the notebook to use it)"


def test_every_module_can_be_put_together_and_no_two_files_share_a_name():
    files = {path.stem: path.read_text() for path in (Path(front.__file__).parent / "js").glob("*.js")}
    names = [n for text in files.values()
             for n in re.findall(r"^(?:export )?(?:const|let|function) (\w+)", text, re.MULTILINE)]
    assert {n for n in names if names.count(n) > 1} <= {"render", "SIZE", "VIEW", "START", "draw"}
    for name, text in files.items():
        assert front.source(name).count("export default") == text.count("export default") <= 1


# ---- playground -------------------------------------------------------------------------------


def test_the_matrix_is_that_of_the_augmentation():
    config = Augment(flip=1.0, shear=0.0)
    matrices, _ = random_matrices(1, (96, 80), config, torch.Generator().manual_seed(3))
    u = torch.rand(6, 1, generator=torch.Generator().manual_seed(3))[:, 0].double() * 2 - 1
    view = View(rotation=config.rotation * u[0].item(), scale=(1 + config.scale) ** u[2].item(),
                shift_x=config.shift * u[3].item(), shift_y=config.shift * u[4].item(), mirror="swapped")
    assert torch.allclose(playground.matrix(view, (96, 80)), matrices, atol=1e-4)


@pytest.mark.parametrize("mirror", ["no", "swapped"])
def test_a_blob_and_its_point_move_together(mirror):
    point = np.full((15, 2), np.nan, np.float32)
    point[0], point[1] = (40.0, 52.0), (60.0, 44.0)
    image = heatmaps.gaussian(torch.from_numpy(point[:1])[None], (96, 96), 3.0)[0, 0].numpy()
    view = View(rotation=25.0, scale=1.2, shift_x=5.0, shift_y=-4.0, mirror=mirror)
    moved = playground.seen_image((255 * image).astype(np.uint8), view)
    found = heatmaps.local_mean(torch.from_numpy(moved)[None, None], radius=8)[0, 0].numpy()
    named = 1 if mirror == "swapped" else 0  # the left eye is the right one now
    assert np.abs(playground.seen_points(point, view, (96, 96), KAGGLE)[named] - found).max() < 0.1


def test_a_forgotten_swap_leaves_the_places_and_exchanges_the_names():
    faces = blob_faces(1)
    swapped, forgotten = (playground.seen_points(faces.keypoints[0], View(mirror=m), (96, 96), KAGGLE)
                          for m in ("swapped", "forgotten"))
    assert np.allclose(forgotten[KAGGLE.swap], swapped) and not np.allclose(forgotten, swapped)
    words = [playground.summary(faces.keypoints[0], View(mirror=m), (96, 96), KAGGLE) for m in ("swapped", "forgotten")]
    assert ">0.0 px<" in words[0] and ">0.0 px<" not in words[1]


def test_a_point_that_leaves_the_picture_is_no_longer_counted():
    faces = blob_faces(1)
    assert "15 of 15" in playground.summary(faces.keypoints[0], View(), (96, 96), KAGGLE)
    nothing = playground.summary(faces.keypoints[0], View(shift_x=200.0), (96, 96), KAGGLE)
    assert ">0 of 15<" in nothing and ">0.0 px<" in nothing  # and not "nan px"


def test_grey_values_follow_their_sliders():
    image = blob_faces(1).images[0]
    plain = playground.seen_image(image, View())
    assert np.allclose(plain, image / 255, atol=1e-5)
    middle = (plain > 0.3) & (plain < 0.7)
    assert np.allclose((playground.seen_image(image, View(brightness=0.2)) - plain)[middle], 0.2, atol=1e-5)
    assert playground.seen_image(image, View(blur=3.0)).std() < plain.std()
    assert np.abs(playground.seen_image(image, View(noise=0.1)) - plain).std() > 0.02


def test_random_views_keep_to_their_limits_and_to_the_steps_of_the_sliders():
    limits = Augment(flip=0.5, blur=1.0)
    views = [playground.random_view(seed, limits) for seed in range(200)]
    assert max(abs(v.rotation) for v in views) <= 20 and max(v.scale for v in views) <= 1.2
    assert 60 < sum(v.mirror == "swapped" for v in views) < 140 and {v.mirror for v in views} == {"no", "swapped"}
    assert views[0] == playground.random_view(0, limits) != views[1]
    assert playground.seen_image(blob_faces(1).images[0], views[0]).shape == (96, 96)


def test_the_buttons_draw_a_view_and_take_it_back():
    made = augmentation_playground(blob_faces(2))
    again, reset = made.box.children[0].children[-1].children
    again.click()
    assert View(**{k: v for k, v in made.values.items() if k != "face"}) == playground.random_view(1, Augment())
    reset.click()
    assert View(**{k: v for k, v in made.values.items() if k != "face"}) == View()


def test_bad_views_and_no_faces_are_refused():
    for wrong in ({"mirror": "up"}, {"scale": 0.0}, {"blur": -1.0}):
        with pytest.raises(InputError, match="Expected"):
            View(**wrong)
    with pytest.raises(InputError, match="at least one face"):
        augmentation_playground(blob_faces(2).select(slice(0)))


def test_faces_of_another_scheme_can_be_played_with():
    three = Scheme("three", ("a", "b", "c"), (("a", "b"),))
    made = augmentation_playground(blob_faces(2, scheme=three, size=48))
    made.controls["mirror"].value = "swapped"
    assert "3 of 3" in made.words.value


# ---- viewer -----------------------------------------------------------------------------------


def test_the_worst_face_comes_first_and_one_without_an_error_last():
    errors = np.array([1.0, np.nan, 3.0, 2.0])
    assert gallery.order(errors, True).tolist() == [2, 3, 0, 1]
    assert gallery.order(errors, False).tolist() == [0, 1, 2, 3]


def test_the_viewer_follows_its_controls():
    faces = blob_faces(4)
    made = viewer({"a": from_nothing(small_model()), "b": create_model("cnn3", channels=8, hidden=16)}, faces)
    pictures = [made.picture.value]
    moves = ("rank", 2), ("show", "truth"), ("point", "nose_tip"), ("point", "all"), ("worst_first", False)
    for control, value in moves:
        made.controls[control].value = value
        pictures.append(made.picture.value)
    assert len(set(pictures)) == len(pictures)
    made.controls["network"].value = "b"
    assert "b writes down numbers and draws no heatmap" in made.words.value


def test_the_table_has_the_errors_that_the_metric_has():
    faces = blob_faces(1)
    found = gallery.answers(small_model(), faces)
    off = np.hypot(*(found.points[0] - faces.keypoints[0]).T)
    words = gallery.points_table(found, 0)
    assert all(f">{value:.2f}<" in words for value in off)
    places = [words.index(faces.scheme.names[k].replace("_", " ") + "<") for k in np.argsort(-off)]
    assert places == sorted(places)


@pytest.mark.parametrize("name", ["hourglass-s", "unet", "parts-s", "lgcn-s"])
def test_maps_are_those_of_the_face_and_reach_one(name):
    options = {"hourglass-s": {"channels": 8, "depth": 1}, "unet": {"channels": 8, "depth": 2},
               "parts-s": {"channels": 8, "hourglass_depth": 1}, "lgcn-s": {"channels": 8}}[name]
    torch.manual_seed(0)
    model, faces = from_nothing(create_model(name, **options)), blob_faces(2)
    one, two = (gallery.maps(model, faces, i) for i in (0, 1))
    assert one.shape[0] == 15 and one.min() >= 0 and one.max() <= 1 and not np.array_equal(one, two)
    assert model.training  # it is left as it was


def test_an_ensemble_can_be_looked_at_and_draws_no_map():
    made = viewer(Ensemble([small_model(), small_model()]), blob_faces(2))
    made.controls["point"].value = "all"
    assert "draws no heatmap" in made.words.value


def test_faces_without_labels_have_a_dash_for_an_error():
    faces = blob_faces(2)
    bare = type(faces)(faces.images, np.full_like(faces.keypoints, np.nan), faces.scheme)
    made = viewer(small_model(), bare)
    assert "–" in made.words.value and "nan" not in made.words.value


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
            "images_per_second": 100.0, "seconds": epoch if seconds is None else seconds}


def test_the_time_that_is_left():
    assert "epoch 2 of 10, about 8 s left" in progress.sentence(line(2), 10)
    assert "epoch 10 of 10, done" in progress.sentence(line(10), 10)
    assert [progress.duration(s) for s in (59.4, 200, 7500)] == ["59 s", "3 min 20 s", "2 h 05 min"]


@pytest.mark.parametrize("n", [1, 2, 5, 6])
def test_in_a_mosaic_every_point_lies_on_the_pixel_that_it_had(n):
    faces = blob_faces(n)
    image, corners = progress.mosaic(faces.images)
    for face, corner in zip(faces.images, corners[:, 0], strict=True):
        assert image[corner[1] + 20, corner[0] + 30] == face[20, 30]
        assert np.array_equal(image[corner[1] : corner[1] + 96, corner[0] : corner[0] + 96], face)
    assert len(np.unique(corners[:, 0], axis=0)) == n


@pytest.fixture
def shown(monkeypatch):
    """As in a notebook: what was displayed, and updated."""
    calls = []

    class Handle:
        def update(self, thing):
            calls.append(("update", thing.still))

    def display(thing, display_id):
        calls.append(("display", thing.still))
        return Handle()

    monkeypatch.setattr(progress, "in_notebook", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)
    return calls


def test_fit_calls_the_monitor_with_the_averaged_model(shown):
    faces, seen = blob_faces(8), []
    watch = monitor(faces, 3)

    def callback(line, model):
        seen.append((line["epoch"], model.training))
        watch(line, model)

    fit(small_model(), faces, faces, TrainConfig(epochs=3, batch_size=4), progress=False, callback=callback)
    assert seen == [(1, False), (2, False), (3, False)]
    assert [what for what, _ in shown] == ["display", "update"] and shown[0][1] != shown[1][1]
    assert "epoch 3 of 3, done" in watch.words.value and watch.picture.value == watch.still


def test_the_monitor_changes_nothing_in_the_training():
    faces, config = blob_faces(8), TrainConfig(epochs=3, batch_size=4)
    records = [fit(small_model(), faces, faces, config, progress=False, callback=w) for w in (None, monitor(faces, 3))]
    assert records[0]["metrics"] == records[1]["metrics"]


def test_the_monitor_keeps_to_its_share_of_the_time(shown, monkeypatch):
    clock, faces = [0.0], blob_faces(4)

    def slow_predict(model, faces_):
        clock[0] += 0.1  # what a picture costs
        return faces.keypoints, None

    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    monkeypatch.setattr(progress, "predict", slow_predict)
    watch, model = monitor(faces, 400), small_model()
    for epoch in range(1, 401):
        watch(line(epoch, seconds=0.1 * epoch), model)  # 40 s of training in all: 0.8 s for pictures
    assert watch.spent == pytest.approx(0.7) and watch.drawn == 7  # at 0, 15, 20, 25, 30, 35 and 40 s
    assert [what for what, _ in shown] == ["display", "update"]


def test_a_second_training_gets_a_picture_of_its_own(shown):
    watch, model = monitor(blob_faces(2), 2), small_model()
    for epoch in (1, 2, 1, 2):
        watch(line(epoch), model)
    assert [what for what, _ in shown] == ["display", "update"] * 2 and len(watch.curve) == 2


@pytest.mark.parametrize("wrong", [{"epochs": TrainConfig()}, {"epochs": 0}, {"epochs": 3, "share": 0},
                                   {"epochs": 3, "count": 0}, {"epochs": 3, "faces": blob_faces(1).select(slice(0))}])
def test_a_monitor_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(InputError, match="Expected"):
        monitor(**({"faces": blob_faces(1)} | wrong))


def test_in_a_terminal_the_monitor_writes_a_line_per_epoch(capsys):
    watch = monitor(blob_faces(4), 2)
    for epoch in (1, 2):
        watch(line(epoch), None)
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2 and out[1].startswith("epoch 2 of 2, done") and watch.drawn == 0


def test_a_kernel_is_recognised(monkeypatch):
    shell = InteractiveShell.instance()
    try:
        assert not progress.in_notebook()
        monkeypatch.setattr(type(shell), "kernel", object(), raising=False)
        assert progress.in_notebook()
    finally:
        InteractiveShell.clear_instance()


@pytest.mark.parametrize("path", sorted((ROOT / "book").glob("*.ipynb")), ids=lambda p: p.stem)
def test_no_notebook_stores_a_control_that_would_be_dead(path):
    """A view without a kernel does nothing, and a stored state makes the rendered page load scripts from a CDN."""
    notebook = nbformat.read(path, as_version=4)
    forms = [set(o.get("data", {})) for c in notebook.cells for o in c.get("outputs", [])]
    assert "widgets" not in notebook.metadata and not any(live.VIEW in f for f in forms)


def test_four_chapters_show_a_still():
    texts = [o.get("data", {}).get("text/plain", "") for n in (ROOT / "book").glob("*.ipynb")
             for c in nbformat.read(n, as_version=4).cells for o in c.get("outputs", [])]
    assert {"Augmentation playground", "Prediction viewer"} <= {
        t.removesuffix(f" {live.NOTE}") for t in texts if t.endswith(live.NOTE)}
    assert any(t.startswith("Training monitor") for t in texts)
