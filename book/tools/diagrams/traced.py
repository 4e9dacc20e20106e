"""What the code says: a network's shapes, traced, and its parts in words."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, partial

import torch
from torch import Tensor, nn

from facekp.keypoints import KAGGLE
from facekp.models import MODELS, count, create_model
from facekp.models.hourglass import Residual

SIZE, K = 96, len(KAGGLE)
Shape = tuple[int, ...]


FAMILIES = {
    "vgg16": ("vgg16-s", "vgg16"),
    "resnet": ("resnet18", "resnet34", "resnet50"),
    "fcn8": ("fcn8-s", "fcn8"),
    "unet": ("unet-s", "unet"),
    "hourglass": ("hourglass-s", "hourglass-1"),
    "hourglass-stacks": ("hourglass-2", "hourglass-4", "hourglass-8"),
    "parts": ("parts-s", "parts"),
    "lgcn": ("lgcn-s", "lgcn"),
    "simcc": ("simcc-s", "simcc"),
    "reference": ("cnn3", "fcn24"),
}
# Where a diagram stands for several networks, those whose shapes it shows.
DRAWN = {"vgg16", "resnet18", "resnet50", "fcn8", "unet", "hourglass-1", "hourglass-2", "parts", "lgcn"}


@dataclass(frozen=True)
class Trace:
    """A network, and the shapes (without the batch) into and out of each of its parts, by the part's name."""

    network: nn.Module
    into: dict[str, Shape]
    out: dict[str, Shape]

    def part(self, name: str) -> nn.Module:
        """The part called ``name``."""
        return self.network.get_submodule(name)


@cache
def trace(name: str) -> Trace:
    """Let a face of zeros through the network ``name`` and note all shapes."""
    into, out = {}, {}

    def shape(tensors: Tensor | list[Tensor]) -> Shape:
        return tuple((tensors[-1] if isinstance(tensors, list) else tensors).shape[1:])

    def keep(part: str, module: nn.Module, inputs: tuple, output: Tensor | list[Tensor]) -> None:
        into[part], out[part] = shape(inputs[0]), shape(output)

    with torch.device("meta"):
        network = create_model(name, size=SIZE).eval().network
        for part, module in network.named_modules():
            module.register_forward_hook(partial(keep, part))
        network(torch.zeros(1, 1, SIZE, SIZE))
    return Trace(network, into, out)


def label(shape: Shape) -> str:
    """``(64, 48, 48)`` -> "64 x 48 x 48"."""
    return " x ".join(map(str, shape)) if len(shape) > 1 else f"{shape[0]} numbers"


def convolutions(*parts: nn.Module) -> list[nn.Conv2d]:
    """All convolutions in some parts of a network, in their order."""
    return [m for part in parts for m in part.modules() if isinstance(m, nn.Conv2d)]


def words(*parts: nn.Module) -> str:
    """The convolutions of some parts, in words: "5 conv 5x5, 10 conv 3x3"."""
    kinds = Counter(kind(layer) for layer in convolutions(*parts))
    return ", ".join(f"{n} {what}" if n > 1 else what for what, n in kinds.items())


def kind(layer: nn.Conv2d) -> str:
    """A convolution in words: "conv 3x3", with what is unusual about it."""
    text = "conv {}x{}".format(*layer.kernel_size)
    text += f" step {layer.stride[0]}" if layer.stride[0] > 1 else ""
    return text + (f" dilated {layer.dilation[0]}" if layer.dilation[0] > 1 else "")


def residuals(part: nn.Module) -> str:
    """How many residual blocks a part has at its top level: "3 residuals"."""
    return f"{sum(isinstance(child, Residual) for child in part)} residuals"


def nested(t: Trace, part: str) -> list[str]:
    """An hourglass and those inside it, by name, from the outermost to the innermost."""
    inside = f"{part}.inner"
    return [part, *(nested(t, inside) if hasattr(t.part(inside), "inner") else [])]


def larger(layer: nn.ConvTranspose2d) -> str:
    """What a transposed convolution does: "upsample x2"."""
    return f"upsample x{layer.stride[0]}"


def sees(layers: Iterable[nn.Conv2d], more: int = 0) -> int:
    """How many pixels wide a pixel sees through layers without a stride, and ``more`` besides."""
    return 1 + more + sum((layer.kernel_size[0] - 1) * layer.dilation[0] for layer in layers)


def parameters(name: str) -> int:
    """How many parameters a network has; counted without making them."""
    with torch.device("meta"):
        return count.parameters(create_model(name, size=SIZE))


def options(name: str) -> str:
    """What a name of the registry sets: "stacks 1, channels 64"."""
    def plain(value: object) -> str:
        return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)

    settings = getattr(MODELS[name], "keywords", {})
    return ", ".join(f"{k}\N{NO-BREAK SPACE}{plain(v)}" for k, v in settings.items())
