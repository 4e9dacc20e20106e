"""The experiment that compares face detectors: its scenes, its counting, its record."""

import json
from pathlib import Path

import numpy as np
import pytest

from book.experiments.detectors import compare, measure, pasted
from book.experiments.face_detector import cut, example, no_face, stored_person
from book.experiments.scenes import clutter, paste, person, scene
from facekp.images import Box
from facekp.photo import face_maps

RECORD = Path(__file__).parents[2] / "book" / "results" / "detectors.json"


def test_a_person_pasted_leaves_the_background_around_them():
    rng = np.random.default_rng(0)
    who, image = person(rng), np.full((300, 300), 0.5, np.float32)
    paste(image, who, 150, 160, 80)
    assert (image[:20] == 0.5).all() and np.abs(image[140:180, 130:170] - 0.5).max() > 0.05
    assert who.cover.min() == 0 and who.cover.max() == 1 and (who.grey[who.cover == 0] == 0).all()


def test_a_scene_holds_its_people_apart_and_is_the_same_again():
    pixels, boxes = scene(3, 4, 480, 640, (40, 120))
    again, _ = scene(3, 4, 480, 640, (40, 120))
    assert pixels.shape == (480, 640) and np.array_equal(pixels, again) and 2 <= len(boxes) <= 4
    assert all(40 <= b.width <= 120 for b in boxes)
    assert all(face_maps.iou(a, b) == 0 for a in boxes for b in boxes if a is not b)
    assert scene(3, 0, 480, 640)[1] == []


def test_training_crops_name_their_faces():
    rng = np.random.default_rng(0)
    people, backgrounds = [stored_person(person(rng)) for _ in range(3)], [clutter(rng, 200, 200) for _ in range(2)]
    images = rng.integers(0, 256, (5, 48, 48), dtype=np.uint8)
    seen = [example(rng, people, images, images, backgrounds) for _ in range(30)]
    assert {image.shape for image, _ in seen} == {(96, 96)} and {faces.shape for _, faces in seen} == {(3, 3)}
    sides = np.concatenate([faces[:, 2] for _, faces in seen])
    assert 10 <= np.nanmin(sides) < 24 and 56 < np.nanmax(sides) <= 200 and np.isnan(sides).any()
    assert cut(images[0], rng).cover.shape == (72, 72) and no_face(images, rng, backgrounds).side in (24, 48)


def test_each_face_counts_once_and_what_is_not_a_face_is_a_false_alarm():
    true = [Box(0, 0, 40, 40), Box(100, 0, 40, 40)]
    hits, wrong, overlaps = compare([Box(2, 0, 40, 40), Box(0, 2, 40, 40), Box(300, 0, 40, 40)], true)
    assert hits == [0] and wrong == 2 and overlaps == [pytest.approx(38 / 42)]
    assert compare([], true) == ([], 0, []) and compare([Box(0, 0, 9, 9)], []) == ([], 1, [])


def test_a_detector_that_knows_the_answer_has_full_recall(monkeypatch):
    scenes = [pasted(np.full((2, 96, 96), 200, np.uint8), seed) for seed in range(3)]
    answers = {pixels.tobytes(): boxes for pixels, boxes in scenes}
    monkeypatch.setattr("book.experiments.detectors.detect", lambda pixels, least, method: answers[pixels.tobytes()])
    row = measure("oracle", scenes)
    assert row["recall"] == 1 and row["false_alarms"] == 0 and row["mean_overlap"] == 1 and row["scenes"] == 3


def test_the_record_is_of_the_shipped_weights_and_of_all_three_detectors():
    record = json.loads(RECORD.read_text())
    assert record["weights"]["sha256"] == face_maps.card()["sha256"]
    assert list(record["kinds"]["generated scenes"]) == ["network", "yunet", "haar"]
    for methods in record["kinds"].values():
        for row in methods.values():
            assert sum(size["faces"] for size in row["by_size"].values()) == row["faces"] > 50
