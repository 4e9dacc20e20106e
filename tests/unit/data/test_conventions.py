"""Two conventions, 17 points: nothing is lost on the way there and back, and every command knows the way."""

import json
import shutil
import subprocess
import sys

import kaggle_files
import numpy as np
import pandas as pd
import pytest
import torch

from facekp import cli, data, metrics, runs, synthetic
from facekp.augment import Augment, augment
from facekp.cli import reports
from facekp.data import Faces, conventions, folder, kaggle
from facekp.data.conventions import (
    TWO,
    join_conventions,
    sources_of_lookup,
    split_conventions,
    with_conventions,
)
from facekp.errors import InputError
from facekp.keypoints import KAGGLE, KAGGLE_FOUR, Scheme
from facekp.predict import predict

TIP, BASE, LIP, MIDDLE = TWO.index("nose_tip", "nose_base", "mouth_center_bottom_lip", "mouth_center")
TINY = ["--option", "channels=24", "--option", "depth=2", "--epochs", "1", "--batch-size", "8", "--held-out", "0.25"]


def labelled(seed: int, n: int = 40) -> Faces:
    """Random labels of both sources: 5 to 15 points, or up to four of Kaggle's four."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-5, 100, (n, 15, 2)).astype(np.float32)
    four = KAGGLE.index(*KAGGLE_FOUR)
    for row in points:
        if rng.random() < 0.6:
            row[np.setdiff1d(np.arange(15), rng.choice(four, rng.integers(0, 5), replace=False))] = np.nan
        else:
            row[rng.choice(15, rng.integers(0, 11), replace=False)] = np.nan
    return Faces(rng.integers(0, 256, (n, 4, 4), dtype=np.uint8), points, rows=np.arange(n) + 7)


# ---- there and back -----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_nothing_is_lost_there_and_back(seed):
    faces = labelled(seed)
    sources = kaggle.sources(faces)
    split = split_conventions(faces)
    assert set(sources) == {0, 1} and split.scheme == TWO and split.keypoints.shape == (40, 17, 2)
    assert np.array_equal(split.annotated.sum(axis=1), faces.annotated.sum(axis=1))
    assert np.array_equal(kaggle.sources(split), sources)
    assert np.array_equal(split.images, faces.images) and np.array_equal(split.rows, faces.rows)
    back = join_conventions(split.keypoints, sources)
    assert back.dtype == np.float32 and np.array_equal(back, faces.keypoints, equal_nan=True)
    assert split_conventions(split) is split


def test_each_source_has_its_own_names():
    faces = labelled(0)
    before = faces.keypoints.copy()
    split, theirs = split_conventions(faces), kaggle.sources(faces) == 1
    assert np.isnan(split.keypoints[theirs][:, [TIP, LIP]]).all()
    assert np.isnan(split.keypoints[~theirs][:, [BASE, MIDDLE]]).all()
    assert np.array_equal(split.keypoints[theirs][:, [BASE, MIDDLE]], before[theirs][:, [TIP, LIP]], equal_nan=True)
    assert np.array_equal(faces.keypoints, before, equal_nan=True)


def test_join_answers_in_the_convention_of_each_face():
    points = np.arange(2 * 17 * 2, dtype=float).reshape(2, 17, 2)
    joined = join_conventions(points, np.array([0, 1]))
    assert np.array_equal(joined[0], points[0, :15])
    assert np.array_equal(joined[1, [TIP, LIP]], points[1, [BASE, MIDDLE]])
    others = [k for k in range(15) if k not in (TIP, LIP)]
    assert np.array_equal(joined[1, others], points[1, others])


def test_the_new_points_stay_themselves_in_a_mirror():
    assert TWO.swap[[BASE, MIDDLE]].tolist() == [BASE, MIDDLE]
    assert np.array_equal(TWO.swap[:15], KAGGLE.swap) and TWO.names[:15] == KAGGLE.names
    points = torch.from_numpy(np.random.default_rng(0).uniform(20, 70, (3, 17, 2)).astype(np.float32))
    mirror = Augment(flip=1, rotation=0, scale=0, shear=0, shift=0)
    swap = torch.from_numpy(TWO.swap)
    _, seen = augment(torch.zeros(3, 1, 96, 96), points, swap, mirror, torch.Generator().manual_seed(0))
    expected = points[:, TWO.swap] * torch.tensor([-1.0, 1.0]) + torch.tensor([95.0, 0.0])
    torch.testing.assert_close(seen, expected, atol=1e-3, rtol=0)


def test_synthetic_faces_have_both_sources_and_the_base_below_the_tip():
    split = split_conventions(synthetic.sample())
    assert (np.bincount(kaggle.sources(split)) > 50).all()
    mean = metrics.mean_face(split.keypoints)
    assert mean[BASE, 1] > mean[TIP, 1] + 2 and mean[MIDDLE, 1] < mean[LIP, 1] - 2


def test_copies_in_both_sources_keep_both_conventions():
    """Split, then dedupe: one face with both noses. The other way round would take their mean."""
    images = np.zeros((2, 4, 4), np.uint8)
    points = np.full((2, 15, 2), 50, np.float32)
    points[1, np.setdiff1d(np.arange(15), KAGGLE.index(*KAGGLE_FOUR))] = np.nan
    points[1, TIP] = 60
    one = split_conventions(Faces(images, points)).dedupe()
    assert len(one) == 1 and one.annotated.all()
    assert one.keypoints[0, TIP].tolist() == [50, 50] and one.keypoints[0, BASE].tolist() == [60, 60]


def test_the_held_out_faces_are_the_same_in_either_convention():
    faces = folder.subset(labelled(3), "any")
    for seed in range(3):
        one, two = faces.split(0.2, seed)[1], with_conventions(faces, "two").split(0.2, seed)[1]
        assert np.array_equal(one.rows, two.rows)
        assert split_conventions(one).fingerprint() == two.fingerprint()
    assert with_conventions(faces, "one") is faces


def test_a_lookup_tells_the_sources_of_the_test_images():
    asked = {3: 30, 1: 10, 7: 9, 2: 8, 5: 6}
    lookup = pd.DataFrame({"ImageId": [i for i, n in asked.items() for _ in range(n)]})
    sources = sources_of_lookup(lookup, np.array([1, 2, 3, 5, 7, 9]))
    assert sources.tolist() == [0, 1, 0, 1, 0, 1] and sources.dtype == np.int64


# ---- what is wrong ------------------------------------------------------------------------------


def test_what_does_not_fit_is_named():
    two = Scheme("ears", ("left", "right"))
    ears = Faces(np.zeros((2, 4, 4), np.uint8), np.zeros((2, 2, 2), np.float32), two)
    with pytest.raises(InputError, match="found 2 points of 'ears'"):
        split_conventions(ears)
    with pytest.raises(InputError, match=r"Expected points \(N, 17, 2\).*found \(3, 15, 2\)"):
        join_conventions(np.zeros((3, 15, 2)), np.zeros(3))
    with pytest.raises(InputError, match=r"found \(3, 17, 2\) and \(2,\)"):
        join_conventions(np.zeros((3, 17, 2)), np.zeros(2))
    with pytest.raises(InputError, match=r"Expected sources 0 .* found \[0 2\]"):
        join_conventions(np.zeros((2, 17, 2)), np.array([0, 2]))
    with pytest.raises(InputError, match=r"column ImageId; found the columns \['RowId'\]"):
        sources_of_lookup(pd.DataFrame({"RowId": [1]}), np.array([1]))
    with pytest.raises(InputError, match="'one' or 'two'; found 'three'"):
        with_conventions(ears, "three")
    complete = synthetic.sample().complete()
    with pytest.raises(InputError, match=f"found {len(complete)} of the fifteen-point source and 0 of the .*any"):
        with_conventions(complete, "two")


def test_lines_by_source_only_where_there_are_two():
    faces = labelled(1)
    first = faces.select(kaggle.sources(faces) == 0)
    assert reports.source_lines(first.keypoints, faces, first) == []
    assert reports.source_lines(faces.keypoints, first, faces) == []
    assert len(reports.source_lines(faces.keypoints, faces, faces)) == 2


# ---- the commands -------------------------------------------------------------------------------


def facekp(*arguments) -> None:
    """The command line in this process: torch is loaded already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["facekp", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            cli.main()
    assert not left.value.code


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Kaggle-shaped files of 32 synthetic faces, half of each source, and a run in each convention."""
    work = tmp_path_factory.mktemp("conventions")
    sample = synthetic.sample()
    second = int(np.argmax(kaggle.sources(sample)))
    faces = sample.select(np.r_[:16, second : second + 16])
    kaggle_files.write(work / "training.csv", kaggle_files.training_lines(faces.images, faces.keypoints))
    kaggle_files.write(work / "test.csv", kaggle_files.test_lines(faces.images[[0, 1, 16, 17]]))
    four = [f"{name}_{axis}" for name in KAGGLE_FOUR for axis in "xy"]
    rows = [(i, f) for i in (1, 2) for f in KAGGLE.columns] + [(i, f) for i in (3, 4) for f in four]
    lookup = pd.DataFrame(rows, columns=["ImageId", "FeatureName"]).assign(Location="")
    lookup.insert(0, "RowId", range(1, len(rows) + 1))
    lookup.to_csv(work / "IdLookupTable.csv", index=False)
    facekp("train", work, work / "two", "--keypoints", "any", "--conventions", "two", *TINY)
    facekp("train", work, work / "one", "--keypoints", "any", *TINY)
    yield work


def test_train_records_the_conventions(work):
    record = json.loads((work / "two" / "record.json").read_text())
    assert record["split"] == {"keypoints": "any", "held_out": 0.25, "seed": 0, "conventions": "two"}
    assert record["model"]["scheme"]["names"] == list(TWO.names)
    assert "conventions" not in json.loads((work / "one" / "record.json").read_text())["split"]


@pytest.mark.parametrize("run", ["one", "two"])
def test_evaluate_finds_the_held_out_faces_and_tells_the_sources_apart(work, run, capsys):
    model, record = runs.open_run(work / run, "cpu")
    faces = data.load(work)
    train, test = runs.held_out(faces, record)  # refuses faces of another fingerprint
    assert len(test) == 8 and len(test.scheme) == (17 if run == "two" else 15)
    points = predict(model, test)[0]
    facekp("evaluate", work / run, work)
    said = capsys.readouterr().out
    assert f"{record['metrics']['rmse']:.3f} px" in said and ("nose_base" in said) == (run == "two")
    lines = [line for line in said.splitlines() if "of that source" in line]
    assert len(lines) == 2
    for source, line in enumerate(lines):
        here, seen = kaggle.sources(test) == source, kaggle.sources(train) == source
        rmse = metrics.rmse(points[here], test.keypoints[here])
        mean = metrics.mean_face_rmse(train.keypoints[seen], test.keypoints[here])
        assert f" {rmse:.3f} px on the {here.sum()} faces" in line and line.endswith(f"{mean:.3f} px")


def test_evaluate_all_needs_no_record(work, capsys):
    facekp("evaluate", work / "two" / "model.safetensors", work, "--all")
    assert "32 faces" in capsys.readouterr().out


def test_submit_answers_each_image_in_its_own_convention(work):
    facekp("submit", work / "two", work, work / "submission.csv")
    table = pd.read_csv(work / "submission.csv")
    model, _ = runs.open_run(work / "two", "cpu")
    found = predict(model, kaggle.read_test(work).images)[0].clip(0, 96)
    lookup = kaggle.read_lookup(work)
    assert len(table) == len(lookup) == 76
    for name, own, theirs in (("nose_tip", TIP, BASE), ("mouth_center_bottom_lip", LIP, MIDDLE)):
        answer = table["Location"][lookup["FeatureName"] == f"{name}_y"].to_numpy()
        np.testing.assert_allclose(answer, [*found[:2, own, 1], *found[2:, theirs, 1]], atol=1e-4)


def test_several_runs_and_the_mirror_are_means(work, capsys):
    facekp("submit", work / "two", work, work / "both.csv", "--with", work / "two", "--flip-tta")
    model, _ = runs.open_run(work / "two", "cpu")
    once, twice = (predict(model, kaggle.read_test(work).images, flip_tta=m)[0] for m in (False, True))
    assert np.abs(once - twice).max() > 0.01
    table, lookup = pd.read_csv(work / "both.csv"), kaggle.read_lookup(work)
    asked = lookup["FeatureName"] == "left_eye_center_x"
    np.testing.assert_allclose(table["Location"][asked], twice[:, 0, 0].clip(0, 96), atol=1e-4)
    facekp("evaluate", work / "one", work, "--with", work / "one")
    record = json.loads((work / "one" / "record.json").read_text())
    assert f"{record['metrics']['rmse']:.3f} px" in capsys.readouterr().out
    with pytest.raises(InputError, match="different sets"):
        runs.open_runs([work / "one", work / "two"], "cpu")
    bare = work / "bare.safetensors"
    shutil.copy(work / "one" / "model.safetensors", bare)
    assert "mean of 2" in reports.report([work / "one", bare], work, all_faces=True, device="cpu")
    with pytest.raises(InputError, match=r"say which faces they held out; found .*bare\.safetensors"):
        reports.report([work / "one", bare], work, device="cpu")


def test_predict_gives_all_17_points(work):
    facekp("predict", work / "two", work, work / "points.csv")
    table = pd.read_csv(work / "points.csv")
    assert len(table) == 32 and set(TWO.columns) <= set(table.columns)


@pytest.mark.parametrize(("options", "message"), [
    (["--keypoints", "any", "--conventions", "three"], "found 'three'"),
    (["--conventions", "two"], "--keypoints any"),
    (["--keypoints", "any", "--conventions", "told"], "left the library"),
    (["--mirror"], "is called --flip-tta now"),
    (["--origin=0.5"], "is called --pixel-offset now"),
])
def test_a_wrong_choice_gets_one_message_and_code_2(work, options, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["facekp", "train", str(work), str(work / "x"), *options])
    with pytest.raises(SystemExit) as end:
        cli.main()
    error = capsys.readouterr().err
    assert end.value.code == 2 and message in error and "Traceback" not in error
    assert not (work / "x").exists()


def test_the_module_loads_no_torch():
    code = f"import sys, {conventions.__name__}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
