"""Synthetic faces against photographs: what learns from what, which half reports, records that are kept."""

import json
from dataclasses import replace

import numpy as np
import pytest
from blobs import blob_faces

from book.experiments import synthetic_to_real as transfer
from book.experiments.synthetic_to_real import TRIALS, Trial
from facekp.errors import InputError
from facekp.models import create_model
from facekp.results import load_record, records_folder
from facekp.synthetic import Ingredients


@pytest.fixture
def photographs():
    return blob_faces(40)


@pytest.fixture
def quick(monkeypatch):
    """Three trials of a few steps, and few synthetic faces to test on."""
    draw = transfer.generate

    def few(n, seed, ingredients):
        return draw(min(n, 6), seed, ingredients=ingredients)

    monkeypatch.setattr(transfer, "generate", few)
    trials = {
        "synthetic": Trial(faces=6, epochs=1),
        "few-0": Trial("photographs", faces=4, epochs=10),
        "few-after-synthetic-0": Trial("photographs", faces=4, epochs=10, start="synthetic", lr=5e-4),
    }
    monkeypatch.setattr(transfer, "TRIALS", trials)
    return trials


def test_trials_differ_in_what_their_name_says():
    full = TRIALS["everything"]
    for name in ("expression", "light", "hair", "occluders", "camera"):
        assert TRIALS[f"no-{name}"] == replace(full, ingredients=replace(full.ingredients, **{name: False}))
    assert TRIALS["no-pose"].ingredients.pose == 0 and not TRIALS["no-augmentation"].augment
    assert {t.start for t in TRIALS.values()} <= {"", *TRIALS}
    for seed in range(2):  # the same photographs, the same number of steps
        alone, after = TRIALS[f"few-{seed}"], TRIALS[f"few-after-synthetic-{seed}"]
        assert (alone.faces, alone.epochs, alone.seed) == (after.faces, after.epochs, after.seed)


@pytest.mark.parametrize("name", [p.stem for p in sorted((records_folder() / "synthetic-to-real").glob("*.json"))])
def test_a_stored_record_is_of_the_trial_that_it_is_called_after(name):
    record, trial = load_record(f"synthetic-to-real/{name}"), TRIALS[name]
    kept = record["trial"]
    assert (kept["source"], kept["epochs"], kept["seed"], kept["augment"], kept["start"], kept["lr"]) == (
        trial.source, trial.epochs, trial.seed, trial.augment, trial.start, trial.lr)
    assert kept["ingredients"] == vars(trial.ingredients) and kept["faces"] == (trial.faces or kept["faces"])
    assert len(record["curve"]) == record["config"]["epochs"] == trial.epochs // kept["repeats"]
    assert record["tests"]["reported"]["faces"] == record["tests"]["looked_at"]["faces"] == 1070


def test_photographs_are_halved_and_learnt_from_on_one_side_only(quick, photographs):
    tests = transfer.test_sets(photographs)
    looked_at, reported = tests["looked_at"], tests["reported"]
    assert len(looked_at) == len(reported) == 20 and not set(looked_at.rows) & set(reported.rows)
    train, watch = transfer.train_faces(Trial("photographs", faces=5, seed=1), looked_at)
    assert len(train) == 5 and not set(train.rows) & set(watch.rows)
    assert {*train.rows, *watch.rows} <= set(looked_at.rows)
    every, watch = transfer.train_faces(Trial("photographs", faces=0), looked_at)
    assert len(every) + len(watch) == 20
    with pytest.raises(InputError, match="at least 22 photographs"):
        transfer.train_faces(Trial("photographs", faces=20), looked_at)


def test_synthetic_lessons_differ_by_seed_and_not_by_the_rest(quick, photographs):
    a, b, c = (transfer.train_faces(Trial(faces=3, seed=s), photographs)[0] for s in (0, 0, 1))
    assert np.array_equal(a.images, b.images) and not np.array_equal(a.images, c.images)
    plain, _ = transfer.train_faces(Trial(faces=3, ingredients=Ingredients(camera=False)), photographs)
    assert plain.images.shape == a.images.shape


def test_an_offset_is_taken_from_the_other_half(photographs, monkeypatch):
    tests = dict(zip(("looked_at", "reported"), photographs.split(0.5), strict=True))
    known = {faces.images.tobytes(): faces.keypoints for faces in tests.values()}

    def off_by(model, images):
        return known[images.tobytes()] + np.float32([2.0, -1.0]), None

    monkeypatch.setattr(transfer, "predict", off_by)
    out = transfer.evaluate(create_model("hourglass-s"), tests, np.zeros((15, 2), np.float32))
    assert out["reported"]["rmse"] == pytest.approx(np.sqrt(2.5), abs=1e-4)
    assert out["reported"]["rmse_offset_removed"] == pytest.approx(0, abs=1e-4)
    assert out["looked_at"]["offset_per_keypoint"]["nose_tip"] == [2.0, -1.0]
    assert out["looked_at"]["median_face_rmse"] == pytest.approx(np.sqrt(2.5), abs=1e-4)


def test_records_are_written_and_kept(quick, photographs, tmp_path, capsys):
    with pytest.raises(InputError, match="among synthetic, few-0"):
        transfer.run(photographs, tmp_path, ["sketched"])
    transfer.run(photographs, tmp_path, ["few-after-synthetic-0"])  # trains what it begins with, too
    record = json.loads((tmp_path / "few-after-synthetic-0.json").read_text())
    assert record["trial"]["start"] == "synthetic" and record["trial"]["repeats"] == 10 and record["format"] == 1
    assert set(record["tests"]) == {"looked_at", "reported", "synthetic"} and len(record["curve"]) == 1
    before = (tmp_path / "synthetic.json").read_bytes()
    transfer.run(photographs, tmp_path, ["synthetic"])
    assert (tmp_path / "synthetic.json").read_bytes() == before
    lines = transfer.table(tmp_path).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| synthetic", "| few-after-synthetic-0"]
