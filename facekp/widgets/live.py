"""Controls, and the picture and the words that follow them.

What they show is decided elsewhere, by a function from the controls' values to :class:`Rendered`. This file only
calls it when a control moves, and it is the only one that knows ipywidgets.
"""

import base64
import io
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from types import ModuleType
from typing import Any

from matplotlib.figure import Figure

from facekp.errors import InputError

NOTE = "(run the notebook to move the sliders)"
VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Rendered:
    """What a widget shows for one state of its controls.

    Attributes:
        figure: a matplotlib figure that no window holds.
        html: the same in words and numbers, for eyes that cannot see the figure and for numbers that need digits.
    """

    figure: Figure
    html: str


def ipywidgets() -> ModuleType:
    """The package, imported now.

    Raises:
        InputError: it is not installed.
    """
    try:
        import ipywidgets
    except ImportError:
        raise InputError('ipywidgets is not installed here. Run: pip install "facekp[widgets]"') from None
    return ipywidgets


def png(figure: Figure, note: str = "", dpi: int = 80) -> bytes:
    """The figure as a PNG file, with a line of small text below it where ``note`` is given."""
    out = io.BytesIO()
    # Level 1 instead of 6: a tenth more bytes, a tenth less time, and a slider waits for it.
    options: dict[str, Any] = {"format": "png", "dpi": dpi, "pil_kwargs": {"compress_level": 1}}
    if note:
        text = figure.text(0.5, -0.01, note, ha="center", va="top", fontsize=9, color="#555555")
        figure.savefig(out, bbox_inches="tight", **options)
        text.remove()
    else:
        figure.savefig(out, **options)
    return out.getvalue()


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """An HTML table of plain text; every column but the first is set to the right."""

    def line(cells: tuple[str, ...], tag: str) -> str:
        side = ["left"] + ["right"] * (len(cells) - 1)
        cell = (f'<{tag} style="text-align:{s};padding:0 0.6em">{escape(c)}</{tag}>'
                for c, s in zip(cells, side, strict=True))
        return f"<tr>{''.join(cell)}</tr>"

    return f"<table>{line(head, 'th')}{''.join(line(row, 'td') for row in rows)}</table>"


def tidy(value: Any) -> Any:
    """A number as the slider shows it: a browser sends the 0.07 that it was given back as 0.06999999999999995."""
    return round(value, 9) if isinstance(value, float) else value


class Live:
    """A widget: in a notebook the controls; wherever no kernel runs, a still picture of how they began.

    Attributes:
        controls: ipywidgets by the name under which their values go to ``see``.
        picture, words: what the last call of ``see`` gave.
        box: all of it, for use inside another widget.
    """

    def __init__(self, title: str, controls: dict[str, Any], see: Callable[..., Rendered], buttons: tuple = ()) -> None:
        """``see(**values)`` is called now, and again whenever a control moves."""
        w = ipywidgets()
        self.title, self.controls, self._see, self._held = title, controls, see, False
        self._drawn: dict[str, Any] | None = None
        self._lock = threading.RLock()  # JupyterLab moves sliders in one thread and presses buttons in another
        self.picture = picture()
        self.words = w.HTML()
        column = w.VBox([*controls.values(), w.HBox(buttons)], layout=w.Layout(margin="0 1em 0 0"))
        self.box = w.Box([column, w.VBox([self.picture, self.words])], layout=w.Layout(flex_flow="row wrap"))
        self.still = png(self._draw().figure, NOTE, dpi=110)
        for control in controls.values():
            control.observe(lambda change: self.update(), "value")

    @property
    def values(self) -> dict[str, Any]:
        """Where the controls stand, in the numbers that they show."""
        return {name: tidy(control.value) for name, control in self.controls.items()}

    def set(self, **values: Any) -> None:
        """Move several controls, and draw once."""
        with self._lock:
            self._held = True
            try:
                for name, value in values.items():
                    self.controls[name].value = value
            finally:
                self._held = False
            self.update()

    def update(self) -> None:
        """Draw what the controls ask for, unless it is drawn already or more of them are about to move."""
        if self._held or self.values == self._drawn:
            return
        with self._lock:
            if self.values != self._drawn:  # another thread may have drawn it meanwhile
                self._draw()

    def _draw(self) -> Rendered:
        self._drawn = self.values
        try:
            seen = self._see(**self._drawn)
        except BaseException:
            self._drawn = None  # the next movement tries again
            raise
        self.picture.value, self.words.value = png(seen.figure), seen.html
        return seen

    def __repr__(self) -> str:
        return f"{self.title} {NOTE}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, Any]:
        """Front ends take the richest form they can show: controls where there is a kernel, else the picture."""
        return bundle(self.box, self.still, repr(self))


def bundle(box: Any, still: bytes, text: str) -> dict[str, Any]:
    """One output in three forms: the widget ``box``, a still picture of it (PNG), a text."""
    forms: dict[str, Any] = {"text/plain": text, "image/png": base64.b64encode(still).decode()}
    if box.comm is not None:  # where a kernel holds the widget
        forms[VIEW] = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    return forms


def picture():
    """An empty picture, to be filled with PNG bytes.

    It has no alternative text: ipywidgets knows none, and a tooltip makes its front end (4.0 of widgetsnbextension)
    fail. That is why every picture here has words beside it.
    """
    return ipywidgets().Image(format="png", layout=ipywidgets().Layout(max_width="100%"))


# ---- controls ---------------------------------------------------------------------------------


def _shape() -> dict[str, Any]:
    """Room for the longest description, so that none is cut off."""
    return {"style": {"description_width": "9em"}, "layout": ipywidgets().Layout(width="25em")}


def slider(description: str, value: float, low: float, high: float, step: float):
    """A slider over numbers; over whole ones if ``value`` is whole."""
    w = ipywidgets()
    kind = w.IntSlider if isinstance(value, int) else w.FloatSlider
    return kind(value=value, min=low, max=high, step=step, description=description, **_shape())


def choice(description: str, value: Any, options: list):
    """A menu: of values, or of pairs (text, value)."""
    return ipywidgets().Dropdown(value=value, options=options, description=description, **_shape())


def switch(description: str, value: bool):
    """A box to tick."""
    return ipywidgets().Checkbox(value=value, description=description, **_shape())


def button(description: str, pressed: Callable[[], None]):
    """A button that calls ``pressed()``."""
    made = ipywidgets().Button(description=description)
    made.on_click(lambda _: pressed())
    return made
