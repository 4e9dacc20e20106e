"""Stacked hourglass: Newell, Yang and Deng, *Stacked Hourglass Networks for Human Pose Estimation*, ECCV 2016.

An hourglass looks at the face at every scale, 48 pixels wide down to 3, and adds what it saw back
together at full resolution. A second hourglass sees the first one's heatmaps and may correct them.

Deviations from the paper, and why:
    stem without pooling    the paper goes from 256 to 64 pixels (stride 4); 96 / 4 = 24 pixels are too
                            few to localise a point. ``stem_pool=False`` keeps stride 2: 48x48 maps.
    one grey channel in     the data is grey (``in_channels=3`` gives the paper's stem).
    targets                 the authors' code (princeton-vl/pose-hg-train, ``img.lua``) draws its Gaussian around the
                            whole pixel that holds the point, in a 7x7 window, with a sigma of 1.75 (the paper says 1;
                            issue 25 of that repository says why). Ours has its centre on the point itself, and
                            sigma 1.5. The head's ``target="whole-pixel", sigma=1.75`` gives the authors'.
    decoder                 ``local_mean`` instead of the quarter offset. On our targets its steps cost 0.29 px at
                            stride 2 (s / sqrt(48)), on the authors' whole-pixel targets 0.58 px (s / sqrt(12)). The
                            head's ``decoder="quarter_offset"`` gives the paper's.
    missing joints          the authors train them towards empty maps; here they are masked out of the loss.
    from empty maps         the layers that draw the maps start at 0: most of a target is empty.
    mean over the stacks    of their losses, not the sum: the learning rate does not depend on how many there are.
    compact size            ``hourglass-s``: one stack, 64 instead of 256 channels.

With the paper's stem (``in_channels=3, stem_pool=True``) and K = 15 there are 3,426,191 / 6,569,630 / 12,856,508 /
25,430,264 parameters for 1 / 2 / 4 / 8 stacks: those of princeton-vl/pytorch_stacked_hourglass without the
convolutions of its residuals that its forward pass never uses.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from facekp.errors import InputError
from facekp.heads import HeatmapHead
from facekp.models.model import check_size, zero_init


class Residual(nn.Module):
    """Pre-activation bottleneck: (B, c_in, H, W) -> (B, c_out, H, W); 1x1, 3x3, 1x1 at half the width."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        mid = c_out // 2
        self.body = nn.Sequential(
            nn.BatchNorm2d(c_in), nn.ReLU(), nn.Conv2d(c_in, mid, 1),
            nn.BatchNorm2d(mid), nn.ReLU(), nn.Conv2d(mid, mid, 3, padding=1),
            nn.BatchNorm2d(mid), nn.ReLU(), nn.Conv2d(mid, c_out, 1),
        )
        self.skip = nn.Identity() if c_in == c_out else nn.Conv2d(c_in, c_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.skip(x) + self.body(x)


class Hourglass(nn.Module):
    """(B, c, H, W) -> same shape: halve ``depth`` times, double back, add the skip at each scale."""

    def __init__(self, depth: int, channels: int) -> None:
        super().__init__()
        self.skip = Residual(channels, channels)
        self.before = Residual(channels, channels)
        self.inner = Hourglass(depth - 1, channels) if depth > 1 else Residual(channels, channels)
        self.after = Residual(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        low = self.before(F.max_pool2d(x, 2))  # (B, c, H/2, W/2)
        low = self.after(self.inner(low))
        return self.skip(x) + F.interpolate(low, scale_factor=2, mode="nearest")


class StackedHourglass(nn.Module):
    """(B, in_channels, H, W) -> list of ``stacks`` heatmaps (B, K, H/stride, W/stride)."""

    def __init__(self, num_keypoints: int, stacks: int, channels: int, depth: int, in_channels: int,
                 stem_stride: int, stem_pool: bool) -> None:
        super().__init__()
        c = channels
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, c // 4, 7, stride=stem_stride, padding=3), nn.BatchNorm2d(c // 4), nn.ReLU(),
            Residual(c // 4, c // 2),
            nn.MaxPool2d(2) if stem_pool else nn.Identity(),
            Residual(c // 2, c // 2), Residual(c // 2, c),
        )
        self.hourglasses = nn.ModuleList(nn.Sequential(
            Hourglass(depth, c), Residual(c, c), nn.Conv2d(c, c, 1), nn.BatchNorm2d(c), nn.ReLU(),
        ) for _ in range(stacks))
        self.heads = nn.ModuleList(zero_init(nn.Conv2d(c, num_keypoints, 1)) for _ in range(stacks))
        # Between two stacks, features and heatmaps are both fed back in (1x1 convolutions).
        self.feed_features = nn.ModuleList(nn.Conv2d(c, c, 1) for _ in range(stacks - 1))
        self.feed_maps = nn.ModuleList(nn.Conv2d(num_keypoints, c, 1) for _ in range(stacks - 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.stem(images)  # (B, c, H/stride, W/stride)
        stacks = []
        for i, (hourglass, head) in enumerate(zip(self.hourglasses, self.heads, strict=True)):
            features = hourglass(x)
            maps = head(features)  # (B, K, H/stride, W/stride)
            stacks.append(maps)
            if i < len(self.feed_maps):
                x = x + self.feed_features[i](features) + self.feed_maps[i](maps)
        return stacks


def hourglass(num_keypoints: int, size: int = 96, stacks: int = 2, channels: int = 256, depth: int = 4,
              in_channels: int = 1, stem_stride: int = 2, stem_pool: bool = False) -> tuple[nn.Module, HeatmapHead]:
    """A stacked hourglass and its heatmap head.

    Args:
        num_keypoints: K.
        size: image height and width in pixels; must be a multiple of stride * 2^depth (32).
        stacks: how many hourglasses one after another; the paper uses 8, 2 is common.
        channels: width of the network; the paper uses 256.
        depth: how often an hourglass halves its input; the paper uses 4.
        in_channels: 1 for grey images, 3 for RGB.
        stem_stride: the paper's first halving in the stem (2), or none (1).
        stem_pool: the paper's second halving in the stem.

    Raises:
        InputError: an image size that cannot be halved that often, or a stem stride that is neither 1 nor 2.
    """
    if stem_stride not in (1, 2):
        raise InputError(f"Expected a stem stride of 1 or 2; found {stem_stride!r}.")
    stride = stem_stride * (2 if stem_pool else 1)
    check_size(size, stride * 2**depth)
    network = StackedHourglass(num_keypoints, stacks, channels, depth, in_channels, stem_stride, stem_pool)
    return network, HeatmapHead(stride=stride, sigma=1.5, decoder="local_mean")
