"""The single networks: parameter counts of the papers, and what is special about each."""

import itertools

import pytest
import torch
import torchvision
from small import blob_faces, full_size, randomise_zero_layers, small
from torch import nn

from facekp import heatmaps
from facekp.errors import InputError
from facekp.keypoints import Scheme
from facekp.models import MODELS, create_model, load_model, save_model
from facekp.models.count import features_of_maps, macs, parameters, row, table
from facekp.models.fcn import bilinear_up
from facekp.models.lgcn import GAIN, FixedKernel
from facekp.models.parts import set_stage
from facekp.models.resnet import grey_stem
from facekp.models.vgg import VGGBackbone


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize(("stacks", "count"), [(1, 3_426_191), (2, 6_569_630), (4, 12_856_508), (8, 25_430_264)])
def test_parameters_of_the_papers_hourglass(stacks, count):
    """Those of princeton-vl/pytorch_stacked_hourglass, K = 15, without the skip convolutions that it never uses."""
    model = full_size(f"hourglass-{stacks}", size=256, in_channels=3, stem_pool=True)
    assert parameters(model) == count
    assert model.head.stride == 4


def conv(c_in, c_out, k, bias=True):
    return c_in * c_out * k * k + (c_out if bias else 0)


def vgg_backbone(bn=True):
    widths = [1, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512]
    return sum(conv(a, b, 3) + 2 * b * bn for a, b in itertools.pairwise(widths))


def unet_by_hand():
    def double(a, b):
        return conv(a, b, 3) + conv(b, b, 3) + 4 * b

    down = sum(double(a, b) for a, b in [(1, 64), (64, 128), (128, 256), (256, 512), (512, 1024)])
    up = sum(conv(2 * c, c, 2) + double(2 * c, c) for c in (512, 256, 128, 64))
    return down + up + conv(64, 15, 1)


BY_HAND = {
    "vgg16": vgg_backbone() + conv(512 * 9, 512, 1) + conv(512, 30, 1),
    "fcn8": (vgg_backbone() + conv(512, 1024, 3) + conv(1024, 1024, 1) + conv(1024, 15, 1) + conv(512, 15, 1)
             + conv(256, 15, 1) + 15 * 15 * (16 + 16 + 256)),
    "unet": unet_by_hand(),
    # torchvision's counts for 1000 classes and 3 channels, with another stem and another last layer
    "resnet18": 11_689_512 - 2 * 64 * 49 - 513 * 1000 + 513 * 30,
    "resnet34": 21_797_672 - 2 * 64 * 49 - 513 * 1000 + 513 * 30,
    "resnet50": 25_557_032 - 2 * 64 * 49 - 2049 * 1000 + 2049 * 30,
    # torchvision's resnet18 without its last stage of 8,393,728, 36 places and 192 bins of each axis
    "simcc-s": (11_689_512 - 2 * 64 * 49 - 513 * 1000 - 8_393_728 + conv(256, 15, 1) + 2 * conv(36, 192, 1)),
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
    for name in ("vgg16-s", "fcn8-s", "unet-s"):
        # weights are pairs of channels: a quarter of the channels is a sixteenth of the weights
        assert parameters(full_size(name)) < parameters(full_size(name.removesuffix("-s"))) / 13


def test_the_papers_part_detector():
    """ResNet-152 at stride 16: 58.1 M of torchvision's 60.2 M (less classifier and RGB), and maps at full size."""
    options = {"depth": 152, "detector_stride": 16, "stem_pool": True, "size": 256}
    model = full_size("parts", head={"disc": 10.0, "sigma": 5.0}, **options)
    detector = model.network.detector
    assert parameters(detector) == 60_192_808 - 2 * 64 * 49 - 2049 * 1000 + conv(2048, 15, 1) + conv(15, 15, 16)
    # The released weights carry a bias for each output of these convolutions, before batch norm; torchvision none.
    unbiased = [m.out_channels for m in detector.modules() if isinstance(m, nn.Conv2d) and m.bias is None]
    assert sum(unbiased) == 75_712
    with torch.device("meta"):
        x = torch.rand(1, 1, 256, 256)
        assert detector.layers(detector.stem(x)).shape == (1, 2048, 16, 16)
        assert [t.shape[-1] for t in model(x)] == [256, 256]


def test_the_papers_part_regressor():
    """CubiCasa/CubiCasa5k's ``hg_furukawa_original(15)``, whose stem takes 3 channels, with one of 1 + 15."""
    regressor = full_size("parts", size=256, stem_pool=True).network.regressor
    assert parameters(regressor) == 17_360_366
    assert regressor[0].in_channels == 16


# ---- single parts --------------------------------------------------------------------------------


def test_a_grey_stem_sees_what_the_rgb_stem_saw():
    rgb = nn.Conv2d(3, 8, 7, stride=2, padding=3)
    grey = torch.rand(2, 1, 32, 32)
    assert torch.allclose(grey_stem(rgb, keep=True)(grey), rgb(grey.expand(-1, 3, -1, -1)), atol=1e-5)


@pytest.mark.parametrize("old", [False, True])
def test_our_vgg_backbone_is_torchvisions(old, monkeypatch):
    """Same layers in the same order, so ImageNet's weights fit: checked with random ones."""
    vgg = torchvision.models.vgg
    theirs = vgg.make_layers(vgg.cfgs["D"], batch_norm=True).eval()
    weights = {f"features.{k}": v for k, v in theirs.state_dict().items()} | {"classifier.0.weight": torch.zeros(1)}
    if old:  # the file on torchvision's server is from before batch norm counted its batches
        weights = {k: v for k, v in weights.items() if "num_batches" not in k}
    monkeypatch.setattr("facekp.models.vgg.imagenet", lambda name: weights)
    ours = VGGBackbone(pretrained=True).eval()
    images = torch.rand(1, 1, 32, 32)
    with torch.no_grad():
        assert torch.allclose(ours(images)[-1], theirs(images.expand(-1, 3, -1, -1)), atol=1e-5)


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
        # Several machines (DDP) wait for every gradient: what can learn has one, what is frozen has none.
        assert all((p.grad is not None) == p.requires_grad for p in model.parameters())
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
    with pytest.raises(InputError, match="found unet"):
        set_stage(small("unet"), "joint")


def test_hourglass_trains_every_stack():
    model = small("hourglass-4")
    randomise_zero_layers(model)  # or else the four outputs would be the same
    raw = model(torch.rand(2, 1, 32, 32))
    assert len(raw) == 4
    points = torch.rand(2, 5, 2) * 32
    alone = [model.head.loss(maps, points).item() for maps in raw]
    assert len(set(alone)) == 4
    assert model.head.loss(raw, points).item() == pytest.approx(sum(alone) / 4, rel=1e-5)


def test_the_next_hourglass_sees_the_last_ones_maps_and_features():
    network = small("hourglass-2").network
    randomise_zero_layers(network)
    first, second = network(torch.rand(2, 1, 32, 32))
    assert torch.autograd.grad(second.sum(), first, retain_graph=True)[0].abs().max() > 0
    network.feed_maps[0].requires_grad_(False).weight.zero_()  # without the maps ...
    _, second = network(torch.rand(2, 1, 32, 32))
    second.sum().backward()
    assert network.hourglasses[0][-3].weight.grad.abs().max() > 0  # ... there are still the features
    assert network.heads[0].weight.grad.abs().max() == 0
    assert network.stem[0].weight.grad.abs().max() > 0


def test_both_outputs_of_lgcn_and_the_first_in_the_second():
    network = small("lgcn-s").network
    images = torch.rand(2, 1, 32, 32)
    o1, o2 = network(images)
    assert torch.equal(o1, o2)  # the correction begins at 0
    randomise_zero_layers(network)
    o1, o2 = network(images)
    context = torch.cat([o1, network.kernel(GAIN * network.side(network.local(images)))], 1)
    assert torch.allclose(o2, o1 + network.correction(network.context(context)), atol=1e-5)
    assert torch.allclose(o1, 0.01 * network.kernel(network.main(network.local(images))), atol=1e-5)


def test_multiplications_by_hand():
    conv = nn.Conv2d(3, 8, 5, stride=2, padding=2)  # 12x12 outputs
    assert macs(conv, size=24) == 12 * 12 * 8 * 3 * 25
    up = nn.ConvTranspose2d(1, 4, 4, stride=2, padding=1)  # each of 24x24 inputs lays down a 4x4 kernel in 4 channels
    assert macs(up, size=24) == 24 * 24 * 4 * 16
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(2 * 24 * 24, 30))
    assert macs(net, size=24) == 24 * 24 * 2 * 9 + 2 * 24 * 24 * 30


def test_maps_have_no_higher_rank_than_the_features_that_they_are_made_of():
    """Fewer features than keypoints: some maps are sums of others. No network of the book is so narrow."""
    narrow = create_model("unet", channels=4, depth=2).eval()
    nn.init.normal_(narrow.network.head.weight)
    with torch.no_grad():
        maps = narrow(torch.rand(1, 1, 96, 96))[0].flatten(1).double()  # (15, 9216)
    centred = maps - maps.mean(1, keepdim=True)  # without each map's own constant
    assert features_of_maps(narrow) == torch.linalg.matrix_rank(centred, rtol=1e-4) == 4
    with torch.device("meta"):
        found = {name: features_of_maps(create_model(name)) for name in MODELS}
    assert {name for name, features in found.items() if features is None} == {
        "cnn3", "vgg16-s", "vgg16", "resnet18", "resnet34", "resnet50"}
    assert all(features >= 15 for features in found.values() if features is not None)
    names = tuple(map(str, range(32)))  # as many as cnn3 has channels: it draws no map all the same
    assert features_of_maps(create_model("cnn3", Scheme("many", names))) is None
    assert features_of_maps(create_model("unet-s", Scheme("many", names))) == 16
    assert (found["unet-s"], found["hourglass-s"], found["lgcn"]) == (16, 64, 128)


def test_the_table_counts_every_network_without_its_numbers():
    rows = {r["network"]: r for r in table()}
    assert set(rows) == set(MODELS)
    assert rows["hourglass-s"]["parameters"] == parameters(create_model("hourglass-s"))
    assert row("hourglass-2", 256, in_channels=3, stem_pool=True)["parameters"] == 6_569_630
