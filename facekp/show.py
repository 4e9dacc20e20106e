"""Show the library's own source in a notebook: the very lines that run, never a copy."""

import inspect
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
