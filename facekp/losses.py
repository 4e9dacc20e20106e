"""Losses. Each gives a table (B, K), one number per face and keypoint; the mean comes last.

Keeping the table means that a keypoint that is not annotated can be left out of the mean: it adds
nothing to the loss and gets no gradient.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from facekp import heatmaps


def masked_mean(table: Tensor, mask: Tensor) -> Tensor:
    """The mean of ``table`` (B, K) where ``mask`` (B, K) is true; 0 where nothing is annotated."""
    return (table * mask).sum() / mask.sum().clamp_min(1)


# ---- on coordinates: residuals in pixels (B, K, 2) -> (B, K) ----------------------------------


def mse(residual: Tensor) -> Tensor:
    """Mean of the two squared errors; its root over all points is the competition's RMSE."""
    return residual.square().mean(-1)


def l1(residual: Tensor) -> Tensor:
    """Mean of the two absolute errors: an outlier of 20 px counts 20, not 400."""
    return residual.abs().mean(-1)


def smooth_l1(residual: Tensor, beta: float = 1.0) -> Tensor:
    """Squared below ``beta`` pixels, absolute above (Girshick 2015)."""
    return F.smooth_l1_loss(residual, torch.zeros_like(residual), beta=beta, reduction="none").mean(-1)


def wing(residual: Tensor, w: float = 10.0, eps: float = 2.0) -> Tensor:
    """Wing (Feng et al. 2018): a logarithm below ``w`` pixels, absolute above.

    The slope w / (eps + |x|) grows towards zero: small errors, which most errors are late in
    training, go on pulling. The two pieces meet in value at ``w``; the slope goes from w / (w + eps) to 1.
    """
    x = residual.abs()
    c = w - w * math.log(1 + w / eps)
    return torch.where(x < w, w * torch.log1p(x / eps), x - c).mean(-1)


def soft_wing(residual: Tensor, w1: float = 2.0, w2: float = 20.0, eps: float = 0.5) -> Tensor:
    """Soft Wing (Lin et al. 2021): absolute below ``w1`` pixels, a logarithm above.

    The logarithm is now on the outside. Errors below ``w1`` are taken as noise of the labels; errors just above it
    pull hardest, and outliers less and less. With the defaults the slope is 1 at 1.9 px, 7.7 at 2.1 px, 1.0 at
    19.5 px and 0.49 at 40 px. The pieces meet in value at ``w1``, not in slope.
    """
    x = residual.abs()
    c = w1 - w2 * math.log(1 + w1 / eps)
    return torch.where(x < w1, x, w2 * torch.log1p(x / eps) + c).mean(-1)


COORDINATE_LOSSES = {"mse": mse, "l1": l1, "smooth_l1": smooth_l1, "wing": wing, "soft_wing": soft_wing}


# ---- on heatmaps: prediction and target (B, K, h, w) -> (B, K) --------------------------------


def heatmap_mse(maps: Tensor, target: Tensor, sigma: float) -> Tensor:
    """Squared error summed over the map, as a fraction of what an empty map would cost.

    The squared values of a Gaussian of height 1 sum to pi * sigma^2, so 1.0 means "no better than
    predicting nothing" and 0.0 a perfect map, whatever the map's size. (A mean over pixels would be
    near 0 for an empty map already: most of a target is empty.)
    """
    return (maps - target).square().sum(dim=(-2, -1)) / (torch.pi * sigma**2)


def heatmap_weighted_mse(maps: Tensor, target: Tensor, sigma: float) -> Tensor:
    """Squared error, weighted eleven times on the peak (:func:`foreground`); an empty map costs 1.0."""
    return _relative_to_empty(_weighted_square, maps, target, sigma)


def heatmap_adaptive_wing(maps: Tensor, target: Tensor, sigma: float) -> Tensor:
    """Adaptive Wing (Wang, Bo and Fuxin 2019), weighted as in :func:`foreground`; an empty map costs 1.0."""
    return _relative_to_empty(_weighted_wing, maps, target, sigma)


HEATMAP_LOSSES = {"mse": heatmap_mse, "weighted_mse": heatmap_weighted_mse, "adaptive_wing": heatmap_adaptive_wing}


def adaptive_wing(difference: Tensor, target: Tensor, alpha: float = 2.1, omega: float = 14.0, eps: float = 1.0,
                  theta: float = 0.5) -> Tensor:
    """Adaptive Wing pixel by pixel, (...) -> (...): Wing on the peak, like a square on the background.

    With y the target, below ``theta`` the loss is omega * log(1 + |d / eps|^(alpha - y)). Where y = 1 the power
    is 1.1: nearly a wing, sharp at zero. Where y = 0 it is 2.1: flat at zero, so that the large
    background does not drown the peak. Above ``theta`` it goes on as a straight line of the same value
    and slope.
    """
    d = difference.abs()
    power = alpha - target
    ratio = theta / eps
    slope = omega / (1 + ratio**power) * power * ratio ** (power - 1) / eps
    offset = theta * slope - omega * torch.log1p(ratio**power)
    return torch.where(d < theta, omega * torch.log1p((d / eps) ** power), slope * d - offset)


def foreground(target: Tensor, extra: float = 10.0, threshold: float = 0.2) -> Tensor:
    """Weights (B, K, h, w): 1 + ``extra`` on and next to pixels where the target is above ``threshold``, else 1."""
    return 1 + extra * (F.max_pool2d(target, 3, stride=1, padding=1) > threshold)


def _weighted_square(maps: Tensor, target: Tensor) -> Tensor:
    return (foreground(target) * (maps - target).square()).sum(dim=(-2, -1))


def _weighted_wing(maps: Tensor, target: Tensor) -> Tensor:
    return (foreground(target) * adaptive_wing(maps - target, target)).sum(dim=(-2, -1))


def _relative_to_empty(cost, maps: Tensor, target: Tensor, sigma: float) -> Tensor:
    """(B, K): ``cost(maps, target)`` divided by the cost of an empty map for a whole Gaussian."""
    radius = math.ceil(5 * sigma)
    whole = heatmaps.gaussian(maps.new_full((1, 1, 2), radius), (2 * radius + 1, 2 * radius + 1), sigma)
    return cost(maps, target) / cost(torch.zeros_like(whole), whole)


# ---- on part maps: logits and discs (B, K, h, w) -> (B, K) ------------------------------------


def disc_cross_entropy(logits: Tensor, discs: Tensor, radius: float) -> Tensor:
    """Pixel-wise cross entropy of a sigmoid map against a disc of ones, per pixel of the disc.

    The sum over all pixels, divided by the disc's area: a mean over the map would be small at once,
    by saying "no" everywhere.
    """
    cost = F.binary_cross_entropy_with_logits(logits, discs, reduction="none")
    return cost.sum(dim=(-2, -1)) / (torch.pi * radius**2)


# ---- on probability maps: (B, K, h, w) -> (B, K) ----------------------------------------------


def jensen_shannon(p: Tensor, q: Tensor) -> Tensor:
    """Jensen-Shannon divergence of maps that each sum to 1: 0 when equal, log 2 when they share no pixel."""
    m = 0.5 * (p + q)

    def divergence(a: Tensor) -> Tensor:  # Kullback-Leibler from a to m; 0 log 0 = 0
        tiny = torch.finfo(a.dtype).tiny
        return (a * (a.clamp_min(tiny).log() - m.clamp_min(tiny).log())).sum(dim=(-2, -1))

    return 0.5 * divergence(p) + 0.5 * divergence(q)


def kullback_leibler(label: Tensor, logits: Tensor) -> Tensor:
    """Divergence of the softmax of ``logits`` (..., n) from ``label`` (..., n), which sums to 1: (...), 0 if equal."""
    tiny = torch.finfo(label.dtype).tiny
    return (label * (label.clamp_min(tiny).log() - logits.log_softmax(-1))).sum(-1)


def annotated(keypoints: Tensor) -> tuple[Tensor, Tensor]:
    """Split (B, K, 2) with NaN into points without NaN and a mask (B, K).

    NaN must go before any arithmetic: 0 * NaN is NaN, in the gradient too.
    """
    mask = keypoints.isfinite().all(-1)
    return torch.where(mask[..., None], keypoints, torch.zeros_like(keypoints)), mask
