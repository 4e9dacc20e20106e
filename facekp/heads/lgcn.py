"""The head of the local-global context network."""

from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from facekp import heatmaps
from facekp.heads.base import check_decoder, check_positive
from facekp.heatmaps import stack_list
from facekp.losses import annotated


@dataclass(frozen=True)
class LGCNHead:
    """The head of the local-global context network (Merget, Rock and Rigoll 2018).

    raw: a list ``[o1, o2]`` of maps (B, K, h, w): the local net's and the whole net's answer, both
    trained. The target is the fixed kernel of :func:`facekp.heatmaps.kernel_maps`, placed at the point.

    Each point k of a face is weighted by ``0.1 + 0.5 * fraction of points in the image + [k in the image]``
    over 1.6: a point beyond the border (or of a half-hidden face) counts less. A point without annotation
    counts as not in the image, and costs nothing itself.

    Attributes:
        stride: image pixels per heatmap pixel.
        sigmas: the Gaussians of the kernel, in heatmap pixels.
        decoder: a name from ``heatmaps.DECODERS``. The kernel is not a Gaussian, but after a blur of one
            pixel its top is close to one: DARK is 0.014 px off on perfect maps, local_mean 0.08.
        decoder_options: keyword arguments of the decoder; dark's blur is otherwise 1.
        output_weights: of the losses on o1 and o2.
    """

    reads: ClassVar[str] = "two maps"
    stride: int = 1
    sigmas: tuple[float, ...] = heatmaps.LGCN_SIGMAS
    decoder: str = "dark"
    decoder_options: dict = field(default_factory=dict)
    output_weights: tuple[float, float] = (0.5, 0.5)

    def __post_init__(self) -> None:
        check_positive(stride=self.stride)
        check_decoder(self.decoder, self.decoder_options)

    def outputs(self, num_keypoints: int) -> int:
        """Channels of the network's last layer."""
        return num_keypoints

    def encode(self, keypoints: Tensor, size: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Targets (B, K, h, w) for maps of ``size`` (h, w), and weights (B, K), 0 where not annotated."""
        h, w = size
        points, mask = annotated(keypoints)
        points = heatmaps.to_heatmap(points, self.stride)
        edge = heatmaps.pair(w - 0.5, h - 0.5, points)
        inside = ((points >= -0.5) & (points <= edge)).all(-1) & mask  # (B, K)
        weight = (0.1 + 0.5 * inside.float().mean(-1, keepdim=True) + inside) / 1.6
        return heatmaps.kernel_maps(points, (h, w), self.sigmas) * mask[..., None, None], weight * mask

    def loss(self, raw: list[Tensor], keypoints: Tensor) -> Tensor:
        """Weighted squared error of both outputs; 1.0 is what two empty maps would cost, as in ``heatmap_mse``."""
        outputs = stack_list(raw)
        target, weight = self.encode(keypoints, tuple(outputs[-1].shape[-2:]))
        rows = heatmaps.kernel_rows(self.sigmas, target.device).to(target.dtype)
        empty = (rows.mT @ rows / len(rows)).square().sum()
        pairs = zip(self.output_weights, outputs, strict=True)
        table = sum(w * (maps - target).square().sum(dim=(-2, -1)) for w, maps in pairs) / empty
        return (table * weight).sum() / (weight > 0).sum().clamp_min(1)

    def decode(self, raw: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Points (B, K, 2) in image pixels, and each map's peak, clipped to [0, 1], as confidence (B, K)."""
        maps = stack_list(raw)[-1]
        options = ({"blur": 1.0} if self.decoder == "dark" else {}) | self.decoder_options
        points = heatmaps.DECODERS[self.decoder](maps, **options)
        return heatmaps.to_image(points, self.stride), heatmaps.peak(maps).clamp(0, 1)
