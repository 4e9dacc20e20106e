"""The detectors on synthetic people: do they find them, and where do their squares lie?"""

import builtins
import hashlib
import types
import urllib.error
from io import BytesIO

import numpy as np
import pytest

from facekp import images, load_pretrained, photo
from facekp.errors import InputError
from facekp.keypoints import KAGGLE
from facekp.photo import detector
from facekp.synthetic.group import group

try:
    import cv2
except ImportError:
    cv2 = None
HAAR = pytest.param("haar", marks=pytest.mark.skipif(not hasattr(cv2, "CascadeClassifier"), reason="needs OpenCV 4"))


@pytest.fixture(scope="module", params=["network", HAAR])
def scenes(request):
    """Ten scenes of ten drawn people each: what is found on each, and the true points."""
    drawn = [group(2, 5, seed=seed) for seed in range(10, 20)]
    return request.param, [(photo.detect(pixels, method=request.param), points) for pixels, points in drawn]


def eyes_in(box, points):
    """Distance between the eyes and the middle of them, for all faces (n, K, 2), in units of the box's side."""
    left, right = points[:, 0], points[:, 1]
    return np.hypot(*(left - right).T) / box.width, ((left + right) / 2 + 0.5 - (box.x, box.y)) / box.width


def test_nearly_all_synthetic_people_are_found_and_nothing_else(scenes):
    method, scenes = scenes
    found = []
    for boxes, points in scenes:
        hits = [np.flatnonzero(np.abs(eyes_in(b, points)[1] - (0.5, 0.39)).max(1) < 0.12) for b in boxes]
        assert all(len(h) == 1 for h in hits)  # every box is one person's face
        assert len({int(h[0]) for h in hits}) == len(hits)  # and no person has two
        found.append(len(hits))
    assert sum(found) >= {"haar": 95, "network": 80}[method]


def test_the_squares_lie_as_the_training_faces_do(scenes):
    """This measures detector.BOX_EYES_APART and BOX_EYES_DOWN again."""
    method, scenes = scenes
    apart, middle = [], []
    for boxes, points in scenes:
        for box in boxes:
            distances, middles = eyes_in(box, points)
            nearest = np.abs(middles - 0.45).max(1).argmin()
            apart.append(distances[nearest])
            middle.append(middles[nearest])
    near, spread = {"haar": (0.01, 0.04), "network": (0.03, 0.08)}[method]
    assert np.mean(apart) == pytest.approx(images.EYES_APART, abs=near / 2) and np.std(apart) < spread
    assert np.mean(middle, 0) == pytest.approx([0.5, images.EYES_DOWN], abs=near)


def test_detected_faces_get_their_points():
    pixels, points = group(2, 4, seed=21)
    found = photo.predict_photo(load_pretrained("hourglass-s-synthetic"), pixels, "detect")
    assert len(found) >= 7
    for face in found:
        errors = np.sqrt(((points - face.points) ** 2).mean((1, 2))) * 96 / face.box.width
        assert errors.min() < 2  # pixels of the crop
    assert [f.box.width for f in found] == sorted((f.box.width for f in found), reverse=True)


@pytest.mark.parametrize("method", ["network", HAAR])
def test_a_photo_larger_than_the_search_gets_boxes_of_its_own_size(method):
    pixels, _ = group(1, 1, seed=43)
    twice = pixels.repeat(6, 0).repeat(6, 1)  # 2304 pixels wide
    (small,), (large,) = (photo.detect(p, method=method) for p in (pixels, twice))
    # The network's pyramid has other levels there, so the face is seen at another size.
    atol = {"haar": 12, "network": 30}[method]
    np.testing.assert_allclose(np.array(large.as_tuple()) / 6, small.as_tuple(), atol=atol)


@pytest.mark.parametrize("method", ["network", HAAR])
def test_lying_heads_are_missed_as_the_module_says(method):
    pixels, _ = group(1, 1, seed=43)
    assert len(photo.detect(pixels, method=method)) == 1
    assert photo.detect(np.rot90(pixels).copy(), method=method) == []


@pytest.mark.parametrize("pixels", [np.full((200, 300), 128, np.uint8), np.zeros((1, 1), np.uint8),
                                    np.zeros((5, 20_000), np.uint8),
                                    np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)])
def test_where_there_is_no_face_nothing_is_found(pixels):
    assert photo.detect(pixels) == []
    assert photo.predict_photo(load_pretrained("hourglass-s-synthetic"), pixels, "detect") == []


def without_opencv(monkeypatch):
    """As where OpenCV is not installed."""
    real = builtins.__import__

    def imported(name, *rest):
        if name == "cv2":
            raise ImportError(name)
        return real(name, *rest)
    monkeypatch.setattr(builtins, "__import__", imported)


@pytest.mark.parametrize("method", ["haar", "yunet"])
def test_without_opencv_the_default_still_finds_faces_and_the_others_say_what_to_do(monkeypatch, method):
    pixels, _ = group(1, 1, seed=43)
    without_opencv(monkeypatch)
    assert detector.default_method() == "network" and len(photo.detect(pixels)) == 1
    with pytest.raises(InputError, match=rf"'{method}' needs OpenCV.*facekp\[photo\].*method=\"network\""):
        photo.detect(pixels, method=method)


def test_opencv_5_has_no_cascade_and_there_is_advice(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cv2", types.SimpleNamespace(__version__="5.0.0"))
    pixels, _ = group(1, 1, seed=43)
    assert len(photo.detect(pixels)) == 1
    with pytest.raises(InputError, match=r"CascadeClassifier; found 5\.0\.0.*opencv-python-headless<5"):
        photo.detect(pixels, method="haar")


@pytest.mark.skipif(not hasattr(cv2, "CascadeClassifier"), reason="needs OpenCV 4")
def test_an_opencv_without_the_file_gets_advice(monkeypatch):
    monkeypatch.setattr(detector, "CASCADE", "no-such-file.xml")
    with pytest.raises(InputError, match=r"without its file no-such-file\.xml"):
        photo.detect(np.zeros((96, 96), np.uint8), method="haar")


def test_an_unknown_detector_is_refused():
    with pytest.raises(InputError, match="Known: network, yunet, haar"):
        photo.detect(np.zeros((96, 96), np.uint8), method="guess")


# ---- YuNet's file -----------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "facekp"


@pytest.mark.skipif(not hasattr(cv2, "FaceDetectorYN"), reason="needs OpenCV")
def test_yunet_without_its_file_says_how_to_get_it(cache):
    with pytest.raises(InputError, match=r"found none\. Run facekp\.photo\.download_yunet\(\) once"):
        photo.detect(np.zeros((96, 96), np.uint8), method="yunet")
    cache.mkdir()
    detector.yunet_file().write_bytes(b"something else")
    with pytest.raises(InputError, match="found another file"):
        photo.detect(np.zeros((96, 96), np.uint8), method="yunet")


def test_yunet_is_downloaded_once(cache, monkeypatch):
    asked = []

    def answer(url, timeout):
        asked.append(url)
        return BytesIO(b"the weights")
    monkeypatch.setattr(detector.urllib.request, "urlopen", answer)
    monkeypatch.setattr(detector, "YUNET_SHA256", hashlib.sha256(b"the weights").hexdigest())
    assert photo.download_yunet() == photo.download_yunet() == detector.yunet_file()
    assert asked == [detector.YUNET] and detector.yunet_file().read_bytes() == b"the weights"


def test_another_file_and_no_network_are_one_message_and_leave_nothing(cache, monkeypatch):
    monkeypatch.setattr(detector.urllib.request, "urlopen", lambda url, timeout: BytesIO(b"<html>"))
    with pytest.raises(InputError, match="found another file"):
        photo.download_yunet()

    def offline(url, timeout):
        raise urllib.error.URLError("Name or service not known")
    monkeypatch.setattr(detector.urllib.request, "urlopen", offline)
    with pytest.raises(InputError, match=r"that failed \(Name or service not known\).*needs no download"):
        photo.download_yunet()
    assert not cache.exists() or list(cache.iterdir()) == []


@pytest.mark.skipif(not hasattr(cv2, "FaceDetectorYN"), reason="needs OpenCV")
def test_yunets_eyes_become_the_crop(cache, monkeypatch):
    """Its weights are not here; its answer, a row of 15 numbers, is."""
    cache.mkdir()
    detector.yunet_file().write_bytes(b"the weights")
    monkeypatch.setattr(detector, "YUNET_SHA256", hashlib.sha256(b"the weights").hexdigest())
    row = np.zeros((1, 15), np.float32)
    row[0, 4:8] = 100, 120, 200, 118  # the subject's right eye, then the left
    fake = types.SimpleNamespace(detect=lambda pixels: (1, row))
    monkeypatch.setattr(cv2, "FaceDetectorYN", types.SimpleNamespace(create=lambda *a: fake))
    box, = photo.detect(np.zeros((800, 3200), np.uint8), method="yunet")
    assert box == images.square_of_eyes(np.array([400.0, 236.0]), np.array([200.0, 240.0]))  # searched at 1600


def test_the_group_is_rendered_with_exact_points():
    a, points = group(2, 3, seed=1)
    again, _ = group(2, 3, seed=1)
    assert a.shape == (768, 1152) and points.shape == (6, len(KAGGLE), 2) and np.array_equal(a, again)
    tiles = points // 384
    assert np.array_equal(tiles[:, :, 0], np.repeat([[0], [1], [2]] * 2, 15, 1).reshape(6, 15))
    for wrong in ({"rows": 0}, {"seed": -1}, {"enlarge": 0}):
        with pytest.raises(InputError, match="1 or more"):
            group(**({"rows": 1, "columns": 1} | wrong))
