"""VGG-16 for direct regression: Simonyan and Zisserman, *Very Deep Convolutional Networks*, ICLR 2015.

Thirteen 3x3 convolutions in five blocks; each block ends by halving the resolution, 96 -> 48 -> 24 -> 12 -> 6 -> 3.
What is left, 512 features at each of 3x3 positions, is flattened for two linear layers. Unlike ResNet's
global average pooling, the flattened vector still says *where* something was seen.

Deviations from the paper, and why:
    batch norm              after each convolution (torchvision's ``vgg16_bn``); without it, sixteen
                            layers from scratch hardly learn.
    one grey channel in     the data is grey; see :func:`facekp.models.resnet.grey_stem`.
    one hidden layer of 512 the paper has two of 4096, for 7x7 positions and 1000 classes: 120 M parameters
                            that 2000 faces cannot fill.
    dropout before it, too  the paper drops only what its hidden layers put out.
    2K outputs, no softmax  we ask for coordinates; they start at 0, the middle of the image.
    compact size            ``vgg16-s``: a quarter of the channels, a hidden layer of 256.
"""

import itertools

from torch import Tensor, nn

from facekp.errors import InputError
from facekp.heads import CoordinateHead
from facekp.models.model import check_channels, check_size, zero_init
from facekp.models.resnet import grey_stem, imagenet

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class VGGBackbone(nn.Module):
    """(B, in_channels, H, W) -> list of the five blocks' outputs, (B, c_i, H / 2^i, W / 2^i) for i = 1..5."""

    def __init__(self, width: float = 1.0, pretrained: bool = False, in_channels: int = 1) -> None:
        super().__init__()
        check_channels(in_channels)
        if pretrained and width != 1:
            raise InputError(f"There are ImageNet weights for width=1 only; found {width}. Leave one of the two out.")
        layers: list[nn.Module] = []
        self.blocks = nn.ModuleList()
        self.channels: list[int] = []  # of each block's output
        c_in = 3 if pretrained else in_channels
        for block in BLOCKS:
            for c in block:
                c_out = round(c * width)
                layers += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.BatchNorm2d(c_out), nn.ReLU(inplace=True)]
                c_in = c_out
            self.blocks.append(nn.Sequential(*layers, nn.MaxPool2d(2)))
            self.channels.append(c_in)
            layers = []
        if pretrained:
            load_imagenet(self, in_channels)

    def forward(self, images: Tensor) -> list[Tensor]:
        outputs, x = [], images
        for block in self.blocks:
            x = block(x)
            outputs.append(x)
        return outputs


def load_imagenet(backbone: VGGBackbone, in_channels: int) -> None:
    """Copy torchvision's ImageNet weights (a download of 528 MB) into ``backbone``; a grey one gets a grey first layer.

    Both are the same layers in the same order; torchvision numbers them through.
    """
    source = imagenet("vgg16_bn")
    for i, layer in enumerate(itertools.chain(*backbone.blocks)):
        prefix = f"features.{i}."
        layer.load_state_dict({k.removeprefix(prefix): v for k, v in source.items() if k.startswith(prefix)})
    first = backbone.blocks[0]
    if in_channels == 1:
        first[0] = grey_stem(first[0], keep=True)  # type: ignore[operator, index]  # torch: a list of just any modules


def vgg16(num_keypoints: int, size: int = 96, width: float = 1.0, hidden: int = 512, dropout: float = 0.5,
          pretrained: bool = False, in_channels: int = 1) -> tuple[nn.Module, CoordinateHead]:
    """VGG-16 with batch norm and a linear layer of 2K units.

    Args:
        num_keypoints: K.
        size: image height and width in pixels; at least 32.
        width: factor on the number of channels of every convolution.
        hidden: units of the one hidden linear layer.
        dropout: fraction of its inputs and outputs that are switched off in training.
        pretrained: start from ImageNet weights; only with ``width=1``.
        in_channels: 1 for grey images, 3 for RGB.

    Returns:
        The network, (B, 1, H, W) -> (B, 2K), and its head.
    """
    check_size(size, least=32)
    head = CoordinateHead((size, size))
    backbone = VGGBackbone(width, pretrained, in_channels)
    positions = (size // 32) ** 2  # 3x3 at 96
    network = nn.Sequential(
        backbone, Last(), nn.Flatten(),  # (B, 512 * 3 * 3)
        nn.Dropout(dropout), nn.Linear(backbone.channels[-1] * positions, hidden), nn.ReLU(),
        nn.Dropout(dropout), zero_init(nn.Linear(hidden, head.outputs(num_keypoints))),
    )
    return network, head


class Last(nn.Module):
    """The last of a list of outputs."""

    def forward(self, outputs: list[Tensor]) -> Tensor:
        return outputs[-1]
