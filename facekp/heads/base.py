"""What the heads share: points without NaN, maps as a list, checks of options."""

import inspect
from collections.abc import Iterable

import torch
from torch import Tensor

from facekp import heatmaps
from facekp.errors import InputError


def annotated(keypoints: Tensor) -> tuple[Tensor, Tensor]:
    """Split (B, K, 2) with NaN into points without NaN and a mask (B, K).

    NaN must go before any arithmetic: 0 * NaN is NaN, in the gradient too.
    """
    mask = keypoints.isfinite().all(-1)
    return torch.where(mask[..., None], keypoints, torch.zeros_like(keypoints)), mask


def known(what: str, name: str, options: Iterable[str]) -> None:
    """Raise InputError unless ``name`` is one of ``options``."""
    if name not in options:
        raise InputError(f"There is no {what} '{name}'. Known: {', '.join(options)}.")


def check_decoder(name: str, options: dict) -> None:
    """Raise InputError unless there is a decoder ``name`` and it has these ``options``: now, not after an epoch."""
    known("decoder", name, heatmaps.DECODERS)
    arguments = list(inspect.signature(heatmaps.DECODERS[name]).parameters)[1:]  # without the maps
    for option in options:
        known(f"option of the decoder '{name}' called", option, arguments)


def check_positive(**numbers: float) -> None:
    """Raise InputError unless all are numbers above 0."""
    for name, value in numbers.items():
        if not isinstance(value, int | float) or not value > 0:
            raise InputError(f"Expected a number above 0 for the head's {name}; found {value!r}.")


def stack_list(raw: Tensor | list[Tensor]) -> list[Tensor]:
    """A list of maps in float32, whether the network gave one tensor or one per stack."""
    return [maps.float() for maps in (raw if isinstance(raw, list) else [raw])]
