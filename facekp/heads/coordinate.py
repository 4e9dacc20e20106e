"""Direct regression: a row of numbers is the coordinates."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from facekp import heatmaps, losses
from facekp.errors import check_choice
from facekp.losses import annotated


@dataclass(frozen=True)
class CoordinateHead:
    """Direct regression: the network's 2K numbers are the coordinates.

    raw: (B, 2K), where -1 is the left (upper) edge of the image and +1 its right (lower) edge.
    Zero means the middle of the image, which is where an untrained network begins.

    Attributes:
        size: (H, W) of the image in pixels.
        loss_name: a name from ``losses.COORDINATE_LOSSES``; residuals are in pixels.
    """

    reads: ClassVar[str] = "coordinates"
    size: tuple[int, int] = (96, 96)
    loss_name: str = "mse"

    def __post_init__(self) -> None:
        check_choice("coordinate loss", self.loss_name, losses.COORDINATE_LOSSES)

    def outputs(self, num_keypoints: int) -> int:
        """Units of the network's last layer."""
        return 2 * num_keypoints

    def points(self, raw: Tensor) -> Tensor:
        """(B, 2K) -> (B, K, 2) in image pixels."""
        h, w = self.size
        half = heatmaps.pair(w / 2, h / 2, raw)
        return (raw.unflatten(-1, (-1, 2)) + 1) * half - 0.5

    def loss(self, raw: Tensor, keypoints: Tensor) -> Tensor:
        """Masked mean of the loss over all annotated points; a scalar."""
        target, mask = annotated(keypoints)
        table = losses.COORDINATE_LOSSES[self.loss_name](self.points(raw.float()) - target)
        return losses.masked_mean(table, mask)

    def decode(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Points (B, K, 2); the confidence is NaN: a plain regression cannot say how sure it is."""
        points = self.points(raw.float())
        return points, torch.full_like(points[..., 0], torch.nan)
