"""The comparison with dlib and MediaPipe: what is measured, and that its record agrees with itself."""

import sys

import numpy as np
import pytest

from book.experiments.other_libraries import compare, methods
from facekp import synthetic
from facekp.errors import InputError
from facekp.pretrained import load_pretrained
from facekp.results import load_record

SHIPPED = "hourglass-s-synthetic"


@pytest.fixture(scope="module")
def faces():
    return synthetic.sample().complete().select(slice(12))


def truth_of(faces):
    return faces.keypoints[:, faces.scheme.index(*methods.EIGHT)].astype(np.float64)


def test_a_constant_offset_costs_nothing_and_the_eyes_are_the_unit():
    rng = np.random.default_rng(0)
    truth = rng.uniform(20, 80, (101, 8, 2))
    truth[:, 1] = truth[:, 0] + (0, 25)
    assert compare.errors(truth + rng.uniform(-5, 5, (8, 2)), truth) == pytest.approx(np.zeros(101), abs=1e-12)
    moved = truth + np.array([3, 4])
    moved[0, 5] += (10, 0)  # one point of eight, 10 px of an eye distance of 25
    assert compare.errors(moved, truth)[:2] == pytest.approx([10 / 25 / 8, 0])
    moved[7] = np.nan
    assert np.isnan(compare.errors(moved, truth)).nonzero()[0].tolist() == [7]


def test_a_point_of_the_enlarged_image_is_found_again_in_the_crop():
    image = np.zeros((96, 96), np.uint8)
    image[40, 60] = 255
    for scale, border in ((2, 0.25), (4, 0.25), (4, 0.5), (1, 0)):
        large, pad = methods.enlarged(image, scale, border)
        assert large.shape == (96 * scale + 2 * pad,) * 2 and pad == round(border * 96 * scale)
        total = large.astype(float)
        y, x = (np.indices(large.shape) * total).sum((1, 2)) / total.sum()
        np.testing.assert_allclose(methods.into_crop(np.array([x, y]), scale, pad), [60, 40], atol=0.05)


def test_eye_centres_are_between_the_corners():
    corners = np.array([[50, 40], [60, 42], [30, 40], [20, 44], [55, 70], [25, 71]], float)
    eight = methods.with_centres(corners)
    assert eight[:2].tolist() == [[55, 41], [25, 42]] and np.array_equal(eight[2:], corners)


def test_our_networks_answer_with_the_same_eight_points(faces):
    found = np.array([methods.our_method(SHIPPED).find(image) for image in faces.images])
    assert compare.errors(found, truth_of(faces)).mean() < 0.06


@pytest.mark.parametrize("library", ["dlib", "mediapipe"])
def test_the_other_libraries_find_the_same_eight_points_where_they_are_installed(library, faces):
    pytest.importorskip(library)
    for method in methods.dlib_methods() if library == "dlib" else methods.mediapipe_methods():
        found = np.array([method.find(image) for image in faces.images])
        there = ~np.isnan(found[:, 0, 0])
        assert there.sum() >= 4 and compare.errors(found[there], truth_of(faces)[there]).mean() < 0.15


def test_without_the_other_libraries_the_message_says_how_to_get_them(monkeypatch):
    for name in ("dlib", "mediapipe"):
        monkeypatch.setitem(sys.modules, name, None)
    for make in (methods.dlib_methods, methods.mediapipe_methods):
        with pytest.raises(InputError, match=r"pip install mediapipe==0\.10\.14 dlib-bin"):
            make()


def test_methods_are_compared_on_the_faces_that_all_of_them_found(faces, monkeypatch):
    """A method that knows the truth except for a fixed offset, and misses one face; and a shipped network."""
    truth = {image.tobytes(): points for image, points in zip(faces.images, truth_of(faces), strict=True)}
    truth[faces.images[3].tobytes()] = methods.NOTHING
    knows = methods.Method("knows", lambda image: truth[image.tobytes()] + [2, -1], "s", "l", "d", "none")
    monkeypatch.setattr(compare, "dlib_methods", lambda: [knows])
    monkeypatch.setattr(compare, "mediapipe_methods", list)
    monkeypatch.setattr(compare.pretrained, "names", lambda: [SHIPPED])
    monkeypatch.setattr(compare, "test_faces", lambda names, photographs: faces)
    record = compare.compare(synthetic.sample())
    assert (record["faces"], record["answered_by_all"]) == (12, 11) and list(record["methods"]) == ["knows", SHIPPED]
    assert record["methods"]["knows"]["nme"] == 0 and record["methods"]["knows"]["no_face_found"] == 1
    ours = record["methods"][SHIPPED]
    assert ours["no_face_found"] == 0 and ours["nme"] != ours["nme_of_its_own"] and ours["ms_per_face"] > 0
    assert compare.table(record).splitlines()[2].startswith("| knows | 0.00%")


def test_networks_that_held_out_different_faces_are_not_compared(faces, monkeypatch):
    sides = iter([faces, faces.select(slice(5))])
    monkeypatch.setattr(compare, "unseen", lambda name, photographs: next(sides))
    with pytest.raises(InputError, match="held out the same faces"):
        compare.test_faces(["hourglass-s", "parts-s"], faces)


def test_the_record_agrees_with_itself_and_with_the_weights_that_are_shipped():
    record = load_record("other-libraries")
    each = {name: np.array(m["face_nme"], float) for name, m in record["methods"].items()}
    by_all = ~np.isnan(np.stack(list(each.values()))).any(axis=0)
    assert by_all.sum() == record["answered_by_all"] and len(by_all) == record["faces"] == 214
    for name, m in record["methods"].items():
        assert m["nme"] == pytest.approx(each[name][by_all].mean(), abs=1e-4)
        assert m["no_face_found"] == np.isnan(each[name]).sum()
        assert m["parameters"] in (None, sum(p.numel() for p in load_pretrained(name).parameters())
                                   if m["parameters"] else None)
    assert not [line for line in compare.table(record).splitlines() if "nan" in line]
