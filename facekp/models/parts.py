"""Part heatmaps: Bulat and Tzimiropoulos, *Human Pose Estimation via Convolutional Part Heatmap Regression*, ECCV 2016.

Two networks, one after the other. The *detector* says for every pixel whether it is on a part: one
map of probabilities per keypoint, trained on discs with cross entropy. The *regressor*, an hourglass, sees
the image and these maps and draws the Gaussians. Where a part is hidden the detector's map stays dark;
that darkness is information, and the regressor infers the point from the other parts.

Training has three stages, see :func:`set_stage`: the detector alone; the regressor on the finished
detector; both together.

The layers follow the paper's released weights (detector) and a later network built on the paper's regressor: with
``stem_pool=True`` and K = 15 the regressor has 17,360,366 parameters, as ``hg_furukawa_original(15)`` of
CubiCasa/CubiCasa5k has with a stem widened to 16 input channels (the image and 15 part maps). Deviations for 96x96,
and why:
    detector at stride 4   the paper's ResNet-152 ends at stride 16: 6x6 pixels. Ours is a ResNet-50
                           without the stem's pooling, whose last two stages do not halve: 24x24. (As in the
                           released weights, without dilation.)
    regressor at stride 2  the paper's stem has stride 4. Our hourglass works at 48x48 down to 3x3, the
                           paper's at 64x64 down to 4x4.
    one grey channel in    the data is grey (``in_channels=3`` takes RGB).
    no biases before       the convolutions of the released detector carry biases, 75,712 numbers for ResNet-152, which
    batch norm             batch norm takes off again. torchvision's have none.
    discs and Gaussians    radius 4 and sigma 2, in proportion; the paper has 10 and 5 at 256x256.
    losses                 each as a fraction: cross entropy per pixel of the disc, squared error per empty map, so that
                           the two can be added. A mean over pixels is small as soon as a map is empty.
    upsampling, scores     begin as pixel repetition, at "no" and at empty maps: right nearly everywhere.
    compact size           ``parts-s``: two stages of a ResNet-18, and an hourglass of 32 channels.

The paper's sizes, for 256x256: ``depth=152, detector_stride=16, stem_pool=True`` with the head's
``disc=10, sigma=5``. The paper's VGG variant is not here.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from facekp.errors import InputError
from facekp.heads import PartHead
from facekp.models.hourglass import Residual
from facekp.models.model import KeypointModel, check_size, zero_init
from facekp.models.resnet import resnet_backbone

STAGES = ("detector", "regressor", "joint")


class Detector(nn.Module):
    """(B, in_channels, H, W) -> part logits (B, K, H, W): a ResNet that halves down to ``stride``, then upsampling."""

    def __init__(self, num_keypoints: int, depth: int, layers: int, stride: int, stem_pool: bool,
                 pretrained: bool, in_channels: int = 1) -> None:
        super().__init__()
        resnet = resnet_backbone(depth, pretrained=pretrained, in_channels=in_channels)
        pool = resnet.maxpool if stem_pool else nn.Identity()
        self.stem = nn.Sequential(resnet.conv1, resnet.bn1, resnet.relu, pool)
        stages = [resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4][:layers]
        self.layers = nn.Sequential(*stages)
        now = 4 if stem_pool else 2
        for layer in stages[1:]:  # torchvision lets each of them halve the resolution
            if now < stride:
                now *= 2
            else:
                keep_size(layer)
        if now != stride:
            raise InputError(f"A detector of {layers} stages can have no stride of {stride}; the nearest is {now}.")
        last = [m for m in self.layers.modules() if isinstance(m, nn.Conv2d)][-1]
        # Its maps begin at 2 % everywhere, which is right for nearly all pixels.
        self.score = zero_init(nn.Conv2d(last.out_channels, num_keypoints, 1), bias=-4.0)
        self.up = nn.ConvTranspose2d(num_keypoints, num_keypoints, now, stride=now)
        repeat_pixels(self.up)

    def forward(self, images: Tensor) -> Tensor:
        x = self.layers(self.stem(images))  # (B, 2048, H/4, W/4)
        return self.up(self.score(x))


def repeat_pixels(up: nn.ConvTranspose2d) -> None:
    """Let a transposed convolution of stride s begin by repeating each pixel s x s times, channel by channel.

    Where its kernel is 2s wide, each new pixel is the mean of four old ones.
    """
    weight, bias = up.parameters()
    with torch.no_grad():
        overlap = up.kernel_size[0] / up.stride[0]
        weight.copy_(torch.eye(up.in_channels)[:, :, None, None].expand_as(weight) / overlap**2)
        bias.zero_()


def keep_size(layer: nn.Sequential) -> None:
    """Take the stride out of a stage of torchvision's ResNet: only its first block has one."""
    for module in layer[0].modules():
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)


class WideningHourglass(nn.Module):
    """(B, c, H, W) -> (B, 2c, H, W): a ``Hourglass`` with three residuals where
    that has one, twice the channels on the way up, and a learnt upsampling.
    """

    def __init__(self, depth: int, channels: int) -> None:
        super().__init__()
        c = channels
        self.skip = nn.Sequential(Residual(c, c), Residual(c, c), Residual(c, 2 * c))
        self.before = nn.Sequential(Residual(c, c), Residual(c, c), Residual(c, c))
        self.inner = WideningHourglass(depth - 1, c) if depth > 1 else Residual(c, 2 * c)
        self.after = Residual(2 * c, 2 * c)
        self.up = nn.ConvTranspose2d(2 * c, 2 * c, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        low = self.before(F.max_pool2d(x, 2))  # (B, c, H/2, W/2)
        low = self.after(self.inner(low))  # (B, 2c, H/2, W/2)
        return self.skip(x) + self.up(low)


def regressor(num_keypoints: int, channels: int, depth: int, stem_pool: bool, in_channels: int = 1) -> nn.Sequential:
    """(B, in_channels + K, H, W), image and part probabilities -> maps (B, K, H, W)."""
    K, c, stride = num_keypoints, channels, 4 if stem_pool else 2
    up = nn.ConvTranspose2d(K, K, 4, stride=stride, padding=(4 - stride) // 2)
    repeat_pixels(up)
    return nn.Sequential(
        nn.Conv2d(in_channels + K, c // 4, 7, stride=2, padding=3), nn.BatchNorm2d(c // 4), nn.ReLU(),
        Residual(c // 4, c // 2), nn.MaxPool2d(2) if stem_pool else nn.Identity(),
        Residual(c // 2, c // 2), Residual(c // 2, c // 2), Residual(c // 2, c),
        WideningHourglass(depth, c),  # (B, 2c, H/2, W/2)
        nn.Conv2d(2 * c, 2 * c, 1), nn.BatchNorm2d(2 * c), nn.ReLU(),
        nn.Conv2d(2 * c, c, 1), nn.BatchNorm2d(c), nn.ReLU(),
        zero_init(nn.Conv2d(c, K, 1)), up,  # (B, K, H, W)
    )


class PartHeatmaps(nn.Module):
    """(B, in_channels, H, W) -> [part logits, maps], both (B, K, H, W); in the stage "detector" [part logits] alone."""

    def __init__(self, detector: nn.Module, regressor: nn.Module, stage: str) -> None:
        super().__init__()
        self.detector, self.regressor = detector, regressor
        self.set_stage(stage)

    def set_stage(self, stage: str) -> None:
        """Which of the two networks learns; the other gets no gradient."""
        if stage not in STAGES:
            raise InputError(f"Expected one of the stages {', '.join(STAGES)}; found '{stage}'.")
        self.stage = stage
        self.detector.requires_grad_(stage != "regressor")
        self.regressor.requires_grad_(stage != "detector")
        self.train(self.training)

    def train(self, mode: bool = True) -> "PartHeatmaps":
        """As always, except that a frozen detector keeps its batch-norm statistics too."""
        super().train(mode)
        if self.stage == "regressor":
            self.detector.eval()
        return self

    def forward(self, images: Tensor) -> list[Tensor]:
        logits = self.detector(images)
        if self.stage == "detector":
            return [logits]
        return [logits, self.regressor(torch.cat([images, logits.sigmoid()], dim=1))]


def set_stage(model: KeypointModel, stage: str) -> None:
    """Go to another stage of training: "detector", "regressor" or "joint". Weights stay as they are.

    Args:
        model: from ``create_model("parts", stage="detector")``, say, and trained.
        stage: what is trained next.

    Raises:
        InputError: there is no such stage, or the model has none.
    """
    if not isinstance(model.network, PartHeatmaps):
        raise InputError(f"Expected a model with stages, parts or parts-s; found {model.name}.")
    model.network.set_stage(stage)
    model.options = {**model.options, "stage": stage}


def parts(num_keypoints: int, size: int = 96, stage: str = "joint", depth: int = 50, layers: int = 4,
          detector_stride: int = 4, channels: int = 256, hourglass_depth: int = 4, stem_pool: bool = False,
          pretrained: bool = False, in_channels: int = 1) -> tuple[nn.Module, PartHead]:
    """Detector, regressor and their head.

    Args:
        num_keypoints: K.
        size: image height and width in pixels; a multiple of 2^(hourglass_depth + 1), i.e. 32 (with stem_pool 64).
        stage: what learns: "detector", "regressor" or "joint".
        depth: of the detector's ResNet; the paper has 152.
        layers: how many of the ResNet's four stages the detector has, from 2 to 4.
        detector_stride: image pixels per pixel of the detector's last stage; the paper has 16.
        channels: of the regressor; the paper has 256.
        hourglass_depth: how often the regressor's hourglass halves its input.
        stem_pool: pool in both stems, as in the paper.
        pretrained: start the detector from ImageNet weights.
        in_channels: 1 for grey images, 3 for RGB.
    """
    check_size(size, max(detector_stride, 2 ** (hourglass_depth + 1 + stem_pool)))
    detector = Detector(num_keypoints, depth, layers, detector_stride, stem_pool, pretrained, in_channels)
    second = regressor(num_keypoints, channels, hourglass_depth, stem_pool, in_channels)
    network = PartHeatmaps(detector, second, stage)
    return network, PartHead()
