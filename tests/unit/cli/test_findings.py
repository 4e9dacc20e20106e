"""``facekp inspect`` and ``facekp train`` name what is likely wrong; models that have not learnt are reported."""

import csv

import numpy as np
import pandas as pd
import pytest
from commands import facekp, refused
from dots import dots, on_disk
from PIL import Image

from facekp.cli import findings, learnt
from facekp.data import load
from facekp.data.checks import check
from facekp.models import create_model, save_model

TRAIN = ("--model", "cnn3", "--option", "channels=4", "--option", "hidden=8", "--epochs", "1", "--batch-size", "8")


def made(path, change=None, n=16):
    """A folder of n faces; ``change`` gets the points (n, 3, 2) and changes them in place."""
    faces = dots(n)
    points = faces.keypoints.astype(float)
    if change:
        change(points)
    images = {f"{i}.png": image for i, image in enumerate(faces.images)}
    return on_disk(path, images, list(zip(images, points, strict=True)))


def placed(where):
    def change(points):
        points[::2, 2] = where
    return change


@pytest.mark.tried("labels", "inspect and train on labels with -1, 0, fractions", "named; the certain ones stop it")
def test_inspect_and_train_name_what_is_wrong(tmp_path):
    zero = made(tmp_path / "zero", placed((0, 0)))
    said = facekp("inspect", zero).stdout
    assert "nose at exactly (0, 0) in 8 of 16 faces" in said and "leave the cells empty" in said
    trained = facekp("train", zero, tmp_path / "run", *TRAIN)
    assert trained.returncode == 0 and trained.stdout.count("nose at exactly (0, 0) in 8 of 16 faces") >= 1, trained
    assert trained.stdout.index("nose at exactly") < trained.stdout.index("epoch")
    assert f"facekp inspect {zero} --suspects" in trained.stdout
    evaluated = facekp("evaluate", tmp_path / "run", zero, "--all").stdout
    assert "nose at exactly (0, 0)" in evaluated and "given up drawing" not in evaluated
    minus = made(tmp_path / "minus", placed((-1, -1)))
    assert "nose at exactly (-1, -1) in 8 of 16 faces" in facekp("inspect", minus).stdout
    assert "nose at exactly (-1, -1) in 8 of 16 faces" in refused(facekp("train", minus, tmp_path / "r2", *TRAIN))
    assert not (tmp_path / "r2").exists()

    def fractions(points):
        points /= 96

    error = refused(facekp("train", made(tmp_path / "f", fractions), tmp_path / "r3", *TRAIN, "--folds", "2"))
    assert "fractions of width and height" in error


@pytest.mark.parametrize(("names", "pairs"), [
    (("left_eye", "right_eye", "mouth_l", "mouth_r"), "left_eye / right_eye, mouth_l / mouth_r"),
    (("leftEye", "rightEye", "nose", "chin"), "leftEye / rightEye"),
    (("left_eye_left_corner", "left_eye_right_corner", "right_eye_left_corner", "right_eye_right_corner"),
     "left_eye_left_corner / right_eye_right_corner, left_eye_right_corner / right_eye_left_corner"),
    (("a", "b", "c", "d"), "none")])
def test_inspect_shows_which_points_a_flip_exchanges(names, pairs, tmp_path):
    Image.new("L", (9, 9)).save(tmp_path / "a.png")
    columns = ",".join(f"{name}_{axis}" for name in names for axis in "xy")
    (tmp_path / "keypoints.csv").write_text(f"file,{columns}\na.png,1,2,3,4,5,6,7,8\n")
    assert f"\npairs that a flip exchanges: {pairs}\n" in facekp("inspect", tmp_path).stdout


def test_a_clean_set_is_trained_without_a_word(tmp_path):
    clean = made(tmp_path / "clean")
    trained = facekp("train", clean, tmp_path / "run", *TRAIN)
    assert trained.returncode == 0 and "check:" not in trained.stdout and "left out" not in trained.stdout
    assert "Likely wrong" not in facekp("inspect", clean).stdout


def test_how_many_faces_are_left_out(tmp_path):
    def none(points):
        points[np.arange(16), np.arange(16) % 3] = np.nan

    def most(points):
        points[:12, 0] = np.nan

    error = refused(facekp("train", made(tmp_path / "none", none), tmp_path / "r1", *TRAIN))
    assert "has all 3 points; the rarest is 'left_ear', in 10." in error and "--keypoints any" in error
    trained = facekp("train", made(tmp_path / "most", most), tmp_path / "r2", *TRAIN, "--held-out", "0.3")
    assert "4 of 16 faces have the points asked for; the others are left out. --keypoints any" in trained.stdout
    trained = facekp("train", tmp_path / "most", tmp_path / "r3", *TRAIN, "--keypoints", "any")
    assert trained.returncode == 0 and "left out" not in trained.stdout


def test_what_to_look_at_first_is_a_table_and_a_sheet(tmp_path):
    def change(points):
        points[3, [0, 1]] = points[3, [1, 0]]
        points[5, 2] = (0, 0)

    data = made(tmp_path / "set", change)
    result = facekp("inspect", data, "--suspects", tmp_path / "s.csv", "--picture", tmp_path / "s.png")
    assert result.returncode == 0 and "Wrote 2 faces to" in result.stdout, result
    with open(tmp_path / "s.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    assert [(r["rank"], r["file"], r["row"], r["why"]) for r in rows] == [
        ("1", "3.png", "3", "exchanged"), ("2", "5.png", "5", "placeholder")]
    assert "1. 3.png: exchanged" in result.stdout
    assert Image.open(tmp_path / "s.png").size[0] > 500
    assert "ends in .csv" in refused(facekp("inspect", data, "--suspects", tmp_path / "s.txt"))
    assert "the data itself" in refused(facekp("inspect", data, "--suspects", data / "keypoints.csv"))


def test_every_kind_of_finding_has_its_sentence():
    """Whatever a check can find, in words: no kind is forgotten, no field is missing."""
    from facekp.data.checks import Finding

    faces, some = dots(4), np.array([1, 2])
    about = {"position": (0, 0), "points": ["nose"], "annotated": 4, "low": 0.1, "high": 0.9, "part": 0.3,
             "highest": 4000, "count": 2, "fraction": 0.9, "orientations": [6], "turn labels": True, "each": [3, 3],
             "way": "x", "given": 0.1, "best": 0.5}
    for kind in [*findings.TEXT, "placeholder", "turned", "outside"]:
        said = findings.sentence(Finding(kind, some, np.array([2.0, 1.0]), about=about), faces)
        assert "{" not in said and said.endswith((".", "?")), kind
        assert kind in findings.brief(Finding(kind, some, np.ones(2), about=about), 1, faces)


# ---- points and errors in the file's own pixels -------------------------------------------------------


def test_evaluate_gives_errors_in_both_kinds_of_pixels(tmp_path):
    """Files five times as large: the RMSE in the files' pixels is that of predict's table against keypoints.csv."""
    faces = dots(16)
    images = {f"{i}.png": np.kron(image, np.ones((5, 5), np.uint8)) for i, image in enumerate(faces.images)}
    labels = (faces.keypoints + 0.5) * 5 - 0.5
    data = on_disk(tmp_path / "set", images, list(zip(images, labels, strict=True)))
    trained = facekp("train", data, tmp_path / "run", *TRAIN)
    assert "px of the 96x96 images" in trained.stdout
    said = facekp("evaluate", tmp_path / "run", data, "--all").stdout
    assert "RMSE" in said and "px per coordinate; " in said and "px of the file" in said
    line = next(x for x in said.splitlines() if x.startswith("RMSE"))
    small, large = float(line.split()[1]), float(line.split("; ")[1].split()[0])
    assert large == pytest.approx(5 * small, rel=1e-3)
    assert facekp("predict", tmp_path / "run", data, tmp_path / "out.csv").returncode == 0
    columns = faces.scheme.columns
    found, truth = (pd.read_csv(p)[columns].to_numpy() for p in (tmp_path / "out.csv", data / "keypoints.csv"))
    assert np.sqrt(np.mean((found - truth) ** 2)) == pytest.approx(large, abs=0.01)
    assert "x max" in facekp("inspect", data).stdout and "in pixels of the files" in facekp("inspect", data).stdout
    small_set = made(tmp_path / "small")
    assert "of the file" not in facekp("evaluate", tmp_path / "run", small_set, "--all").stdout


# ---- models that have not learnt ----------------------------------------------------------------------


def test_a_network_worse_than_the_mean_face_is_reported(tmp_path):
    data = made(tmp_path / "set")
    trained = facekp("train", data, tmp_path / "run", *TRAIN, "--lr", "0.3", "--augment", "none")
    assert learnt.not_learnt(4.0, 4.0) and not learnt.not_learnt(3.9, 4.0)
    worse = "Worse than the mean face" in trained.stdout
    said = facekp("evaluate", tmp_path / "run", data).stdout
    assert worse == ("Worse than the mean face" in said)
    model = create_model("unet-s", load(data).scheme, 96, depth=1)  # fresh maps: nowhere near a face, and near zero
    save_model(model, tmp_path / "fresh.safetensors")
    said = facekp("evaluate", tmp_path / "fresh.safetensors", data, "--all").stdout
    assert said.count("Worse than the mean face") == 1 and "Confidence near zero (below 0.25) in 16 of 16 faces" in said
    result = facekp("predict", tmp_path / "fresh.safetensors", data, tmp_path / "out.csv")
    assert result.returncode == 0 and result.stderr.count("Confidence near zero") == 1, result
    result = facekp("predict", tmp_path / "fresh.safetensors", data / "0.png")
    assert result.stderr.count("Confidence near zero (below 0.25) in 1 of 1 face:") == 1
    result = facekp("predict", tmp_path / "fresh.safetensors", data / "0.png", tmp_path / "p.csv")
    assert result.returncode == 0 and "Confidence near zero" in result.stderr


def test_a_network_that_knows_the_face_is_not_called_unsure(tmp_path):
    from facekp import synthetic

    Image.fromarray(synthetic.sample().images[0]).save(tmp_path / "a.png")
    assert "Confidence" not in facekp("predict", "hourglass-s-synthetic", tmp_path / "a.png").stderr
    assert learnt.unsure(np.full((3, 2), np.nan)) == [] and check(dots(6)) == []
