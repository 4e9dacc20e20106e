"""Soft-argmax regression: maps inside, coordinates out."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from facekp import heatmaps, losses
from facekp.heads.base import check_positive
from facekp.heatmaps import stack_list
from facekp.losses import annotated


@dataclass(frozen=True)
class DSNTHead:
    """Soft-argmax regression (Nibali et al. 2018, *Numerical Coordinate Regression*): maps inside, coordinates out.

    A softmax makes each map a probability; the answer is its mean position. The loss is on that
    position, so no target map has to be made up and nothing is rounded. Left alone, the network
    could spread a map any way that has the right mean: a regulariser asks for a small Gaussian.

    raw: (B, K, h, w) or a list of such, as for :class:`HeatmapHead`.

    Attributes:
        stride: image pixels per heatmap pixel.
        sigma: width of the Gaussian that the regulariser wants, in heatmap pixels.
        weight: of the regulariser (Jensen-Shannon divergence), against the distance in half image widths.
    """

    reads: ClassVar[str] = "maps"
    stride: int = 2
    sigma: float = 1.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        check_positive(stride=self.stride, sigma=self.sigma)

    def outputs(self, num_keypoints: int) -> int:
        """Channels of the network's last layer."""
        return num_keypoints

    def loss(self, raw: Tensor | list[Tensor], keypoints: Tensor) -> Tensor:
        """Masked mean of distance plus regulariser, averaged over the stacks; a scalar."""
        stacks = stack_list(raw)
        points, mask = annotated(keypoints)
        points = heatmaps.to_heatmap(points, self.stride)
        h, w = stacks[-1].shape[-2:]
        wanted = heatmaps.gaussian(points, (h, w), self.sigma)
        wanted = wanted / wanted.sum(dim=(-2, -1), keepdim=True).clamp_min(1e-12)
        half = heatmaps.pair(w / 2, h / 2, points)
        tables = []
        for maps in stacks:
            distance = torch.linalg.vector_norm((heatmaps.soft_argmax(maps) - points) / half, dim=-1)
            tables.append(distance + self.weight * losses.jensen_shannon(heatmaps.softmax(maps), wanted))
        return losses.masked_mean(torch.stack(tables).mean(0), mask)

    def decode(self, raw: Tensor | list[Tensor]) -> tuple[Tensor, Tensor]:
        """Points (B, K, 2) in image pixels; confidence (B, K) is 1 for the Gaussian that the regulariser wants."""
        maps = stack_list(raw)[-1]
        sharpness = heatmaps.peak(heatmaps.softmax(maps)) * 2 * math.pi * self.sigma**2
        return heatmaps.to_image(heatmaps.soft_argmax(maps), self.stride), sharpness.clamp(0, 1)
