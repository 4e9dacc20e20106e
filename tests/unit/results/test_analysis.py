"""What the analysis of a run says, against values worked out by hand or put there on purpose."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from blobs import blob_faces
from hypothesis import given, settings
from hypothesis import strategies as st

from facekp import heatmaps, plots, results, runs
from facekp.cli import reports, train_command
from facekp.data import Faces
from facekp.data.folder import extract
from facekp.errors import InputError
from facekp.files import read_json
from facekp.keypoints import KAGGLE
from facekp.models import create_model
from facekp.results import analysis
from facekp.training import TrainConfig, fit


def copies(sigma: float, n: int = 400, times: int = 3) -> Faces:
    """``n`` different images, each ``times`` times, with labels that scatter by ``sigma``."""
    rng = np.random.default_rng(0)
    images = np.repeat(rng.integers(0, 256, (n, 8, 8), dtype=np.uint8), times, axis=0)
    points = np.repeat(rng.uniform(10, 80, (n, 15, 2)), times, axis=0) + rng.normal(0, sigma, (n * times, 15, 2))
    return Faces(images, points.astype(np.float32))


def test_a_point_that_is_never_drawn_is_named_and_no_other():
    usual = {"a": 1.0, "b": 1.1, "c": 3.3, "d": None}
    assert results.left_out(usual) == {} == results.left_out({"a": None}) and results.left_out_line(usual) == []
    lost = usual | {"e": 9.0, "f": 1.0}
    assert results.left_out(lost) == {"e": 9.0}
    assert results.left_out_line(lost)[0].startswith("Far worse than the other points: e 9.0 px.")


def test_among_the_books_records_only_those_are_named_that_drew_no_map():
    folder = results.records_folder()
    records = {path.relative_to(folder).as_posix(): read_json(path) for path in folder.rglob("*.json")}
    errors = {path: record["metrics"]["rmse_per_keypoint"] for path, record in records.items()
              if "rmse_per_keypoint" in record.get("metrics", {})}
    found = {path: set(results.left_out(each)) for path, each in errors.items() if results.left_out(each)}
    assert len(errors) > 50 and found == {
        "pitfalls/more-maps-than-features.json": {"left_eyebrow_outer_end", "mouth_right_corner"},
        "protocol-a/unet-s-photometric-1.json": {"nose_tip"}}


def test_training_and_evaluation_say_which_point_is_left_out(tmp_path, monkeypatch, capsys):
    faces = blob_faces(12)
    extract(faces, tmp_path / "faces")
    monkeypatch.setattr(results, "left_out", lambda errors: {"mouth_right_corner": 9.0})
    job = train_command.Job(tmp_path / "faces", "hourglass-s", TrainConfig(epochs=1, batch_size=8, device="cpu"),
                   options={"channels": 16, "depth": 2})
    train_command.train(job, tmp_path / "run")
    said = capsys.readouterr().out
    assert said.index("record.json") < said.index("Far worse than the other points: mouth_right_corner 9.0 px.")
    assert "Far worse" in reports.report([tmp_path / "run"], tmp_path / "faces", device="cpu")


@pytest.mark.parametrize("times", [2, 3])
def test_the_noise_of_the_labels_is_found(times):
    noise = analysis.label_noise(copies(0.7, times=times))
    assert noise["groups"] == 400 and noise["rmse"] == pytest.approx(0.7, rel=0.02)
    each = [v for v in noise["rmse_per_keypoint"].values() if v is not None]  # None: the other source's two points
    assert len(each) == 15 and each == pytest.approx([0.7] * 15, rel=0.1)


def test_noise_by_hand_with_missing_points():
    points = np.full((3, 15, 2), np.nan, np.float32)
    points[:2, 0] = [[10, 20], [12, 20]]  # x differs by 2: variance 2 with one degree of freedom; y by nothing
    points[:, 1] = [[5, 5], [5, 5], [40, 40]]  # the third image is another one
    points[0, 2] = [1, 1]  # only one opinion
    points[:, 3:8] = 30.0  # five points more: a face of the fifteen-point source
    images = np.zeros((3, 8, 8), np.uint8)
    images[2] = 1
    noise = analysis.label_noise(Faces(images, points))
    assert noise["groups"] == 1
    assert noise["rmse_per_keypoint"]["left_eye_center"] == pytest.approx(1.0)  # sqrt((2 + 0) / 2)
    assert noise["rmse_per_keypoint"]["right_eye_center"] == 0
    assert noise["rmse_per_keypoint"]["left_eye_inner_corner"] is None
    assert noise["rmse"] == pytest.approx(np.sqrt(2 / (2 * 7)))


def test_without_copies_there_is_no_noise_to_measure():
    noise = analysis.label_noise(blob_faces(5))
    assert noise["groups"] == 0 and noise["rmse"] is None


def test_two_sources_that_mark_other_positions_are_not_noise():
    points = np.full((2, 15, 2), 20, np.float32)
    four = KAGGLE.index("left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip")
    points[1, np.setdiff1d(np.arange(15), four)] = np.nan
    points[1, KAGGLE.index("nose_tip")] += 8
    assert analysis.label_noise(Faces(np.zeros((2, 8, 8), np.uint8), points))["rmse"] == 0


def test_calibration_by_hand():
    confidence = np.array([[0.9, 0.1, np.nan], [0.8, 0.2, 0.5]])
    distance = np.array([[1.0, 6.0, 3.0], [1.0, 8.0, np.nan]])
    found = analysis.calibration(confidence, distance, bins=2)
    np.testing.assert_allclose(found["confidence"], [0.15, 0.85])
    np.testing.assert_allclose(found["rmse"], [np.sqrt(50 / 2), np.sqrt(0.5)])
    np.testing.assert_allclose(found["fraction"], [1, 0])
    assert len(plots.calibration(found).axes) == 1


@given(st.integers(1, 300), st.integers(0, 2**31))
@settings(max_examples=30, deadline=None)
def test_the_worst_are_the_worst(n, seed):
    errors = np.random.default_rng(seed).random(n)
    found = analysis.worst(errors, 0.1)
    rest = np.setdiff1d(np.arange(n), found)
    assert len(found) == max(1, round(0.1 * n)) and (np.diff(errors[found]) <= 0).all()
    assert rest.size == 0 or errors[rest].max() <= errors[found].min()


def test_a_moved_image_costs_nothing_if_the_network_moves_along_and_all_of_it_if_not():
    faces = blob_faces(6)

    answers = []
    for follow in (True, False):
        moves = [(k, s * a) for k, amounts in analysis.MOVES.items() for a in amounts
                 for s in ((1, -1) if a and k != "scale" else (1,))]
        todo = iter(moves)

        def predicted(model, images, follow=follow, todo=todo):
            matrix = analysis.one_move(*next(todo), (96, 96)).expand(len(faces), 2, 3)
            points = torch.from_numpy(faces.keypoints)
            return (analysis.warp_points(points, matrix) if follow else points).numpy(), None

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(analysis, "predict", predicted)
            answers.append(analysis.moved(create_model("cnn3", faces.scheme), faces))
    along, stays = answers
    assert max(v for kind in along.values() for v in kind.values()) < 1e-3
    assert stays["shift"] == {"0": 0, **{f"{a}": pytest.approx(a / 2**0.5, rel=1e-4) for a in (3, 6, 9, 12)}}
    assert stays["scale"]["1"] < 1e-4 < stays["scale"]["0.9"] < stays["scale"]["0.8"]
    assert 0 == stays["rotation"]["0"] < stays["rotation"]["10"] < stays["rotation"]["20"]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A tiny run on blobs, two of them copies with other labels."""
    folder = tmp_path_factory.mktemp("analysis")
    faces = blob_faces(40)
    doubled = faces.keypoints.copy()
    doubled[1] += 1
    images = faces.images.copy()
    images[1] = images[0]
    doubled[1] = doubled[0] + 1
    faces = replace(faces, images=images, keypoints=doubled)
    faces.save(folder / "faces.npz")
    train, test = faces.split(0.25, 0)
    model = create_model("hourglass-s", channels=16, depth=2)
    notes = {"split": {"keypoints": "15", "held_out": 0.25, "seed": 0}}
    fit(model, train, test, TrainConfig(epochs=2, batch_size=8, device="cpu"), folder / "run", notes=notes)
    return folder


def test_the_record_agrees_with_the_runs_own_and_can_be_read_back(work):
    printed = reports.analysis([work / "run"], work / "faces.npz", work / "out.json", "cpu")
    found, record = (json.loads((work / p).read_text()) for p in ("out.json", "run/record.json"))
    assert found["rmse"] == pytest.approx(record["metrics"]["rmse"], abs=0.05) and f"{found['rmse']:.3f} px" in printed
    assert found["decoders"]["local_mean"] == pytest.approx(found["rmse"], abs=1e-4)
    assert found["decoders"].keys() == heatmaps.DECODERS.keys() and found["flip_tta"] != found["rmse"]
    assert found["label_noise"]["groups"] == 1 and found["label_noise"]["rmse"] == pytest.approx(np.sqrt(0.5))
    a = analysis.arrays(found)
    assert np.sqrt(np.mean(a["rmse"] ** 2)) == pytest.approx(found["rmse"], abs=0.01)
    assert a["truth"].shape == a["predicted"].shape == (found["faces"], 15, 2) and a["nearest"].max() <= 1.0001
    assert not {"images", "pixels"} & found.keys()


def test_the_head_is_left_as_it_was(work):
    model, record = runs.open_run(work / "run", "cpu")
    faces = Faces.load(work / "faces.npz").select(slice(4))
    head = model.head
    analysis.by_decoder(model, faces)
    assert model.head is head and record
    assert analysis.by_decoder(create_model("cnn3"), faces) == {}


def test_coordinates_have_no_confidence_and_lists_have_no_nan():
    torch.manual_seed(0)
    faces = blob_faces(8)
    found = analysis.analyse(create_model("cnn3").eval(), faces.select(slice(4)), faces.select(slice(4, 8)))
    assert found["decoders"] == {} and found["confidence"][0][0] is None
    json.dumps(found, allow_nan=False)
    assert np.isnan(analysis.arrays(found)["confidence"]).all()


def test_other_faces_are_refused_and_nothing_is_written(work):
    blob_faces(40, seed=9).save(work / "others.npz")
    with pytest.raises(InputError, match="not the faces of that training run"):
        reports.analysis([work / "run"], work / "others.npz", work / "never.json", "cpu")
    assert not (work / "never.json").exists()
