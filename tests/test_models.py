"""What every network of the registry must do, and the parameter counts of the papers.

Full-size networks are built on torch's "meta" device, where tensors have a shape and no numbers: that costs
nothing. Numbers are tested on the same networks with fewer channels and blocks (SMALL).
"""

import itertools

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

from facekp import heatmaps
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.heads import CoordinateHead, DSNTHead, HeatmapHead
from facekp.keypoints import KAGGLE, Scheme
from facekp.models import MODELS, create_model, load_model, save_model
from facekp.models.count import macs, parameters
from facekp.models.fcn import bilinear_up
from facekp.models.flip import flip_test
from facekp.models.lgcn import FixedKernel
from facekp.models.parts import set_stage
from facekp.models.reference import mean_face, ridge
from facekp.models.resnet import grey_stem
from facekp.models.shape import ShapeModel
from facekp.models.vgg import VGGTrunk
from facekp.predict import predict

FIVE = Scheme("five", ("a", "b", "c", "d", "e"), (("a", "b"),))

# name: options for a small network; steps and learning rate with which it learns eight faces by heart
SMALL = {
    "cnn3": ({"size": 48, "channels": 16, "hidden": 128, "dropout": 0.0}, 200, 5e-3),
    "fcn24": ({"size": 32, "channels": 16, "kernel": 8, "head": {"sigma": 2.0}}, 200, 5e-3),
    "vgg16": ({"size": 32, "width": 0.125, "hidden": 64, "dropout": 0.0}, 80, 5e-3),
    "resnet18": ({"size": 32, "blocks": (1, 1, 1, 1)}, 60, 3e-3),
    "resnet34": ({"size": 32, "blocks": (1, 1, 1, 1)}, 60, 3e-3),
    "resnet50": ({"size": 32, "blocks": (1, 1, 1, 1)}, 60, 2e-3),
    "fcn8": ({"size": 32, "width": 0.25, "channels": 64, "dropout": 0.0}, 60, 1e-2),
    "unet": ({"size": 32, "channels": 16, "depth": 2}, 120, 1e-2),
    "hourglass-s": ({"size": 32, "channels": 32}, 60, 1e-2),
    "hourglass-1": ({"size": 32, "channels": 32, "depth": 2}, 60, 1e-2),
    "hourglass-2": ({"size": 32, "channels": 32, "depth": 2}, 60, 1e-2),
    "hourglass-4": ({"size": 32, "channels": 32, "depth": 1}, 60, 1e-2),
    "hourglass-8": ({"size": 32, "channels": 16, "depth": 1}, 60, 1e-2),
    "parts-s": ({"size": 32, "channels": 32, "hourglass_depth": 1}, 60, 1e-2),
    "parts": ({"size": 32, "channels": 32, "hourglass_depth": 1, "depth": 18, "layers": 2}, 60, 1e-2),
    "lgcn-s": ({"size": 32, "channels": 32, "dropout": 0.0, "sigmas": (1, 2)}, 100, 1e-2),
    "lgcn": ({"size": 32, "channels": 16, "layers": (2, 3, 3), "sigmas": (1, 3, 5), "dropout": 0.0}, 100, 1e-2),
}
every_model = pytest.mark.parametrize("name", list(MODELS))


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def small(name, scheme=FIVE, **more):
    return create_model(name, scheme, **(SMALL[name][0] | more))


def scheme_of(K):
    return Scheme("test", tuple(f"point{k}" for k in range(K)))


def blob_faces(size, n=8):
    """n images (n, 1, size, size) with five blobs of different brightness, and where they are (n, 5, 2)."""
    g = torch.Generator().manual_seed(0)
    points = torch.rand(1, 5, 2, generator=g) * 0.6 + 0.2
    points = (points + 0.08 * torch.randn(n, 5, 2, generator=g)).clamp(0.1, 0.9) * size
    brightness = torch.tensor([0.5, -0.43, 0.35, -0.28, 0.2])[:, None, None]
    images = 0.5 + (heatmaps.gaussian(points, (size, size), size / 24) * brightness).sum(1, keepdim=True)
    return (images + 0.05 * torch.randn(images.shape, generator=g)).clamp(0, 1), points


def as_list(raw):
    return raw if isinstance(raw, list) else [raw]


# ---- over the registry ----------------------------------------------------------------------------


def test_every_network_has_its_small_twin():
    assert list(SMALL) == list(MODELS)


@every_model
@pytest.mark.parametrize("K", [15, 5])
def test_output_shapes_of_the_full_network(name, K):
    with torch.device("meta"):
        model = create_model(name, scheme_of(K)).eval()
        raw = as_list(model(torch.rand(3, 1, 96, 96)))
    for tensor in raw:
        if isinstance(model.head, CoordinateHead):
            assert tensor.shape == (3, 2 * K)
        else:
            n = 96 // model.head.stride
            assert tensor.shape == (3, K, n, n)


@every_model
@pytest.mark.parametrize("K", [15, 5])
def test_finite_points(name, K):
    model = small(name, scheme_of(K)).eval()
    points, confidence = model.head.decode(model(torch.rand(3, 1, model.size, model.size)))
    assert points.shape == (3, K, 2)
    assert confidence.shape == (3, K)
    assert points.isfinite().all()


@every_model
def test_every_parameter_gets_a_gradient(name):
    """After one step, that is: behind a layer that starts at 0 there is no gradient in the first."""
    model = small(name).train()
    images, points = blob_faces(model.size)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        model.head.loss(model(images), points).backward()
        optimizer.step()
    for parameter_name, p in model.named_parameters():
        assert p.grad is not None, parameter_name
        assert p.grad.isfinite().all(), parameter_name
        # A bias right before a batch norm is taken off again: its gradient is 0, up to rounding.
        assert parameter_name.endswith("bias") or (p.grad != 0).any(), parameter_name


@every_model
def test_a_batch_of_two_is_two_singles(name):
    """In float64, so that 1e-5 tests the network and not how float32 sums are ordered for another batch size."""
    model = small(name).double()
    images = torch.rand(4, 1, model.size, model.size, dtype=torch.float64)
    model.train()(images)  # batch-norm statistics that are not 0 and 1
    randomise_zero_layers(model)
    model.eval()
    with torch.no_grad():
        both = as_list(model(images[:2]))
        singles = [as_list(model(images[i : i + 1])) for i in range(2)]
    for j, raw in enumerate(both):
        assert raw.std() > 0
        for i in range(2):
            assert (raw[i] - singles[i][j][0]).abs().max() < 1e-5


def randomise_zero_layers(model):
    for p in model.parameters():
        if (p == 0).all() and p.ndim > 1:
            nn.init.normal_(p, std=0.02)


@every_model
def test_save_and_load(name, tmp_path):
    model = small(name)
    model.train()(torch.rand(4, 1, model.size, model.size))
    back = load_model(save_model(model, tmp_path / "model.safetensors"))
    assert back.head == model.head
    assert (back.name, back.size, back.scheme) == (model.name, model.size, model.scheme)
    state, other = model.state_dict(), back.state_dict()
    assert list(state) == list(other)
    assert all(torch.equal(state[k], other[k]) for k in state)
    images = torch.rand(2, 1, model.size, model.size)
    model.eval()
    with torch.no_grad():
        assert torch.equal(as_list(model(images))[-1], as_list(back(images))[-1])
    again = load_model(save_model(back, tmp_path / "again.safetensors"))
    assert again.config() == back.config()


@every_model
def test_learns_eight_faces_by_heart(name):
    _, steps, rate = SMALL[name]
    model = small(name).train()
    images, points = blob_faces(model.size)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2)
    for _ in range(steps):
        loss = model.head.loss(model(images), points)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        found, _ = model.eval().head.decode(model(images))
    assert (found - points).square().mean().sqrt() < 1


# ---- sizes of the papers ---------------------------------------------------------------------------


def full_size(name, **options):
    with torch.device("meta"):
        return create_model(name, **options)


@pytest.mark.parametrize(("stacks", "millions"), [(1, 3.42), (2, 6.56), (4, 12.85), (8, 25.4)])
def test_parameters_of_the_papers_hourglass(stacks, millions):
    model = full_size(f"hourglass-{stacks}", in_channels=3, stem_pool=True)
    assert parameters(model) / 1e6 == pytest.approx(millions, rel=0.005)
    assert model.head.stride == 4


def conv(c_in, c_out, k, bias=True):
    return c_in * c_out * k * k + (c_out if bias else 0)


def vgg_trunk(bn=True):
    widths = [1, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    return sum(conv(a, b, 3) + 2 * b * bn for a, b in itertools.pairwise(widths))


def unet_by_hand():
    def double(a, b):
        return conv(a, b, 3) + conv(b, b, 3) + 4 * b

    down = sum(double(a, b) for a, b in [(1, 64), (64, 128), (128, 256), (256, 512), (512, 1024)])
    up = sum(conv(2 * c, c, 2) + double(2 * c, c) for c in (512, 256, 128, 64))
    return down + up + conv(64, 15, 1)


BY_HAND = {
    "vgg16": vgg_trunk() + conv(512 * 9, 512, 1) + conv(512, 30, 1),
    "fcn8": (vgg_trunk() + conv(512, 1024, 3) + conv(1024, 1024, 1) + conv(1024, 15, 1) + conv(512, 15, 1)
             + conv(256, 15, 1) + 15 * 15 * (16 + 16 + 256)),
    "unet": unet_by_hand(),
    # torchvision's counts for 1000 classes and 3 channels, with another stem and another last layer
    "resnet18": 11_689_512 - 2 * 64 * 49 - 513 * 1000 + 513 * 30,
    "resnet34": 21_797_672 - 2 * 64 * 49 - 513 * 1000 + 513 * 30,
    "resnet50": 25_557_032 - 2 * 64 * 49 - 2049 * 1000 + 2049 * 30,
    "cnn3": conv(1, 32, 3) + conv(32, 64, 2) + conv(64, 128, 2) + conv(128 * 121, 500, 1) + conv(500, 500, 1)
            + conv(500, 30, 1),
    "fcn24": (conv(1, 64, 3) + conv(64, 64, 3) + conv(64, 128, 3) + conv(128, 128, 3) + conv(128, 160, 24)
              + conv(160, 160, 1) + conv(160, 15, 4)),
}


@pytest.mark.parametrize("name", list(BY_HAND))
def test_parameters_by_hand(name):
    assert parameters(full_size(name)) == BY_HAND[name]


@pytest.mark.parametrize(("name", "millions", "tolerance"), [
    ("lgcn", 4.05, 0.01), ("unet", 31.0, 0.005), ("vgg16", 17.1, 0.005), ("resnet50", 23.6, 0.005)])
def test_parameters_as_published(name, millions, tolerance):
    assert parameters(full_size(name)) / 1e6 == pytest.approx(millions, rel=tolerance)


def test_compact_sizes_are_compact():
    assert parameters(full_size("hourglass-s")) < 0.5e6
    assert parameters(full_size("lgcn-s")) < 0.5e6
    assert parameters(full_size("parts-s")) < 1e6


def test_the_papers_part_detector():
    """ResNet-152 at stride 16: 58.1 M of torchvision's 60.2 M (less classifier and RGB), and maps at full size."""
    options = {"depth": 152, "detector_stride": 16, "stem_pool": True, "size": 256}
    model = full_size("parts", head={"disc": 10.0, "sigma": 5.0}, **options)
    detector = model.network.detector
    assert parameters(detector) == 60_192_808 - 2 * 64 * 49 - 2049 * 1000 + conv(2048, 15, 1) + conv(15, 15, 16)
    with torch.device("meta"):
        x = torch.rand(1, 1, 256, 256)
        assert detector.layers(detector.stem(x)).shape == (1, 2048, 16, 16)
        assert [t.shape[-1] for t in model(x)] == [256, 256]


# ---- create_model -----------------------------------------------------------------------------------


def test_unknown_names_and_options():
    for call, message in (
        (lambda: create_model("hourglass-3"), "hourglass-2"),
        (lambda: create_model("unet", wings=2), "wings"),
        (lambda: create_model("unet", head={"wings": 2}), "wings"),
        (lambda: create_model("unet", head={"kind": "wings"}), "Known"),
        (lambda: create_model("cnn3", head={"kind": "dsnt"}), "reads maps"),
        (lambda: small("unet", head={"kind": "lgcn"}), "reads two maps"),
        (lambda: create_model("resnet18", depth=19), "19"),
        (lambda: small("parts", stage="final"), "final"),
    ):
        with pytest.raises(InputError, match=message):
            call()


@pytest.mark.parametrize("name", ["unet", "hourglass-2", "lgcn-s"])
def test_another_head_on_the_same_network(name, tmp_path):
    model = small(name, head={"kind": "dsnt", "sigma": 1.5})
    assert model.head == DSNTHead(stride=small(name).head.stride, sigma=1.5)
    images, points = blob_faces(model.size)
    model.head.loss(model(images), points).backward()
    assert load_model(save_model(model, tmp_path / "m.safetensors")).head == model.head


def test_lgcn_can_have_plain_gaussians():
    model = small("lgcn-s", head={"kind": "heatmap"})
    assert model.head == HeatmapHead(stride=2)


def test_loading_never_downloads(tmp_path, monkeypatch):
    model = small("resnet18")
    model.options["pretrained"] = True  # as if it had begun with ImageNet's weights

    def refuse(*args, **kwargs):
        raise AssertionError("a download")

    monkeypatch.setattr(torchvision.models, "get_model_weights", refuse)
    assert load_model(save_model(model, tmp_path / "m.safetensors")).options["pretrained"] is True


# ---- single parts -----------------------------------------------------------------------------------


def test_a_grey_stem_sees_what_the_rgb_stem_saw():
    rgb = nn.Conv2d(3, 8, 7, stride=2, padding=3)
    grey = torch.rand(2, 1, 32, 32)
    assert torch.allclose(grey_stem(rgb, keep=True)(grey), rgb(grey.expand(-1, 3, -1, -1)), atol=1e-5)


def test_our_vgg_trunk_is_torchvisions():
    """Same layers in the same order, so ImageNet's weights fit: checked with random ones."""
    theirs = torchvision.models.vgg16_bn(weights=None).features.eval()
    ours = VGGTrunk().eval()
    ours.blocks[0][0] = nn.Conv2d(3, 64, 3, padding=1)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(ours(images)[-1], theirs(images), atol=1e-6)


@pytest.mark.parametrize("factor", [2, 8])
def test_bilinear_start(factor):
    up = bilinear_up(3, factor)
    maps = torch.randn(1, 3, 6, 5)
    wanted = nn.functional.interpolate(maps, scale_factor=factor, mode="bilinear", align_corners=False)
    inner = slice(factor, -factor)  # on the border the one continues with zeros, the other with the border
    assert torch.allclose(up(maps)[..., inner, inner], wanted[..., inner, inner], atol=1e-5)


@pytest.mark.parametrize(("size", "sigmas"), [(96, (1, 3, 5, 7, 9)), (24, (1, 3, 5, 7, 9)), (48, (1, 2, 4))])
def test_banded_matrices_are_the_dense_convolution(size, sigmas):
    rows = heatmaps.kernel_rows(sigmas)
    dense = rows.mT @ rows / len(rows)
    maps = torch.randn(2, 3, size, size)
    wanted = nn.functional.conv2d(maps, dense.expand(3, 1, -1, -1), padding=len(dense) // 2, groups=3)
    assert torch.allclose(FixedKernel(size, sigmas)(maps), wanted, atol=1e-4)


def test_lgcn_can_draw_its_target_with_one_pixel():
    one_hot = torch.zeros(1, 1, 48, 48)
    one_hot[0, 0, 20, 30] = 1
    target = heatmaps.kernel_maps(torch.tensor([[[30.0, 20.0]]]), (48, 48))
    assert torch.allclose(FixedKernel(48, heatmaps.LGCN_SIGMAS)(one_hot), target, atol=1e-5)


def test_the_three_stages_of_part_heatmaps(tmp_path):
    model = small("parts-s", stage="detector")
    images, points = blob_faces(model.size)

    def gradients():
        model.zero_grad(set_to_none=True)
        raw = model.train()(images)
        model.head.loss(raw, points).backward()
        network = model.network
        return [any(p.grad is not None and (p.grad != 0).any() for p in part.parameters())
                for part in (network.detector, network.regressor)], len(raw)

    assert gradients() == ([True, False], 1)
    set_stage(model, "regressor")
    before = {k: v.clone() for k, v in model.network.detector.state_dict().items()}
    assert gradients() == ([False, True], 2)
    after = model.network.detector.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)  # batch-norm statistics too
    back = load_model(save_model(model, tmp_path / "m.safetensors"))
    assert back.network.stage == "regressor"
    set_stage(model, "joint")
    assert gradients() == ([True, True], 2)
    with pytest.raises(InputError, match="detector, regressor, joint"):
        set_stage(model, "last")


def test_hourglass_trains_every_stack():
    model = small("hourglass-4")
    raw = model(torch.rand(2, 1, 32, 32))
    assert len(raw) == 4
    points = torch.rand(2, 5, 2) * 32
    alone = [model.head.loss(maps, points).item() for maps in raw]
    assert model.head.loss(raw, points).item() == pytest.approx(sum(alone) / 4, rel=1e-5)


# ---- flip test ---------------------------------------------------------------------------------------


class BrightestPixel(nn.Module):
    """(B, 1, H, W) -> (B, 5, H, W): point a is the brightest pixel of the left half, point b of the right."""

    def forward(self, images):
        half = images.shape[-1] // 2
        left, right = images.clone(), images.clone()
        left[..., half:], right[..., :half] = -9, -9
        return torch.cat([left, right, images, images, images], 1)


def test_flip_test_of_a_network_that_is_right():
    model = small("unet", head={"stride": 1, "decoder": "argmax"}).eval()
    model.network = BrightestPixel()
    images = torch.zeros(1, 1, 32, 32)
    images[0, 0, 8, 4], images[0, 0, 12, 25] = 0.9, 0.8
    points, _ = model.head.decode(model(images))
    assert points[0, :2].tolist() == [[4, 8], [25, 12]]
    flipped, _ = flip_test(model, images)
    assert torch.allclose(flipped, points)  # W - 1 - x and a <-> b undo the mirror exactly


@pytest.mark.parametrize("name", ["cnn3", "hourglass-s"])
def test_flip_test_is_symmetric(name):
    model = small(name).eval()
    randomise_zero_layers(model)
    images = torch.rand(2, 1, model.size, model.size)
    with torch.no_grad():
        here, confidence = flip_test(model, images)
        there, _ = flip_test(model, images.flip(-1))
    back = there[:, torch.from_numpy(FIVE.swap)]
    back = torch.stack([model.size - 1 - back[..., 0], back[..., 1]], -1)
    assert torch.allclose(here, back, atol=1e-3)
    assert confidence.shape == (2, 5)


# ---- reference rows, shape model, counting -------------------------------------------------------------


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


def test_lgcn_costs_what_it_is_said_to():
    assert 2 * macs(full_size("lgcn")) / 1e9 == pytest.approx(75, rel=0.02)  # GFLOP a face
