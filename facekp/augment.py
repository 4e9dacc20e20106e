"""Augmentation: every face is changed at random in every epoch, made on the device for a whole batch at once.

Rotation, scale, shear, shift and flip of one face are one 2x3 matrix. It moves the points, and its inverse says where
each pixel of the new image comes from. No function waits for the device: numbers of the config reach it as arguments of
kernels, never as copied tensors, and nothing is read back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from facekp.errors import InputError


@dataclass(frozen=True)
class Augment:
    """How far an augmented face may be from the original. Ranges are symmetric and drawn uniformly.

    Attributes:
        flip: probability of a mirror image (with the left and right points swapped).
        rotation: degrees, either way.
        scale: a factor between ``1 / (1 + scale)`` and ``1 + scale``.
        shear: degrees, either way.
        shift: pixels, either way, in x and in y.
        elastic: largest displacement, in pixels, of a smooth random warp on a 4 x 4 grid.
        brightness: added to the grey values (0..1), either way.
        contrast: the grey values' spread is multiplied by a factor between ``1 / (1 + contrast)``
            and ``1 + contrast``.
        blur: largest standard deviation, in pixels, of a Gaussian blur.
        low_resolution: an image is made smaller by a whole factor from 1 to this one, and enlarged again: the crop of
            a small face. 0 and 1 leave it as it is.
        cutout: largest side, as a fraction of the image's, of a grey rectangle laid over it (DeVries and Taylor 2017).
            The points beneath keep their labels.
        noise: largest standard deviation of Gaussian noise on the grey values.

    Raises:
        InputError: a negative number, a flip above 1, an elastic so strong that the image folds over.
    """

    flip: float = 0.5
    rotation: float = 20.0
    scale: float = 0.2
    shear: float = 5.0
    shift: float = 6.0
    elastic: float = 0.0
    brightness: float = 0.15
    contrast: float = 0.3
    blur: float = 0.0
    low_resolution: int = 0
    cutout: float = 0.0
    noise: float = 0.03

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e6:
                raise InputError(f"Expected a number from 0 to 1e6 for the augmentation's {name}; found {value!r}.")
        for name, most in (("flip", 1), ("cutout", 1), ("elastic", 5), ("shear", 45), ("blur", 10)):
            if getattr(self, name) > most:
                raise InputError(f"Expected at most {most} for the augmentation's {name}; found {getattr(self, name)}.")
        if self.low_resolution not in range(9):
            raise InputError(f"Expected a whole number from 0 to 8 for low_resolution; found {self.low_resolution}.")


# By name. The best width depends on what the faces to come will look like: see book/plans/augmentation.toml.
PRESETS: dict[str, Augment | None] = {
    # for crops of unknown hands: turned, off the middle, larger or smaller
    "full": Augment(flip=0.5, rotation=20.0, scale=0.2, shear=5.0, shift=6.0, elastic=0.0, brightness=0.15,
                    contrast=0.3, blur=0.0, low_resolution=0, cutout=0.0, noise=0.03),
    # for photographs of any origin: also small, out of focus, grainy, partly hidden
    "wild": Augment(flip=0.5, rotation=25.0, scale=0.25, shear=5.0, shift=8.0, elastic=0.0, brightness=0.2,
                    contrast=0.5, blur=1.0, low_resolution=4, cutout=0.3, noise=0.06),
    # for crops made as the training faces were: flip, light
    "photometric": Augment(flip=0.5, rotation=0.0, scale=0.0, shear=0.0, shift=0.0, elastic=0.0, brightness=0.15,
                           contrast=0.3, blur=0.0, low_resolution=0, cutout=0.0, noise=0.03),
    "none": None,
}


def augment(
    images: Tensor, keypoints: Tensor, swap: Tensor, config: Augment, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A random augmentation of each face.

    Args:
        images: (B, C, H, W) in [0, 1].
        keypoints: (B, K, 2) pixels, NaN = not annotated.
        swap: (K,) int64, the scheme's left/right permutation, on the same device.
        config: the ranges.
        generator: the source of all randomness, on the same device.

    Returns:
        Images and keypoints of the same shapes. A point that leaves the image becomes NaN: clipped onto the border it
        would be wrong.
    """
    B, _, H, W = images.shape
    matrix, flipped = random_matrices(B, (H, W), config, generator)
    field = random_field(B, config, generator) if config.elastic else None
    images = photometric(warp_images(images, matrix, field), config, generator)
    keypoints = warp_points(keypoints, matrix)
    if field is not None:
        keypoints = unbend(keypoints, field, (H, W))
    keypoints = torch.where(flipped[:, None, None], keypoints[:, swap], keypoints)
    x, y = keypoints.unbind(-1)
    inside = (x >= -0.5) & (x <= W - 0.5) & (y >= -0.5) & (y <= H - 0.5)
    return images, keypoints.masked_fill(~inside[..., None], torch.nan)


# ---- geometry ---------------------------------------------------------------------------------


def random_matrices(
    B: int, size: tuple[int, int], config: Augment, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """(B, 2, 3) matrices that take old pixel positions to new ones, and (B,) bool: which of them flip.

    All turn about the image's centre, ((W - 1) / 2, (H - 1) / 2), so that a flip is ``W - 1 - x``.
    """
    u = torch.rand(6, B, generator=generator, device=generator.device)
    flipped, u = u[5] < config.flip, u * 2 - 1  # u: -1..1
    angle, shear = math.radians(config.rotation) * u[0], (math.radians(config.shear) * u[1]).tan()
    scale = torch.exp(math.log1p(config.scale) * u[2])
    return about_centre(size, angle, scale, flipped, config.shift * u[3], config.shift * u[4], shear), flipped


def about_centre(
    size: tuple[int, int], angle: Tensor, scale: Tensor, flipped: Tensor, right: Tensor, down: Tensor,
    shear: Tensor | float = 0.0,
) -> Tensor:
    """(B, 2, 3) matrices that turn, scale, mirror and shear about the image's centre, and then shift.

    Args:
        size: height and width of the image.
        angle: (B,) radians.
        scale: (B,) factors.
        flipped: (B,) bool.
        right, down: (B,) pixels.
        shear: (B,) the tangent of its angle.
    """
    cx, cy = (size[1] - 1) / 2, (size[0] - 1) / 2
    sx, cos, sin = torch.where(flipped, -scale, scale), angle.cos(), angle.sin()
    # rotation @ [[sx, shear * scale], [0, scale]]
    a, b = cos * sx, scale * (cos * shear - sin)
    c, d = sin * sx, scale * (sin * shear + cos)
    ox, oy = cx + right - a * cx - b * cy, cy + down - c * cx - d * cy
    return torch.stack([a, b, ox, c, d, oy], -1).view(-1, 2, 3)


def warp_points(keypoints: Tensor, matrix: Tensor) -> Tensor:
    """Points (B, K, 2) moved by matrices (B, 2, 3)."""
    return keypoints @ matrix[:, :, :2].mT + matrix[:, None, :, 2]


def inverse(matrix: Tensor) -> Tensor:
    """The matrices (B, 2, 3) that undo ``matrix`` (B, 2, 3): of two lines of algebra, where a general solver
    would have to ask the device whether it succeeded."""
    a, b, ox, c, d, oy = matrix.flatten(1).unbind(1)
    det = a * d - b * c
    return torch.stack([d, -b, b * oy - d * ox, -c, a, c * ox - a * oy], -1).view(-1, 2, 3) / det[:, None, None]


def warp_images(images: Tensor, matrix: Tensor, field: Tensor | None = None) -> Tensor:
    """Images (B, C, H, W) moved by matrices (B, 2, 3): each new pixel looks up its position in the old image.

    With a displacement ``field`` (B, 2, g, g) of :func:`random_field` the new pixel first moves by it, then looks up.

    Beyond the border the old image is continued with its border pixels.
    """
    B, _, H, W = images.shape
    back = inverse(matrix)  # new pixel -> old pixel
    if field is None:
        # In grid_sample's units a lookup position is A (u, v) + t: what the column adds and what the row adds.
        u, v = ((2 * torch.arange(n, device=images.device) + 1) / n - 1 for n in (W, H))
        unit = to_unit_matrix(back, (H, W))[:, None]  # (B, 1, 2, 3)
        columns, rows = u[:, None] * unit[..., 0], v[:, None] * unit[..., 1] + unit[..., 2]  # (B, W, 2), (B, H, 2)
        grid = columns[:, None] + rows[:, :, None]  # (B, H, W, 2)
    else:
        y, x = torch.meshgrid(*(torch.arange(n, device=images.device) for n in (H, W)), indexing="ij")
        pixels = torch.stack([x, y], -1).float() + bend(field, (H, W)).permute(0, 2, 3, 1)  # (B, H, W, 2)
        grid = to_unit(warp_points(pixels.flatten(1, 2), back).view(B, H, W, 2), (H, W))
    return look_up(images, grid)


def look_up(maps: Tensor, grid: Tensor) -> Tensor:
    """``grid_sample`` of maps (B, C, H, W) at points (B, h, w, 2) in its units; beyond the border the nearest pixel."""
    if maps.device.type == "mps":  # has no such padding before torch 2.13; to clamp positions is the same
        return F.grid_sample(maps, inside(grid, maps.shape[-2:]), align_corners=False)
    return F.grid_sample(maps, grid, padding_mode="border", align_corners=False)


def inside(grid: Tensor, size: Sequence[int]) -> Tensor:
    """Positions in the units of ``grid_sample``, those beyond the outermost pixels' centres moved onto them."""
    edge = torch.tensor([1 - 1 / size[1], 1 - 1 / size[0]], device=grid.device)
    return grid.clamp(-edge, edge)


def to_unit(points: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixels (..., 2) to the units of ``grid_sample``: -1 and +1 are the edges, ``u = (x + 0.5) / (W / 2) - 1``."""
    x, y = points.unbind(-1)
    return torch.stack([(2 * x + 1) / size[1] - 1, (2 * y + 1) / size[0] - 1], -1)


def to_unit_matrix(matrix: Tensor, size: tuple[int, int]) -> Tensor:
    """Matrices (B, 2, 3) on pixels as matrices on the units of :func:`to_unit`."""
    H, W = size
    a, b, ox, c, d, oy = matrix.flatten(1).unbind(1)
    # x = W / 2 * (u + 1) - 1 / 2, and y likewise, put into the two lines and solved for u.
    ou = (a * (W - 1) + b * (H - 1) + 2 * ox + 1) / W - 1
    ov = (c * (W - 1) + d * (H - 1) + 2 * oy + 1) / H - 1
    return torch.stack([a, b * (H / W), ou, c * (W / H), d, ov], -1).view(-1, 2, 3)


# ---- elastic ----------------------------------------------------------------------------------


def random_field(B: int, config: Augment, generator: torch.Generator, grid: int = 4) -> Tensor:
    """(B, 2, grid, grid): displacements in pixels, up to ``elastic`` either way, on a coarse grid over the image."""
    u = torch.rand(B, 2, grid, grid, generator=generator, device=generator.device)
    return (2 * u - 1) * config.elastic


def bend(field: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, 2, H, W): the displacement, in pixels, at every pixel: the coarse field on cubic splines."""
    return F.interpolate(field, size, mode="bicubic", align_corners=False)


def unbend(points: Tensor, field: Tensor, size: tuple[int, int], rounds: int = 12) -> Tensor:
    """Where ``points`` (B, K, 2) of the unbent image lie in the bent one.

    The pixel p of the bent image shows what lies at p + d(p). So the point q is seen at the p with
    p + d(p) = q: begin with p = q and repeat p = q - d(p), each round nearer as long as d changes slowly.
    """
    dense = bend(field, size)
    p = points
    for _ in range(rounds):
        there = look_up(dense, to_unit(p, size)[:, :, None])
        p = points - there[..., 0].mT  # (B, 2, K, 1) -> (B, K, 2)
    return p


# ---- grey values ------------------------------------------------------------------------------


def photometric(images: Tensor, config: Augment, generator: torch.Generator) -> Tensor:
    """Random contrast, brightness, blur, resolution, cutout and noise, drawn for each face; the result is in [0, 1]."""

    def uniform(limit: float) -> Tensor:
        return (torch.rand(len(images), 1, 1, 1, generator=generator, device=images.device) * 2 - 1) * limit

    if config.contrast or config.brightness:
        mean = images.mean(dim=(-2, -1), keepdim=True)
        gain = torch.exp(uniform(math.log1p(config.contrast)))
        images = (images - mean) * gain + (mean + uniform(config.brightness))
    if config.blur:
        images = blur(images, uniform(config.blur).abs().flatten(), config.blur)
    if config.low_resolution > 1:
        u = torch.rand(len(images), generator=generator, device=images.device)
        images = lower_resolution(images, (1 + u * config.low_resolution).long(), int(config.low_resolution))
    if config.cutout:
        images = torch.where(rectangles(images, config.cutout, generator), uniform(0.5) + 0.5, images)
    if config.noise:
        noise = torch.randn(images.shape, generator=generator, device=images.device)
        images = torch.addcmul(images, noise, uniform(config.noise).abs())
    return images.clamp(0, 1)


def blur(images: Tensor, sigma: Tensor, max_sigma: float) -> Tensor:
    """Images (B, C, H, W), each blurred by a Gaussian of its own ``sigma`` (B,) in pixels, none above ``max_sigma``."""
    B, C, H, W = images.shape
    radius = max(1, math.ceil(3 * max_sigma))
    x = torch.arange(-radius, radius + 1, device=images.device)
    kernel = torch.exp(-0.5 * (x / sigma.clamp_min(1e-3)[:, None]) ** 2)  # (B, 2r + 1)
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(C, 0)
    # The batch becomes channels, and a convolution in groups gives each its own kernel: along x, then along y.
    out = F.pad(images.reshape(1, B * C, H, W), (radius,) * 4, mode="replicate")
    out = F.conv2d(F.conv2d(out, kernel[:, None, None], groups=B * C), kernel[:, None, :, None], groups=B * C)
    return out.view(B, C, H, W)


def lower_resolution(images: Tensor, factor: Tensor, most: int) -> Tensor:
    """Images (B, C, H, W), each made smaller by its own whole ``factor`` (B,), from 1 to ``most``, and enlarged."""
    out, (H, W) = images, images.shape[-2:]
    for f in range(2, most + 1):  # the whole batch passes through every factor, and each image keeps its own
        small = F.interpolate(images, (-(-H // f), -(-W // f)), mode="bilinear", antialias=True)
        large = F.interpolate(small, (H, W), mode="bilinear")
        out = torch.where((factor == f)[:, None, None, None], large, out)
    return out


def rectangles(images: Tensor, max_fraction: float, generator: torch.Generator) -> Tensor:
    """(B, 1, H, W) bool: a random rectangle in each, its sides up to the fraction ``max_fraction`` of the image's."""
    B, _, H, W = images.shape
    u = torch.rand(4, B, 1, 1, 1, generator=generator, device=images.device)
    x, y = torch.arange(W, device=images.device), torch.arange(H, device=images.device)[:, None]
    inside_x = (x - u[0] * (W - 1)).abs() <= u[1] * (max_fraction * W / 2)
    inside_y = (y - u[2] * (H - 1)).abs() <= u[3] * (max_fraction * H / 2)
    return inside_x & inside_y
