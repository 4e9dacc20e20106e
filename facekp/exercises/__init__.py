"""Exercises that answer: ``check("coordinates.flip", my_flip)`` says whether an answer is right, and if not, why.

Each chapter has a file of its own here, with one function for each of its exercises. The function tries the answer (a
value, an array, a function that is called with random inputs) and raises :class:`Wrong` with a hint that does not give
the solution away.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from facekp.errors import InputError


class Wrong(Exception):
    """An answer is not right yet; the message says what was noticed."""


@dataclass(frozen=True)
class Verdict:
    """What :func:`check` found; a notebook shows it as one line."""

    right: bool
    text: str

    def __repr__(self) -> str:
        return self.text


def check(name: str, answer: object) -> Verdict:
    """Whether ``answer`` solves the exercise called ``name``.

    Args:
        name: ``"chapter.exercise"``, as the exercise's starter cell has it.
        answer: a value, an array or a function, as the exercise asks for. None and ``...`` mean "not answered yet".

    Returns:
        A Verdict: "Correct." and what was tried, or what is not right yet.

    Raises:
        InputError: there is no exercise of that name.
    """
    chapter, _, exercise = name.partition(".")
    try:
        tests = import_module(f"facekp.exercises.{chapter.replace('-', '_')}")
        test: Callable[[object], str] = getattr(tests, exercise.replace("-", "_"))
    except (ModuleNotFoundError, AttributeError):
        raise InputError(f"There is no exercise '{name}'. Copy the name from the exercise's starter cell.") from None
    if answer is None or answer is ...:
        return Verdict(False, "Not answered yet: replace the ... in the cell above.")
    try:
        return Verdict(True, f"Correct. {test(answer)}")
    except Wrong as wrong:
        return Verdict(False, f"Not yet: {wrong}")
    except Exception as error:  # noqa: BLE001  # whatever a reader's function raises
        return Verdict(False, f"Not yet: your answer stopped with {type(error).__name__}: {error}")


def expect(condition: object, hint: str) -> None:
    """Raise :class:`Wrong` with ``hint`` unless ``condition`` holds."""
    if not condition:
        raise Wrong(hint)


def expect_close(found: object, wanted: object, hint: str, tolerance: float = 1e-4) -> None:
    """Raise :class:`Wrong` unless ``found`` has the shape of ``wanted`` and its values, up to ``tolerance``."""
    found = np.asarray(found.detach() if hasattr(found, "detach") else found, dtype=float)
    wanted = np.asarray(wanted.detach() if hasattr(wanted, "detach") else wanted, dtype=float)
    if found.shape != wanted.shape:
        raise Wrong(f"expected the shape {wanted.shape}, found {found.shape}.")
    if not np.allclose(found, wanted, atol=tolerance, rtol=0, equal_nan=True):
        raise Wrong(hint)
