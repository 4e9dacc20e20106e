"""What Colab does to a run: the GPU goes, or there is none; one line says so, and nothing that was saved is lost."""

from dataclasses import replace

import pytest
import torch

from facekp import chapter
from facekp.chapter import ChapterRun, plan_training
from facekp.errors import InputError
from facekp.synthetic import generate
from facekp.training import TrainConfig


@pytest.fixture
def run(tmp_path):
    """A run of four short epochs that saves itself after each."""
    train, test = generate(20, seed=3).split(0.3, seed=0)
    config = TrainConfig(epochs=4, batch_size=7, save_every=0, device="cpu")
    return ChapterRun("full", "hourglass-s", train, test, config, 0.5, "hourglass-2", tmp_path / "run")


def lost_after(epoch):
    def callback(line, model):
        if line["epoch"] == epoch:
            raise RuntimeError("CUDA error: unspecified launch failure\nCompile with TORCH_USE_CUDA_DSA.")
    return callback


def test_a_run_whose_gpu_was_taken_away_goes_on_where_it_was_saved(run, tmp_path):
    with pytest.raises(InputError, match=r"^The GPU stopped .*launch failure\)\. Restart .* continues from .*run\.$"):
        run.fit(lost_after(3))
    assert (tmp_path / "run" / "resume.pt").is_file() and not (tmp_path / "run" / "record.json").exists()
    epochs = []
    model, record = run.fit(lambda line, model: epochs.append(line["epoch"]))
    assert epochs[0] >= 3 and epochs[-1] == 4 and [line["epoch"] for line in record["curve"]] == [1, 2, 3, 4]
    undisturbed, straight = replace(run, folder=tmp_path / "other").fit()
    for a, b in zip(model.state_dict().values(), undisturbed.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert record["metrics"]["rmse"] == straight["metrics"]["rmse"]


def test_without_a_folder_the_message_says_that_it_begins_anew(run):
    with pytest.raises(InputError, match="it begins anew"):
        replace(run, folder=None).fit(lost_after(1))


def test_another_error_stays_itself(run):
    def broken(line, model):
        raise RuntimeError("a mistake of our own")
    with pytest.raises(RuntimeError, match="a mistake of our own"):
        run.fit(broken)


def test_a_pytorch_without_cuda_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACEKP_KAGGLE", "")
    monkeypatch.setenv("FACEKP_EPOCHS", "1")
    monkeypatch.setattr(chapter, "cached", lambda n: generate(12, seed=n))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "GPU: none (this PyTorch is built without CUDA)." in str(plan_training("unet", "hourglass-s"))
