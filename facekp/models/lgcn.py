"""LGCN: Merget, Rock and Rigoll, *Robust Facial Landmark Detection via a Fully-Convolutional Local-Global Context
Network*, CVPR 2018.

No pooling and no stride: every layer works at full resolution, so nothing has to be found again later.
The price is that a pixel of the *local* net, after fifteen convolutions, still sees only 41 pixels; it
finds ten things that look like an eye corner. The trick is what comes next, a convolution with a fixed, large
kernel (a peak with long tails): where several parts agree, their tails overlap. A second, *global* net of dilated
convolutions reads these tails and corrects the first answer::

    image -> 5 x conv 5x5 -> 10 x conv 3x3 -> main 1x1 -> kernel -> o1 ------------- + -> o2
                                           -> side 1x1 -> kernel -> cat(o1, side) -> 7 x dilated conv -> 1x1

Both o1 and o2 are trained on the point, convolved with the same kernel. For K = 15 there are 4,049,739 parameters, and
4,056,139 with RGB images (``in_channels=3``), as the paper has them.

Layers as in the authors' own port. Deviations, and why:
    no scaling by 0.1        the port multiplies the image and each ReLU by 0.1, to tame plain SGD. Adam
                             and batch norm do not need it.
    kernel times GAIN        the port's 0.01 stays, though we train with Adam: the kernel adds up 202 pixels'
                             worth of whatever it is given, so each step would move a whole map. (lgcn-s,
                             640 faces, three of four epochs: 2.9 px with it, 5.8 without.)
    PyTorch's initialisation the port has a seventh of He's, again for SGD; main and the last layer start at 0.
    targets between pixels   the port's label is one bright pixel, ours is spread over the four around the point;
                             both then go through the kernel. Whole pixels alone would cost 0.29 px.
    points beyond the border the port's map is empty, ours still shows the tail that reaches into the image: it
                             says where the point went. The weight in the loss is lower in both.
    loss                     the port's 0.05 times the sum becomes a fraction of what empty maps would cost, as for our
                             other networks; points and outputs have the port's weights.
    shape fit                :mod:`facekp.models.shape` fits its faces to the decoded points, weighted by confidence;
                             the paper fits them to the maps, in MATLAB code that is not in the port.
    compact size             ``lgcn-s``: stride 2, 32 channels, ten layers and a smaller kernel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facekp import heatmaps
from facekp.errors import InputError
from facekp.heads import LGCNHead
from facekp.models.model import check_channels, check_size, zero_init

GAIN = 0.01


class FixedKernel(nn.Module):
    """(B, K, n, n) -> same shape: each map convolved with the kernel of ``heatmaps.kernel_rows``.

    The kernel is a mean of Gaussians, and each Gaussian is a row times a column. Convolving the rows of a map
    with n given numbers, zeros beyond the border, is to multiply with a banded n x n matrix. So the
    45x45 convolution is the mean of five ``band @ map @ band``: the same numbers, 60 times faster on a CPU.
    """

    bands: Tensor

    def __init__(self, size: int, sigmas: tuple[float, ...]) -> None:
        super().__init__()
        rows = heatmaps.kernel_rows(sigmas)  # (S, d)
        offset = torch.arange(size) - torch.arange(size)[:, None] + rows.shape[1] // 2
        bands = F.pad(rows, (size, size))[:, offset + size]  # (S, n, n), symmetric
        self.register_buffer("bands", bands, persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        return torch.stack([band @ maps @ band for band in self.bands]).mean(0)


def conv_block(c_in: int, c_out: int, kernel: int, dropout: float, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """(B, c_in, H, W) -> (B, c_out, H / stride, W / stride): convolution, batch norm, ReLU, dropout."""
    padding = kernel // 2 * dilation
    return nn.Sequential(nn.Conv2d(c_in, c_out, kernel, stride, padding, dilation), nn.BatchNorm2d(c_out), nn.ReLU(),
                         nn.Dropout(dropout))


class LGCN(nn.Module):
    """(B, in_channels, H, W) -> [o1, o2], both (B, K, H / stride, W / stride)."""

    def __init__(self, num_keypoints: int, channels: int, layers: tuple[int, int, int], dilation: int, dropout: float,
                 stride: int, kernel: FixedKernel, in_channels: int = 1) -> None:
        super().__init__()
        K, c = num_keypoints, channels
        large, small, dilated = layers
        self.local = nn.Sequential(
            conv_block(in_channels, c, 5, dropout, stride=stride),
            *[conv_block(c, c, 5, dropout) for _ in range(large - 1)],
            *[conv_block(c, c, 3, dropout) for _ in range(small)],
        )
        self.main = zero_init(nn.Conv2d(c, K, 1))
        self.side = nn.Sequential(nn.Conv2d(c, K, 1), nn.BatchNorm2d(K), nn.ReLU())
        self.kernel = kernel
        self.context = nn.Sequential(
            conv_block(2 * K, c, 3, dropout, dilation=dilation),
            *[conv_block(c, c, 3, dropout, dilation=dilation) for _ in range(dilated - 1)],
        )
        self.correction = zero_init(nn.Conv2d(c, K, 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        x = self.local(images)  # (B, c, H/s, W/s)
        # GAIN goes first: in float16 the sums over 202 pixels' worth could pass 65504.
        o1 = self.kernel(GAIN * self.main(x))  # (B, K, H/s, W/s)
        side = self.kernel(GAIN * self.side(x))  # (B, K, H/s, W/s), not trained by itself
        context = self.context(torch.cat([o1, side], dim=1))  # (B, c, H/s, W/s)
        return [o1, o1 + self.correction(context)]


def lgcn(num_keypoints: int, size: int = 96, channels: int = 128, layers: tuple[int, int, int] = (5, 10, 7),
         dilation: int = 4, dropout: float = 0.1, stride: int = 1,
         sigmas: tuple[float, ...] = heatmaps.LGCN_SIGMAS, in_channels: int = 1) -> tuple[nn.Module, LGCNHead]:
    """A local-global context network and its head.

    Args:
        num_keypoints: K.
        size: image height and width in pixels; a multiple of ``stride``.
        channels: of every convolution; the paper has 128.
        layers: how many 5x5, 3x3 and dilated convolutions; the paper has 5, 10 and 7.
        dilation: of the global net; the paper has 4.
        dropout: fraction of the numbers that are switched off after each convolution in training.
        stride: of the first convolution; the paper has 1.
        sigmas: the Gaussians of the fixed kernel, in pixels of the map.
        in_channels: 1 for grey images, 3 for RGB.
    """
    check_size(size, stride)
    check_channels(in_channels)
    if len(layers) != 3:
        raise InputError(f"Expected layers as three numbers, e.g. 5,10,7; found {layers}.")
    kernel = FixedKernel(size // stride, tuple(sigmas))
    network = LGCN(num_keypoints, channels, layers, dilation, dropout, stride, kernel, in_channels)
    return network, LGCNHead(stride=stride, sigmas=tuple(sigmas))
