"""Augmentation: a new view of every face in every epoch, made on the device for a whole batch at once.

Rotation, scale, shear, shift and flip of one face are one 2x3 matrix. It moves the points; its
inverse says where each pixel of the new image comes from. One matrix for both: they cannot disagree.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Augment:
    """How far a view may be from the original. Ranges are symmetric and drawn uniformly.

    Attributes:
        flip: probability of a mirror image (with the left and right points swapped).
        rotation: degrees, either way.
        scale: a factor between ``1 / (1 + scale)`` and ``1 + scale``.
        shear: degrees, either way.
        shift: pixels, either way, in x and in y.
        brightness: added to the grey values (0..1), either way.
        contrast: the grey values' spread is multiplied by a factor between ``1 / (1 + contrast)``
            and ``1 + contrast``.
        noise: largest standard deviation of Gaussian noise on the grey values.
    """

    flip: float = 0.5
    rotation: float = 20.0
    scale: float = 0.2
    shear: float = 5.0
    shift: float = 6.0
    brightness: float = 0.15
    contrast: float = 0.3
    noise: float = 0.03


def augment(
    images: Tensor, keypoints: Tensor, swap: Tensor, config: Augment, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """A random view of each face.

    Args:
        images: (B, 1, H, W) in [0, 1].
        keypoints: (B, K, 2) pixels, NaN = not annotated.
        swap: (K,) int64, the scheme's left/right permutation, on the same device.
        config: the ranges.
        generator: the source of all randomness, on the same device.

    Returns:
        Images and keypoints of the same shapes. A point that leaves the picture becomes NaN: it
        can no longer be seen, and clipping it onto the border would teach a falsehood.
    """
    B, _, H, W = images.shape
    matrix, flipped = random_matrices(B, (H, W), config, generator)
    images = photometric(warp_images(images, matrix), config, generator)
    keypoints = warp_points(keypoints, matrix)
    keypoints = torch.where(flipped[:, None, None], keypoints[:, swap], keypoints)
    edge = keypoints.new_tensor([W - 0.5, H - 0.5])
    inside = ((keypoints >= -0.5) & (keypoints <= edge)).all(-1, keepdim=True)
    return images, torch.where(inside, keypoints, torch.full_like(keypoints, torch.nan))


def random_matrices(
    B: int, size: tuple[int, int], config: Augment, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """(B, 2, 3) matrices that take old pixel positions to new ones, and (B,) bool: which of them flip.

    All turn about the image's centre, ((W - 1) / 2, (H - 1) / 2), so that a flip is ``W - 1 - x``.
    """
    H, W = size
    device = generator.device

    def uniform(limit: float) -> Tensor:
        return (torch.rand(B, generator=generator, device=device) * 2 - 1) * limit

    flipped = torch.rand(B, generator=generator, device=device) < config.flip
    angle, shear = torch.deg2rad(uniform(config.rotation)), torch.deg2rad(uniform(config.shear)).tan()
    scale = torch.exp(uniform(1.0) * torch.log1p(torch.tensor(config.scale)).item())
    sx = torch.where(flipped, -scale, scale)
    cos, sin = angle.cos(), angle.sin()
    # rotation @ [[sx, shear * scale], [0, scale]]
    linear = torch.stack([cos * sx, scale * (cos * shear - sin), sin * sx, scale * (sin * shear + cos)], -1).view(
        B, 2, 2
    )
    centre = torch.tensor([(W - 1) / 2, (H - 1) / 2], device=device)
    shift = torch.stack([uniform(config.shift), uniform(config.shift)], -1)
    offset = centre + shift - linear @ centre
    return torch.cat([linear, offset[..., None]], dim=-1), flipped


def warp_points(keypoints: Tensor, matrix: Tensor) -> Tensor:
    """Points (B, K, 2) moved by matrices (B, 2, 3)."""
    return keypoints @ matrix[:, :, :2].mT + matrix[:, None, :, 2]


def warp_images(images: Tensor, matrix: Tensor) -> Tensor:
    """Images (B, C, H, W) moved by matrices (B, 2, 3): each new pixel looks up its place in the old image.

    Beyond the border the old image is continued with its border pixels: a black wedge would be a
    cue that no real photo gives.
    """
    B, _, H, W = images.shape
    inverse = torch.linalg.inv(matrix[:, :, :2])
    back = torch.cat([inverse, -inverse @ matrix[:, :, 2:]], dim=-1)  # new pixel -> old pixel
    # grid_sample counts from -1 (left edge) to +1 (right edge): u = (x + 0.5) / (W / 2) - 1.
    half = back.new_tensor([W / 2, H / 2])
    linear = back[:, :, :2] * half / half[:, None]
    offset = (back[:, :, 2] + (back[:, :, :2] @ (half - 0.5)) + 0.5) / half - 1
    theta = torch.cat([linear, offset[..., None]], dim=-1)
    grid = F.affine_grid(theta, [B, 1, H, W], align_corners=False)  # (B, H, W, 2)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def photometric(images: Tensor, config: Augment, generator: torch.Generator) -> Tensor:
    """Random contrast, brightness and noise, one draw per face; grey values stay in [0, 1]."""
    B = len(images)

    def uniform(limit: float) -> Tensor:
        return (torch.rand(B, 1, 1, 1, generator=generator, device=images.device) * 2 - 1) * limit

    if config.contrast or config.brightness:
        mean = images.mean(dim=(-2, -1), keepdim=True)
        gain = torch.exp(uniform(1.0) * torch.log1p(torch.tensor(config.contrast)).item())
        images = (images - mean) * gain + mean + uniform(config.brightness)
    if config.noise:
        noise = torch.randn(images.shape, generator=generator, device=images.device)
        images = images + noise * uniform(config.noise).abs()
    return images.clamp(0, 1)
