"""What a chapter trains, by what is here; its eight faces; the table that grows."""

import kaggle_files
import numpy as np
import pytest
import torch

from facekp import chapter, synthetic
from facekp.chapter import eight_faces, errors_on, growing_table, own_records, plan_training
from facekp.errors import InputError
from facekp.models import create_model
from facekp.synthetic import cached, generate


@pytest.fixture
def quiet(tmp_path, monkeypatch):
    """An empty folder to work in, an own cache, few faces, one epoch, no Kaggle files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FACEKP_KAGGLE", "")
    monkeypatch.setenv("FACEKP_EPOCHS", "1")
    monkeypatch.delenv("FACEKP_CHAPTER", raising=False)
    monkeypatch.setattr(chapter, "cached", lambda n: generate(12, seed=n))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_without_a_gpu_the_compact_network_trains_and_leaves_no_file(quiet, tmp_path):
    run = plan_training(paper="unet", compact="hourglass-s")
    said = str(run)
    assert run.mode == "short" and run.name == "hourglass-s" and run.config.epochs == 1 and run.folder is None
    assert "GPU: none" in said and "Kaggle's files: not found" in said and "hourglass-s (0.22 M parameters)" in said
    model, record = run.fit()
    assert record["metrics"]["rmse"] > 0 and not model.training and not (tmp_path / chapter.RUNS).exists()


def test_a_full_run_trains_the_papers_network_on_kaggles_faces_and_keeps_its_record(quiet, tmp_path, monkeypatch):
    (tmp_path / "kaggle").mkdir()
    images, keypoints = kaggle_files.arrays(24, size=96)
    kaggle_files.write(tmp_path / "kaggle" / "training.csv", kaggle_files.training_lines(images, keypoints))
    monkeypatch.setenv("FACEKP_KAGGLE", str(tmp_path / "kaggle"))
    monkeypatch.setenv("FACEKP_CHAPTER", "full")
    monkeypatch.setattr(chapter, "recipe", lambda name, **c: chapter.TrainConfig(batch_size=4, **c))
    run = plan_training(paper="hourglass-s", compact="unet-s")
    assert run.mode == "full" and run.name == "hourglass-s" and run.pixel_offset == 0.5
    assert "Kaggle's files: found" in str(run) and "Kaggle's complete faces" in str(run)
    _, record = run.fit()
    assert record["split"] == {"keypoints": "15", "held_out": 0.1, "seed": 0}  # as the book's records
    assert list(own_records()) == ["yours: hourglass-s"] and record["model"]["pixel_offset"] == 0.5
    table = growing_table(["mean face", "resnet18"])
    assert list(table.index) == ["mean face", "resnet18", "yours: hourglass-s"]
    assert table.loc["yours: hourglass-s", "RMSE (px)"] == f"{record['metrics']['rmse']:.3f}"


def test_a_run_on_synthetic_faces_says_so_beside_the_books_rows(quiet, tmp_path, monkeypatch):
    monkeypatch.setenv("FACEKP_CHAPTER", "synthetic")
    monkeypatch.setattr(chapter, "cached", lambda count: generate(24, seed=6))
    monkeypatch.setattr(chapter, "recipe", lambda name, **c: chapter.TrainConfig(batch_size=8, **c))
    plan_training(paper="hourglass-s", compact="unet-s").fit()
    assert list(growing_table(["mean face"]).index) == ["mean face", "yours: hourglass-s, synthetic faces"]


def test_a_mode_that_does_not_exist_and_missing_files_are_one_message(quiet, monkeypatch):
    monkeypatch.setenv("FACEKP_CHAPTER", "long")
    with pytest.raises(InputError, match="full, synthetic, short"):
        plan_training(paper="unet", compact="unet-s")
    monkeypatch.setenv("FACEKP_CHAPTER", "full")
    with pytest.raises(InputError, match="Expected Kaggle's files for the full run; found none"):
        plan_training(paper="unet", compact="unet-s")


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1.5"])
def test_a_limit_that_is_not_a_number_of_epochs_is_one_message(quiet, monkeypatch, limit):
    monkeypatch.setenv("FACEKP_EPOCHS", limit)
    with pytest.raises(InputError, match="Expected a number of epochs in FACEKP_EPOCHS"):
        plan_training(paper="unet", compact="unet-s")


def test_the_eight_faces_are_always_the_same_and_exact():
    once, again = eight_faces(), eight_faces()
    assert len(once.complete()) == 8 and np.array_equal(once.images, again.images)
    errors = errors_on({"fresh": create_model("hourglass-s")}, once)
    assert errors.shape == (1, 8) and (errors.to_numpy() > 0).all()


def test_cached_faces_are_rendered_once_and_again_where_the_file_is_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    drawn = cached(3)
    file, = (tmp_path / "facekp").iterdir()
    monkeypatch.setattr(synthetic, "generate", lambda *_: pytest.fail("drawn twice"))
    assert np.array_equal(cached(3).images, drawn.images)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file.write_bytes(b"damaged")
    assert np.array_equal(cached(3).keypoints, drawn.keypoints)
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    assert len(cached(2)) == 2


@pytest.mark.parametrize(("seconds", "text"), [(3, "10 seconds"), (44, "40 seconds"), (200, "3 minutes"),
                                               (9000, "2.5 hours")])
def test_durations_are_rounded_for_people(seconds, text):
    assert chapter.duration(seconds) == text
