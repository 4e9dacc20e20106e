"""Heads: what they share, and what each one asks of a network."""

import math

import pytest
import torch

from facekp import heatmaps, losses
from facekp.errors import InputError
from facekp.heads import HEADS, CoordinateHead, DSNTHead, HeatmapHead, LGCNHead, PartHead, SimCCHead

POINTS = torch.tensor([[[10.3, 20.6], [40.0, 8.2], [25.5, 30.1]], [[12.0, 18.0], [33.3, 9.0], [20.0, 25.0]]])


def raw_for(head, seed=0):
    """Random raw output for 2 faces of 3 points, on 48x48 images."""
    g = torch.Generator().manual_seed(seed)
    if isinstance(head, CoordinateHead):
        return [torch.randn(2, 6, generator=g, requires_grad=True)]
    if isinstance(head, SimCCHead):
        return [torch.randn(2, 3, 2, 48 * head.split, generator=g, requires_grad=True)]
    n = 48 // head.stride
    return [torch.randn(2, 3, n, n, generator=g, requires_grad=True) for _ in range(2)]


def all_heads():
    yield from (CoordinateHead((48, 48), name) for name in losses.COORDINATE_LOSSES)
    yield from (HeatmapHead(loss_name=name) for name in losses.HEATMAP_LOSSES)
    yield HeatmapHead(target="whole-pixel", sigma=1.75)
    yield from (HeatmapHead(stride=1, scale=10.0, decoder=name) for name in heatmaps.DECODERS)
    yield from (DSNTHead(), PartHead(), LGCNHead(), LGCNHead(stride=2, sigmas=(1, 2, 4)))
    yield from (SimCCHead(decoder=name) for name in ("local_mean", "argmax"))
    yield SimCCHead(split=3)


def call(head, method, raw, *rest):
    return getattr(head, method)(raw[0] if isinstance(head, CoordinateHead | SimCCHead) else raw, *rest)


@pytest.mark.parametrize("head", list(all_heads()), ids=str)
def test_points_and_confidence(head):
    points, confidence = call(head, "decode", raw_for(head))
    assert points.shape == (2, 3, 2)
    assert confidence.shape == (2, 3)
    assert points.isfinite().all()
    assert isinstance(head, CoordinateHead) or ((confidence >= 0) & (confidence <= 1)).all()


@pytest.mark.parametrize("head", list(all_heads()), ids=str)
def test_a_missing_point_adds_nothing(head):
    """No loss, no gradient, and no word to say about the other points."""
    missing = POINTS.clone()
    missing[0, 1] = torch.nan
    raw = raw_for(head)
    loss = call(head, "loss", raw, missing)
    loss.backward()
    assert loss.isfinite()
    for tensor in raw:
        gradient = tensor.grad.view(2, 3, -1)
        assert gradient.isfinite().all()
        assert (gradient[0, 1] == 0).all()
        assert (gradient[0, 0] != 0).any()
        assert (gradient[1, 1] != 0).any()
    changed = [t.detach().view(2, 3, -1).clone() for t in raw]
    for tensor in changed:
        tensor[0, 1] += 7
    changed = [c.view_as(t) for c, t in zip(changed, raw, strict=True)]
    assert call(head, "loss", changed, missing).item() == pytest.approx(loss.item(), rel=1e-6)


@pytest.mark.parametrize("head", list(all_heads()), ids=str)
def test_no_point_at_all_gives_no_loss(head):
    raw = raw_for(head)
    loss = call(head, "loss", raw, torch.full_like(POINTS, torch.nan))
    loss.backward()
    assert loss == 0
    assert all((t.grad == 0).all() for t in raw)


@pytest.mark.parametrize("head", list(all_heads()), ids=str)
def test_a_point_outside_the_image_does_no_harm(head):
    raw = raw_for(head)
    loss = call(head, "loss", raw, POINTS + torch.tensor([90.0, -70.0]))
    loss.backward()
    assert loss.isfinite()
    assert all(t.grad.isfinite().all() for t in raw)


@pytest.mark.parametrize("head", list(all_heads()), ids=str)
def test_half_precision_raw_is_read_in_float32(head):
    raw = [t.detach().bfloat16() for t in raw_for(head)]
    assert call(head, "loss", raw, POINTS).dtype == torch.float32
    assert call(head, "decode", raw)[0].dtype == torch.float32


def test_coordinates_by_hand():
    head = CoordinateHead((48, 96))
    points, _ = head.decode(torch.tensor([[0.0, 0.0, -1.0, 1.0]]))
    assert points.tolist() == [[[47.5, 23.5], [-0.5, 47.5]]]
    assert head.outputs(15) == 30


def test_heatmap_targets_and_loss():
    head = HeatmapHead(stride=2)
    target, mask = head.encode(torch.tensor([[[10.5, 20.5], [torch.nan, torch.nan]]]), (24, 32))
    assert target[0, 0, 10, 5] == 1
    assert target[0, 1].abs().max() == 0
    assert mask.tolist() == [[True, False]]
    target, _ = head.encode(POINTS, (24, 24))
    empty = torch.zeros_like(target)
    assert head.loss(target, POINTS) == 0
    assert head.loss(empty, POINTS).item() == pytest.approx(1, rel=1e-2)
    assert head.loss([empty, target], POINTS).item() == pytest.approx(0.5, rel=1e-2)  # the mean over the stacks
    tenfold = HeatmapHead(stride=2, scale=10.0)
    assert tenfold.loss(10 * target, POINTS).item() == pytest.approx(0, abs=1e-6)
    assert torch.allclose(tenfold.decode(10 * target)[0], head.decode(target)[0], atol=1e-4)


def test_dsnt_by_hand():
    head = DSNTHead(stride=1, weight=0.0)
    flat = torch.zeros(1, 1, 8, 8)
    points, _ = head.decode(flat)
    assert points.tolist() == [[[3.5, 3.5]]]  # the middle
    # 4 px right of the middle of 8 px: one half-width
    assert head.loss(flat, torch.tensor([[[7.5, 3.5]]])).item() == pytest.approx(1)
    regularised = DSNTHead(stride=1, weight=1.0, sigma=1.0)
    perfect = heatmaps.gaussian(torch.tensor([[[4.0, 3.0]]]), (8, 8), 1.0).log()
    assert regularised.loss(perfect, torch.tensor([[[4.0, 3.0]]])) < 0.01
    assert 0.2 < regularised.loss(flat, torch.tensor([[[3.5, 3.5]]])) < math.log(2)


def test_parts_by_hand():
    head = PartHead()
    discs = heatmaps.disc(POINTS, (48, 48), head.disc)
    logits = torch.where(discs > 0, 20.0, -20.0)
    assert head.loss([logits], POINTS) < 1e-4
    points, confidence = head.decode([logits])
    assert (points - POINTS).abs().max() < 0.7  # a disc is made of whole pixels
    assert (confidence > 0.99).all()
    maps = heatmaps.gaussian(POINTS, (48, 48), head.sigma)
    assert head.loss([logits, maps], POINTS) < 1e-4
    assert (head.decode([logits, maps])[0] - POINTS).abs().max() < 0.1


def test_lgcn_by_hand():
    head = LGCNHead()
    maps, weight = head.encode(POINTS, (48, 48))
    assert torch.allclose(weight, torch.ones(2, 3))
    assert head.loss([maps, maps], POINTS) == 0
    assert (head.decode([maps, maps])[0] - POINTS).abs().max() < 0.1
    middle = torch.full((1, 1, 2), 48.0)
    target, _ = head.encode(middle, (97, 97))
    empty = torch.zeros_like(target)
    assert head.loss([empty, empty], middle).item() == pytest.approx(1, rel=1e-5)
    assert head.loss([target, empty], middle).item() == pytest.approx(0.5, rel=1e-5)
    some = torch.tensor([[[10.0, 10.0], [200.0, 10.0], [torch.nan, 0.0], [20.0, 20.0]]])
    _, weight = head.encode(some, (48, 48))
    share = 0.1 + 0.5 * 2 / 4
    assert weight[0].tolist() == pytest.approx([(share + 1) / 1.6, share / 1.6, 0, (share + 1) / 1.6])
    target, _ = head.encode(some, (48, 48))
    assert [bool((m != 0).any()) for m in target[0]] == [True, False, False, True]


def test_simcc_by_hand():
    head = SimCCHead(split=2, sigma=1.0)
    label, mask = head.encode(torch.tensor([[[2.0, 0.25], [torch.nan, 3.0]]]), 12)
    assert label.shape == (1, 2, 2, 12) and mask.tolist() == [[True, False]]
    assert torch.allclose(label.sum(-1)[0, 0], torch.ones(2))
    # 2.0 is the middle of a pixel, so between its bins 4 and 5; 0.25 is the middle of bin 1, 0.5 to 1 from the edge.
    assert label[0, 0, 0, 4].item() == pytest.approx(label[0, 0, 0, 5].item(), rel=1e-5)
    assert label[0, 0, 1].argmax() == 1
    assert label[0, 0, 1, 2].item() / label[0, 0, 1, 1].item() == pytest.approx(math.exp(-0.5))
    perfect = label.clamp_min(1e-30).log()
    points = torch.tensor([[[2.0, 0.25], [torch.nan, 3.0]]])
    assert head.loss(perfect, points).item() == pytest.approx(0, abs=1e-5)
    # All bins equally likely: log n less the label's entropy, for one axis in the open about log(sigma sqrt(2 pi e)).
    flat, middle = torch.zeros(1, 1, 2, 96), torch.full((1, 1, 2), 24.0)
    wanted = math.log(96) - math.log(math.sqrt(2 * math.pi * math.e))
    assert head.loss(flat, middle).item() == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize(("decoder", "limit"), [("local_mean", 0.02), ("argmax", 0.149)])
@pytest.mark.parametrize("split", [2, 3])
def test_simcc_round_trip(split, decoder, limit):
    points = 6 + torch.rand(1, 2000, 2, generator=torch.Generator().manual_seed(0)) * 84
    head = SimCCHead(split=split, decoder=decoder)
    label, _ = head.encode(points, 96 * split)
    found, confidence = head.decode(label.clamp_min(1e-30).log())
    error = (found - points).square().mean().sqrt().item()
    assert error < limit * 2 / split
    assert decoder != "argmax" or error == pytest.approx(1 / (split * 12**0.5), rel=0.05)  # the bins' own floor
    assert (confidence > 0.9).all()


def test_lgcns_decoder_near_the_border():
    """No pixels are made up beyond it: a blur that did so would be 0.3 px off a pixel away from the border."""
    unit = torch.rand(1, 500, 2, generator=torch.Generator().manual_seed(0))
    points = 1 + unit * torch.tensor([2.0, 40.0])
    head = LGCNHead()
    found, _ = head.decode([head.encode(points, (48, 48))[0]])
    assert (found - points).square().mean().sqrt() < 0.05


def test_soft_argmax_of_a_gaussian_is_not_the_middle_of_the_map():
    head = HeatmapHead(stride=1, sigma=2.0, decoder="soft_argmax")
    target, _ = head.encode(POINTS, (48, 48))
    assert (head.decode(target)[0] - POINTS).abs().max() < 0.1


def test_unknown_names():
    for make in (lambda: CoordinateHead(loss_name="x"), lambda: HeatmapHead(decoder="x"),
                 lambda: HeatmapHead(loss_name="x"), lambda: LGCNHead(decoder="x"),
                 lambda: HeatmapHead(decoder_options={"x": 1}),
                 lambda: HeatmapHead(scale="x"), lambda: HeatmapHead(target="x"), lambda: SimCCHead(decoder="x")):
        with pytest.raises(InputError, match="'x'"):
            make()


@pytest.mark.parametrize("make", [
    lambda: HeatmapHead(sigma=0), lambda: HeatmapHead(sigma=math.inf), lambda: HeatmapHead(stride=-1),
    lambda: DSNTHead(sigma=0), lambda: PartHead(disc=0)])
def test_widths_are_above_zero(make):
    with pytest.raises(InputError, match="above 0"):
        make()


@pytest.mark.parametrize(("decoder", "options", "message"), [
    ("local_mean", {"radius": 2.5}, "a whole number above 0 for the decoder's radius; found 2.5"),
    ("local_mean", {"radius": True}, "found True"), ("local_mean", {"radius": 0}, "found 0"),
    ("soft_argmax", {"temperature": 0}, "a number above 0 for the decoder's temperature"),
    ("soft_argmax", {"temperature": "cold"}, "found 'cold'"),
    ("dark", {"blur": -1.0}, "not below 0 for the decoder's blur"), ("dark", {"blur": math.nan}, "found nan")])
def test_what_no_decoder_can_work_with_is_refused_at_once(decoder, options, message):
    with pytest.raises(InputError, match=message):
        HeatmapHead(decoder=decoder, decoder_options=options)


def test_every_head_says_what_it_reads():
    assert {cls.reads for cls in HEADS.values()} == {
        "coordinates", "maps", "parts", "two maps", "distributions"}
