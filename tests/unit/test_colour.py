"""RGB images, from a folder of files to predictions, exports and saved weights; grey stays as it was."""

import numpy as np
import pytest
import torch
from blobs import blob_faces
from commands import facekp, refused
from PIL import Image
from small import SMALL, small

from facekp import photo
from facekp.augment import Augment, augment
from facekp.data import Faces, load
from facekp.data.folder import extract, in_colour
from facekp.errors import InputError
from facekp.images import Box, crop, grey
from facekp.models import MODELS, create_model, load_model, save_model
from facekp.models.count import parameters
from facekp.predict import predict
from facekp.training import Ensemble, TrainConfig, fit

TINY = {"channels": 16, "depth": 2, "in_channels": 3}


def coloured(n=24):
    """Blob faces whose three channels differ."""
    faces = blob_faces(n)
    a = faces.images.astype(np.uint16)
    return Faces(np.stack([a, 255 - a, a // 2 + 40], -1).astype(np.uint8), faces.keypoints, faces.scheme)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder of colour images, and a run trained on it."""
    folder = tmp_path_factory.mktemp("colour")
    extract(coloured(), folder / "faces")
    done = facekp("train", folder / "faces", folder / "run", "--epochs", "1", "--batch-size", "8", "--held-out", "0.25",
                  "--option", "channels=16", "--option", "depth=2", "--option", "in_channels=3")
    assert done.returncode == 0, done.stderr
    assert "made grey" not in done.stdout
    return folder


def test_a_folder_gives_back_its_colours_when_asked(work):
    faces = coloured()
    assert load(work / "faces", colour=True).fingerprint() == faces.fingerprint()
    assert (load(work / "faces").images == faces.grey().images).all()
    assert load(work / "faces").images.shape == (24, 96, 96) and in_colour(work / "faces")
    assert (faces.grey().images[3] == grey(faces.images[3])).all()
    assert "RGB images 96x96" in repr(faces) and faces.channels == 3 and faces.grey().channels == 1
    saved = Faces.load(faces.save(work / "faces.npz"))
    assert saved.fingerprint() == faces.fingerprint()
    assert load(work / "faces.npz").channels == 1 and load(work / "faces.npz", colour=True).channels == 3


def test_a_run_on_colour_images_is_evaluated_and_predicts(work):
    model = load_model(work / "run" / "model.safetensors")
    assert model.channels == 3 and model.network.stem[0].in_channels == 3
    assert "6 held-out faces" in facekp("evaluate", work / "run", work / "faces").stdout
    calibrated = facekp("calibrate", work / "run", work / "faces")
    assert calibrated.returncode == 0 and "6 held-out faces" in calibrated.stdout, calibrated.stderr
    result = facekp("predict", work / "run", work / "faces", work / "points.csv")
    assert result.returncode == 0 and (work / "points.csv").read_text().count("\n") == 25, result.stderr
    file = min((work / "faces" / "images").iterdir())
    assert '"points"' in facekp("predict", work / "run", file, "--json").stdout
    torch.nn.init.normal_(model.network.heads[-1].weight)  # after one epoch the maps are too faint to tell
    red = load(work / "faces", colour=True)
    points, _ = predict(model, red)
    assert np.allclose(photo.predict_photo(model, red.images[0])[0].points, points[0], atol=1e-3)
    blue = red.images[..., ::-1]
    assert np.abs(predict(model, np.ascontiguousarray(blue))[0] - points).max() > 1e-3  # the channels are distinguished
    flipped, _ = predict(model, red, flip_tta=True)
    assert np.isfinite(flipped).all()


def test_a_grey_run_on_colour_images_says_so(work):
    result = facekp("train", work / "faces", work / "grey", "--epochs", "1", "--batch-size", "8", "--held-out", "0.25",
                     "--option", "channels=16", "--option", "depth=2")
    assert result.returncode == 0 and "made grey" in result.stdout and "--option in_channels=3" in result.stdout
    assert load_model(work / "grey" / "model.safetensors").channels == 1


def test_what_does_not_fit_is_one_line(work):
    colour = ["--option", "in_channels=3"]
    assert "found grey ones" in refused(facekp("train", "sample", work / "never", *colour))
    assert "found 2" in refused(facekp("train", "sample", work / "never", "--option", "in_channels=2"))
    faces, model = coloured(), create_model("hourglass-s", **TINY)
    with pytest.raises(InputError, match=r"takes RGB images; the data has grey ones.*colour=True"):
        fit(model, faces.grey(), faces, TrainConfig(), progress=False)
    with pytest.raises(InputError, match=r"images \(N, 96, 96, 3\) uint8"):
        predict(model, faces.grey())
    with pytest.raises(InputError, match=r"images \(N, 96, 96\) uint8"):
        predict(create_model("hourglass-s"), faces)
    with pytest.raises(InputError, match="3 and 1 channels"):
        Ensemble([model, create_model("hourglass-s", channels=16, depth=2)])
    with pytest.raises(InputError, match=r"\(N, H, W, 3\)"):
        Faces(faces.images[..., :2], faces.keypoints)
    assert predict(Ensemble([model, model]), faces)[0].shape == (24, 15, 2)


def test_a_crop_in_colour_is_three_grey_crops():
    pixels = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    box = Box(-5, 8, 40, 40)
    whole = crop(pixels, box, 32, colour=True)
    for c in range(3):
        assert (whole[..., c] == crop(np.repeat(pixels[..., c : c + 1], 3, -1), box, 32)).all()
    assert (crop(pixels[..., 0], box, 32, colour=True) == crop(pixels[..., 0], box, 32)[..., None]).all()


def test_augmentation_moves_all_channels_alike_and_blurs_each():
    config = Augment(brightness=0, contrast=0, noise=0, blur=1.5, cutout=0.3)
    one = torch.rand(5, 1, 32, 32)
    points, swap = torch.rand(5, 2, 2) * 32, torch.tensor([1, 0])
    grey_images, moved = augment(one, points, swap, config, torch.Generator().manual_seed(3))
    three, again = augment(one.expand(-1, 3, -1, -1), points, swap, config, torch.Generator().manual_seed(3))
    assert torch.allclose(three, grey_images.expand(-1, 3, -1, -1), atol=1e-5)
    assert torch.equal(moved.nan_to_num(-1), again.nan_to_num(-1))


@pytest.mark.parametrize("name", list(MODELS))
def test_every_network_takes_rgb(name, tmp_path):
    torch.manual_seed(0)
    model = small(name, in_channels=3)
    one, three = create_on_meta(name, 1), create_on_meta(name, 3)
    assert three > one
    images = torch.randint(0, 256, (2, model.size, model.size, 3), dtype=torch.uint8).numpy()
    points, _ = predict(model, images)
    back = load_model(save_model(model, tmp_path / "m.safetensors"))
    assert back.channels == 3 and np.allclose(predict(back, images)[0], points)


def create_on_meta(name, channels):
    with torch.device("meta"):
        return parameters(create_model(name, in_channels=channels))


def test_the_papers_lgcn_takes_rgb():
    assert (create_on_meta("lgcn", 1), create_on_meta("lgcn", 3)) == (4_049_739, 4_056_139)


def test_other_channels_are_refused():
    for name in SMALL:
        if not name.startswith("hourglass"):  # a chapter gives one a second plane of its own
            with pytest.raises(InputError, match=r"in_channels of 1, .*, or 3, for RGB; found 2"):
                small(name, in_channels=2)


def test_an_exported_rgb_network_gives_the_same_points(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    from facekp.export import to_onnx

    model = small("hourglass-s", in_channels=3).eval()
    path = to_onnx(model, tmp_path / "m.onnx")
    images = np.random.default_rng(0).integers(0, 256, (3, model.size, model.size, 3), np.uint8)
    found = onnxruntime.InferenceSession(path).run(None, {"images": images})[0]
    assert np.allclose(found, predict(model, images)[0], atol=1e-3)


def test_a_grey_png_in_a_folder_is_not_colour(tmp_path):
    extract(blob_faces(3), tmp_path / "faces")
    assert not in_colour(tmp_path / "faces")
    file = min((tmp_path / "faces" / "images").iterdir())
    assert Image.open(file).mode == "L"
