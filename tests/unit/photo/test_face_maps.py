"""The face detector's maps: what is drawn into them, and what is read from them."""

import math

import numpy as np
import pytest
import torch

from facekp.errors import InputError
from facekp.images import Box
from facekp.photo import face_maps
from facekp.synthetic.group import group


def drawn(faces, size=(24, 24)):
    """Perfect maps (2, h, w) of faces (N, 3)."""
    target, sides, _ = face_maps.encode(torch.tensor([faces]), size)
    return torch.stack([torch.logit(target[0].clamp(1e-4, 0.999)), sides[0]])


def test_what_is_encoded_is_decoded_to_a_tenth_of_a_pixel():
    faces = [[31.3, 40.9, 30.0], [70.2, 22.6, 50.0]]
    found = face_maps.decode(drawn(faces), 0.4)
    order = found[:, 0].argsort()
    np.testing.assert_allclose(found[order, :2], np.array(faces)[:, :2], atol=0.4)  # of an image with stride 4
    np.testing.assert_allclose(found[order, 2], [30.0, 50.0], rtol=1e-3)
    assert (found[:, 3] > 0.8).all()


def test_a_face_too_large_or_small_is_not_a_target_and_a_nearly_right_one_counts_nowhere():
    target, _, counts = face_maps.encode(torch.tensor([[[48.0, 48, 60], [20, 20, 200], [math.nan] * 3]]), (24, 24))
    assert target.max() == 0
    assert counts[0, 12, 12] == 0 and counts[0, 4, 4] == 1  # 60 is unsure, 200 is not


def test_the_loss_is_least_for_the_right_maps_and_missing_faces_give_no_nan():
    faces = torch.tensor([[[31.3, 40.9, 30.0], [math.nan] * 3]])
    right = drawn([[31.3, 40.9, 30.0]])[None]
    empty, shifted = torch.full_like(right, -6.0), right.roll(3, -1)
    losses = [float(face_maps.loss(maps, faces)) for maps in (right, empty, shifted)]
    assert losses[0] < 0.1 and min(losses[1:]) > 3 * losses[0]
    assert math.isfinite(float(face_maps.loss(empty, torch.full((1, 2, 3), math.nan))))


def test_of_overlapping_squares_the_surest_stays():
    a, b, far = Box(0, 0, 40, 40), Box(5, 0, 40, 40), Box(100, 0, 40, 40)
    assert face_maps.iou(a, a) == 1 and face_maps.iou(a, far) == 0
    assert face_maps.iou(a, Box(20, 0, 40, 40)) == pytest.approx(1 / 3)
    assert [box for box, _ in face_maps.suppress([(b, 0.9), (a, 0.8), (far, 0.5)])] == [b, far]


def test_an_image_smaller_than_a_face_and_an_empty_one_have_none():
    for shape in ((1, 1), (5, 4000), (200, 300)):
        assert face_maps.find(np.full(shape, 128, np.uint8), smallest=40) == []


def test_the_shipped_weights_are_those_of_the_card_and_small():
    card = face_maps.card()
    assert card["commit"] and card["licence"] == "research and teaching only"
    assert face_maps.WEIGHTS.stat().st_size < 1 << 20
    assert sum(p.numel() for p in face_maps.load().parameters()) == card["parameters"]


def test_a_changed_file_is_refused(tmp_path, monkeypatch):
    copy = tmp_path / face_maps.WEIGHTS.name
    copy.write_bytes(face_maps.WEIGHTS.read_bytes()[:-1] + b"x")
    copy.with_suffix(".json").write_text(face_maps.WEIGHTS.with_suffix(".json").read_text())
    monkeypatch.setattr(face_maps, "WEIGHTS", copy)
    face_maps.load.cache_clear()
    with pytest.raises(InputError, match="not the weights that the card describes"):
        face_maps.load()
    face_maps.load.cache_clear()


def test_a_face_of_any_size_is_found_in_its_own_pixels():
    pixels, (true,) = group(1, 1, seed=43)
    for times in (0.25, 1, 3):
        size = round(pixels.shape[1] * times), round(pixels.shape[0] * times)
        image = np.asarray(face_maps.Image.fromarray(pixels).resize(size))
        (box, _), = face_maps.find(image, max(24, 0.05 * max(size)))
        x = (true[:2].mean(0)[0] + 0.5) * times
        assert abs(box.x + box.width / 2 - x) < 0.12 * box.width


def test_onnx_gives_the_same_maps(tmp_path):
    pytest.importorskip("onnxscript")
    runtime = pytest.importorskip("onnxruntime")
    network, images = face_maps.load(), torch.rand(1, 1, 64, 96)
    sides = {2: 32 * torch.export.Dim("rows", min=2), 3: 32 * torch.export.Dim("columns", min=2)}
    program = torch.onnx.export(network, (images,), dynamo=True, verbose=False, dynamic_shapes=(sides,))
    program.save(tmp_path / "faces.onnx")
    session = runtime.InferenceSession(tmp_path / "faces.onnx")
    for shape in ((64, 96), (128, 64)):
        images = torch.randn(1, 1, *shape)
        given, = session.run(None, {session.get_inputs()[0].name: images.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(given, network(images)[-1].numpy(), atol=1e-3)
