"""Targets and decoders: round trips, known floors, and the closed form of LGCN's kernel."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from facekp import heatmaps
from facekp.heads import DSNTHead, HeatmapHead, LGCNHead


def rmse(found, true):
    return (found - true).square().mean().sqrt().item()


def random_points(n, height, width, margin, seed=0):
    """(1, n, 2) sub-pixel points in the image, at least ``margin`` pixels from its edge."""
    unit = torch.rand(1, n, 2, generator=torch.Generator().manual_seed(seed))
    return margin - 0.5 + unit * torch.tensor([width - 2.0 * margin, height - 2.0 * margin])


@given(st.floats(-50, 150), st.sampled_from([1, 2, 4, 8]))
def test_the_two_grids(position, stride):
    p = torch.tensor([position], dtype=torch.float64)
    assert heatmaps.to_image(heatmaps.to_heatmap(p, stride), stride).item() == pytest.approx(position, abs=1e-9)


def test_a_heatmap_pixel_lies_over_its_image_pixels():
    assert heatmaps.to_image(torch.tensor(0.0), 2).item() == 0.5
    assert heatmaps.to_image(torch.tensor(0.0), 4).item() == 1.5


def test_gaussian_by_hand():
    maps = heatmaps.gaussian(torch.tensor([[[2.0, 1.0], [torch.nan, 1.0]]]), (3, 5), sigma=1.0)
    assert maps.shape == (1, 2, 3, 5)
    assert maps[0, 0, 1, 2] == 1
    assert maps[0, 0, 0, 0].item() == pytest.approx(torch.tensor(-2.5).exp().item())  # 2 across, 1 up
    assert (maps[0, 1] == 0).all()


def test_a_point_far_outside_leaves_an_empty_map():
    points = torch.tensor([[[500.0, -300.0]]])
    assert heatmaps.gaussian(points, (8, 8), 1.5).max() < 1e-6
    assert heatmaps.kernel_maps(points, (8, 8)).max() == 0
    assert heatmaps.disc(points, (8, 8), 3).max() == 0


@pytest.mark.parametrize("sigma", [1.5, 2.0, 2.5, 3.0])
@pytest.mark.parametrize("decoder", ["local_mean", "dark"])
def test_sub_pixel_decoders_at_stride_1(decoder, sigma):
    head = HeatmapHead(stride=1, sigma=sigma, decoder=decoder)
    points = random_points(1000, 60, 96, margin=10)
    maps, _ = head.encode(points, (60, 96))  # not square: x and y cannot be mixed up
    assert rmse(head.decode(maps)[0], points) < 0.05


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_sub_pixel_decoders_at_any_stride(stride):
    points = random_points(1000, 24 * stride, 32 * stride, margin=8 * stride)
    for decoder, limit in (("local_mean", 0.05), ("dark", 0.001), ("soft_argmax", 0.12)):
        head = HeatmapHead(stride=stride, sigma=1.5, decoder=decoder)
        maps, _ = head.encode(points, (24, 32))
        assert rmse(head.decode(maps)[0], points) < limit * stride


@pytest.mark.parametrize(("stride", "floor"), [(1, 0.288), (2, 0.577), (4, 1.158)])
def test_argmax_has_its_known_floor(stride, floor):
    points = random_points(1000, 24 * stride, 32 * stride, margin=2 * stride)
    head = HeatmapHead(stride=stride, sigma=1.5, decoder="argmax")
    maps, _ = head.encode(points, (24, 32))
    assert rmse(head.decode(maps)[0], points) == pytest.approx(floor, rel=0.05)


NOISE = {"argmax": 0.331, "quarter_offset": 0.198, "local_mean": 0.099, "dark": 0.040, "soft_argmax": 0.170}


@pytest.mark.parametrize("decoder", list(NOISE))
def test_the_error_that_pixel_noise_leaves(decoder):
    """5 % noise on peaks of sigma 1.5; DARK blurs by the target's sigma, as its authors do, and is best by far."""
    g = torch.Generator().manual_seed(0)
    points = 12 + 24 * torch.rand(1, 4000, 2, generator=g)
    maps = heatmaps.gaussian(points, (48, 48), 1.5)
    noisy = maps + 0.05 * torch.randn(maps.shape, generator=g)
    head = HeatmapHead(stride=1, sigma=1.5, decoder=decoder)
    assert rmse(head.decode(noisy)[0], points) == pytest.approx(NOISE[decoder], rel=0.05)
    if decoder == "dark":
        bare = HeatmapHead(stride=1, sigma=1.5, decoder="dark", decoder_options={"blur": 0.0})
        assert rmse(bare.decode(noisy)[0], points) == pytest.approx(0.129, rel=0.05)


@pytest.mark.parametrize(("sigma", "window"), [(1.75, 7), (1.0, 5)])
def test_the_whole_pixel_target_of_the_hourglass_by_hand(sigma, window):
    """``image.gaussian(7)``: 7x7 numbers, 1 in the middle, sigma a quarter of the side; around the point's pixel."""
    maps = heatmaps.whole_pixel_gaussian(torch.tensor([[[10.4, 7.6], [10.6, 8.0], [torch.nan, 0]]]), (20, 24), sigma)
    assert maps[0, 0, 8, 10] == maps[0, 1, 8, 11] == 1  # (10.4, 7.6) lies in the pixel whose centre is (10, 8)
    assert (maps[0, 0] > 0).sum() == window**2
    reach = window // 2
    assert maps[0, 0, 8 + reach, 10 - reach].item() == pytest.approx(math.exp(-(reach**2) / sigma**2))
    assert maps[0, 2].abs().max() == 0


@pytest.mark.parametrize(("target", "sigma", "floor"), [("sub-pixel", 1.5, 48), ("whole-pixel", 1.75, 12)])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_what_a_quarter_offset_leaves_of_either_target(target, sigma, floor, stride):
    points = random_points(4000, 24 * stride, 32 * stride, margin=4 * stride)
    head = HeatmapHead(stride=stride, sigma=sigma, decoder="quarter_offset", target=target)
    maps, _ = head.encode(points, (24, 32))
    assert rmse(head.decode(maps)[0], points) == pytest.approx(stride / floor**0.5, rel=0.02)


@pytest.mark.parametrize(("stride", "floor"), [(1, 0.144), (2, 0.288), (4, 0.577)])
def test_a_quarter_offset_halves_the_floor(stride, floor):
    points = random_points(1000, 24 * stride, 32 * stride, margin=3 * stride)
    head = HeatmapHead(stride=stride, sigma=1.5, decoder="quarter_offset")
    maps, _ = head.encode(points, (24, 32))
    assert rmse(head.decode(maps)[0], points) == pytest.approx(floor, rel=0.05)


def test_peaks_on_the_border():
    points = random_points(1000, 30, 40, margin=0)
    maps = heatmaps.gaussian(points, (30, 40), 1.5)
    assert rmse(heatmaps.dark(maps), points) < 0.001
    assert rmse(heatmaps.dark(maps, blur=1.0), points) < 0.005
    assert rmse(heatmaps.local_mean(maps, 3), points) < 0.12  # half a window would be 0.2 off


def test_a_quarter_offset_does_not_leave_the_border():
    points = torch.tensor([[[0.0, 5.2], [9.0, 5.2], [4.2, 7.0], [4.2, 0.0]]])
    found = heatmaps.quarter_offset(heatmaps.gaussian(points, (8, 10), 1.5))
    assert found.tolist() == [[[0.0, 5.25], [9.0, 5.25], [4.25, 7.0], [4.25, 0.0]]]


@pytest.mark.parametrize("decoder", list(heatmaps.DECODERS))
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (7, 3)])
def test_decoders_on_the_smallest_maps(decoder, size):
    found = heatmaps.DECODERS[decoder](torch.rand(1, 1, *size))
    assert found.shape == (1, 1, 2)
    assert found.isfinite().all()


@given(x=st.floats(0, 29), y=st.floats(0, 19), sigma=st.floats(1, 3), height=st.floats(0.05, 2))
@settings(max_examples=50, deadline=None)
def test_dark_is_exact_on_any_gaussian(x, y, sigma, height):
    point = torch.tensor([[[x, y]]], dtype=torch.float64)
    maps = height * heatmaps.gaussian(point, (20, 30), sigma)
    assert (heatmaps.dark(maps) - point).abs().max() < 1e-5


def test_the_centroid_is_pulled_by_a_background():
    # As far from the middle as the points of a face: 20 px, root mean square.
    points = random_points(1000, 96, 96, margin=13.5)
    maps = heatmaps.gaussian(points, (96, 96), 5.0)
    assert rmse(heatmaps.centroid(maps), points) < 0.2
    assert rmse(heatmaps.centroid(maps + 0.003), points) == pytest.approx(2.98, rel=0.05)
    assert rmse(heatmaps.local_mean(maps + 0.003, radius=10), points) < 0.1


def test_local_mean_ignores_a_second_smaller_peak_and_a_constant():
    one = heatmaps.gaussian(torch.tensor([[[30.3, 20.6]]]), (64, 64), 1.5)
    two = 0.8 * heatmaps.gaussian(torch.tensor([[[50.0, 50.0]]]), (64, 64), 1.5)
    assert torch.allclose(heatmaps.local_mean(one + two + 0.1), heatmaps.local_mean(one), atol=1e-3)


@pytest.mark.parametrize("decoder", list(heatmaps.DECODERS))
def test_decoders_are_finite_on_strange_maps(decoder):
    strange = torch.stack([torch.zeros(12, 16), -torch.rand(12, 16), torch.full((12, 16), 3.0), torch.randn(12, 16)])
    found = heatmaps.DECODERS[decoder](strange[None])
    assert found.shape == (1, 4, 2)
    assert found.isfinite().all()


def test_soft_argmax_passes_a_gradient():
    maps = torch.randn(2, 3, 8, 8, requires_grad=True)
    heatmaps.soft_argmax(maps).sum().backward()
    assert maps.grad.abs().sum() > 0


def test_disc_by_hand():
    maps = heatmaps.disc(torch.tensor([[[3.0, 2.0]]]), (5, 7), radius=1.0)
    assert maps.sum() == 5  # the middle and its four neighbours
    assert maps[0, 0, 2, 4] == 1
    assert maps[0, 0, 1, 4] == 0


# ---- LGCN's kernel -------------------------------------------------------------------------------


def kernel():
    rows = heatmaps.kernel_rows().double()
    return rows.mT @ rows / len(rows)


def test_lgcn_kernel_against_its_closed_form():
    k = kernel()
    assert k.shape == (45, 45)
    assert k[22, 22].item() == pytest.approx(1, abs=1e-6)
    x = torch.arange(-22, 23, dtype=torch.float64)
    r2 = x[:, None] ** 2 + x**2
    reach = torch.maximum(x[:, None].abs().expand(45, 45), x.abs().expand(45, 45))
    closed = sum(torch.exp(-r2 / (2 * s**2)) * (reach <= (5 * s - 1) / 2) for s in (1, 3, 5, 7, 9)) / 5
    assert (k - closed).abs().max() < 1e-6
    assert k.sum().item() == pytest.approx(202.271, rel=1e-5)
    assert k.sum().item() == pytest.approx(closed.sum().item(), abs=1e-4)


def test_lgcn_target_on_a_pixel_is_the_kernel():
    maps = heatmaps.kernel_maps(torch.tensor([[[30.0, 25.0]]]), (60, 70))
    assert (maps[0, 0, 3:48, 8:53] - kernel()).abs().max() < 1e-6
    assert maps.sum().item() == pytest.approx(202.271, abs=1e-2)


def test_lgcn_target_between_pixels_is_the_bilinear_one_hot_convolved():
    one_hot = torch.zeros(1, 1, 60, 70)
    one_hot[0, 0, 25:27, 30:32] = torch.tensor([[0.7 * 0.4, 0.3 * 0.4], [0.7 * 0.6, 0.3 * 0.6]])
    wanted = torch.nn.functional.conv2d(one_hot, kernel().float()[None, None], padding=22)
    point = torch.tensor([[[30.3, 25.6]]])
    maps = heatmaps.kernel_maps(point, (60, 70))
    assert (maps - wanted).abs().max() < 1e-5
    assert (heatmaps.centroid(maps) - point).abs().max() < 0.05  # up to the tail that the border cuts off


def test_other_heads_round_trip():
    points = random_points(1000, 96, 96, margin=8)
    lgcn = LGCNHead()
    assert rmse(lgcn.decode([lgcn.encode(points, (96, 96))[0]])[0], points) < 0.05
    dsnt = DSNTHead(stride=1)
    log_gaussian = heatmaps.gaussian(points, (96, 96), 1.0).clamp_min(1e-30).log()
    found, confidence = dsnt.decode(log_gaussian)
    assert rmse(found, points) < 0.01
    assert (confidence > 0.75).all()  # exp(-1/4) where the point lies between four pixels
