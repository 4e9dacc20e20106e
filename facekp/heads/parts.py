"""Part detection, then heatmaps."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from facekp import heatmaps, losses
from facekp.heads.base import check_positive
from facekp.heads.heatmap import HeatmapHead
from facekp.heatmaps import stack_list
from facekp.losses import annotated


@dataclass(frozen=True)
class PartHead(HeatmapHead):
    """Part detection, then heatmap regression (Bulat and Tzimiropoulos 2016).

    raw: a list ``[part logits]`` or ``[part logits, maps]``, each (B, K, h, w). The logits learn, pixel by
    pixel, whether they are in a disc around the point; the maps are trained like any heatmap. See
    :mod:`facekp.models.parts` for the three stages of training.

    Attributes:
        disc: the disc's radius in heatmap pixels.
    """

    reads: ClassVar[str] = "parts"
    stride: int = 1
    sigma: float = 2.0
    disc: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(disc=self.disc)

    def loss(self, raw: Tensor | list[Tensor], keypoints: Tensor) -> Tensor:
        """Cross entropy of the parts, plus the heatmap loss where there are maps; a scalar."""
        logits, *maps = stack_list(raw)
        points, mask = annotated(keypoints)
        h, w = logits.shape[-2:]
        discs = heatmaps.disc(heatmaps.to_heatmap(points, self.stride), (h, w), self.disc)
        loss = losses.masked_mean(losses.disc_cross_entropy(logits, discs, self.disc), mask)
        return loss + super().loss(maps, keypoints) if maps else loss

    def decode(self, raw: Tensor | list[Tensor]) -> tuple[Tensor, Tensor]:
        """From the maps; from the parts' sigmoid, as the centre of mass of the disc, where there are none yet."""
        logits, *maps = stack_list(raw)
        if maps:
            return super().decode(maps)
        parts = logits.sigmoid()
        points = heatmaps.local_mean(parts, radius=round(2 * self.disc))
        return heatmaps.to_image(points, self.stride), heatmaps.peak(parts)
