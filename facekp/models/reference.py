"""Baselines: what a network has to beat, and what others reached on the same data.

    mean face   does not look at the image at all
    ridge       one linear map from all pixels, in closed form
    cnn3        Daniel Nouri's tutorial of 2014, which much of Kaggle started from
    fcn24       the small heatmap network of the FairyOnIce blog, 1.459 on the private board

``cnn3`` and ``fcn24`` are networks like any other, and are trained like any other (AdamW, our augmentation), so that
the rows of a table differ in the network alone. Their authors trained them so:

    cnn3   Nesterov momentum from 0.9 to 0.999, learning rate from 0.03 to 0.0001, flips, 3000 epochs
    fcn24  RMSprop, batches of 32, 300 epochs; flips, shifts of 2 px, scales of 1 %

``recipe(name, original_recipe=True)`` and ``facekp train --original-recipe`` give these, with four differences:

    both   images are scaled as for every network, (x - 0.5) / 0.25; the authors divide by 255.
    cnn3   the learning rates are divided by 48^2, since our loss counts pixels and his counts from -1 to 1. He stopped
           after 200 epochs without a better score on the held-out faces; here all epochs are trained.
    fcn24  RMSprop's memory is PyTorch's 0.99; Keras has 0.9.
    fcn24  one scale for x and y; the blog draws the two separately.

The first two are not trained by gradients but fitted to faces at once, so they are not in ``MODELS`` and are
not saved; what :func:`mean_face` and :func:`ridge` return can be used wherever a trained model can (``predict``,
``evaluate``).
"""

import numpy as np
import torch
from torch import Tensor, nn

from facekp.data.faces import Faces
from facekp.heads import CoordinateHead, HeatmapHead
from facekp.models.model import KeypointModel, check_channels, check_size, zero_init


class LinearPixels(nn.Module):
    """(B, 1, H, W) -> (B, 2K): pixels times a fixed matrix, plus a fixed vector."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight, requires_grad=False)  # (2K, H * W)
        self.bias = nn.Parameter(bias, requires_grad=False)  # (2K,)

    def forward(self, images: Tensor) -> Tensor:
        return nn.functional.linear(images.flatten(1), self.weight, self.bias)


def mean_face(faces: Faces) -> KeypointModel:
    """A model that answers every image with the mean of each annotated keypoint."""
    target, mask, head = _targets(faces)
    mean = (target * mask).sum(0) / mask.sum(0).clamp_min(1)
    pixels = faces.images[0].size
    return KeypointModel(LinearPixels(torch.zeros(len(mean), pixels), mean), head, faces.scheme, "mean face",
                         faces.images.shape[-1], {})


def ridge(faces: Faces, penalty: float = 3.0) -> KeypointModel:
    """Ridge regression from all pixels to all coordinates (Hoerl and Kennard 1970), solved at once.

    With N faces of D pixels and N < D, the D x D system has an N x N twin:
    ``(X^T X + a I)^-1 X^T Y = X^T (X X^T + a I)^-1 Y``. X and Y are centred, so the mean is not shrunk.
    A keypoint is fitted on the faces that have it; keypoints with the same faces share one solution.

    Args:
        faces: the training faces.
        penalty: a / N, where grey values are scaled as for every network. Between 1 and 10 it hardly matters.
    """
    target, mask, head = _targets(faces)
    size = faces.images.shape[-1]
    pixels = KeypointModel.normalise(torch.from_numpy(faces.images).float() / 255).flatten(1)  # (N, D)
    weight, bias = torch.zeros(target.shape[1], pixels.shape[1]), torch.zeros(target.shape[1])
    for rows in mask.T.unique(dim=0):  # (N,) bool: each set of faces once
        columns = (rows == mask.T).all(1)
        if not rows.any():
            continue
        x, y = pixels[rows], target[rows][:, columns]
        mx, my = x.mean(0), y.mean(0)
        gram = (x - mx) @ (x - mx).T
        gram.diagonal().add_(penalty * len(x))
        w = torch.linalg.solve(gram.double(), (y - my).double()).float().T @ (x - mx)
        weight[columns], bias[columns] = w, my - w @ mx
    return KeypointModel(LinearPixels(weight, bias), head, faces.scheme, "ridge", size, {"penalty": penalty})


def _targets(faces: Faces) -> tuple[Tensor, Tensor, CoordinateHead]:
    """What a coordinate head wants of a network: (N, 2K), NaN as 0; the mask (N, 2K); the head."""
    h, w = faces.images.shape[1:]
    points = torch.from_numpy(faces.keypoints).flatten(1)
    mask = points.isfinite()
    half = torch.tensor(np.tile([w / 2, h / 2], len(faces.scheme)), dtype=torch.float32)
    return ((points + 0.5) / half - 1).nan_to_num(0.0), mask, CoordinateHead((h, w))


def cnn3(num_keypoints: int, size: int = 96, channels: int = 32, hidden: int = 500,
         dropout: float = 1.0, in_channels: int = 1) -> tuple[nn.Module, CoordinateHead]:
    """Three convolutions and two hidden layers: Daniel Nouri, *Using convolutional neural nets to detect facial
    keypoints*, 2014 (his "net6"; "net2" with ``dropout=0``).

    Deviations: the last layer starts at 0, as in our other networks; the others as PyTorch has it, not Glorot's.

    Args:
        num_keypoints: K.
        size: image height and width in pixels; at least 16.
        channels: of the first convolution, doubled twice.
        hidden: units of the two hidden layers; his "net8" has 1000.
        dropout: factor on his rates of 0.1, 0.2, 0.3 and 0.5.
        in_channels: 1 for grey images, 3 for RGB.
    """
    check_size(size, least=16)
    check_channels(in_channels)
    c, d = channels, dropout
    left = ((size - 2) // 2 - 1) // 2  # 96 -> 94 -> 47 -> 46 -> 23
    left = (left - 1) // 2  # -> 22 -> 11
    head = CoordinateHead((size, size))
    network = nn.Sequential(
        nn.Conv2d(in_channels, c, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1 * d),
        nn.Conv2d(c, 2 * c, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.2 * d),
        nn.Conv2d(2 * c, 4 * c, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.3 * d), nn.Flatten(),
        nn.Linear(4 * c * left**2, hidden), nn.ReLU(), nn.Dropout(0.5 * d),
        nn.Linear(hidden, hidden), nn.ReLU(), zero_init(nn.Linear(hidden, head.outputs(num_keypoints))),
    )
    return network, head


def fcn24(num_keypoints: int, size: int = 96, channels: int = 64, kernel: int = 24,
          in_channels: int = 1) -> tuple[nn.Module, HeatmapHead]:
    """The heatmap network of the FairyOnIce blog (*Achieving top 5 in Kaggle's facial keypoints detection using FCN*).

    Two blocks of VGG's, then one convolution as large as its 24x24 input: each position sees the whole
    face. Its maps are at full size, its targets 10 high with sigma 5.

    Deviations: the decoder is ``local_mean``; the blog takes a weighted mean of the brightest n^2 pixels, wherever
    they are. The last deconvolution has a bias for each map, K numbers; the blog's has none. Weights begin as PyTorch
    has it.

    Args:
        num_keypoints: K.
        size: image height and width in pixels; a multiple of 4.
        channels: of the first block; the second has twice, the large convolution 2.5 times as many.
        kernel: of the large convolution.
        in_channels: 1 for grey images, 3 for RGB.
    """
    check_size(size, 4)
    check_channels(in_channels)
    c, wide = channels, channels * 5 // 2
    before, after = (kernel - 1) // 2, kernel // 2  # an even kernel has no middle: 11 pixels before, 12 after
    network = nn.Sequential(
        nn.Conv2d(in_channels, c, 3, padding=1), nn.ReLU(), nn.Conv2d(c, c, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(c, 2 * c, 3, padding=1), nn.ReLU(), nn.Conv2d(2 * c, 2 * c, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.ZeroPad2d((before, after, before, after)), nn.Conv2d(2 * c, wide, kernel), nn.ReLU(),  # (B, 160, 24, 24)
        nn.Conv2d(wide, wide, 1), nn.ReLU(),
        nn.ConvTranspose2d(wide, num_keypoints, 4, stride=4),  # (B, K, 96, 96)
    )
    return network, HeatmapHead(stride=1, sigma=5.0, scale=10.0)
