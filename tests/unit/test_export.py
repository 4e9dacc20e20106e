"""ONNX: the same points as PyTorch, for every batch size, network and decoder; and what the file says of itself."""

import builtins
import copy
import io
import json
import sys
from contextlib import redirect_stdout
from unittest import mock

import numpy as np
import pytest
import torch
from small import FIVE, as_list, randomise_zero_layers, small
from torch import nn

import facekp
from facekp import heatmaps, pretrained
from facekp.cli import main
from facekp.data import load
from facekp.errors import InputError
from facekp.export import UNKNOWN, detector_to_onnx, export, to_onnx
from facekp.heads import HeatmapHead
from facekp.keypoints import Scheme
from facekp.models import MODELS, save_model
from facekp.models.model import KeypointModel
from facekp.photo import face_maps
from facekp.predict import predict
from facekp.pretrained import load_pretrained
from facekp.training.folds import Ensemble

EXPORTED = ("cnn3", "parts-s", "lgcn-s", "hourglass-s")  # in other tests here, by a fixture or as shipped weights


def kind(name):
    """The function that builds the network, and for a ResNet which blocks: larger sizes are more of the same layers."""
    made = MODELS[name]
    return getattr(made, "args", made), getattr(made, "keywords", {}).get("depth") == 50


FIRST = {kind(name): name for name in reversed(MODELS)}
KINDS = ("hourglass-2", *(name for name in reversed(FIRST.values()) if name not in EXPORTED))


def opened(path):
    """The file as ONNX Runtime runs it, in one thread."""
    onnxruntime = pytest.importorskip("onnxruntime")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, settings)


@pytest.fixture
def session(tmp_path):
    """A function of a model that exports it and opens the file; asserts that the file is the only one."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")

    def make(model, **options):
        path = to_onnx(model, tmp_path / "model.onnx", **options)
        assert [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
        return opened(path)

    return make


@pytest.fixture(scope="module")
def coordinates(tmp_path_factory):
    """A coordinate network in training mode, and the file that it was exported to."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    model = small("cnn3", pixel_offset=0.5).train()
    randomise_zero_layers(model)
    return model, to_onnx(model, tmp_path_factory.mktemp("cnn3") / "model.onnx", licence="mine")


@pytest.fixture(scope="module")
def with_maps(tmp_path_factory):
    """Shipped weights as the command exports them, with their maps; the file and what the command printed."""
    pytest.importorskip("onnxscript")
    out, printed = tmp_path_factory.mktemp("maps") / "new folder" / "page.onnx", io.StringIO()
    command = ["facekp", "export", "hourglass-s-synthetic", str(out), "--maps"]
    with mock.patch.object(sys, "argv", command), redirect_stdout(printed), pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    return out, printed.getvalue()


def same_points(model, file, images):
    """The file's points and confidence are PyTorch's, for one face and for all."""
    expected, sure = predict(model, images)
    for batch in (1, len(images)):
        points, confidence, *_ = file.run(None, {"images": images[:batch]})
        assert points.shape == (batch, 15, 2) and np.abs(points - expected[:batch]).max() < 1e-3
        np.testing.assert_allclose(confidence, sure[:batch], atol=1e-5)


@pytest.mark.parametrize("name", [name for name in pretrained.names() if name != "hourglass-s-synthetic"])
def test_shipped_weights_give_the_points_of_pytorch_on_200_faces(name, session):
    model = load_pretrained(name)
    same_points(model, session(model), load("sample").images[:200])


def test_weights_exported_by_the_command_give_the_points_of_pytorch_on_200_faces(with_maps):
    same_points(load_pretrained("hourglass-s-synthetic"), opened(with_maps[0]), load("sample").images[:200])


class ImageAsMaps(nn.Module):
    """A network whose maps are its image, upright and mirrored: what a file then holds is the decoder."""

    def __init__(self):
        super().__init__()
        self.spread = nn.Parameter(torch.tensor(0.25))

    def forward(self, x):
        grey = x * self.spread + 0.5  # what KeypointModel.normalise did, undone
        return torch.cat([grey, grey.flip(-1)], 1)


@pytest.mark.parametrize("decoder", heatmaps.DECODERS)
def test_every_decoder_is_the_same_inside_the_file(decoder, session):
    head = HeatmapHead(stride=1, decoder=decoder, decoder_options={"blur": 1.0} if decoder == "dark" else {})
    model = KeypointModel(ImageAsMaps(), head, Scheme("two", ("a", "b")), "image", 48, {})
    g = torch.Generator().manual_seed(0)
    peaks = heatmaps.gaussian(torch.rand(20, 1, 2, generator=g) * 40 + 4, (48, 48), 1.5)
    noise = 0.02 * torch.rand(peaks.shape, generator=g)
    images = ((0.8 * peaks + noise) * 255).round().to(torch.uint8)[:, 0].numpy()
    expected, sure = predict(model, images)
    points, confidence = session(model).run(None, {"images": images})
    np.testing.assert_allclose(points, expected, atol=1e-3)
    np.testing.assert_allclose(confidence, sure, atol=1e-5)
    assert np.ptp(points, axis=0).min() > 5  # the peaks are all over the image; the centroid is pulled to its middle


def test_one_network_of_every_kind_is_exported():
    assert {"fcn24", "vgg16-s", "resnet18", "resnet50", "fcn8-s", "unet-s", "simcc-s"} <= set(KINDS)
    assert {kind(name) for name in {*KINDS, *EXPORTED}} == {kind(name) for name in MODELS}
    assert {*pretrained.names(), "cnn3"} >= set(EXPORTED)


@pytest.mark.parametrize("name", KINDS)
def test_every_network_takes_any_number_of_faces(name, session):
    torch.manual_seed(0)
    model = small(name)
    randomise_zero_layers(model)
    any_number_of_faces(model, session(model))


def test_a_coordinate_network_takes_any_number_of_faces_and_is_left_as_it_was(coordinates):
    model, path = coordinates
    assert all(m.training for m in model.modules())
    any_number_of_faces(copy.deepcopy(model).eval(), opened(path))


def any_number_of_faces(model, file):
    images = np.random.default_rng(0).integers(0, 256, (5, model.size, model.size), dtype=np.uint8)
    expected, sure = predict(model, images)
    for batch in (1, 5):
        points, confidence = file.run(None, {"images": images[:batch]})
        assert points.shape == (batch, 5, 2)
        # In an untrained network two peaks may be equal except for rounding.
        assert (np.abs(points - expected[:batch]).max(axis=-1) < 1e-3).mean() >= 0.8
        np.testing.assert_allclose(confidence, sure[:batch], atol=1e-4)


def test_other_heads_and_the_mean_of_models(session):
    torch.manual_seed(0)
    soft = small("hourglass-1", head={"kind": "dsnt"}, pixel_offset=0.5)
    randomise_zero_layers(soft)
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32), dtype=np.uint8)
    for model in (soft, Ensemble([soft, soft])):
        points, confidence = session(model).run(None, {"images": images})
        expected, sure = predict(model, images)
        np.testing.assert_allclose(points, expected, atol=1e-3)
        np.testing.assert_allclose(confidence, sure, atol=1e-4)


def test_the_face_detector_gives_the_maps_of_pytorch_for_images_of_any_size(tmp_path):
    file = detector_to_onnx(tmp_path / "faces.onnx")
    run = opened(file)
    for height, width in ((32, 32), (64, 160), (320, 96)):
        images = np.random.default_rng(0).integers(0, 256, (1, height, width), dtype=np.uint8)
        score, side = run.run(None, {"images": images})
        with torch.inference_mode():
            maps = face_maps.load()(face_maps.scaled(torch.from_numpy(images)))[-1]
        assert score.shape == side.shape == (1, height // 4, width // 4)
        np.testing.assert_allclose(score, maps[:, 0].sigmoid(), atol=1e-5)
        np.testing.assert_allclose(side, face_maps.UNIT * maps[:, 1].exp2(), atol=1e-3)
    assert run.get_modelmeta().custom_metadata_map["licence"] == "research and teaching only"
    with pytest.raises(InputError, match=r"ends in \.onnx"):
        detector_to_onnx(tmp_path / "faces.bin")


def test_the_file_says_what_it_is_and_nothing_of_the_machine(coordinates):
    file = opened(coordinates[1])
    metadata = file.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["keypoints"]) == list(FIVE.names) and json.loads(metadata["pairs"]) == [["a", "b"]]
    expected = {"model": "cnn3", "size": "48", "pixel_offset": "0.5", "opset": "18", "licence": "mine",
                "made_by": f"facekp {facekp.__version__}"}
    assert metadata | expected == metadata
    [images], outputs = file.get_inputs(), file.get_outputs()
    assert (images.name, images.type, images.shape) == ("images", "tensor(uint8)", ["batch", 48, 48])
    assert [(o.name, o.shape) for o in outputs] == [("points", ["batch", 5, 2]), ("confidence", ["batch", 5])]
    data = coordinates[1].read_bytes()
    assert b".py" not in data and b"stack_trace" not in data


def test_a_command_writes_a_run_or_shipped_weights(tmp_path, with_maps):
    onnx = pytest.importorskip("onnx")
    save_model(small("cnn3"), tmp_path / "run" / "model.safetensors")
    assert UNKNOWN in export(tmp_path / "run", tmp_path / "own.onnx")
    out, printed = with_maps
    assert "(B, 96, 96) uint8 -> points (B, 15, 2)" in printed
    written = onnx.load(out)
    assert {p.key: p.value for p in written.metadata_props}["licence"] == "CC0 1.0"
    assert [o.name for o in written.graph.output] == ["points", "confidence", "maps"]
    assert [o.version for o in written.opset_import] == [18] and out.stat().st_size < 2e6
    maps_are_the_network_s_own(out)


def maps_are_the_network_s_own(path):
    model, images = load_pretrained("hourglass-s-synthetic"), load("sample").images[:3]
    points, _, maps = opened(path).run(None, {"images": images})
    with torch.inference_mode():
        expected = as_list(model(torch.from_numpy(images)[:, None].float() / 255))[-1]
    assert maps.shape == (3, 15, 48, 48)
    np.testing.assert_allclose(maps, expected, atol=1e-4)
    np.testing.assert_allclose(points, predict(model, images)[0], atol=1e-3)


def test_what_cannot_be_exported_is_said_before_anything_is_written(tmp_path, monkeypatch):
    cases = [
        (small("cnn3"), "model.onnx", True, "has none to show"),
        (Ensemble([small("cnn3")]), "model.onnx", True, "mean of 1 models, which has none"),
        (small("cnn3"), "model.safetensors", False, "ends in .onnx"),
        (small("cnn3"), "folder.onnx", False, "ends in .onnx"),
    ]
    (tmp_path / "folder.onnx").mkdir()
    for model, name, maps, message in cases:
        with pytest.raises(InputError, match=message):
            to_onnx(model, tmp_path / name, maps)
    with pytest.raises(InputError, match="no such file"):
        export("nothing", tmp_path / "model.onnx")
    with pytest.raises(InputError, match="no weights called 'nothing'"):
        export("pretrained:nothing", tmp_path / "model.onnx")
    imports = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", lambda name, *rest: imports(
        "no_such_package" if name == "onnxscript" else name, *rest))
    with pytest.raises(InputError, match=r"facekp\[onnx\]"):
        to_onnx(small("cnn3"), tmp_path / "model.onnx")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.onnx"]


def test_an_old_file_stays_when_a_new_one_cannot_be_written(tmp_path, monkeypatch):
    pytest.importorskip("onnxscript")
    old = tmp_path / "model.onnx"
    old.write_bytes(b"old")
    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        to_onnx(small("cnn3"), old)
    assert old.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["model.onnx"]
