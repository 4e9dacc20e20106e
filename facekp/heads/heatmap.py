"""Heatmap regression: one map per keypoint, read by a decoder."""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from facekp import heatmaps, losses
from facekp.errors import check_choice
from facekp.heads.base import check_decoder, check_positive
from facekp.heatmaps import stack_list

TARGETS = {"sub-pixel": heatmaps.gaussian, "whole-pixel": heatmaps.whole_pixel_gaussian}


@dataclass(frozen=True)
class HeatmapHead:
    """Heatmap regression: one map per keypoint, bright where the keypoint is.

    raw: (B, K, h, w), or a list of such maps, one per stack of an hourglass; every one of them is
    trained (Newell's intermediate supervision), the last is the answer.

    Attributes:
        stride: image pixels per heatmap pixel.
        sigma: width of the target's Gaussian in heatmap pixels.
        decoder: a name from ``heatmaps.DECODERS``.
        decoder_options: keyword arguments of the decoder; local_mean's radius, dark's blur and soft_argmax's
            temperature otherwise follow the target.
        loss_name: a name from ``losses.HEATMAP_LOSSES``.
        scale: the value that the network should output at a peak. Some authors use 10, so that an untrained
            network's small outputs are far from any answer.
        supervise: "all" stacks (Newell), or the "last" alone, to see what that costs.
        target: "sub-pixel", a Gaussian centred on the point; or "whole-pixel", as the hourglass's authors draw it
            (:func:`facekp.heatmaps.whole_pixel_gaussian`; their sigma is 1.75).
    """

    reads: ClassVar[str] = "maps"
    stride: int = 2
    sigma: float = 1.5
    decoder: str = "local_mean"
    decoder_options: dict = field(default_factory=dict)
    loss_name: str = "mse"
    scale: float = 1.0
    supervise: str = "all"
    target: str = "sub-pixel"

    def __post_init__(self) -> None:
        check_positive(stride=self.stride, sigma=self.sigma, scale=self.scale)
        check_choice("choice of stacks to supervise called", self.supervise, ("all", "last"))
        check_choice("heatmap target", self.target, TARGETS)
        check_decoder(self.decoder, self.decoder_options)
        check_choice("heatmap loss", self.loss_name, losses.HEATMAP_LOSSES)

    def outputs(self, num_keypoints: int) -> int:
        """Channels of the network's last layer."""
        return num_keypoints

    def encode(self, keypoints: Tensor, size: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Targets (B, K, h, w) for maps of ``size`` (h, w), and the mask (B, K) of annotated points."""
        h, w = size
        target = TARGETS[self.target](heatmaps.to_heatmap(keypoints, self.stride), (h, w), self.sigma)
        return target, keypoints.isfinite().all(-1)

    def loss(self, raw: Tensor | list[Tensor], keypoints: Tensor) -> Tensor:
        """Masked mean over all annotated points, averaged over the supervised stacks; a scalar."""
        stacks = stack_list(raw)[0 if self.supervise == "all" else -1 :]
        target, mask = self.encode(keypoints, tuple(stacks[-1].shape[-2:]))
        loss = losses.HEATMAP_LOSSES[self.loss_name]
        tables = [loss(maps / self.scale, target, self.sigma) for maps in stacks]
        return losses.masked_mean(torch.stack(tables).mean(0), mask)

    def decode(self, raw: Tensor | list[Tensor]) -> tuple[Tensor, Tensor]:
        """Points (B, K, 2) in image pixels, and each map's peak, clipped to [0, 1], as confidence (B, K)."""
        maps = stack_list(raw)[-1] / self.scale
        fitting: dict[str, dict[str, float]] = {
            # Measured on 2000 perfect Gaussians, sigma 1 to 3: at 2 sigma the cut-off tails cost less than
            # 0.04 px, at 1 sigma 0.1 px; and with pixel noise of 2 % or 10 %, 2 sigma is within 15 % of the best.
            "local_mean": {"radius": max(1, round(2 * self.sigma))},
            # The paper's modulation: 0.040 px with it, 0.129 px without, on peaks of sigma 1.5 with 5 % noise.
            "dark": {"blur": self.sigma},
            # Measured on 1000, sigma 1.5 to 5: at 0.1 the background pulls 0.5 to 4 px, at 0.02 it is an argmax.
            "soft_argmax": {"temperature": 0.05},
        }
        options = fitting.get(self.decoder, {}) | self.decoder_options
        points = heatmaps.DECODERS[self.decoder](maps, **options)
        return heatmaps.to_image(points, self.stride), heatmaps.peak(maps).clamp(0, 1)
