"""Test-time augmentation by a horizontal flip."""

import torch
from torch import Tensor

from facekp.models.model import KeypointModel


def flip_tta(model: KeypointModel, images: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of the predictions for each image and for its horizontal flip.

    The flip takes x to W - 1 - x and exchanges left and right keypoints. Errors that differ between the two images
    cancel out. (Newell et al. 2016 average the heatmaps; averaging the points works for every head and costs no
    memory.)

    Args:
        model: in eval mode.
        images: (B, 1, H, W) in [0, 1], on the model's device.

    Returns:
        points (B, K, 2) and confidence (B, K), as ``model.head.decode`` gives them: (0, 0) is the first pixel's centre.
    """
    points, confidence = model.head.decode(model(images))
    flipped, flipped_confidence = model.head.decode(model(images.flip(-1)))
    swap = torch.from_numpy(model.scheme.swap).to(images.device)
    flipped = flipped[:, swap] * flipped.new_tensor([-1, 1]) + flipped.new_tensor([images.shape[-1] - 1, 0])
    return (points + flipped) / 2, (confidence + flipped_confidence[:, swap]) / 2
