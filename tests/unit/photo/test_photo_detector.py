"""OpenCV's cascade on drawn people: does it find them, and where do its boxes lie?"""

import builtins
import types

import numpy as np
import pytest

from facekp import images, load_pretrained, photo
from facekp.errors import InputError
from facekp.keypoints import KAGGLE
from facekp.photo import detector
from facekp.synthetic.group import group

cv2 = pytest.importorskip("cv2", reason='needs pip install "facekp[photo]"')


@pytest.fixture(scope="module")
def scenes():
    """Ten scenes of ten drawn people each: what is found on each, and the true points."""
    drawn = [group(2, 5, seed=seed) for seed in range(10, 20)]
    return [(photo.detect(pixels), points) for pixels, points in drawn]


def eyes_in(box, points):
    """Distance between the eyes and the middle of them, for all faces (n, K, 2), in units of the box's side."""
    left, right = points[:, 0], points[:, 1]
    return np.hypot(*(left - right).T) / box.width, ((left + right) / 2 + 0.5 - (box.x, box.y)) / box.width


def test_nearly_all_drawn_people_are_found_and_nothing_else(scenes):
    found = []
    for boxes, points in scenes:
        hits = [np.flatnonzero(np.abs(eyes_in(b, points)[1] - (0.5, 0.39)).max(1) < 0.12) for b in boxes]
        assert all(len(h) == 1 for h in hits)  # every box is one person's face
        assert len({int(h[0]) for h in hits}) == len(hits)  # and no person has two
        found.append(len(hits))
    assert sum(found) >= 95


def test_the_squares_lie_as_the_training_faces_do(scenes):
    """This measures detector.BOX_EYES_APART and BOX_EYES_DOWN again."""
    apart, middle = [], []
    for boxes, points in scenes:
        for box in boxes:
            distances, middles = eyes_in(box, points)
            nearest = np.abs(middles - 0.45).max(1).argmin()
            apart.append(distances[nearest])
            middle.append(middles[nearest])
    assert np.mean(apart) == pytest.approx(images.EYES_APART, abs=0.005) and np.std(apart) < 0.04
    assert np.mean(middle, 0) == pytest.approx([0.5, images.EYES_DOWN], abs=0.01)


def test_detected_faces_get_their_points():
    pixels, points = group(2, 4, seed=21)
    found = photo.predict_photo(load_pretrained("hourglass-s-synthetic"), pixels, "detect")
    assert len(found) >= 7
    for face in found:
        errors = np.sqrt(((points - face.points) ** 2).mean((1, 2))) * 96 / face.box.width
        assert errors.min() < 2  # pixels of the crop
    assert [f.box.width for f in found] == sorted((f.box.width for f in found), reverse=True)


def test_a_photo_larger_than_the_search_gets_boxes_of_its_own_size():
    pixels, _ = group(1, 2, seed=5)
    twice = pixels.repeat(6, 0).repeat(6, 1)  # 4608 pixels wide: searched at 1600
    small, large = (sorted(photo.detect(p), key=lambda b: b.x) for p in (pixels, twice))
    assert len(small) == len(large) == 2
    for a, b in zip(small, large, strict=True):
        np.testing.assert_allclose(np.array(b.as_tuple()) / 6, a.as_tuple(), atol=12)


def test_tilted_heads_are_missed_as_the_module_says():
    pixels, _ = group(1, 1, seed=5)
    assert len(photo.detect(pixels)) == 1
    assert photo.detect(np.rot90(pixels).copy()) == []


@pytest.mark.parametrize("pixels", [np.full((200, 300), 128, np.uint8), np.zeros((1, 1), np.uint8),
                                    np.zeros((5, 20_000), np.uint8),
                                    np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)])
def test_where_there_is_no_face_nothing_is_found(pixels):
    assert photo.detect(pixels) == []
    assert photo.predict_photo(load_pretrained("hourglass-s-synthetic"), pixels, "detect") == []


def test_without_opencv_there_is_advice(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == "cv2":
            raise ImportError(name)
        return real(name, *rest)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r'pip install "facekp\[photo\]"'):
        photo.detect(np.zeros((96, 96), np.uint8))


def test_opencv_5_has_no_cascade_and_there_is_advice(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", types.SimpleNamespace(__version__="5.0.0"))
    with pytest.raises(InputError, match=r"found 5\.0\.0.*opencv-python-headless<5"):
        photo.detect(np.zeros((96, 96), np.uint8))


def test_an_opencv_without_the_file_gets_advice(monkeypatch):
    monkeypatch.setattr(detector, "CASCADE", "no-such-file.xml")
    with pytest.raises(InputError, match=r"without its file no-such-file\.xml"):
        photo.detect(np.zeros((96, 96), np.uint8))


def test_the_group_is_drawn_with_exact_points():
    a, points = group(2, 3, seed=1)
    again, _ = group(2, 3, seed=1)
    assert a.shape == (768, 1152) and points.shape == (6, len(KAGGLE), 2) and np.array_equal(a, again)
    tiles = points // 384
    assert np.array_equal(tiles[:, :, 0], np.repeat([[0], [1], [2]] * 2, 15, 1).reshape(6, 15))
    for wrong in ({"rows": 0}, {"seed": -1}, {"enlarge": 0}):
        with pytest.raises(InputError, match="1 or more"):
            group(**({"rows": 1, "columns": 1} | wrong))
