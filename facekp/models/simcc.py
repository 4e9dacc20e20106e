"""SimCC: Li et al., *SimCC: a Simple Coordinate Classification Perspective for Human Pose Estimation*, ECCV 2022.

No heatmap has to be drawn, so nothing has to be upsampled: the last feature maps of a ResNet, one for each keypoint and
only 6 pixels wide, are flattened, and two linear layers, shared by all keypoints, make 192 logits for
x and 192 for y of it. Each logit is half a pixel of the image.

Deviations from the paper, and why:
    three stages of ResNet   the paper's 256x192 images leave 8x6 positions; four stages would leave 3x3 of 96x96.
    one grey channel in      the data is grey (``in_channels=3`` takes RGB).
    decoder                  ``local_mean`` over the bins around the highest one instead of that bin alone.
    last layers start at 0   all bins are equally likely at first.
    compact size             ``simcc-s``: a ResNet-18.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from facekp.errors import InputError
from facekp.heads import SimCCHead
from facekp.models.model import check_size, zero_init
from facekp.models.resnet import resnet_backbone

if TYPE_CHECKING:
    from torchvision.models import ResNet


class SimCC(nn.Module):
    """(B, in_channels, H, W) -> logits (B, K, 2, n), of x and of y."""

    def __init__(self, num_keypoints: int, backbone: "ResNet", layers: int, positions: int, bins: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(backbone.conv1, backbone.bn1, backbone.relu, backbone.maxpool)
        self.layers = nn.Sequential(*[backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4][:layers])
        last = [m for m in self.layers.modules() if isinstance(m, nn.Conv2d)][-1]
        features = last.out_channels
        self.maps = nn.Conv2d(features, num_keypoints, 1)
        self.x, self.y = (zero_init(nn.Linear(positions, bins)) for _ in "xy")

    def forward(self, images: Tensor) -> Tensor:
        maps = self.maps(self.layers(self.stem(images))).flatten(2)  # (B, K, 36)
        return torch.stack([self.x(maps), self.y(maps)], dim=2)


def simcc(num_keypoints: int, size: int = 96, depth: int = 50, layers: int = 3, split: int = 2,
          pretrained: bool = False, in_channels: int = 1) -> tuple[nn.Module, SimCCHead]:
    """A ResNet, two linear layers and their head.

    Args:
        num_keypoints: K.
        size: image height and width in pixels; a multiple of 2^(layers + 1), i.e. 16.
        depth: of the ResNet.
        layers: how many of its four stages there are.
        split: bins per pixel.
        pretrained: start the ResNet from ImageNet weights.
        in_channels: 1 for grey images, 3 for RGB.
    """
    if not 1 <= layers <= 4:
        raise InputError(f"Expected 1 to 4 stages of the ResNet as layers; found {layers}.")
    check_size(size, 2 ** (layers + 1))
    backbone = resnet_backbone(depth, pretrained=pretrained, in_channels=in_channels)
    network = SimCC(num_keypoints, backbone, layers, (size // 2 ** (layers + 1)) ** 2, split * size)
    return network, SimCCHead(split=split, sigma=2.25 * split * size / 192)
