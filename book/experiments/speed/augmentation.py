"""Augmentation and heatmaps alone: ours, and kornia's on the same parameters."""

import time

import numpy as np
import torch
from torch import Tensor

from book.experiments.speed.steps import wait
from facekp.augment import Augment, augment, random_matrices, to_unit, warp_images, warp_points
from facekp.data.faces import Faces
from facekp.heatmaps import gaussian, to_heatmap
from facekp.predict import as_tensor, to_float


def kornia_views(config: Augment, size: int):
    """kornia's AugmentationSequential for the same ranges, or None where kornia is not installed."""
    try:
        import kornia.augmentation as K
    except ImportError:
        return None
    # As with us its brightness is added and its contrast a factor; its scale is drawn evenly, ours in the logarithm.
    return K.AugmentationSequential(
        K.RandomHorizontalFlip(p=config.flip),
        K.RandomAffine(config.rotation, (config.shift / size, config.shift / size),
                       (1 / (1 + config.scale), 1 + config.scale), config.shear, p=1.0, padding_mode="border"),
        K.RandomBrightness((1 - config.brightness, 1 + config.brightness), p=1.0),
        K.RandomContrast((1 / (1 + config.contrast), 1 + config.contrast), p=1.0),
        K.RandomGaussianNoise(std=config.noise / 2, p=1.0),
        data_keys=["input", "keypoints"],
    )


def error_of_a_warp(warped: Tensor, moved: Tensor, points: Tensor) -> float:
    """Largest distance in pixels between where a point went and where its pixel went.

    Args:
        warped: (B, 2, H, W), an image whose every pixel held its own position (x, y), after the warp.
        moved, points: (B, K, 2), the points after and before it.
    """
    H, W = warped.shape[-2:]
    places = to_unit(moved, (H, W))[:, :, None]
    shown = torch.nn.functional.grid_sample(warped, places, align_corners=False)[..., 0].mT
    # Only where all four neighbours were inside the old image: beyond its border nothing is known.
    edge = torch.tensor([W - 3, H - 3], device=moved.device)
    inside = ((moved > 2) & (moved < edge) & (shown > 2) & (shown < edge)).all(-1)
    return (shown - points)[inside].abs().max().item()


def views(faces: Faces, device: torch.device, batch: int = 256, seconds: float = 3.0) -> dict:
    """Images per second of augmentation and target maps, and how exactly points and pixels stay together.

    Returns:
        ``ours``: ``images_per_second``, ``error_px``; ``kornia``: the same, or None where it is not installed;
        ``ratio``, ours over kornia's.
    """
    config, size = Augment(), faces.images.shape[1]
    images, points = to_float(as_tensor(faces.images[:batch])).to(device), as_tensor(faces.keypoints[:batch]).to(device)
    generator = torch.Generator(device).manual_seed(0)
    swap = torch.from_numpy(faces.scheme.swap).to(device)
    line = torch.arange(float(size), device=device)
    y, x = torch.meshgrid(line, line, indexing="ij")
    places = torch.stack([x, y]).expand(len(images), 2, size, size)

    def ours() -> tuple[Tensor, Tensor]:
        x, p = augment(images, points, swap, config, generator)
        return x, gaussian(to_heatmap(p, 2), (size // 2, size // 2), 1.5)

    matrix, _ = random_matrices(len(images), (size, size), config, generator)
    error = error_of_a_warp(warp_images(places, matrix), warp_points(points, matrix), points)
    sequence, ways = kornia_views(config, size), {"ours": ours}
    out: dict = {"batch": len(images), "ours": {"error_px": error}, "kornia": None}
    if sequence is not None:

        def theirs() -> tuple[Tensor, Tensor]:
            x, p = sequence(images, points)
            return x, gaussian(to_heatmap(p, 2), (size // 2, size // 2), 1.5)

        geometry = sequence.__class__(*list(sequence.children())[:2], data_keys=["input", "keypoints"])
        warped, moved = geometry(places.contiguous(), points)
        ways["kornia"], out["kornia"] = theirs, {"error_px": error_of_a_warp(warped, moved, points)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    until = time.perf_counter() + seconds * len(ways)
    while time.perf_counter() < until:  # in turns, so that a busy moment hits both
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            wait(device)
            times[name].append(time.perf_counter() - began)
    for name in ways:
        out[name]["images_per_second"] = len(images) / float(np.median(times[name][1:]))
    if sequence is not None:
        out["ratio"] = out["ours"]["images_per_second"] / out["kornia"]["images_per_second"]
    return out
