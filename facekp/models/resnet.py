"""ResNet for direct regression: He et al., *Deep Residual Learning for Image Recognition*, CVPR 2016.

torchvision's network, 96 -> 48 -> 24 -> 12 -> 6 -> 3 pixels wide, then global average pooling over the last 3x3
positions and one linear layer. ``blocks=`` changes how many residual blocks each of the four stages has:
(2, 2, 2, 2) for 18.

Deviations from the paper, and why:
    one grey channel in     the data is grey; a first layer for RGB (``in_channels=3``) would see three equal channels.
    2K outputs, no softmax  we ask for coordinates, not for a class.
    stride on the 3x3       in the blocks of 50 and more layers torchvision downsamples in the second convolution;
                            the paper does so in the first, a 1x1, which never looks at three of four pixels.
    last layer starts at 0  the first prediction is the middle of the image, not a random point.
"""

import hashlib
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from facekp.errors import InputError
from facekp.heads import CoordinateHead
from facekp.models.model import check_channels, zero_init

if TYPE_CHECKING:
    import torchvision

# depth: the kind of block, how many in each of the four stages, torchvision's name
DEPTHS = {
    18: ("BasicBlock", (2, 2, 2, 2), "resnet18"),
    34: ("BasicBlock", (3, 4, 6, 3), "resnet34"),
    50: ("Bottleneck", (3, 4, 6, 3), "resnet50"),
    101: ("Bottleneck", (3, 4, 23, 3), "resnet101"),
    152: ("Bottleneck", (3, 8, 36, 3), "resnet152"),
}


def resnet(num_keypoints: int, size: int = 96, depth: int = 18, blocks: tuple[int, ...] | None = None,
           pretrained: bool = False, in_channels: int = 1) -> tuple[nn.Module, CoordinateHead]:
    """A ResNet with a linear layer of 2K units.

    Args:
        num_keypoints: K.
        size: image height and width in pixels; any, since the last pooling averages over all positions.
        depth: 18, 34, 50, 101 or 152.
        blocks: residual blocks in each of the four stages; None for the depth's own.
        pretrained: start from ImageNet weights (downloaded by torchvision, about 45 MB for 18).
        in_channels: 1 for grey images, 3 for RGB.

    Returns:
        The network, (B, in_channels, H, W) -> (B, 2K), and its head.
    """
    network = resnet_backbone(depth, blocks, pretrained, in_channels)
    head = CoordinateHead((size, size))
    network.fc = zero_init(nn.Linear(network.fc.in_features, head.outputs(num_keypoints)))
    return network, head


def resnet_backbone(depth: int, blocks: tuple[int, ...] | None = None,
                    pretrained: bool = False, in_channels: int = 1) -> "torchvision.models.ResNet":
    """torchvision's ResNet, still with its classifier ``fc``; for grey images with a grey first layer."""
    from torchvision.models import resnet as theirs  # takes two seconds, and most networks do not need it

    check_channels(in_channels)
    if depth not in DEPTHS:
        raise InputError(f"Expected a ResNet depth of {', '.join(map(str, DEPTHS))}; found {depth}.")
    block, standard, name = DEPTHS[depth]
    blocks = tuple(blocks or standard)
    if len(blocks) != 4:
        raise InputError(f"Expected blocks as four numbers, one per stage, e.g. {standard}; found {blocks}.")
    if pretrained and blocks != standard:
        raise InputError(f"There are ImageNet weights for blocks={standard} only; found {blocks}.")
    network = theirs.ResNet(getattr(theirs, block), list(blocks))
    if pretrained:
        network.load_state_dict(imagenet(name))
    if in_channels == 1:
        network.conv1 = grey_stem(network.conv1, keep=pretrained)
    return network


def imagenet(name: str) -> dict[str, Tensor]:
    """torchvision's best ImageNet weights for its network ``name``: from its cache, or downloaded.

    Raises:
        InputError: no network, a download that was cut off or is another file, or a damaged file in the cache.
    """
    import torchvision

    weights = torchvision.models.get_model_weights(name).DEFAULT
    check_kept(weights.url)
    try:
        return weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, HTTPException, RuntimeError) as e:  # no network; cut off; another hash than its name says
        raise InputError(f"Expected to download ImageNet's weights for {name} from {weights.url}; that failed "
                         f"({getattr(e, 'reason', e)}). Leave out 'pretrained', or try again with a network.") from None


def check_kept(url: str) -> None:
    """Raise InputError if torch keeps the file of ``url``, and it is damaged: torch looks only while it downloads.

    The first eight digits of its SHA-256 are in its name: resnet18-f37072fd.pth.
    """
    kept = Path(torch.hub.get_dir()) / "checkpoints" / url.rsplit("/", 1)[-1]
    if not kept.is_file():
        return
    with open(kept, "rb") as f:
        found = hashlib.file_digest(f, "sha256").hexdigest()
    if not found.startswith(kept.stem.rsplit("-", 1)[-1]):
        raise InputError(f"{kept}: expected the file downloaded from {url}; found it damaged (its SHA-256 begins "
                         f"with {found[:8]}). Delete it, and it is downloaded again.")


def grey_stem(conv: nn.Conv2d, keep: bool) -> nn.Conv2d:
    """The same convolution for one grey channel, with the RGB weights summed if ``keep``.

    A grey photo in RGB has three equal channels, so summing the three kernels gives the very same
    output as the RGB layer on that photo. (ImageNet's three channels were each scaled a little differently;
    the batch norm after this layer soon learns the rest.)
    """
    # torch gives pairs and asks for pairs, but calls those that it gives tuples of any length.
    grey = nn.Conv2d(1, conv.out_channels, conv.kernel_size, conv.stride, conv.padding,  # type: ignore[arg-type]
                     bias=conv.bias is not None)
    if keep:
        with torch.no_grad():
            grey.weight.copy_(conv.weight.sum(dim=1, keepdim=True))
            grey.bias = conv.bias
    return grey
