"""Heads: what a network's raw output means.

A head is the only difference between direct regression and the kinds of heatmap regression. Each one has

    loss(raw, keypoints)  -> scalar             keypoints (B, K, 2) in image pixels, NaN = not annotated
    decode(raw)           -> (points, confidence)   (B, K, 2) image pixels and (B, K)

and holds nothing that learns: the network does. Heads are frozen dataclasses, so that one can be
written into a checkpoint and changed with ``dataclasses.replace``. ``reads`` says what raw is; a head
that reads "maps" can also take the place of one that reads "two maps".
"""

import inspect
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from facekp import heatmaps, losses
from facekp.errors import InputError


def annotated(keypoints: Tensor) -> tuple[Tensor, Tensor]:
    """Split (B, K, 2) with NaN into points without NaN and a mask (B, K).

    NaN must go before any arithmetic: 0 * NaN is NaN, in the gradient too.
    """
    mask = keypoints.isfinite().all(-1)
    return torch.where(mask[..., None], keypoints, torch.zeros_like(keypoints)), mask


def known(what: str, name: str, options: Iterable[str]) -> None:
    """Raise InputError unless ``name`` is one of ``options``."""
    if name not in options:
        raise InputError(f"There is no {what} '{name}'. Known: {', '.join(options)}.")


def check_decoder(name: str, options: dict) -> None:
    """Raise InputError unless there is a decoder ``name`` and it has these ``options``: now, not after an epoch."""
    known("decoder", name, heatmaps.DECODERS)
    arguments = list(inspect.signature(heatmaps.DECODERS[name]).parameters)[1:]  # without the maps
    for option in options:
        known(f"option of the decoder '{name}' called", option, arguments)


def check_positive(**numbers: float) -> None:
    """Raise InputError unless all are numbers above 0."""
    for name, value in numbers.items():
        if not isinstance(value, int | float) or not value > 0:
            raise InputError(f"Expected a number above 0 for the head's {name}; found {value!r}.")


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
        known("coordinate loss", self.loss_name, losses.COORDINATE_LOSSES)

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


def stack_list(raw: Tensor | list[Tensor]) -> list[Tensor]:
    """A list of maps in float32, whether the network gave one tensor or one per stack."""
    return [maps.float() for maps in (raw if isinstance(raw, list) else [raw])]


@dataclass(frozen=True)
class HeatmapHead:
    """Heatmap regression: one map per keypoint, bright where the keypoint is.

    raw: (B, K, h, w), or a list of such maps, one per stack of an hourglass; every one of them is
    trained (Newell's intermediate supervision), the last is the answer.

    Attributes:
        stride: image pixels per heatmap pixel.
        sigma: width of the target's Gaussian in heatmap pixels.
        decoder: a name from ``heatmaps.DECODERS``.
        decoder_options: keyword arguments of the decoder; local_mean's radius and soft_argmax's
            temperature otherwise follow the target.
        loss_name: a name from ``losses.HEATMAP_LOSSES``.
        scale: what the network shall put out at a peak. Some authors ask for 10, so that an untrained
            network's small outputs are far from any answer.
        supervise: "all" stacks (Newell), or the "last" alone, to see what that costs.
    """

    reads: ClassVar[str] = "maps"
    stride: int = 2
    sigma: float = 1.5
    decoder: str = "local_mean"
    decoder_options: dict = field(default_factory=dict)
    loss_name: str = "mse"
    scale: float = 1.0
    supervise: str = "all"

    def __post_init__(self) -> None:
        check_positive(stride=self.stride, sigma=self.sigma, scale=self.scale)
        known("choice of stacks to supervise called", self.supervise, ("all", "last"))
        check_decoder(self.decoder, self.decoder_options)
        known("heatmap loss", self.loss_name, losses.HEATMAP_LOSSES)

    def outputs(self, num_keypoints: int) -> int:
        """Channels of the network's last layer."""
        return num_keypoints

    def encode(self, keypoints: Tensor, size: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Targets (B, K, h, w) for maps of ``size`` (h, w), and the mask (B, K) of annotated points."""
        h, w = size
        target = heatmaps.gaussian(heatmaps.to_heatmap(keypoints, self.stride), (h, w), self.sigma)
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
            # Measured on 1000, sigma 1.5 to 5: at 0.1 the background pulls 0.5 to 4 px, at 0.02 it is an argmax.
            "soft_argmax": {"temperature": 0.05},
        }
        options = fitting.get(self.decoder, {}) | self.decoder_options
        points = heatmaps.DECODERS[self.decoder](maps, **options)
        return heatmaps.to_image(points, self.stride), heatmaps.peak(maps).clamp(0, 1)


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


@dataclass(frozen=True)
class PartHead(HeatmapHead):
    """Part detection, then heatmap regression (Bulat and Tzimiropoulos 2016).

    raw: a list ``[part logits]`` or ``[part logits, maps]``, each (B, K, h, w). The logits learn, pixel by
    pixel, whether they lie in a disc around the point; the maps are trained like any heatmap. See
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


@dataclass(frozen=True)
class LGCNHead:
    """The head of the local-global context network (Merget, Rock and Rigoll 2018).

    raw: a list ``[o1, o2]`` of maps (B, K, h, w): the local net's and the whole net's answer, both
    trained. The target is the fixed kernel of :func:`facekp.heatmaps.kernel_maps`, placed at the point.

    Each point k of a face is weighted by ``0.1 + 0.5 * share of points in the image + [k in the image]``
    over 1.6: a point beyond the border (or of a half-hidden face) counts less. A point without annotation
    counts as not in the image, and pays nothing itself.

    Attributes:
        stride: image pixels per heatmap pixel.
        sigmas: the Gaussians of the kernel, in heatmap pixels.
        decoder: a name from ``heatmaps.DECODERS``. The kernel is no Gaussian, but after a blur of one
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
        """Weighted squared error of both outputs; 1.0 is what two empty maps would pay, as in ``heatmap_mse``."""
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


Head = CoordinateHead | HeatmapHead | DSNTHead | LGCNHead  # and PartHead, which is a HeatmapHead
HEADS: dict[str, type[Head]] = {"coordinate": CoordinateHead, "heatmap": HeatmapHead, "dsnt": DSNTHead,
                                "parts": PartHead, "lgcn": LGCNHead}
