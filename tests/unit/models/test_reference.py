"""The flip test, the baselines, the shape model, and counting parameters and MACs."""


import numpy as np
import pytest
import torch
from small import FIVE, SMALL, randomise_zero_layers, small
from torch import nn

from facekp.data.faces import Faces
from facekp.keypoints import KAGGLE
from facekp.models import MODELS
from facekp.models.count import macs, parameters, row, table
from facekp.models.flip import flip_tta
from facekp.models.lgcn import FixedKernel
from facekp.models.reference import mean_face, ridge
from facekp.models.shape import ShapeModel
from facekp.predict import predict


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


class BrightestPixel(nn.Module):
    """(B, 1, H, W) -> (B, 5, H, W): point a is the brightest pixel of the left half, point b of the right."""

    def forward(self, images):
        half = images.shape[-1] // 2
        left, right = images.clone(), images.clone()
        left[..., half:], right[..., :half] = -9, -9
        return torch.cat([left, right, images, images, images], 1)


def test_flip_tta_of_a_network_that_is_right():
    model = small("unet", head={"stride": 1, "decoder": "argmax"}).eval()
    model.network = BrightestPixel()
    images = torch.zeros(1, 1, 32, 32)
    images[0, 0, 8, 4], images[0, 0, 12, 25] = 0.9, 0.8
    points, _ = model.head.decode(model(images))
    assert points[0, :2].tolist() == [[4, 8], [25, 12]]
    flipped, _ = flip_tta(model, images)
    assert torch.allclose(flipped, points)  # W - 1 - x and a <-> b undo the mirror exactly


@pytest.mark.parametrize("name", ["cnn3", "hourglass-s"])
def test_flip_tta_is_symmetric(name):
    model = small(name).eval()
    randomise_zero_layers(model)
    images = torch.rand(2, 1, model.size, model.size)
    with torch.no_grad():
        here, confidence = flip_tta(model, images)
        there, _ = flip_tta(model, images.flip(-1))
    back = there[:, torch.from_numpy(FIVE.swap)]
    back = torch.stack([model.size - 1 - back[..., 0], back[..., 1]], -1)
    assert torch.allclose(here, back, atol=1e-3)
    assert confidence.shape == (2, 5)


# ---- baselines, shape model, counting ------------------------------------------------------------


def some_faces(n=60, missing=True):
    """Faces whose points are a linear function of the pixels, up to a little noise."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 12, 12)).astype(np.uint8)
    matrix = rng.normal(size=(144, 30)) / 100
    points = (images.reshape(n, -1) @ matrix).reshape(n, 15, 2).astype(np.float32) + 6
    if missing:
        points[: n // 3, 3] = np.nan
    return Faces(images, points, KAGGLE)


def test_mean_face():
    faces = some_faces()
    model = mean_face(faces)
    points, confidence = predict(model, faces.images[:4])
    assert np.allclose(points, np.nanmean(faces.keypoints, axis=0), atol=1e-3)
    assert confidence.shape == (4, 15)
    assert not any(p.requires_grad for p in model.parameters())


def test_ridge_against_numpy():
    faces = some_faces()
    model = ridge(faces, penalty=2.0)
    there = faces.annotated[:, 3]
    x = (faces.images[there].reshape(there.sum(), -1) / 255.0 - 0.5) / 0.25
    y = faces.keypoints[there, 3]
    xc, yc = x - x.mean(0), y - y.mean(0)
    w = np.linalg.solve(xc.T @ xc + 2.0 * len(x) * np.eye(144), xc.T @ yc)
    wanted = ((faces.images.reshape(len(faces), -1) / 255.0 - 0.5) / 0.25 - x.mean(0)) @ w + y.mean(0)
    assert np.allclose(predict(model, faces.images)[0][:, 3], wanted, atol=1e-3)


def test_ridge_beats_the_mean_where_pixels_tell():
    faces = some_faces(400, missing=False)
    train, val = faces.split(0.25, seed=0)
    linear, mean = (predict(model, val.images)[0] for model in (ridge(train, 0.1), mean_face(train)))
    assert np.square(linear - val.keypoints).mean() < 0.1 * np.square(mean - val.keypoints).mean()


def shapes(n=300):
    """Faces (n, 15, 2) with three ways to vary."""
    g = torch.Generator().manual_seed(1)
    base, ways = torch.rand(15, 2, generator=g) * 60 + 15, torch.randn(3, 15, 2, generator=g)
    return base + torch.einsum("ni,ikc->nkc", 4 * torch.randn(n, 3, generator=g), ways)


def test_shape_model_finds_the_ways_faces_vary():
    faces = shapes()
    model = ShapeModel.learn(torch.cat([faces, torch.full((1, 15, 2), torch.nan)]), directions=3)
    assert model.noise < 0.01
    fitted = model.fit(faces, torch.ones(len(faces), 15))
    assert (fitted - faces).abs().max() < 0.1


def test_shape_model_repairs_an_outlier_and_a_missing_point():
    faces = shapes()
    model = ShapeModel.learn(faces[:250] + 0.3 * torch.randn(250, 15, 2), directions=3)
    true = faces[250:]
    points, weight = true.clone(), torch.full((50, 15), 0.8)
    points[:, 4] += torch.tensor([25.0, -15.0])
    points[:, 9] = torch.nan
    repaired = model.repair(points, weight)
    good = [k for k in range(15) if k not in (4, 9)]
    assert torch.equal(repaired[:, good], points[:, good])
    assert (repaired - true)[:, [4, 9]].square().mean().sqrt() < 1.5
    weight[:, 4] = 0  # a point that the network itself does not believe in has no say at all
    assert (model.fit(points, weight) - true).square().mean().sqrt() < 0.7


def test_counting_by_hand():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(4, 2, 2, stride=2), nn.Flatten(),
                        nn.Linear(2 * 16 * 16, 10))
    assert parameters(net) == 40 + 34 + 5130
    assert macs(net, 8) == 9 * 4 * 64 + 4 * 64 * 2 * 4 + 5120
    assert macs(nn.Sequential(nn.Conv2d(1, 1, 1), FixedKernel(8, (1, 2))), 8) == 64 + 64 * 2 * 2 * 8


def test_lgcn_costs_what_it_is_said_to():
    assert 2 * row("lgcn")["macs"] / 1e9 == pytest.approx(75, rel=0.005)  # GFLOP a face


def test_the_table_of_all_networks():
    rows = table()
    assert [r["network"] for r in rows] == list(MODELS)
    assert all(r["parameters"] > 0 and r["macs"] > 0 for r in rows)
    model = small("unet")
    options = {k: v for k, v in SMALL["unet"][0].items() if k != "size"}
    wanted = {"network": "unet", "head": "HeatmapHead", "parameters": parameters(model) + 10 * (16 + 1)}
    assert row("unet", 32, **options) == wanted | {"macs": macs(model, 32) + 10 * 16 * 32 * 32}  # 15 maps, not 5
