"""Runs that are interrupted, killed, broken: what is left, and how they go on."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from blobs import blob_faces

from facekp.errors import InputError
from facekp.models import create_model, load_model
from facekp.training import Interrupted, TrainConfig, fit
from facekp.training import loop as loop_module

CONFIG = TrainConfig(epochs=4, batch_size=9, device="cpu", save_every=0.0)


def small(seed: int = 0, **options):
    torch.manual_seed(seed)
    return create_model("hourglass-s", channels=16, depth=2, **options)


@pytest.fixture(scope="module")
def faces():
    return blob_faces(36).split(0.25)


def same(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.fixture
def interrupt(monkeypatch):
    """Sends Ctrl-C in the middle of the n-th step."""

    def arm(n: int) -> None:
        step, count = loop_module.train_step, iter(range(1, 1000))

        def counted(*args):
            if next(count) == n:
                signal.raise_signal(signal.SIGINT)
            return step(*args)

        monkeypatch.setattr(loop_module, "train_step", counted)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield arm
    signal.signal(signal.SIGINT, before)


@pytest.mark.tried("train", "Ctrl-C in the middle of a step, then --resume", "the undisturbed weights, bit for bit")
@pytest.mark.parametrize("step", [1, 5, 6, 11])  # three steps an epoch: the first, within one, the last of one, ...
def test_an_interrupted_run_ends_bit_for_bit_where_the_undisturbed_one_ends(faces, tmp_path, interrupt, step):
    whole, broken, resumed = small(), small(), small(seed=9)
    straight = fit(whole, *faces, CONFIG, progress=False)
    interrupt(step)
    with pytest.raises(Interrupted, match=r"saved in .*resume\.pt.*--resume"):
        fit(broken, *faces, CONFIG, tmp_path, progress=False)
    assert not (tmp_path / "model.safetensors").exists()
    record = fit(resumed, *faces, CONFIG, tmp_path, resume=True, progress=False)
    assert same(whole, resumed)
    for line, other in zip(record["curve"], straight["curve"], strict=True):
        assert line["loss"] == other["loss"] and line["val_rmse"] == other["val_rmse"]
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log.jsonl", "model.safetensors", "record.json"]


def test_ctrl_c_finishes_the_step_and_says_where_it_was(faces, tmp_path, interrupt):
    interrupt(5)
    with pytest.raises(Interrupted, match="after step 2 of epoch 2; saved"):
        fit(small(), *faces, CONFIG, tmp_path, progress=False)
    state = torch.load(tmp_path / "resume.pt", weights_only=True)["state"]
    assert state["done"] == 2 and len(state["curve"]) == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_without_a_folder_says_that_nothing_was_saved(faces, interrupt):
    interrupt(2)
    with pytest.raises(Interrupted, match="Nothing was saved"):
        fit(small(), *faces, CONFIG, progress=False)


def test_ctrl_c_in_the_last_step_does_not_undo_a_finished_run(faces, tmp_path, interrupt):
    interrupt(12)
    assert len(fit(small(), *faces, CONFIG, tmp_path, progress=False)["curve"]) == 4


def test_a_killed_run_goes_on_from_its_last_resume_file(faces, tmp_path):
    """kill -9 from outside, in the middle of the third epoch: the process stops there, and is then killed."""
    code = f"""
import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})
from test_resume import *
step, count = loop_module.train_step, iter(range(1, 1000))
def stopped(*args):
    if next(count) == 8:
        signal.raise_signal(signal.SIGSTOP)
    return step(*args)
loop_module.train_step = stopped
fit(small(), *blob_faces(36).split(0.25), replace(CONFIG, epochs=12), {str(tmp_path)!r}, progress=False)
"""
    child = subprocess.Popen([sys.executable, "-c", code])
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 2
    whole, resumed = small(), small(seed=9)
    straight = fit(whole, *faces, replace(CONFIG, epochs=12), progress=False)
    record = fit(resumed, *faces, replace(CONFIG, epochs=12), tmp_path, resume=True, progress=False)
    assert [line["loss"] for line in record["curve"]] == [line["loss"] for line in straight["curve"]]
    assert same(whole, resumed)


def test_resuming_with_other_data_or_options_is_refused(faces, tmp_path, interrupt):
    interrupt(4)
    val = faces[1]
    with pytest.raises(Interrupted):
        fit(small(), *faces, CONFIG, tmp_path, progress=False)
    with pytest.raises(InputError, match="another set of training faces"):
        fit(small(), val, val, CONFIG, tmp_path, resume=True, progress=False)
    with pytest.raises(InputError, match=r"another config \(epochs: \d+ then, 5 now\)\."):
        fit(small(), *faces, replace(CONFIG, epochs=5), tmp_path, resume=True, progress=False)
    with pytest.raises(InputError, match="another model"):
        fit(create_model("cnn3"), *faces, CONFIG, tmp_path, resume=True, progress=False)
    whole = (tmp_path / "resume.pt").read_bytes()
    for broken in (whole[:1000], b"", b"garbage" * 99):
        (tmp_path / "resume.pt").write_bytes(broken)
        with pytest.raises(InputError, match=r"resume\.pt: expected the resume file"):
            fit(small(), *faces, CONFIG, tmp_path, resume=True, progress=False)


def test_resume_files_are_written_now_and_then_and_gone_at_the_end(faces, tmp_path):
    seen = []
    rare = replace(CONFIG, save_every=1e9)
    for folder, config in (("often", CONFIG), ("rare", rare)):
        path = tmp_path / folder / "resume.pt"
        fit(small(), *faces, config, path.parent, progress=False, on_epoch=lambda _, p=path: seen.append(p.exists()))
        assert not path.exists()
    assert seen == [True] * 4 + [False] * 4


def test_a_loss_that_is_not_a_number_says_where_and_which_weights_are_left(faces, tmp_path):
    def spoil(line):
        if line["epoch"] == 2:
            with torch.no_grad():
                model.network.heads[0].bias.fill_(torch.nan)

    model = small()
    with pytest.raises(FloatingPointError, match=r"nan in epoch 3, step 1 of 3, at learning rate .*epoch 2, the"):
        fit(model, *faces, CONFIG, tmp_path, progress=False, on_epoch=spoil)
    rescued = load_model(tmp_path / "last-good.safetensors")
    assert all(v.isfinite().all() for v in rescued.state_dict().values())
    model = small()
    with pytest.raises(FloatingPointError, match="No earlier state was saved"):
        fit(model, *faces, CONFIG, progress=False, on_epoch=spoil)


@pytest.mark.tried("train", "a second run into a folder, stopped right after its weights were written",
                   "the first run's record is not left beside weights that are not its own")
def test_no_record_stands_beside_the_weights_of_another_run(faces, tmp_path, monkeypatch):
    fit(small(), *faces, CONFIG, tmp_path, progress=False)
    before = (tmp_path / "model.safetensors").read_bytes()
    monkeypatch.setattr(loop_module, "write_json", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space left"):
        fit(small(seed=3), *faces, CONFIG, tmp_path, progress=False)
    assert (tmp_path / "model.safetensors").read_bytes() != before and not (tmp_path / "record.json").exists()


def test_the_log_has_a_line_of_json_per_epoch(faces, tmp_path):
    record = fit(small(), *faces, CONFIG, tmp_path, progress=False)
    assert [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()] == record["curve"]


def test_a_run_goes_on_where_numbers_have_another_type_and_random_ones_another_kind(faces, tmp_path, interrupt,
                                                                                     monkeypatch):
    """From one kind of GPU to another, or to none: "auto" takes another precision, and the views' generator differs."""
    interrupt(5)
    with pytest.raises(Interrupted):
        fit(small(), *faces, CONFIG, tmp_path, progress=False)
    saved = torch.load(tmp_path / "resume.pt", weights_only=True)
    saved["state"]["views"] = saved["state"]["views"][:16]  # as long as CUDA's
    torch.save(saved, tmp_path / "resume.pt")
    monkeypatch.setattr(loop_module, "pick_precision", lambda *_: torch.float16)
    record = fit(small(), *faces, CONFIG, tmp_path, resume=True, progress=False)
    assert len(record["curve"]) == CONFIG.epochs


def test_a_long_epoch_is_saved_on_the_way(faces, tmp_path, monkeypatch):
    step, there = loop_module.train_step, []

    def look(*args):
        there.append((tmp_path / "resume.pt").exists())
        return step(*args)

    monkeypatch.setattr(loop_module, "train_step", look)
    fit(small(), *faces, replace(CONFIG, epochs=1), tmp_path, progress=False)
    assert there == [False, True, True]


def test_without_git_the_trained_model_is_kept(faces, tmp_path, monkeypatch):
    def no_git(*_, **__):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", no_git)
    record = fit(small(), *faces, replace(CONFIG, epochs=1), tmp_path, progress=False)
    assert record["commit"] is None and (tmp_path / "model.safetensors").is_file()
