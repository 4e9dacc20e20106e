"""The flip test: ask twice, once in the mirror."""

import torch
from torch import Tensor

from facekp.models.model import KeypointModel


def flip_test(model: KeypointModel, images: Tensor, *told: Tensor) -> tuple[Tensor, Tensor]:
    """The mean of the answers to each image and to its mirror image.

    In the mirror x becomes W - 1 - x, and the left eye becomes the right one. Mistakes that differ between
    the two views cancel out. (Newell et al. 2016 take the mean of the maps; the mean of the points does for every
    head, and costs no memory.)

    Args:
        model: in eval mode.
        images: (B, 1, H, W) in [0, 1], on the model's device.
        told: each face's regime (B,), if the model wants it.

    Returns:
        points (B, K, 2) and confidence (B, K), as ``model.head.decode`` gives them: (0, 0) is the first pixel's centre.
    """
    points, confidence = model.head.decode(model(images, *told))
    mirrored, mirrored_confidence = model.head.decode(model(images.flip(-1), *told))
    swap = torch.from_numpy(model.scheme.swap).to(images.device)
    mirrored = mirrored[:, swap] * mirrored.new_tensor([-1, 1]) + mirrored.new_tensor([images.shape[-1] - 1, 0])
    return (points + mirrored) / 2, (confidence + mirrored_confidence[:, swap]) / 2
