"""What the heads share: checks of options."""

import inspect
import math
from collections.abc import Callable

from facekp import heatmaps
from facekp.errors import InputError, check_choice

# What the options of decoders may be: a test, and in words.
VALUES: dict[str, tuple[Callable[[float], bool], str]] = {
    "radius": (lambda value: isinstance(value, int) and value > 0, "a whole number above 0"),
    "temperature": (lambda value: value > 0, "a number above 0"),
    "blur": (lambda value: value >= 0, "a number that is not below 0"),
}


def check_decoder(name: str, options: dict) -> None:
    """Raise InputError unless there is a decoder ``name`` that takes these ``options``: now, not after an epoch."""
    check_choice("decoder", name, heatmaps.DECODERS)
    arguments = list(inspect.signature(heatmaps.DECODERS[name]).parameters)[1:]  # without the maps
    for option, value in options.items():
        check_choice(f"option of the decoder '{name}' called", option, arguments)
        if option in VALUES and not (_number(value) and VALUES[option][0](value)):
            raise InputError(f"Expected {VALUES[option][1]} for the decoder's {option}; found {value!r}.")


def _number(value: object) -> bool:
    """Whether it is a finite number, and not yes or no."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def check_positive(**numbers: float) -> None:
    """Raise InputError unless all are finite numbers above 0."""
    for name, value in numbers.items():
        if not _number(value) or value <= 0:
            raise InputError(f"Expected a number above 0 for the head's {name}; found {value!r}.")
