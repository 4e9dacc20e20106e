"""A network together with the head that reads it and the names of its points."""

import dataclasses
from typing import Any

from torch import Tensor, nn

from facekp.heads import HEADS
from facekp.keypoints import Scheme


class KeypointModel(nn.Module):
    """A network, the head that reads it, and the scheme that names its points.

    Attributes:
        network: (B, 1, H, W) -> raw.
        head: what raw means; see :mod:`facekp.heads`.
        scheme: names of the K points.
        name, size, options: what :func:`create_model` was called with.
    """

    def __init__(self, network: nn.Module, head: Any, scheme: Scheme, name: str, size: int, options: dict) -> None:
        super().__init__()
        self.network, self.head, self.scheme = network, head, scheme
        self.name, self.size, self.options = name, size, options

    def forward(self, images: Tensor) -> Tensor | list[Tensor]:
        """(B, 1, H, W) in [0, 1] -> raw."""
        return self.network(self.normalise(images))

    @staticmethod
    def normalise(images: Tensor) -> Tensor:
        """Grey 0..1 becomes about -2..2, where networks start well."""
        return (images - 0.5) / 0.25

    def config(self) -> dict:
        """All that is needed to build this model again, as plain JSON values."""
        heads = {cls: name for name, cls in HEADS.items()}
        return {"model": self.name, "size": self.size, "options": self.options, "scheme": self.scheme.to_dict(),
                "head": {"kind": heads[type(self.head)], **dataclasses.asdict(self.head)}}
