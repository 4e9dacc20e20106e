"""The community's results: those in the repository are right, and records that do not fit are refused in one line."""

import copy
import json

import numpy as np
import pytest
from commands import facekp, refused

from facekp import synthetic
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.results import community, records_folder

FILES = sorted(p for p in (records_folder() / "community").glob("*.json") if p.name != "board.json")


@pytest.fixture(scope="module")
def record() -> dict:
    """A right one: the truth with noise."""
    points = community.board_truth() + np.random.default_rng(0).normal(0, 1.0, (200, 15, 2))
    return community.make_result(points, "noise", "a test", "nothing", 0)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_result_in_the_repository_is_whole_and_its_metrics_are_those_of_its_points(path):
    community.read_result(path)


def test_no_two_results_have_the_same_name_or_points():
    found = [json.loads(path.read_text()) for path in FILES]
    assert len({r["name"] for r in found}) == len({json.dumps(r["predicted"]) for r in found}) == len(found) >= 4


def test_the_stored_truth_is_that_of_the_rendered_faces():
    faces = synthetic.generate(10, community.BOARD_SEED)  # each face depends on its number alone
    assert np.abs(community.board_truth()[:10] - faces.keypoints).max() < 0.006


def test_the_metrics_are_those_of_the_points(record):
    m = record["metrics"]
    assert m["rmse"] == pytest.approx(1.0, abs=0.03) and m["rmse_low"] < m["rmse"] < m["rmse_high"]
    assert m["median_face_rmse"] == pytest.approx(1.0, abs=0.05)
    assert m["mean_face_rmse"] == pytest.approx(3.653, abs=1e-3)


BROKEN = {
    "a better error": lambda r: r["metrics"].update(rmse=0.5),
    "a better median": lambda r: r["metrics"].update(median_face_rmse=0.1),
    "an error in words": lambda r: r["metrics"].update(rmse="small"),
    "no error": lambda r: r["metrics"].pop("rmse"),
    "metrics that are none": lambda r: r.update(metrics=[]),
    "one point moved": lambda r: r["predicted"].__setitem__(0, "9" + r["predicted"][0]),
    "a face left out": lambda r: r["predicted"].pop(),
    "a point left out": lambda r: r["predicted"].__setitem__(3, r["predicted"][3].rsplit(" ", 2)[0]),
    "a point that is not a number": lambda r: r["predicted"].__setitem__(3, r["predicted"][3].replace(" ", " x ", 1)),
    "NaN": lambda r: r["predicted"].__setitem__(3, "nan " + r["predicted"][3].split(" ", 1)[1]),
    "no points": lambda r: r.pop("predicted"),
    "other faces": lambda r: r.update(board="synthetic:200:7"),
    "another format": lambda r: r.update(format=2),
    "no name": lambda r: r.update(name=" "),
    "a name that ends the row": lambda r: r.update(name="me | 0.01"),
    "a name with a line break": lambda r: r.update(name="me\n| x"),
    "a very long text": lambda r: r.update(trained_on="a" * 201),
    "a script for a link": lambda r: r.update(link="javascript:alert(1)"),
    "a link with a bracket": lambda r: r.update(link="https://a.b/c)"),
    "parameters in words": lambda r: r.update(parameters="few"),
    "half a parameter": lambda r: r.update(parameters=0.5),
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN.keys())
def test_a_record_that_does_not_fit_is_refused(record, change, tmp_path):
    broken = copy.deepcopy(record)
    change(broken)
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(broken))
    with pytest.raises(InputError, match=r"mine.json: expected .*; found ") as error:
        community.read_result(path)
    assert "\n" not in str(error.value)


def test_points_of_another_shape_or_infinite_ones_make_no_record():
    for points in (np.zeros((200, 15)), np.zeros((199, 15, 2)), np.full((200, 15, 2), np.inf)):
        with pytest.raises(InputError, match=r"Expected finite points \(200, 15, 2\)"):
            community.make_result(points, "a", "b", "c", 0)


@pytest.fixture
def blank(monkeypatch):
    """Test faces without an image, so that nothing has to be rendered."""
    truth = community.board_truth().astype(np.float32)
    faces = Faces(np.zeros((len(truth), 96, 96), np.uint8), truth)
    monkeypatch.setattr(community, "board_faces", lambda: faces)


OPTIONS = ["--name", "blind", "--by", "a test", "--trained-on", "4,000 synthetic faces"]


def test_the_command_writes_a_record_that_is_accepted(blank, tmp_path):
    out = tmp_path / "mine.json"
    done = facekp("submit-result", "hourglass-s-synthetic", out, *OPTIONS)
    found = community.read_result(out)
    assert f"blind: {found['metrics']['rmse']:.3f} px" in done.stdout and "pull request" in done.stdout
    assert found["parameters"] == 219_855 and found["metrics"]["rmse"] > found["metrics"]["mean_face_rmse"] / 2


@pytest.mark.parametrize(("words", "message"), [
    (["nowhere", "mine.json", *OPTIONS], "nowhere"),
    (["hourglass-s-synthetic", "mine.csv", *OPTIONS], "ends in .json"),
    (["hourglass-s-synthetic", "board.json", *OPTIONS], "expected the name of a record"),
    (["hourglass-s-synthetic", "mine.json", *OPTIONS, "--name", "a|b"], "characters as 'name'"),
    (["hourglass-s-synthetic", "mine.json", *OPTIONS, "--link", "http://a.b"], "begins with https://"),
])
def test_wrong_input_is_one_line_and_nothing_is_written(blank, words, message, tmp_path):
    error = refused(facekp("submit-result", *words, cwd=tmp_path))
    assert message in error and error.count("\n") == 1 and list(tmp_path.iterdir()) == []
