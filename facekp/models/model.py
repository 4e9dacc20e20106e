"""A network together with the head that reads it and the names of its points."""

import dataclasses
from typing import Any, TypeVar

from torch import Tensor, nn

from facekp.errors import InputError
from facekp.keypoints import Scheme

Layer = TypeVar("Layer", bound=nn.Module)


def check_size(size: int, multiple: int = 1, least: int = 1) -> None:
    """Raise InputError unless images of size x size fit the network: now, not in its first forward pass."""
    if size < least or size % multiple:
        wanted = f"a multiple of {multiple}" if multiple > 1 else f"at least {least}"
        raise InputError(f"This network expects images whose height and width are {wanted} pixels; found {size}. "
                         "Resize the images, name another size, or take another network.")


def check_channels(in_channels: int) -> None:
    """Raise InputError unless images are grey or RGB."""
    if in_channels not in (1, 3):
        raise InputError(f"Expected in_channels of 1, for grey images, or 3, for RGB; found {in_channels}.")


def zero_init(layer: Layer, bias: float = 0.0) -> Layer:
    """The same layer with weights of 0 and one bias: a last layer that begins with empty maps, or in the middle."""
    weight, biases = layer.parameters()
    nn.init.zeros_(weight)
    nn.init.constant_(biases, bias)
    return layer


def to_float(images: Tensor) -> Tensor:
    """(B, H, W) or (B, H, W, 3) uint8 -> (B, 1 or 3, H, W) float32 in [0, 1]; the one place where pixels are scaled."""
    return (images[:, None] if images.ndim == 3 else images.movedim(-1, 1)).float() / 255


class KeypointModel(nn.Module):
    """A network, the head that reads it, and the scheme that names its points.

    Attributes:
        network: (B, channels, H, W) -> raw.
        head: what raw means; see :mod:`facekp.heads`.
        scheme: names of the K points.
        name, size, options: what :func:`create_model` was called with.
        pixel_offset: what the labels of its training data call the centre of the first pixel, see
            :func:`facekp.data.load`. The model itself takes and gives points as facekp counts them, from 0.
        calibration: a :class:`facekp.calibration.Calibration`, or None; ``predict(..., coverage=0.9)`` needs it.
    """

    def __init__(self, network: nn.Module, head: Any, scheme: Scheme, name: str, size: int, options: dict,
                 pixel_offset: float = 0.0) -> None:
        super().__init__()
        self.network, self.head, self.scheme = network, head, scheme
        self.name, self.size, self.options, self.pixel_offset = name, size, options, pixel_offset
        self.calibration: Any = None

    @property
    def channels(self) -> int:
        """Of its images: 1 for grey, 3 for RGB."""
        return self.options.get("in_channels", 1)

    def forward(self, images: Tensor) -> Tensor | list[Tensor]:
        """(B, channels, H, W) in [0, 1] -> raw."""
        return self.network(self.normalise(images))

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """As PyTorch's. Other parameters make other errors: a calibration is removed."""
        self.calibration = None
        return super().load_state_dict(*args, **kwargs)

    @staticmethod
    def normalise(images: Tensor) -> Tensor:
        """Values 0..1 become about -2..2, where networks start well."""
        return (images - 0.5) / 0.25

    def config(self) -> dict:
        """All that is needed to build this model again, as plain JSON values."""
        from facekp.heads import HEADS

        heads = {cls: name for name, cls in HEADS.items()}
        return {"model": self.name, "size": self.size, "options": self.options, "pixel_offset": self.pixel_offset,
                "scheme": self.scheme.to_dict(),
                "head": {"kind": heads[type(self.head)], **dataclasses.asdict(self.head)}}
