"""``facekp import`` and ``facekp predict --format``, as a user types them."""

import json
import re

import label_files
import numpy as np
import pytest
from commands import facekp
from label_files import Set
from PIL import Image

from facekp.cli.labels_command import convert
from facekp.data import load
from facekp.data.folder import read_labels
from facekp.data.formats import table
from facekp.data.importing import import_labels
from facekp.keypoints import Scheme
from facekp.models import create_model, save_model


def test_import_says_what_it_found_and_inspect_reads_it(tmp_path):
    faces = Set(tmp_path / "photos", 6)
    path = label_files.cvat(faces, tmp_path)
    (tmp_path / "photos" / faces.files[3]).unlink()
    result = facekp("import", path, tmp_path / "out", "--images", tmp_path / "photos")
    assert result.returncode == 2 and faces.files[3] in result.stderr and "--skip-missing" in result.stderr
    result = facekp("import", path, tmp_path / "out", "--images", tmp_path / "photos", "--skip-missing")
    hidden = faces.occluded[[0, 1, 2, 4, 5]].sum()
    assert result.returncode == 0 and result.stdout.startswith("CVAT: 5 faces in 5 images, 5 points each;")
    assert f"{hidden} occluded" in result.stdout
    assert f"Left out, as their images are not there: {faces.files[3]}" in result.stdout
    result = facekp("inspect", tmp_path / "out")
    assert result.returncode == 0 and f"occluded: {hidden} of" in result.stdout
    result = facekp("import", path, tmp_path / "out", "--images", tmp_path / "photos", "--skip-missing")
    assert result.returncode == 2 and "expected a new or empty folder" in result.stderr


def test_import_says_what_is_odd_in_the_labels(tmp_path):
    """Flags without a visible point, and what was passed over; evaluate says which points are others than a model's."""
    faces = Set(tmp_path / "photos", 4, gaps=False)
    path = label_files.coco(faces, tmp_path / "photos")
    path.write_text(re.sub(r", 2(, |\])", r", 1\1", path.read_text()))
    (tmp_path / "photos" / "cut.json").write_text('{"images": [')
    result = facekp("import", tmp_path / "photos", tmp_path / "out")
    assert result.returncode == 0 and "all are flagged 1, occluded: visible points have a 2" in result.stdout
    assert f"Passed over, as they are not COCO keypoints: {tmp_path / 'photos' / 'cut.json'}." in result.stdout
    model = create_model("cnn3", Scheme("mine", ("left_eye", "right_eye", "nose")), channels=8, hidden=16)
    save_model(model, tmp_path / "model.safetensors")
    result = facekp("evaluate", tmp_path / "model.safetensors", tmp_path / "out", "--all")
    assert result.returncode == 2 and "without nothing, with mouth_left, mouth_right. Use the data" in result.stderr


def test_evaluate_tells_visible_and_occluded_points_apart(tmp_path):
    """As the labels of the import have them, in the network's pixels and in the files'."""
    faces = Set(tmp_path / "photos", 6)
    import_labels(label_files.coco(faces, tmp_path / "photos"), tmp_path / "out")
    model = create_model("cnn3", load(tmp_path / "out").scheme, channels=8, hidden=16)
    save_model(model, tmp_path / "model.safetensors")
    result = facekp("evaluate", tmp_path / "model.safetensors", tmp_path / "out", "--all")
    assert result.returncode == 0, result.stderr
    facekp("predict", tmp_path / "model.safetensors", tmp_path / "out", tmp_path / "found.csv")
    off = np.square(table.read(tmp_path / "found.csv").points - read_labels(tmp_path / "out").points)
    hidden = read_labels(tmp_path / "out").occluded
    there = np.isfinite(off[..., 0])
    for name, chosen in (("visible", there & ~hidden), ("occluded", there & hidden)):
        count, rmse = re.search(rf"^{name} +[\d.]+ px on (\d+) points; ([\d.]+) px of the file$", result.stdout,
                                re.MULTILINE).groups()
        assert int(count) == chosen.sum() and float(rmse) == pytest.approx(np.sqrt(off[chosen].mean()), abs=0.002)
    path = tmp_path / "out" / "keypoints.csv"
    path.write_text(re.sub(r"_v\b", "_radius", path.read_text()))  # without flags there is nothing to tell apart
    result = facekp("evaluate", tmp_path / "model.safetensors", tmp_path / "out", "--all")
    assert result.returncode == 0 and "visible" not in result.stdout and "occluded" not in result.stdout


@pytest.mark.parametrize("form", ["coco", "labelstudio", "pts"])
def test_predictions_for_labelling_tools_are_those_of_the_table(form, tmp_path):
    """To a thousandth of a pixel of the file: that is what the table has."""
    (tmp_path / "photos").mkdir()
    for i, size in enumerate([(96, 96), (300, 200), (40, 64)]):
        Image.fromarray(np.random.default_rng(i).integers(0, 256, size, dtype=np.uint8)).save(
            tmp_path / "photos" / f"{i}.png")
    model = create_model("cnn3", Scheme("two", ("left_eye", "right_eye")), channels=8, hidden=16)
    save_model(model, tmp_path / "model.safetensors")
    out = tmp_path / ("guesses" if form == "pts" else "guesses.json")
    command = ("predict", tmp_path / "model.safetensors", tmp_path / "photos")
    assert facekp(*command, tmp_path / "guesses.csv").returncode == 0
    result = facekp(*command, out, "--format", form)
    assert result.returncode == 0 and str(out) in result.stdout, result.stderr
    import_labels(out, tmp_path / "back", tmp_path / "photos", crop=False)
    expected, found = table.read(tmp_path / "guesses.csv"), read_labels(tmp_path / "back")
    np.testing.assert_allclose(found.points, expected.points, atol=1e-5)
    assert found.files == expected.files


def test_the_pixel_offset_of_a_run_is_not_that_of_the_format(tmp_path):
    """The table of a data set counts as the run's labels; COCO counts from the first pixel's centre."""
    (tmp_path / "set").mkdir()
    Image.new("L", (50, 40)).save(tmp_path / "set" / "a.png")
    (tmp_path / "set" / "keypoints.csv").write_text("file,a_x,a_y\na.png,3,4\n")
    (tmp_path / "points.csv").write_text("file,row,a_x,a_y,confidence\na.png,0,11,21,0.5\n")
    model = create_model("cnn3", Scheme("one", ("a",)), pixel_offset=1.0, channels=8, hidden=16)
    save_model(model, tmp_path / "model.safetensors")
    convert(tmp_path / "points.csv", "coco", tmp_path / "model.safetensors", tmp_path / "set", tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["annotations"][0]["keypoints"] == [10, 20, 2]
    assert found["images"] == [{"id": 1, "file_name": "a.png", "width": 50, "height": 40}]


@pytest.mark.parametrize("out, form, message", [
    ("x.csv", "coco", "ends in .json, with --format coco"), ("x.json", "pts", "a new folder, with --format pts"),
    ("x.json", "csv", "ends in .csv"), ("x.json", "yolo", "There is no format 'yolo'. Known: csv, coco, pts")])
def test_formats_and_names_that_do_not_go_together(out, form, message, tmp_path):
    result = facekp("predict", "hourglass-s-synthetic", "sample", tmp_path / out, "--format", form)
    assert result.returncode == 2 and message in result.stderr and not (tmp_path / out).exists()


def test_faces_without_files_cannot_be_written_for_tools(tmp_path):
    result = facekp("predict", "hourglass-s-synthetic", "synthetic:2", tmp_path / "x.json", "--format", "coco")
    assert result.returncode == 2 and "faces that are in no files" in result.stderr
    assert not (tmp_path / "x.json").exists()
