"""FCN-8: Long, Shelhamer and Darrell, *Fully Convolutional Networks for Semantic Segmentation*, CVPR 2015.

VGG-16 sees the whole face, but its last feature map is 3 pixels wide. FCN-8 turns every layer into a
convolution, so that the end is a coarse map, and brings it back in three steps, each time adding what
an earlier and finer layer says::

    pool5  3x3  -> conv6, conv7 -> score --x2--> +  --x2--> +  --x8--> 96x96
    pool4  6x6  -------------------> score ------^          |
    pool3  12x12 ------------------> score -----------------^

Deviations from the paper, and why:
    batch norm               the backbone is that of :mod:`facekp.models.vgg`; it learns from scratch.
    no padding by 100        the paper pads the image so that 7x7 fits on pool5, and crops later; here
                             every layer keeps its size and the maps are aligned with the image.
    conv6 is 3x3             on a 3x3 map a 7x7 kernel sees padding in most of its weights.
    conv6 and conv7 have 1024 channels, not 4096: 5.8 M instead of 120 M parameters.
    the last x8 is learnt    the paper keeps it bilinear; maps of points have to be sharper than
                             regions. All three start as bilinear interpolation.
    dropout of channels      the paper drops single numbers; next to each other on a map they say the same.
    trained at once          the paper trains FCN-32, then 16, then 8, or all at once with the skips' features scaled
                             down (pool4 by 0.01, pool3 by 0.0001) before they are scored. Our scores start at 0, like
                             the paper's, and AdamW scales each by itself.
    K linear maps            we draw Gaussians, with squared error; the paper's softmax decides between classes.
    wide Gaussians, sigma 5  whatever the network draws, it draws on a 12x12 grid.
    compact size             ``fcn8-s``: a quarter of the backbone's channels, 256 in conv6 and conv7.
"""

import torch
from torch import Tensor, nn

from facekp.errors import InputError
from facekp.heads import HeatmapHead
from facekp.models.model import check_size, zero_init
from facekp.models.vgg import VGGBackbone


class FCN8(nn.Module):
    """(B, in_channels, H, W) -> (B, K, H, W)."""

    def __init__(self, num_keypoints: int, backbone: VGGBackbone, channels: int, kernel: int, dropout: float) -> None:
        super().__init__()
        K = num_keypoints
        self.backbone = backbone
        _, _, pool3, pool4, pool5 = backbone.channels
        self.dense = nn.Sequential(  # VGG's linear layers, as convolutions
            nn.Conv2d(pool5, channels, kernel, padding=kernel // 2), nn.ReLU(), nn.Dropout2d(dropout),
            nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Dropout2d(dropout),
        )
        self.score5, self.score4, self.score3 = (zero_init(nn.Conv2d(c, K, 1)) for c in (channels, pool4, pool3))
        self.up5, self.up4, self.up3 = bilinear_up(K, 2), bilinear_up(K, 2), bilinear_up(K, 8)

    def forward(self, images: Tensor) -> Tensor:
        _, _, pool3, pool4, pool5 = self.backbone(images)  # H/8, H/16, H/32
        x = self.score5(self.dense(pool5))  # (B, K, H/32, W/32)
        x = self.up5(x) + self.score4(pool4)  # (B, K, H/16, W/16)
        x = self.up4(x) + self.score3(pool3)  # (B, K, H/8, W/8)
        return self.up3(x)


def bilinear_up(channels: int, factor: int) -> nn.ConvTranspose2d:
    """A transposed convolution that starts as bilinear interpolation by an even ``factor``, channel by channel.

    Its kernel is a tent 2 * factor wide: each new pixel is a mean of its nearest old ones, weighted by
    nearness. For factor 2 a row of the kernel is (1, 3, 3, 1) / 4.
    """
    up = nn.ConvTranspose2d(channels, channels, 2 * factor, stride=factor, padding=factor // 2, bias=False)
    tent = 1 - (torch.arange(2 * factor) - (factor - 0.5)).abs() / factor
    with torch.no_grad():
        up.weight.zero_()
        for k in range(channels):
            up.weight[k, k] = tent[:, None] * tent
    return up


def fcn8(num_keypoints: int, size: int = 96, width: float = 1.0, channels: int = 1024, kernel: int = 3,
         dropout: float = 0.5, pretrained: bool = False, in_channels: int = 1) -> tuple[nn.Module, HeatmapHead]:
    """FCN-8 and its heatmap head.

    Args:
        num_keypoints: K.
        size: image height and width in pixels; a multiple of 32.
        width: factor on the number of channels of the backbone.
        channels: of conv6 and conv7; the paper has 4096.
        kernel: of conv6, an odd number; the paper has 7.
        dropout: fraction of conv6's and conv7's channels that are switched off in training.
        pretrained: start the backbone from ImageNet weights; only with ``width=1``.
        in_channels: 1 for grey images, 3 for RGB.
    """
    check_size(size, 32)
    if kernel % 2 == 0:
        raise InputError(f"Expected an odd kernel, so that the map keeps its size; found {kernel}.")
    network = FCN8(num_keypoints, VGGBackbone(width, pretrained, in_channels), channels, kernel, dropout)
    return network, HeatmapHead(stride=1, sigma=5.0)
