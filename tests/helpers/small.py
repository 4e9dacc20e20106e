"""Every network of the registry in a small size, and what its tests share."""

import torch
from torch import nn

from facekp import heatmaps
from facekp.keypoints import Scheme
from facekp.models import MODELS, create_model

FIVE = Scheme("five", ("a", "b", "c", "d", "e"), (("a", "b"),))

# name: options for a small network; steps and learning rate with which it overfits eight faces.
# (Sizes up to 32 leave a ResNet a single place, and are out: batch norm's variance over eight numbers, in training,
# is not the one that it keeps for later.)
SMALL = {
    "cnn3": ({"size": 48, "channels": 16, "hidden": 128, "dropout": 0.0}, 200, 5e-3),
    "fcn24": ({"size": 32, "channels": 16, "kernel": 8, "head": {"sigma": 2.0}}, 200, 5e-3),
    "vgg16-s": ({"size": 32, "hidden": 64, "dropout": 0.0}, 160, 5e-3),
    "vgg16": ({"size": 32, "width": 0.125, "hidden": 64, "dropout": 0.0}, 80, 5e-3),
    "resnet18": ({"size": 36, "blocks": (1, 1, 1, 1)}, 50, 5e-3),
    "resnet34": ({"size": 36, "blocks": (1, 1, 1, 1)}, 50, 5e-3),
    "resnet50": ({"size": 36, "blocks": (1, 1, 1, 1)}, 50, 5e-3),
    "fcn8-s": ({"size": 32, "channels": 64, "dropout": 0.0}, 80, 1e-2),
    "fcn8": ({"size": 32, "width": 0.25, "channels": 64, "dropout": 0.0}, 80, 1e-2),
    "unet-s": ({"size": 32, "depth": 2}, 120, 1e-2),
    "unet": ({"size": 32, "channels": 16, "depth": 2}, 120, 1e-2),
    "hourglass-s": ({"size": 32, "channels": 32}, 60, 1e-2),
    "hourglass-1": ({"size": 32, "channels": 32, "depth": 2}, 60, 1e-2),
    "hourglass-2": ({"size": 32, "channels": 32, "depth": 2}, 50, 1e-2),
    "hourglass-4": ({"size": 32, "channels": 32, "depth": 1}, 50, 1e-2),
    "hourglass-8": ({"size": 32, "channels": 16, "depth": 1}, 50, 1e-2),
    "parts-s": ({"size": 32, "channels": 32, "hourglass_depth": 1}, 60, 1e-2),
    "parts": ({"size": 32, "channels": 32, "hourglass_depth": 1, "depth": 18, "layers": 2}, 60, 1e-2),
    "lgcn-s": ({"size": 32, "channels": 32, "dropout": 0.0, "sigmas": (1, 2)}, 100, 1e-2),
    "lgcn": ({"size": 32, "channels": 16, "layers": (2, 3, 3), "sigmas": (1, 3, 5), "dropout": 0.0}, 100, 1e-2),
    "simcc-s": ({"size": 32, "layers": 2}, 60, 5e-3),
    "simcc": ({"size": 32, "layers": 2, "depth": 18}, 60, 5e-3),
}
SMALL |= {name: ({"size": 32}, 100, 1e-2) for name in MODELS if name not in SMALL}  # where that does, no line is needed


def small(name, scheme=FIVE, **more):
    return create_model(name, scheme, **(SMALL[name][0] | more))


def scheme_of(K):
    return Scheme("test", tuple(f"point{k}" for k in range(K)))


def blob_faces(size, n=8):
    """n images (n, 1, size, size) with five blobs of different brightness, and where they are (n, 5, 2)."""
    g = torch.Generator().manual_seed(0)
    points = torch.rand(1, 5, 2, generator=g) * 0.6 + 0.2
    points = (points + 0.08 * torch.randn(n, 5, 2, generator=g)).clamp(0.1, 0.9) * size
    brightness = torch.tensor([0.5, -0.43, 0.35, -0.28, 0.2])[:, None, None]
    images = 0.5 + (heatmaps.gaussian(points, (size, size), size / 24) * brightness).sum(1, keepdim=True)
    return (images + 0.05 * torch.randn(images.shape, generator=g)).clamp(0, 1), points


def as_list(raw):
    return raw if isinstance(raw, list) else [raw]


def randomise_zero_layers(model):
    for p in model.parameters():
        if (p == 0).all() and p.ndim > 1:
            nn.init.normal_(p, std=0.02)


def full_size(name, **options):
    with torch.device("meta"):
        return create_model(name, **options)
