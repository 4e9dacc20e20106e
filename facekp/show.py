"""What a notebook or a terminal shows besides figures: the library's own source, and progress bars."""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Python source that a notebook renders with colours."""

    name: str
    text: str

    def __repr__(self) -> str:
        return f"Source of {self.name}"

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}```"


def source(thing: Callable | type) -> Source:
    """The source of a function or class, docstring and comments included."""
    return Source(f"{thing.__module__}.{thing.__qualname__}", inspect.getsource(thing))


def bar(wanted: bool = True, **options):
    """A tqdm progress bar; silent where it would not be seen.

    Args:
        wanted: False for none.
        options: tqdm's own, e.g. ``iterable``, ``total``, ``unit``, ``desc``.

    It is silent too where the output is neither a terminal nor a notebook, and where the environment
    variable ``TQDM_DISABLE`` is set (which tqdm itself heeds only if ``disable`` is not given).
    """
    from tqdm.auto import tqdm  # only when a bar is asked for: the widget machinery loads slowly

    return tqdm(disable=True if not wanted or os.environ.get("TQDM_DISABLE") else None, **options)
