"""The coverage experiment: halves, ranks, and a record that keeps what the radii promise."""

from types import SimpleNamespace

import numpy as np
import pytest
from blobs import blob_faces

from book.experiments import coverage
from book.experiments.unseen import unseen
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.results import load_record


def test_halves_keep_copies_of_an_image_together():
    faces = blob_faces(20)
    faces = Faces(*(np.concatenate([array, array[:6]]) for array in (faces.images, faces.keypoints)))
    for seed in range(5):
        a, b = coverage.halves(faces, seed)
        assert sorted([*a, *b]) == list(range(26)) and abs(len(a) - len(b)) <= 2
        assert all((i in a) == (i + 20 in a) for i in range(6))


def test_rank_correlation_by_hand():
    confidence, error = np.array([[0.9, 0.5], [0.7, 0.1]]), np.array([[1.0, 3.0], [2.0, 40.0]])
    assert coverage.rank_correlation(confidence, error) == pytest.approx(1)
    assert coverage.rank_correlation(confidence, -error) == pytest.approx(-1)
    rng = np.random.default_rng(0)
    assert abs(coverage.rank_correlation(*rng.random((2, 5000)))) < 0.05


def test_what_is_reached_is_counted_point_by_point():
    on = coverage.Predicted.__new__(coverage.Predicted)
    on.errors, on.names = np.array([[1.0, 1.0], [1.0, 9.0]]), ("a", "b")
    on.confidence = np.array([[1.0, 1.0], [1.0, 0.5]])
    found = on.tested(SimpleNamespace(radius=lambda confidence, c: np.full(confidence.shape, 2.0)))["0.9"]
    assert found == {"reached": 0.75, "radius": 2.0, "least_certain_fifth": 0.0, "whole_faces": 0.5,
                     "worst_keypoint": 0.5}


def test_other_photographs_are_refused():
    with pytest.raises(InputError, match="of which 214 were held out; found 12 complete faces"):
        unseen("hourglass-s", blob_faces(12))


def test_the_record_reaches_what_was_asked_for_within_two_points():
    record = load_record("analysis/coverage")
    entries = [record["synthetic"], *record["photographs"].values()]
    assert len(entries) == 4
    for entry in entries:
        for kind in ("scaled", "plain"):
            for asked, found in entry[kind].items():
                assert found["reached"] == pytest.approx(float(asked), abs=0.02), (kind, asked)
        # What dividing by the confidence is for: smaller radii, and the promise for uncertain points too.
        scaled, plain = entry["scaled"]["0.9"], entry["plain"]["0.9"]
        assert scaled["radius"] < plain["radius"] and scaled["least_certain_fifth"] > plain["least_certain_fifth"]
    moved = record["moved"]
    assert moved["calibrated_on_synthetic"]["0.9"]["reached"] < 0.7  # other faces, no promise
    assert moved["calibrated_on_photographs"]["0.9"]["reached"] == pytest.approx(0.9, abs=0.02)
    assert len(coverage.table(record).splitlines()) == 2 + 16
