"""The command line on good and bad input: what it writes, what it says, how it exits."""

import json
import re
import signal
import subprocess
import sys
from functools import partial
from importlib import import_module

import kaggle_files
import numpy as np
import pandas as pd
import pytest
import torch
from commands import facekp, refused
from PIL import Image

from facekp import __version__, cli, photo, synthetic, training
from facekp.cli.arguments import settings
from facekp.data import Faces, folder, load
from facekp.errors import InputError
from facekp.keypoints import Scheme
from facekp.models import create_model, save_model
from facekp.predict import predict
from facekp.training.recipes import recipe


def experiment(name, *arguments) -> subprocess.CompletedProcess:
    """``python -m book.experiments.NAME`` in this process."""
    return facekp(*arguments, program=import_module(f"book.experiments.{name}").app)


def process(*arguments) -> subprocess.CompletedProcess:
    """Run ``python -m facekp`` as a user would."""
    return subprocess.run([sys.executable, "-m", "facekp", *map(str, arguments)], capture_output=True, text=True,
                          timeout=600, check=False)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with Kaggle-shaped files of 24 synthetic faces, and a run trained on them for one epoch."""
    work = tmp_path_factory.mktemp("work")
    faces = synthetic.sample().complete().select(slice(24))
    kaggle = work / "kaggle"
    kaggle.mkdir()
    kaggle_files.write(kaggle / "training.csv", kaggle_files.training_lines(faces.images, faces.keypoints))
    kaggle_files.write(kaggle / "test.csv", kaggle_files.test_lines(faces.images))
    rows = [(i, f) for i in (1, 2, 24) for f in faces.scheme.columns[:4]]
    lookup = pd.DataFrame(rows, columns=["ImageId", "FeatureName"]).assign(Location="")
    lookup.insert(0, "RowId", range(1, len(rows) + 1))
    lookup.to_csv(kaggle / "IdLookupTable.csv", index=False)
    extracted = facekp("extract", kaggle, work / "faces")
    assert extracted.returncode == 0, extracted.stderr
    small = ["--option", "channels=16", "--option", "depth=2", "--epochs", "1", "--batch-size", "8"]
    trained = facekp("train", work / "faces", work / "run", "--held-out", "0.25", *small)
    assert trained.returncode == 0, trained.stderr
    return work


def test_help_teaches_the_first_tour():
    text = process("--help")
    assert text.returncode == 0
    for command in ("demo", "download", "extract", "train", "evaluate", "predict", "submit"):
        assert f"facekp {command}" in text.stdout or f"\n  {command}" in text.stdout


def test_extract_writes_what_the_file_holds(work):
    back = folder.read_folder(work / "faces")
    assert back.fingerprint() == load(work / "kaggle").fingerprint()
    manifest = json.loads((work / "faces" / "manifest.json").read_text())
    assert manifest["count"] == 24 and len(list((work / "faces" / "images").iterdir())) == 24


def test_train_leaves_a_record_that_evaluate_agrees_with(work):
    record = json.loads((work / "run" / "record.json").read_text())
    assert record["split"] == {"keypoints": "15", "held_out": 0.25, "seed": 0}
    assert record["data"]["val"]["faces"] == 6 and len(record["curve"]) == 1
    result = facekp("evaluate", work / "run", work / "faces", "--picture", work / "worst.png")
    assert result.returncode == 0, result.stderr
    assert f"{record['metrics']['rmse']:.3f} px" in result.stdout and "6 held-out faces" in result.stdout
    assert Image.open(work / "worst.png").size[0] > 200


def test_a_command_that_left_the_library_names_the_new_one():
    assert "python -m book.experiments.synthetic_to_real" in refused(facekp("bench", "generated", "faces", "out"))
    assert "python -m book.experiments.speed --help" in refused(facekp("bench"))


def test_the_study_of_synthetic_faces_names_its_trials(tmp_path):
    error = refused(experiment("synthetic_to_real", "sample", tmp_path, "--name", "sketched"))
    assert "sketched" in error and "no-light" in error


def test_evaluate_refuses_the_faces_of_another_run(work):
    assert "not the faces of that training run" in refused(facekp("evaluate", work / "run", "sample"))
    everything = facekp("evaluate", work / "run", "sample", "--all")
    assert everything.returncode == 0 and "320 faces" in everything.stdout


def test_predict_on_a_data_set_and_on_a_photo_of_another_size(work):
    result = facekp("predict", work / "run", work / "kaggle", work / "points.csv", "--picture", work / "sheet.png")
    assert result.returncode == 0, result.stderr
    table = pd.read_csv(work / "points.csv")
    assert len(table) == 24 and table.columns[0] == "row" and table["confidence"].between(0, 1).all()


def test_a_photo_of_another_size_gets_its_points_in_its_own_pixels(work):
    """288 x 192 pixels: made square, shrunk by 3, and each point taken back by the pixel rule."""
    torch.manual_seed(0)
    model = create_model("resnet18")  # a regression answers smoothly, trained or not
    torch.nn.init.normal_(model.network.fc.weight, std=0.02)
    save_model(model, work / "smooth.safetensors")
    shown = np.kron(synthetic.sample().images[0], np.ones((3, 3), np.uint8))[:192]
    Image.fromarray(shown).convert("RGB").save(work / "photo.png")
    result = facekp("predict", work / "smooth.safetensors", work / "photo.png", work / "photo.csv")
    assert result.returncode == 0, result.stderr
    found = pd.read_csv(work / "photo.csv").iloc[0, 1:31].to_numpy(float).reshape(15, 2)
    square = photo.crop(shown, photo.whole(shown))
    on_square = predict(model, square[None])[0][0]
    assert np.ptp(on_square) > 5
    np.testing.assert_allclose(found, (on_square + 0.5) * 3 - 0.5, atol=0.02)


def test_submit_writes_the_rows_that_are_asked_for(work):
    result = facekp("submit", work / "run", work / "kaggle", work / "submission.csv")
    assert result.returncode == 0, result.stderr
    table = pd.read_csv(work / "submission.csv")
    assert table.columns.tolist() == ["RowId", "Location"] and table["RowId"].tolist() == list(range(1, 13))
    assert table["Location"].between(0, 96).all()


def test_an_interrupted_training_says_how_to_go_on_and_does(work):
    run = work / "interrupted"
    tiny = ["--option", "channels=16", "--option", "depth=2", "--batch-size", "8", "--held-out", "0.25"]
    command = [sys.executable, "-m", "facekp", "train", work / "faces", run, "--epochs", "400", *tiny]
    process = subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background of a shell ignores Ctrl-C, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while "epoch    2" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=600)
    assert process.returncode == 130 and "--resume" in printed and "Traceback" not in printed
    assert re.search(r"Interrupted after (step \d+ of )?epoch \d+; saved in", printed)
    assert (run / "resume.pt").exists() and not (run / "model.safetensors").exists()
    assert "another config" in refused(facekp("train", work / "faces", run, "--epochs", "3", *tiny, "--resume"))
    assert "add --resume" in refused(facekp("train", work / "faces", run, "--epochs", "400", *tiny)).lower()
    assert "training run is not finished" in refused(facekp("evaluate", run, work / "faces"))


def test_folds_are_trained_and_used_as_one_model(work):
    tiny = ["--option", "channels=16", "--option", "depth=2", "--batch-size", "8", "--epochs", "1"]
    result = facekp("train", work / "faces", work / "folds", "--folds", "2", *tiny)
    assert result.returncode == 0 and "each predicted by a model that never saw it" in result.stdout, result.stderr
    assert "fold 2 of 2  epoch    1  loss" in result.stdout
    result = facekp("predict", work / "folds", work / "faces", work / "folds.csv")
    assert result.returncode == 0 and (work / "folds.csv").exists(), result.stderr
    assert "was held out once" in refused(facekp("evaluate", work / "folds", work / "faces"))


def test_any_setting_can_be_changed_and_wrong_ones_are_refused(work):
    tiny = ["--option", "channels=16", "--option", "depth=2", "--epochs", "1"]
    more = ["--set", "batch_size=8", "--set", "schedule=onecycle", "--set", "optimizer=sgd"]
    more += ["--set", "augment.rotation=30", "--tensorboard"]
    result = facekp("train", work / "faces", work / "settings", *tiny, *more)
    assert result.returncode == 0, result.stderr
    config = json.loads((work / "settings" / "record.json").read_text())["config"]
    assert config["batch_size"] == 8
    assert config["schedule"] == "onecycle" and config["optimizer"] == "sgd" and config["augment"]["rotation"] == 30
    assert config["augment"]["flip"] == 0.5 and list((work / "settings" / "tensorboard").iterdir())
    for wrong, message in (("schedule=sine", "found 'sine'"), ("colour=red", "found colour"), ("lr", "name=value"),
                           ("augment.flip=2", "at most 1"), ("augment.warp=2", "found warp"), ("augment=9", "Augment")):
        with pytest.raises(InputError, match=message):
            recipe("hourglass-s", **settings([wrong]))
    both = facekp("train", work / "faces", work / "never", "--augment", "photometric", "--set", "augment.flip=0")
    assert "found both" in refused(both)
    assert "found 'strong'" in refused(facekp("train", work / "faces", work / "never", "--augment", "strong"))
    own = facekp("train", work / "faces", work / "never", "--model", "unet-s", "--original-recipe")
    assert "no original recipe for 'unet-s'" in refused(own)
    assert "is called --original-recipe now" in refused(facekp("train", work / "faces", work / "never", "--authors"))
    assert not (work / "never").exists()


def test_checks_before_a_long_run(work, monkeypatch):
    monkeypatch.setattr(training, "overfit", partial(training.overfit, steps=20))  # whether it learns: test_folds.py
    monkeypatch.setattr(training, "find_lr", partial(training.find_lr, steps=30))
    tiny = ["--option", "channels=16", "--option", "depth=2"]
    result = facekp("check", work / "faces", *tiny, "--set", "lr=0.01")
    assert result.returncode == 0 and "on these same faces" in result.stdout and "learn" in result.stdout, result.stderr
    result = facekp("find-lr", work / "faces", work / "rates.png", *tiny, "--set", "batch_size=4")
    assert result.returncode == 0 and "a good peak is" in result.stdout and (work / "rates.png").stat().st_size > 5000


def test_generate_and_inspect(work):
    assert facekp("generate", 3, work / "drawn", "--seed", 5).returncode == 0
    result = facekp("inspect", work / "drawn", "--picture", work / "drawn.png")
    assert result.returncode == 0 and "3 images 96x96" in result.stdout and "complete: 3" in result.stdout
    assert (work / "drawn.png").stat().st_size > 1000


def test_the_version_is_printed():
    result = process("--version")
    assert result.returncode == 0 and result.stdout == f"facekp {__version__}\n"


def test_models_are_listed():
    result = facekp("models")
    assert result.returncode == 0 and "hourglass-s" in result.stdout and "0.22 M" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspect", "nowhere.csv"], "no such file or folder"),
        (["inspect", "synthetic:x"], "synthetic:N"),
        (["extract", "{w}/kaggle", "{w}/faces"], "something in it"),
        (["extract", "{w}/kaggle", "{w}/new", "--keypoints", "7"], "found '7'"),
        (["train", "{w}/faces", "{w}/run"], "found a finished run. Name another."),
        (["train", "{w}/faces", "{w}/kaggle"], "files that are not of a run"),
        (["train", "{w}/faces", "{w}/x", "--option", "in_channels=2"], "found 2"),
        (["train", "{w}/faces", "{w}/x", "--model", "unet", "--option", "channels=8"], "would never draw some"),
        (["inspect", "{w}"], "expected keypoints.csv in this folder"),
        (["inspect", "synthetic:999999999999"], "not enough memory"),
        (["train", "{w}/faces", "{w}/run", "--resume"], "this run is finished"),
        (["train", "{w}/faces", "{w}/x", "--model", "lenet"], "no network 'lenet'"),
        (["train", "{w}/faces", "{w}/x", "--option", "wings=2"], "option that it does not have"),
        (["train", "{w}/faces", "{w}/x", "--option", "stacks"], "name=value"),
        (["train", "{w}/faces", "{w}/x", "--head", "decoder=best"], "no decoder 'best'"),
        (["train", "{w}/faces", "{w}/x", "--device", "tpu"], "no device 'tpu'"),
        (["train", "{w}/faces", "{w}/x", "--held-out", "0"], "between 0 and 1; found 0.0"),
        (["evaluate", "{w}/kaggle", "{w}/faces"], "no such file"),
        (["evaluate", "{w}/points.txt", "{w}/faces"], "expected a model"),
        (["predict", "{w}/run", "{w}/broken.png", "{w}/o.csv"], "not an image"),
        (["predict", "{w}/run", "{w}/faces", "{w}/o.csv", "--picture", "{w}/o.xyz"], "ends in one of"),
        (["evaluate", "{w}/run", "{w}/faces", "--picture", "{w}/o"], "ends in one of"),
        (["inspect", "{w}/faces", "--picture", "{w}/o.doc"], "ends in one of"),
        (["demo", "--out", "{w}/demo.xyz"], "ends in one of"),
        (["submit", "{w}/run", "{w}/faces", "{w}/o.csv"], "test.csv"),
        (["train", "{w}/faces"], "Missing argument"),
    ],
)
def test_bad_input_gets_one_message_and_code_2(work, arguments, message):
    (work / "points.txt").write_text("these are no weights")
    (work / "broken.png").write_text("this is not an image")
    before = sorted(p for p in work.rglob("*"))
    assert message in refused(facekp(*[a.format(w=work) for a in arguments]))
    assert sorted(p for p in work.rglob("*")) == before


def test_debug_shows_where_it_happened():
    result = process("inspect", "nowhere.csv", "--debug")
    assert result.returncode != 0 and "Traceback" in result.stderr


def test_importing_the_package_loads_no_torch():
    code = (
        "import sys, facekp, facekp.cli, facekp.data; sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_own_points_train_from_a_folder(tmp_path):
    faces = synthetic.sample().complete().select(slice(12))
    two = Faces(
        faces.images,
        faces.keypoints[:, :2],
        type(faces.scheme)("ears", ("left_ear", "right_ear"), (("left_ear", "right_ear"),)),
    )
    folder.extract(two, tmp_path / "ears")
    small = [
        "--option",
        "channels=16",
        "--option",
        "depth=2",
        "--epochs",
        "1",
        "--batch-size",
        "4",
        "--held-out",
        "0.25",
    ]
    assert facekp("train", tmp_path / "ears", tmp_path / "run", *small).returncode == 0
    result = facekp("evaluate", tmp_path / "run", tmp_path / "ears")
    assert "NME, PCK and AUC need a unit: the distance between two points, e.g. --unit left_ear" in result.stdout
    result = facekp("evaluate", tmp_path / "run", tmp_path / "ears", "--unit", "right_ear,left_ear")
    assert "% of the distance right_ear - left_ear" in result.stdout and "AUC" in result.stdout
    result = facekp("evaluate", tmp_path / "run", tmp_path / "ears", "--unit", "left_ear,nose")
    assert result.returncode == 2 and "Known: left_ear, right_ear" in result.stderr


def test_a_full_gpu_is_reported_in_one_line(monkeypatch, capsys):
    def full(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr("facekp.data.load", full)
    monkeypatch.setattr(sys, "argv", ["facekp", "inspect", "sample"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2 and capsys.readouterr().err.startswith("facekp: The GPU's memory is full.")
    monkeypatch.setattr(sys, "argv", ["facekp", "inspect", "sample", "--debug"])
    with pytest.raises(torch.OutOfMemoryError):
        cli.main()


@pytest.mark.parametrize("command", [
    ["{data}", "{photo}"],  # two photos, as it was meant
    ["{data}", "{data}/keypoints.csv"],
    ["{photo}", "--out", "{photo}"],
])
def test_predict_never_writes_over_what_it_is_given(command, tmp_path):
    folder.extract(synthetic.sample().select(slice(2)), tmp_path / "data")
    photo_file = next((tmp_path / "data" / "images").iterdir())
    before = {p: p.read_bytes() for p in (photo_file, tmp_path / "data" / "keypoints.csv")}
    arguments = [part.format(data=tmp_path / "data", photo=photo_file) for part in command]
    assert "expected" in refused(facekp("predict", "hourglass-s-synthetic", *arguments))
    assert {p: p.read_bytes() for p in before} == before


def test_training_with_points_that_have_no_sides_says_so(tmp_path):
    few = synthetic.sample().complete().select(slice(12))
    Faces(few.images, few.keypoints[:, :2], Scheme("own", ("leye", "reye")), few.rows).save(tmp_path / "own.npz")
    options = ["--option", "channels=16", "--option", "depth=2", "--epochs", "1", "--keypoints", "any"]
    result = facekp("train", tmp_path / "own.npz", tmp_path / "run", *options)
    assert result.returncode == 0 and "no point is swapped" in result.stdout
