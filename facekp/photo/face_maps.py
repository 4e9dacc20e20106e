"""Faces found by a heatmap network: one map for the centres of faces, one for their size.

A detector is a keypoint network with one point. Zhou, Wang and Krähenbühl (*Objects as Points*, 2019, "CenterNet")
train a network to draw a peak at the centre of each object, and to output the object's size there. Here the network is
the book's hourglass with stride 4 and two output maps.

    image (1, H, W) -> maps (2, H / 4, W / 4)
    maps[0]   a logit: after a sigmoid, a Gaussian of height 1 at each face's centre
    maps[1]   log2(side / 40): the side of the face's crop, in pixels of this image

Where the target has a peak, both are read: a maximum of its 3 x 3 neighbourhood is one face. The centre is the mean
position of the peak (``heatmaps.local_mean`` around each one), as exact as a keypoint's.

*Size.* The network learns faces with sides of 24 to 56 pixels. An image pyramid, each level half as large as the one
before, brings every face into that range once. Of squares that overlap, the surest stays (non-maximum suppression).

Deviations from CenterNet, and why:
    no offset map          a Gaussian around the centre itself, not around its pixel, keeps the fraction of a pixel
    one size map           faces are squares here, see :mod:`facekp.images`
    quality focal loss     (Li et al. 2020) takes soft targets; CenterNet's focal loss wants a 1 somewhere
    a pyramid              the network is small, 46,000 parameters, and learns one octave of sizes instead of five
"""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from facekp import heatmaps
from facekp.errors import InputError
from facekp.files import sha256
from facekp.images import Box
from facekp.models import KeypointModel, stored
from facekp.models.hourglass import StackedHourglass
from facekp.models.model import to_float

WEIGHTS = Path(__file__).parent / "face-maps.safetensors"
STRIDE, MULTIPLE = 4, 32  # image pixels per pixel of the maps; sides of images that the network takes
SIGMA = 1.0  # of the target, in pixels of the maps
UNIT = 40.0  # pixels; the size map is 0 for a face of this side
SMALLEST, LARGEST = 24.0, 56.0  # sides that the network learns
UNSURE = 1.42  # up to this factor beyond them a face is neither right nor wrong


def create_network() -> StackedHourglass:
    """(B, 1, H, W), see :func:`scaled` -> [(B, 2, H/4, W/4)]; H and W multiples of 32."""
    network = StackedHourglass(2, stacks=1, channels=32, depth=3, in_channels=1, stem_stride=2, stem_pool=True)
    bias = network.heads[0].bias
    assert isinstance(bias, Tensor)
    torch.nn.init.constant_(bias, 0.0)
    bias.data[0] = -4.0  # a face at 2 % of all positions, to begin with
    return network


def scaled(images: Tensor) -> Tensor:
    """Images (B, H, W) uint8 as the network takes them: (B, 1, H, W), scaled as for a keypoint network."""
    return KeypointModel.normalise(to_float(images))


def encode(faces: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """The targets of a batch.

    Args:
        faces: (B, N, 3) centre x, y (pixel-index) and side in image pixels; NaN = there is no such face.
        size: (h, w) of the maps.

    Returns:
        The target of the first map (B, h, w); that of the second; and how much each pixel of the first counts.
    """
    side = faces[..., 2]  # (B, N)
    right = (side >= SMALLEST) & (side <= LARGEST)
    unsure = ~right & (side >= SMALLEST / UNSURE) & (side <= LARGEST * UNSURE)
    centres = heatmaps.to_heatmap(faces[..., :2], STRIDE)
    peaks = heatmaps.gaussian(centres, size, SIGMA) * right[..., None, None]  # (B, N, h, w)
    target, nearest = peaks.max(1)
    sides = (side / UNIT).log2().nan_to_num(0.0)[..., None, None].expand_as(peaks).gather(1, nearest[:, None])[:, 0]
    reach = side.nan_to_num(0.0) / STRIDE / 3
    h, w = size
    x, y = torch.arange(w, device=faces.device), torch.arange(h, device=faces.device)
    dx2, dy2 = (x - centres[..., 0:1]).square(), (y - centres[..., 1:2]).square()
    inside = dy2[..., :, None] + dx2[..., None, :] <= reach.square()[..., None, None]  # False where NaN
    counts = ~(inside & unsure[..., None, None]).any(1)
    return target, sides, counts.float()


def loss(maps: Tensor, faces: Tensor) -> Tensor:
    """Quality focal loss of the centres, and the absolute error of log2 of the size near each centre; a scalar.

    Args:
        maps: (B, 2, h, w).
        faces: see :func:`encode`.
    """
    target, sides, counts = encode(faces, (maps.shape[2], maps.shape[3]))
    logits, found = maps[:, 0], maps[:, 1]
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    centre = (cross_entropy * (logits.sigmoid() - target).square() * counts).sum()
    near = target * (target > 0.3)
    size = ((found - sides).abs() * near).sum()
    return (centre + 0.3 * size) / near.sum().clamp(min=1)


def decode(maps: Tensor, threshold: float) -> Tensor:
    """The faces in the maps (2, h, w) of one image: (N, 4) centre x, y in its pixels, side, score; best first."""
    score = maps[0].sigmoid()
    top = F.max_pool2d(score[None, None], 3, 1, 1)[0, 0]
    rows, columns = torch.nonzero((score == top) & (score > threshold), as_tuple=True)
    around = F.pad(score, (2, 2, 2, 2)).unfold(0, 5, 1).unfold(1, 5, 1)[rows, columns]  # (N, 5, 5)
    centres = heatmaps.local_mean(around[:, None], radius=2)[:, 0] if len(rows) else around.new_zeros(0, 2)
    centres = centres - 2 + torch.stack([columns, rows], 1)
    found = torch.cat([heatmaps.to_image(centres, STRIDE), UNIT * maps[1, rows, columns, None].exp2(),
                       score[rows, columns, None]], 1)
    return found[found[:, 3].argsort(descending=True)]


@lru_cache(1)
def load() -> StackedHourglass:
    """The shipped network; its card is the JSON file beside it.

    Raises:
        InputError: the file is not the one that the card describes.
    """
    if not WEIGHTS.is_file() or sha256(WEIGHTS) != card()["sha256"]:
        raise InputError(f"{WEIGHTS}: these are not the weights that the card describes. Install facekp again.")
    return from_file(WEIGHTS)


def card() -> dict:
    """Where the shipped weights come from, and what they may be used for."""
    return json.loads(WEIGHTS.with_suffix(".json").read_text())


def from_file(path: Path) -> StackedHourglass:
    """A network with the weights that :func:`facekp.models.stored.write` wrote."""
    network = create_network()
    network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in stored.read(path)[0].items()})
    return network.eval()


@torch.inference_mode()
def find(pixels: np.ndarray, smallest: float, threshold: float = 0.6,
         network: StackedHourglass | None = None) -> list[tuple[Box, float]]:
    """The crop of each face and its score, best first.

    Args:
        pixels: (H, W) uint8, grey.
        smallest: side of the smallest face to look for, in pixels.
        threshold: least height of a peak, 0 to 1.
        network: by default the shipped one.
    """
    network = network or load()
    scale, found = (SMALLEST + 4) / smallest, []
    while max(pixels.shape) * scale >= SMALLEST:
        small = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
        level = np.asarray(Image.fromarray(pixels).resize(small, Image.Resampling.BILINEAR))
        level = np.pad(level, [(0, -n % MULTIPLE) for n in level.shape], mode="edge")
        faces = decode(network(scaled(torch.from_numpy(level)[None]))[-1][0], threshold)
        faces[:, :2] += 0.5  # from the edge, so that a factor leads back to the photo
        faces[:, :3] /= torch.tensor([small[0] / pixels.shape[1], small[1] / pixels.shape[0], scale])
        found += [f for f in faces.tolist() if f[2] >= 0.8 * smallest]
        scale /= 2
    squares = [(Box(x - side / 2, y - side / 2, side, side), score) for x, y, side, score in found]
    return suppress(sorted(squares, key=lambda s: -s[1]))


def suppress(squares: list[tuple[Box, float]], most: float = 0.3) -> list[tuple[Box, float]]:
    """Non-maximum suppression: of squares whose intersection over union is above ``most``, the first one stays."""
    kept: list[tuple[Box, float]] = []
    for box, score in squares:
        if all(iou(box, other) <= most for other, _ in kept):
            kept.append((box, score))
    return kept


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    wide = min(a.x + a.width, b.x + b.width) - max(a.x, b.x)
    tall = min(a.y + a.height, b.y + b.height) - max(a.y, b.y)
    shared = max(wide, 0) * max(tall, 0)
    return shared / (a.width * a.height + b.width * b.height - shared)
