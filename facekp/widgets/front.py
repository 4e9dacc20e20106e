"""The notebook's side of the widgets: anywidget, whose front end is one JavaScript module.

Each widget is a file of ``facekp/widgets/js`` and a function that hands it data. The book's pages load the same module
with the data of the cell, so a module asks a kernel for nothing that it can compute.
"""

import base64
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from facekp.errors import InputError

FOLDER = Path(__file__).parent
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)


def source(name: str) -> str:
    """The module ``js/NAME.js`` and those that it imports, as one ES module: front ends load a widget from one text."""
    order: list[str] = []

    def visit(module: str) -> None:
        text = (FOLDER / "js" / f"{module}.js").read_text(encoding="utf-8")
        for other in IMPORT.findall(text):
            if other not in order:
                visit(other)
        order.append(module)

    visit(name)
    texts = [IMPORT.sub("", (FOLDER / "js" / f"{module}.js").read_text(encoding="utf-8")) for module in order]
    shared = [re.sub(r"^export (?!default)", "", text, flags=re.MULTILINE) for text in texts]
    return "\n".join(shared)


def style() -> str:
    """The style sheet of all widgets."""
    return (FOLDER / "widgets.css").read_text(encoding="utf-8")


@cache
def widget_class() -> type:
    """The class of all widgets, made when the first one is shown: importing facekp imports no ipywidgets.

    Raises:
        InputError: anywidget is not installed.
    """
    try:
        import anywidget
        import traitlets
    except ImportError:
        raise InputError('anywidget is not installed here. Run: pip install "facekp[widgets]"') from None

    class Widget(anywidget.AnyWidget):
        """A module's name, its code, its data, a JSON object, and what may change in it while a kernel runs."""

        module = traitlets.Unicode().tag(sync=True)
        data = traitlets.Dict().tag(sync=True)
        live = traitlets.Dict().tag(sync=True)
        _esm = traitlets.Unicode().tag(sync=True)
        _css = traitlets.Unicode().tag(sync=True)

        def __repr__(self) -> str:
            return f"{self.module.replace('_', ' ').capitalize()} (run the notebook to use it)"

    return Widget


def widget(module: str, data: dict[str, Any] | None = None, live: dict[str, Any] | None = None) -> Any:
    """The widget of ``js/MODULE.js`` with ``data``; InputError without anywidget."""
    return widget_class()(module=module, data=data or {}, live=live or {}, _esm=source(module), _css=style())


def packed(array: np.ndarray) -> str:
    """The bytes of an array as base64, which ``pixels.js`` unpacks."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def plain(array: np.ndarray, digits: int = 2) -> list:
    """Nested lists of an array's numbers, rounded; NaN, which JSON has no word for, becomes None."""
    rounded = np.asarray(array, float).round(digits).astype(object)
    rounded[np.isnan(np.asarray(array, float))] = None
    return rounded.tolist()
