"""Starting from given weights, and training in stages: in the library, on the command line, in a plan."""

import json
import re

import numpy as np
import pytest
import torch
from blobs import blob_faces
from commands import facekp, refused

from book.experiments.plan_file import read_plan
from book.experiments.run_plan import run_plan
from facekp.cli.train_command import Job
from facekp.errors import InputError
from facekp.keypoints import KAGGLE, Scheme
from facekp.models import create_model, load_model, start_from
from facekp.training import TrainConfig
from facekp.training.recipes import recipe
from facekp.training.stages import fit_stages

SMALL = {"channels": 16, "hourglass_depth": 1}
THREE = ("detector", "regressor", "joint")
CONFIG = TrainConfig(epochs=1, batch_size=8, device="cpu", augment=None)
TRAIN = ["--model", "parts-s", "--option", "channels=16", "--option", "hourglass_depth=1", "--epochs", "1",
         "--batch-size", "8", "--held-out", "0.25"]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with faces, and a run of three stages on them, made by the command."""
    folder = tmp_path_factory.mktemp("stages")
    blob_faces(24).save(folder / "faces.npz")
    done = facekp("train", folder / "faces.npz", folder / "run", *TRAIN, "--stages", ",".join(THREE))
    assert done.returncode == 0, done.stderr
    return folder


def weights(model, part):
    return [v for k, v in model.state_dict().items() if k.startswith(f"network.{part}.")]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_three_stages_each_from_the_weights_of_the_last(work):
    one = load_model(work / "run" / "stage-1-detector" / "model.safetensors")
    two = load_model(work / "run" / "stage-2-regressor" / "model.safetensors")
    three = load_model(work / "run" / "model.safetensors")
    torch.manual_seed(0)
    fresh = create_model("parts-s", **SMALL, stage="detector")
    assert not same(weights(one, "detector"), weights(fresh, "detector"))
    assert same(weights(one, "regressor"), weights(fresh, "regressor"))
    assert same(weights(two, "detector"), weights(one, "detector"))  # frozen, statistics of batch norm too
    assert not same(weights(two, "regressor"), weights(one, "regressor"))
    assert not same(weights(three, "detector"), weights(two, "detector"))
    assert three.options["stage"] == "joint"
    record = json.loads((work / "run" / "record.json").read_text())
    assert [part["stage"] for part in record["stages"]] == list(THREE)
    assert len(record["curve"]) == 1 and all(len(part["curve"]) == 1 for part in record["stages"][:2])
    assert "mean face" in facekp("evaluate", work / "run", work / "faces.npz").stdout


def test_finished_stages_are_kept_and_others_are_refused(tmp_path):
    learn, test = blob_faces(24).split(0.25)

    def create(stage):
        made.append(stage)
        return create_model("parts-s", **SMALL, stage=stage)

    made = []
    fit_stages(create, THREE[:2], learn, test, CONFIG, tmp_path, progress=False)
    (tmp_path / "record.json").unlink()  # as if it had been interrupted in the second stage
    fit_stages(create, THREE[:2], learn, test, CONFIG, tmp_path, progress=False)
    assert made == ["detector", "regressor", "regressor"]
    with pytest.raises(InputError, match="another config"):
        fit_stages(create, THREE[:2], learn, test, TrainConfig(epochs=2), tmp_path, progress=False)


def test_a_run_starts_from_given_weights(work):
    learn, _ = blob_faces(24).split(0.25)
    detector = work / "run" / "stage-1-detector"
    job = Job(work / "faces.npz", "parts-s", CONFIG, options=SMALL | {"stage": "regressor"}, init=detector)
    given = load_model(detector / "model.safetensors")
    assert same(job.network(learn).state_dict().values(), given.state_dict().values())
    result = facekp("train", work / "faces.npz", work / "second", *TRAIN, "--option", "stage=regressor", "--init",
                    detector / "model.safetensors")
    assert result.returncode == 0, result.stderr
    assert "learnt from the same faces" in result.stdout
    two = load_model(work / "second" / "model.safetensors")
    assert same(weights(two, "detector"), weights(given, "detector"))
    assert json.loads((work / "second" / "record.json").read_text())["init"].endswith("model.safetensors")


def test_shipped_weights_are_a_start(tmp_path):
    blob_faces(24).save(tmp_path / "faces.npz")
    result = facekp("train", tmp_path / "faces.npz", tmp_path / "run", "--epochs", "1", "--batch-size", "8",
                    "--held-out", "0.25", "--lr", "1e-9", "--init", "hourglass-s-synthetic")
    assert result.returncode == 0 and "the error on them is too small" in result.stdout, result.stderr
    found = load_model(tmp_path / "run" / "model.safetensors").network.heads[0].weight
    fresh = create_model("hourglass-s").network.heads[0].weight
    assert fresh.abs().max() == 0 and found.abs().max() > 0.01


def test_a_start_that_does_not_fit_is_one_line(work):
    faces, never = work / "faces.npz", work / "never"
    for arguments, message in (
        (["--option", "stage=regressor"], "Train a detector first .* or train all of them: --stages detector,regr"),
        (["--stages", "regressor,joint"], "would have fresh weights"),
        (["--stages", "detector,last"], "no stage 'last'. Known: detector, regressor, joint"),
        (["--stages", "detector", "--option", "stage=joint"], "found both"),
        (["--stages", "detector,joint", "--folds", "2"], "found both"),
        (["--init", "hourglass-s-synthetic"], "initial weights of the network parts-s .* those of hourglass-s"),
        (["--init", work / "nothing"], "there is no such file"),
    ):
        error = refused(facekp("train", faces, never, *TRAIN, *arguments))
        assert error.count("\n") == 1
        assert re.search(message, error), error
    assert "option that it does not have: 'stage'" in refused(facekp("train", faces, never, "--stages", "detector"))
    assert not never.exists()


def test_weights_of_other_points_are_refused_with_both_lists():
    two = create_model("unet-s", Scheme("two", ("tip", "tail")), depth=2)
    with pytest.raises(InputError, match=r"for the 2 points of these faces \(tip, tail\); found weights for 15 points"):
        start_from(two, create_model("unet-s", KAGGLE, depth=2))
    assert start_from(two, None) is two


def test_a_plan_trains_in_stages_and_starts_from_weights(work):
    (work / "plan.toml").write_text(f"""
[common]
model = "parts-s"
options = {{ channels = 16, hourglass_depth = 1 }}
held_out = 0.25
set = {{ epochs = 1, batch_size = 8, device = "cpu" }}
[[run]]
name = "three stages"
stages = ["detector", "regressor", "joint"]
[[run]]
name = "from a run"
init = "{work / 'run'}"
""")
    for _ in range(2):  # the second time the records are found and compared
        run_plan(work / "plan.toml", work / "faces.npz", work / "out", work / "runs")
    staged = json.loads((work / "out" / "three-stages-0.json").read_text())
    assert [part["stage"] for part in staged["stages"]] == list(THREE)
    started = json.loads((work / "out" / "from-a-run-0.json").read_text())
    assert started["init"] == str(work / "run") and np.isfinite(started["metrics"]["rmse"])
    text = (work / "plan.toml").read_text()
    (work / "plan.toml").write_text(text.replace(', "joint"', ""))
    with pytest.raises(InputError, match="another options, init or stages"):
        run_plan(work / "plan.toml", work / "faces.npz", work / "out", work / "runs", only=["three stages"])
    for wrong in ('stages = "detector"', "stages = []", "stages = [1]", "init = 3", 'stages = ["regressor"]'):
        (work / "plan.toml").write_text(f'[[run]]\nname = "x"\nmodel = "parts-s"\n{wrong}\n')
        with pytest.raises(InputError):
            read_plan(work / "plan.toml")


def test_the_recipe_of_the_plan_row_is_thirty_epochs_in_all():
    runs = [run for run in read_plan("book/plans/protocol-a.toml")[1] if run.name == "parts-s, three stages"]
    assert len(runs) == 3
    job = runs[0].job("sample")
    assert job.stages == THREE and job.config.epochs * 3 == 30 and job.config.lr == recipe("parts-s").lr
