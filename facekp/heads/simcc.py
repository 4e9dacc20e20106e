"""Two one-dimensional distributions per point, one over x and one over y."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from facekp import heatmaps, losses
from facekp.errors import check_choice
from facekp.heads.base import check_positive
from facekp.losses import annotated


@dataclass(frozen=True)
class SimCCHead:
    """SimCC (Li et al. 2022, *SimCC: a Simple Coordinate Classification Perspective for Human Pose Estimation*).

    Each coordinate is a classification: the axis is cut into bins narrower than a pixel, and the network says how
    likely each of them is. The label is a Gaussian around the true bin, made a distribution (label smoothing that
    knows which bins are neighbours); the loss is the Kullback-Leibler divergence from the label.

    raw: (B, K, 2, n) logits over n = ``split`` * image size bins, for x and for y. Bin 0 begins at the image's edge.

    Attributes:
        split: bins per pixel; the paper has 2 (or 3) where the input is small.
        sigma: of the label's Gaussian, in bins. The paper's 6 bins of 512 are 2.25 of 192.
        decoder: "local_mean", the mean of the bins within 2 sigma of the most likely one; or "argmax", that bin alone,
            as in the paper, which costs 1 / (split * sqrt(12)) pixels: 0.14 px.
    """

    reads: ClassVar[str] = "distributions"
    split: int = 2
    sigma: float = 2.25
    decoder: str = "local_mean"

    def __post_init__(self) -> None:
        check_positive(split=self.split, sigma=self.sigma)
        check_choice("decoder of distributions", self.decoder, ("local_mean", "argmax"))

    def outputs(self, num_keypoints: int) -> int:
        """Channels of the network's last feature maps; the distributions are made of one map each."""
        return num_keypoints

    def encode(self, keypoints: Tensor, bins: int) -> tuple[Tensor, Tensor]:
        """Labels (B, K, 2, n) that each sum to 1, or to 0 far outside the image; and the mask (B, K)."""
        points, mask = annotated(keypoints)
        positions = heatmaps.to_heatmap(points, 1 / self.split)[..., None]  # (B, K, 2, 1), in bins
        distance = (torch.arange(bins, device=points.device) - positions) / self.sigma
        label = torch.exp(-0.5 * distance.square())
        return label / label.sum(-1, keepdim=True).clamp_min(1e-12), mask

    def loss(self, raw: Tensor, keypoints: Tensor) -> Tensor:
        """Masked mean over all annotated points of the divergence, averaged over x and y; a scalar."""
        label, mask = self.encode(keypoints, raw.shape[-1])
        return losses.masked_mean(losses.kullback_leibler(label, raw.float()).mean(-1), mask)

    def decode(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, K, 2) in image pixels; confidence (B, K) is the less certain axis's, 1 for a peak like the label.
        """
        # 1 high where they are like the label, and maps of one row for the decoders: (B, 2K, 1, n).
        rows = raw.float().softmax(-1).flatten(1, 2)[:, :, None] * (math.sqrt(2 * math.pi) * self.sigma)
        options = {"radius": max(1, round(2 * self.sigma))} if self.decoder == "local_mean" else {}
        positions = heatmaps.DECODERS[self.decoder](rows, **options)[..., 0]
        points = heatmaps.to_image(positions.unflatten(1, (-1, 2)), 1 / self.split)
        return points, heatmaps.peak(rows).unflatten(1, (-1, 2)).amin(-1).clamp(0, 1)
