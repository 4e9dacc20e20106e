"""Losses against values computed by hand, and their joints."""

import math

import pytest
import torch

from facekp import heatmaps, losses


def one(x, y=0.0):
    return torch.tensor([[[x, y]]], dtype=torch.float64)


@pytest.mark.parametrize(("name", "error", "value"), [
    ("mse", (3, 4), 12.5),
    ("l1", (3, -4), 3.5),
    ("smooth_l1", (0.5, -4), (0.125 + 3.5) / 2),
    ("wing", (2, 0), 10 * math.log(2) / 2),
    ("wing", (-8, 8), 10 * math.log(5)),
    ("wing", (20, 20), 20 - 10 + 10 * math.log(6)),
    ("soft_wing", (1, -1), 1),
    ("soft_wing", (12, 12), 20 * math.log(25) + 2 - 20 * math.log(5)),
])
def test_coordinate_losses_by_hand(name, error, value):
    assert losses.COORDINATE_LOSSES[name](one(*error)).item() == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("name", list(losses.COORDINATE_LOSSES))
def test_coordinate_losses_rise_from_zero(name):
    loss = losses.COORDINATE_LOSSES[name]
    x = torch.linspace(0, 60, 5000, dtype=torch.float64)
    values = loss(torch.stack([x, -x], -1))
    assert values[0] == 0
    assert (values.diff() > 0).all()
    assert values.diff().max() < 2  # no jump anywhere: steps of 0.012 px


def value_and_slope(f, x):
    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    y = f(x)
    return y.item(), torch.autograd.grad(y, x)[0].item()


@pytest.mark.parametrize(("loss", "joint", "slopes"), [
    (losses.wing, 10.0, (10 / 12, 1)),
    (losses.soft_wing, 2.0, (1, 8)),
    (losses.smooth_l1, 1.0, (1, 1)),
])
def test_the_pieces_meet(loss, joint, slopes):
    def f(x):
        return loss(torch.stack([x, x]))

    below, slope_below = value_and_slope(f, joint - 1e-7)
    above, slope_above = value_and_slope(f, joint + 1e-7)
    assert below == pytest.approx(above, abs=1e-5)
    assert (slope_below, slope_above) == pytest.approx(slopes, rel=1e-4)


@pytest.mark.parametrize(("error", "slope"), [(1.9, 1.0), (2.1, 7.7), (19.5, 1.0), (40.0, 0.49)])
def test_soft_wing_pulls_outliers_less_than_middling_errors(error, slope):
    found = value_and_slope(lambda x: losses.soft_wing(torch.stack([x, x])), error)[1]
    assert found == pytest.approx(slope, abs=0.01)


@pytest.mark.parametrize("target", [0.0, 0.2, 0.7, 1.0])
def test_adaptive_wing_meets_in_value_and_slope(target):
    y = torch.tensor(target, dtype=torch.float64)
    below, slope_below = value_and_slope(lambda d: losses.adaptive_wing(d, y), 0.5 - 1e-7)
    above, slope_above = value_and_slope(lambda d: losses.adaptive_wing(d, y), 0.5 + 1e-7)
    assert below == pytest.approx(above, abs=1e-5)
    assert slope_below == pytest.approx(slope_above, rel=1e-5)


def test_adaptive_wing_by_hand():
    d, y = torch.tensor([0.25, -0.25, 0.0]), torch.tensor([1.0, 0.0, 0.5])
    wanted = [14 * math.log(1 + 0.25**1.1), 14 * math.log(1 + 0.25**2.1), 0]
    assert losses.adaptive_wing(d, y).tolist() == pytest.approx(wanted, rel=1e-5)
    # a whole pixel off at the peak: A * 1 - C with p = 1.1, h = 0.5^1.1
    h = 0.5**1.1
    a = 14 / (1 + h) * 1.1 * 0.5**0.1
    wanted = a - (0.5 * a - 14 * math.log(1 + h))
    assert losses.adaptive_wing(torch.tensor(1.0), torch.tensor(1.0)).item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("sigma", [1.0, 1.5, 3.0])
@pytest.mark.parametrize("name", list(losses.HEATMAP_LOSSES))
def test_an_empty_map_pays_one_and_a_perfect_one_nothing(name, sigma):
    target = heatmaps.gaussian(torch.tensor([[[20.0, 24.0]]]), (48, 40), sigma)
    loss = losses.HEATMAP_LOSSES[name]
    assert loss(torch.zeros_like(target), target, sigma).item() == pytest.approx(1, rel=1e-3)
    assert loss(target, target, sigma).item() == 0


def test_heatmap_mse_by_hand():
    maps = torch.tensor([[[[0.0, 0.5], [1.0, 0.0]]]])
    target = torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]]])
    assert losses.heatmap_mse(maps, target, sigma=2.0).item() == pytest.approx(1.25 / (4 * math.pi))


def test_foreground_is_the_grown_peak():
    target = torch.zeros(1, 1, 5, 5)
    target[0, 0, 2, 1], target[0, 0, 4, 4] = 0.9, 0.1
    weights = losses.foreground(target)
    assert (weights[0, 0, 1:4, 0:3] == 11).all()
    assert (weights == 11).sum() == 9
    assert (weights == 1).sum() == 16


def test_a_missed_peak_costs_more_than_the_same_error_on_the_background():
    target = heatmaps.gaussian(torch.tensor([[[8.0, 8.0]]]), (32, 32), 1.5)
    ghost = heatmaps.gaussian(torch.tensor([[[24.0, 24.0]]]), (32, 32), 1.5)
    for name in ("weighted_mse", "adaptive_wing"):
        loss = losses.HEATMAP_LOSSES[name]
        assert loss(torch.zeros_like(target), target, 1.5) > 2 * loss(target + ghost, target, 1.5)


def test_disc_cross_entropy_by_hand():
    logits = torch.zeros(1, 1, 2, 2)
    discs = torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]])
    assert losses.disc_cross_entropy(logits, discs, 1.0).item() == pytest.approx(4 * math.log(2) / math.pi)
    sure = torch.where(discs > 0, 50.0, -50.0)
    assert losses.disc_cross_entropy(sure, discs, 1.0).item() == pytest.approx(0, abs=1e-6)


def test_jensen_shannon_by_hand():
    p, q = torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[[[0.0, 1.0]]]])
    half = torch.tensor([[[[0.5, 0.5]]]])
    assert losses.jensen_shannon(p, p).item() == 0
    assert losses.jensen_shannon(p, q).item() == pytest.approx(math.log(2))
    wanted = 0.5 * math.log(1 / 0.75) + 0.5 * (0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25))
    assert losses.jensen_shannon(p, half).item() == pytest.approx(wanted)


def test_kullback_leibler_by_hand():
    label, logits = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.25, 0.5, 0.25]).log() + 3  # a constant is no matter
    assert losses.kullback_leibler(label, logits).item() == pytest.approx(0.5 * math.log(2))
    assert losses.kullback_leibler(label, label.clamp_min(1e-30).log()).item() == pytest.approx(0, abs=1e-6)


def test_masked_mean():
    table, mask = torch.tensor([[1.0, 100.0], [3.0, 100.0]]), torch.tensor([[True, False], [True, False]])
    assert losses.masked_mean(table, mask) == 2
    assert losses.masked_mean(table, torch.zeros_like(mask)) == 0
