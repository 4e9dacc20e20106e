"""U-Net: Ronneberger, Fischer and Brox, *U-Net: Convolutional Networks for Biomedical Image Segmentation*, MICCAI 2015.

Down four times, 96 -> 48 -> 24 -> 12 -> 6 pixels, doubling the channels each time, 64 -> 1024; then up four times.
On the way up, each level's features are concatenated with those of its size on the way down. So
the maps come out at the full size of the image, and a pixel of the map is a pixel of the face.

Deviations from the paper, and why:
    same padding   the paper's convolutions lose a pixel on each side, so its maps are smaller than
                   its inputs (572 -> 388) and skips have to be cropped.
    batch norm     after each convolution; the paper has none and warns that all hangs on the initial weights.
    K linear maps  we draw Gaussians, with squared error; the paper's softmax decides between classes.
    no dropout     the paper has it at the end of the way down; here augmentation and batch norm do its work.
    from empty     the last layer starts at 0: most of a target is empty.
    compact size   ``unet-s``: 16 channels on the first level instead of 64, so a sixteenth of the parameters and MACs.
"""

import torch
from torch import Tensor, nn

from facekp.heads import HeatmapHead
from facekp.models.model import check_channels, check_size, zero_init


def double_conv(c_in: int, c_out: int) -> nn.Sequential:
    """(B, c_in, H, W) -> (B, c_out, H, W): two 3x3 convolutions."""
    return nn.Sequential(
        nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True),
        nn.Conv2d(c_out, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True),
    )


class UNet(nn.Module):
    """(B, in_channels, H, W) -> (B, K, H, W)."""

    def __init__(self, num_keypoints: int, channels: int, depth: int, in_channels: int = 1) -> None:
        super().__init__()
        widths = [channels * 2**i for i in range(depth + 1)]  # 64, 128, 256, 512, 1024
        self.down = nn.ModuleList(double_conv(a, b) for a, b in zip([in_channels, *widths[:-1]], widths, strict=True))
        self.pool = nn.MaxPool2d(2)
        up = widths[-2::-1]  # 512, 256, 128, 64
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * c, c, 2, stride=2) for c in up)
        self.merge = nn.ModuleList(double_conv(2 * c, c) for c in up)
        self.head = zero_init(nn.Conv2d(channels, num_keypoints, 1))

    def forward(self, images: Tensor) -> Tensor:
        x, skips = self.down[0](images), []  # (B, 64, H, W)
        for block in self.down[1:]:
            skips.append(x)
            x = block(self.pool(x))  # half the size, twice the channels
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([skips.pop(), up(x)], dim=1))
        return self.head(x)


def unet(num_keypoints: int, size: int = 96, channels: int = 64, depth: int = 4,
         in_channels: int = 1) -> tuple[nn.Module, HeatmapHead]:
    """U-Net and its heatmap head.

    Args:
        num_keypoints: K.
        size: image height and width in pixels; a multiple of 2^depth (16).
        channels: of the first level; the paper has 64.
        depth: how often the size is halved; the paper has 4.
        in_channels: 1 for grey images, 3 for RGB.
    """
    check_size(size, 2**depth)
    check_channels(in_channels)
    return UNet(num_keypoints, channels, depth, in_channels), HeatmapHead(stride=1, sigma=3.0)
