"""Draw the book's diagrams of the networks, labelled with the shapes that the code has.

    python book/tools/diagrams.py          write them to book/_static/diagrams
    python book/tools/diagrams.py --check  only say which are out of date (exit code 1 if any)

No shape is typed here. A face of zeros goes through each network on torch's "meta" device, where tensors have a
shape and no numbers, and hooks note what goes into and comes out of every part (:func:`trace`). Change a network, and
its diagram changes with it.

The visual language, the same in all of them: time runs along the arrows; a solid is a stack of maps, as high as the
maps are wide and the longer the more channels; a square with a face is a picture; squares with spots are maps of
keypoints; a striped bar is a row of numbers; a dashed line carries something past the layers between. The files are
shown as <img>, out of reach of the page's style, so each brings its own pale card, readable on a white page and a
black one.
"""

import math
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

import torch
from torch import Tensor, nn

from facekp import augment, heatmaps
from facekp.data import load
from facekp.keypoints import KAGGLE
from facekp.models import MODELS, count, create_model
from facekp.models.hourglass import Residual
from facekp.predict import to_float

FOLDER = Path(__file__).parents[1] / "_static" / "diagrams"
SIZE, K = 96, len(KAGGLE)
Shape = tuple[int, ...]

# ---- what the code says -----------------------------------------------------------------------


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
    """What a transposed convolution does: "enlarge x2"."""
    return f"enlarge x{layer.stride[0]}"


def sees(layers: Iterable[nn.Conv2d], more: int = 0) -> int:
    """How many pixels wide a pixel sees through layers without a stride, and ``more`` besides."""
    return 1 + more + sum((layer.kernel_size[0] - 1) * layer.dilation[0] for layer in layers)


def weights(name: str) -> int:
    """How many weights a network has; counted without making them."""
    with torch.device("meta"):
        return count.parameters(create_model(name, size=SIZE))


def options(name: str) -> str:
    """What a name of the registry sets: "stacks 1, channels 64"."""
    def plain(value: object) -> str:
        return "-".join(map(str, value)) if isinstance(value, tuple) else str(value)

    settings = getattr(MODELS[name], "keywords", {})
    return ", ".join(f"{k}\N{NO-BREAK SPACE}{plain(v)}" for k, v in settings.items())


# ---- a sheet to draw on -----------------------------------------------------------------------

WIDTH, MARGIN = 440, 20
CARD, INK, SOFT, SKIP = "#F7F8FA", "#1F2933", "#4B5563", "#8E3B76"
# Fronts, tops, sides and edges of solids: Okabe and Ito's hues, lighter and darker.
PAINT = {
    "picture": ("#D5D9DF", "#E8EBEF", "#B4BBC5", "#4B5563"),
    "features": ("#B5D5EC", "#D9EAF6", "#86B9DE", "#005A8E"),
    "maps": ("#FBCDA6", "#FDE6D2", "#F0AA72", "#A94A00"),
    "numbers": ("#B8E2D3", "#DCF1EA", "#85CBB3", "#00674A"),
    "fixed": ("#F6E3A1", "#FBF1CF", "#E4C762", "#7A6000"),
}
MEANING = {"picture": "picture", "features": "features", "maps": "keypoint maps", "numbers": "row of numbers",
           "fixed": "not learnt"}
STYLE = f"""text{{font-family:Helvetica,Arial,"Liberation Sans",sans-serif;font-size:13.5px;fill:{SOFT}}}
.head{{font-size:18px;font-weight:bold;fill:{INK}}}
.shape{{font-size:14.5px;font-weight:bold;fill:{INK}}}
.code{{font-family:Menlo,Consolas,"Liberation Mono","DejaVu Sans Mono",monospace;fill:{INK}}}
.skip{{fill:{SKIP}}}"""
# Fifteen points and the lines of a face on a square of 200, as in the book's logo.
POINTS = ((30, 62), (78, 60), (122, 60), (170, 62), (38, 88), (56, 87), (74, 88), (126, 88), (144, 87), (162, 88),
          (100, 120), (62, 150), (138, 150), (100, 141), (100, 166))
FACE = ("M30 62Q52 44 78 60M122 60Q148 44 170 62M38 88Q56 76 74 88Q56 98 38 88M126 88Q144 76 162 88Q144 98 126 88"
        "M62 150Q100 132 138 150Q100 182 62 150M100 96L91 121Q100 126 109 121"
        "M100 8C160 8 192 46 188 92C184 152 146 193 100 193C54 193 16 152 12 92C8 46 40 8 100 8")


def number(value: float) -> str:
    """At most one decimal: "12.5", "3"."""
    return f"{round(value + 1e-6, 1):g}"


def tag(name: str, inside: str = "", **attributes: object) -> str:
    """An element: ``tag("rect", x=1, stroke_width=2)`` -> ``<rect x="1" stroke-width="2"/>``."""
    texts = {k.rstrip("_").replace("_", "-"): number(v) if isinstance(v, float | int) else str(v)
             for k, v in attributes.items() if v is not None}
    head = name + "".join(f" {k}={quoteattr(v)}" for k, v in texts.items())
    return f"<{head}>{inside}</{name}>" if inside else f"<{head}/>"


class Point(NamedTuple):
    """A place on the sheet."""

    x: float
    y: float


@dataclass(frozen=True)
class Box:
    """Where something was drawn: its middle, width and height."""

    x: float
    y: float
    w: float
    h: float

    @property
    def left(self) -> Point:
        """The middle of the left side."""
        return Point(self.x - self.w / 2, self.y)

    @property
    def right(self) -> Point:
        """The middle of the right side."""
        return Point(self.x + self.w / 2, self.y)

    @property
    def top(self) -> Point:
        """The middle of the upper side."""
        return Point(self.x, self.y - self.h / 2)

    @property
    def bottom(self) -> Point:
        """The middle of the lower side."""
        return Point(self.x, self.y + self.h / 2)


def length(channels: int) -> float:
    """How long a solid of so many channels is drawn: twice as many, a third longer."""
    return 6 * channels**0.4


@dataclass
class Sheet:
    """Elements of a picture, from the bottom layer to the top.

    Attributes:
        scale: units of drawing per pixel of a map.
        longest: no row of numbers is drawn longer.
        used: the kinds of paint that were used, for the key.
    """

    scale: float = 0.7
    longest: float = 176
    elements: list[str] = field(default_factory=list)
    used: dict[str, None] = field(default_factory=dict)

    def add(self, name: str, inside: str = "", **attributes: object) -> None:
        """Draw an element over the others."""
        self.elements.append(tag(name, inside, **attributes))

    def paint(self, kind: str) -> tuple[str, str, str, str]:
        """The colours of a kind, which then stands in the key."""
        self.used[kind] = None
        return PAINT[kind]

    # -- text

    def text(self, x: float, y: float, text: str, style: str | None = None, anchor: str = "middle") -> None:
        """A line of text; ``y`` is its base line."""
        self.add("text", escape(text), x=x, y=y, class_=style, text_anchor=None if anchor == "start" else anchor)

    def caption(self, box: Box, shape: str, note: str = "") -> Point:
        """A shape and a note under what was drawn; gives the place from where an arrow may go on."""
        y = box.bottom.y + 17
        self.text(box.x, y, shape, "shape")
        for line in note.split("\n") if note else []:
            y += 16
            self.text(box.x, y, line)
        return Point(box.x, y + 6)

    def heading(self, title: str, idea: str) -> float:
        """Name and idea of the diagram; gives the next free y."""
        self.text(MARGIN, 34, title, "head", "start")
        return self.paragraph(56, idea) + 12

    def paragraph(self, y: float, text: str, wide: int = 52) -> float:
        """Words from margin to margin; gives the next free y."""
        for line in textwrap.wrap(text, wide):
            self.text(MARGIN, y, line, anchor="start")
            y += 17
        return y

    # -- lines

    def arrow(self, *places: Point, skip: bool = False, tip: bool = True) -> None:
        """A line through some places, with a tip at its end; dashed if it skips layers."""
        (x0, y0), (x1, y1) = places[-2:]
        angle, colour = math.atan2(y1 - y0, x1 - x0), SKIP if skip else INK
        end = Point(x1 - 6 * math.cos(angle), y1 - 6 * math.sin(angle)) if tip else places[-1]
        path = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in (*places[:-1], end))
        self.add("path", d=path, fill="none", stroke=colour, stroke_width=1.7, stroke_linejoin="round",
                 stroke_dasharray="5 4" if skip else None)
        if tip:
            wings = (Point(x1 - 8 * math.cos(angle + a), y1 - 8 * math.sin(angle + a)) for a in (0.45, -0.45))
            self.polygon(colour, None, (x1, y1), *wings)

    def polygon(self, fill: str, stroke: str | None, *corners: tuple[float, float]) -> None:
        """A filled polygon."""
        points = " ".join(f"{number(x)},{number(y)}" for x, y in corners)
        self.add("polygon", points=points, fill=fill, stroke=stroke, stroke_linejoin="round" if stroke else None)

    # -- things

    def solid(self, kind: str, shape: Shape, x: float, y: float) -> Box:
        """A stack of maps (channels, h, w) with its middle at (x, y): a row of numbers if it has one axis only."""
        if len(shape) == 1:
            return self.bar(shape[0], x, y)
        front, top, side, edge = self.paint(kind)
        w, h = length(shape[0]), shape[1] * self.scale
        d = h * 0.28  # the depth, in oblique projection
        x0, x1, y0, y1 = x - (w + d) / 2, x + (w - d) / 2, y - (h - d) / 2, y + (h + d) / 2
        self.polygon(top, edge, (x0, y0), (x0 + d, y0 - d), (x1 + d, y0 - d), (x1, y0))
        self.polygon(side, edge, (x1, y0), (x1 + d, y0 - d), (x1 + d, y1 - d), (x1, y1))
        self.polygon(front, edge, (x0, y0), (x1, y0), (x1, y1), (x0, y1))
        return Box(x, y, w + d, h + d)

    def bar(self, numbers: int, x: float, y: float) -> Box:
        """A row of numbers, striped."""
        front, _, side, edge = self.paint("numbers")
        w, h = min(length(numbers), self.longest), 9
        self.add("rect", x=x - w / 2, y=y - h / 2, width=w, height=h, fill=front, stroke=edge)
        path = "".join(f"M{number(x - w / 2 + i)} {number(y - h / 2)}v{h}" for i in range(4, int(w), 4))
        self.add("path", d=path, stroke=side, fill="none")
        if w == self.longest:  # too long: broken off in the middle
            corners = (x - 6, y + 7), (x - 1, y - 7), (x + 6, y - 7), (x + 1, y + 7)
            self.polygon(CARD, None, *corners)
            for (x0, y0), (x1, y1) in (corners[:2], corners[2:]):
                self.add("path", d=f"M{number(x0)} {number(y0)}L{number(x1)} {number(y1)}", stroke=edge)
        return Box(x, y, w, h)

    def picture(self, x: float, y: float, side: float = 0, points: bool = False, turn: float = 0) -> Box:
        """The face, and on it, if wanted, the fifteen points; turned by some degrees."""
        front, _, _, edge = self.paint("picture")
        side = side or SIZE * self.scale
        face = tag("rect", width=200, height=200, fill=front, stroke=edge, stroke_width=200 / side)
        face += tag("path", d=FACE, fill="none", stroke=edge, stroke_width=280 / side, stroke_linecap="round")
        if points:
            face += "".join(tag("circle", cx=x, cy=y, r=420 / side) for x, y in POINTS)
        place = f"translate({number(x - side / 2)} {number(y - side / 2)}) scale({side / 200:.3f})"
        place += f" rotate({turn} 100 100)" if turn else ""
        self.add("g", face, transform=place, fill=PAINT["maps"][3])
        return Box(x, y, side, side)

    def maps(self, shape: Shape, x: float, y: float, discs: bool = False) -> Box:
        """Maps of keypoints (K, h, w): three of them, each with its soft spot or its disc."""
        front, top, _, edge = self.paint("maps")
        side, d = max(shape[1] * self.scale, 18), 6
        for i, (px, py) in zip((2, 1, 0), ((144, 87), (56, 87), (100, 120)), strict=True):
            x0, y0 = x - side / 2 + (i - 1) * d, y - side / 2 - (i - 1) * d
            self.add("rect", x=x0, y=y0, width=side, height=side, fill=top, stroke=edge)
            for r, fill in ((0.12, edge),) if discs else ((0.13, front), (0.06, edge)):
                self.add("circle", cx=x0 + px * side / 200, cy=y0 + py * side / 200, r=r * side, fill=fill)
        return Box(x, y, side + 2 * d, side + 2 * d)

    def operation(self, x: float, y: float, text: str, w: float, kind: str | None = None, note: str = "") -> Box:
        """A rounded box with a name in it."""
        fill, edge = (self.paint(kind)[1], PAINT[kind][3]) if kind else ("#FFFFFF", SOFT)
        lines = note.splitlines()
        h = 28 + 16 * len(lines)
        self.add("rect", x=x - w / 2, y=y - h / 2, width=w, height=h, rx=7, fill=fill, stroke=edge)
        self.text(x, y - h / 2 + 19, text, "shape")
        for i, line in enumerate(lines, 1):
            self.text(x, y - h / 2 + 19 + 16.5 * i, line)
        return Box(x, y, w, h)

    def plus(self, x: float, y: float) -> Box:
        """A sum."""
        self.add("circle", cx=x, cy=y, r=9, fill="#FFFFFF", stroke=SKIP, stroke_width=1.7)
        self.add("path", d=f"M{number(x - 5)} {number(y)}h10M{number(x)} {number(y - 5)}v10", stroke=SKIP,
                 stroke_width=1.7)
        return Box(x, y, 18, 18)

    def beside(self, x: float, y: float) -> Box:
        """Channels laid side by side."""
        for left, fill in ((-10, "#E9C7DD"), (0, PAINT["features"][0])):
            self.add("rect", x=x + left, y=y - 8, width=10, height=16, fill=fill, stroke=SKIP, stroke_width=1.5)
        return Box(x, y, 20, 16)

    # -- the foot

    def key(self, y: float, skip: str = "", plus: str = "", beside: str = "") -> float:
        """What the colours and signs mean; gives the next free y."""
        items = [(partial(self._swatch, PAINT[k]), MEANING[k]) for k in PAINT if k in self.used]
        items += [(self._dash, skip)] if skip else []
        items += [(lambda x, y: self.plus(x + 8, y), plus)] if plus else []
        items += [(lambda x, y: self.beside(x + 8, y), beside)] if beside else []
        self.rule(y)
        y -= 2
        for i, (sign, meaning) in enumerate(items):
            x = MARGIN + i % 3 * 136
            y += 23 * (i % 3 == 0)
            sign(x, y)
            self.text(x + 24, y + 4.5, meaning, anchor="start")
        if "features" in self.used:
            y += 22
            self.text(MARGIN, y + 4.5, "Solids: as high as the maps, longer for more channels", anchor="start")
        return y + 22

    def rule(self, y: float) -> None:
        """A thin line from margin to margin."""
        self.add("path", d=f"M{MARGIN} {number(y)}H{WIDTH - MARGIN}", stroke="#C9CFD8")

    def _swatch(self, paint: tuple[str, ...], x: float, y: float) -> None:
        self.add("rect", x=x, y=y - 6, width=16, height=12, fill=paint[0], stroke=paint[3])

    def _dash(self, x: float, y: float) -> None:
        self.arrow(Point(x - 2, y), Point(x + 19, y), skip=True)

    def names(self, y: float, family: str) -> float:
        """What the library calls these networks, their weights and what sets them apart; gives the next free y."""
        self.rule(y)
        y += 4
        for name in FAMILIES[family]:
            y += 19
            self.text(MARGIN, y, name, "code", "start")
            self.text(228, y, f"{weights(name) / 1e6:.2f} M weights", anchor="end")
            apart = [options(name)] * bool(options(name)) + ["as\N{NO-BREAK SPACE}drawn"] * (name in DRAWN)
            for i, line in enumerate(textwrap.wrap(", ".join(apart), 24, break_on_hyphens=False)):
                y += 16 * bool(i)
                self.text(246, y, line, anchor="start")
        return y + 16

    def svg(self, title: str, description: str, height: float) -> str:
        """The whole picture as a file's text."""
        card = tag("rect", x=0.5, y=0.5, width=WIDTH - 1, height=height - 1, rx=12, fill=CARD, stroke="#C9CFD8")
        about = f'<title id="t">{escape(title)}</title>\n<desc id="d">{escape(" ".join(description.split()))}</desc>'
        body = "\n".join((about, f"<style>{STYLE}</style>", card, *self.elements))
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{number(height)}" '
                f'viewBox="0 0 {WIDTH} {number(height)}" role="img" aria-labelledby="t d">\n{body}\n</svg>\n')


# ---- columns of stages ------------------------------------------------------------------------


class Stage(NamedTuple):
    """One line of a diagram: what comes out, and how it was made.

    Attributes:
        kind: a colour of ``PAINT``; or "input" for the face, "answer" for maps drawn as maps, "discs" for
            maps with discs.
        also: a second shape and note, of a sister network.
    """

    kind: str
    shape: Shape
    note: str = ""
    also: tuple[str, str] = ("", "")


def draw(sheet: Sheet, stage: Stage, x: float, y: float) -> Box:
    """What comes out of a stage, with its middle at (x, y)."""
    if stage.kind == "input":
        return sheet.picture(x, y)
    if stage.kind in ("answer", "discs"):
        return sheet.maps(stage.shape, x, y, stage.kind == "discs")
    return sheet.solid(stage.kind, stage.shape, x, y)


def tall(sheet: Sheet, stage: Stage) -> float:
    """How much height :func:`draw` needs for it."""
    if len(stage.shape) == 1:
        return 9
    side = stage.shape[1] * sheet.scale
    return {"input": side, "answer": side + 12, "discs": side + 12}.get(stage.kind, 1.28 * side)


def stack(sheet: Sheet, stages: list[Stage], gap: float = 24) -> float:
    """How much height :func:`column` needs for them."""
    texts = sum(23 + 16 * len(stage.note.splitlines()) for stage in stages)
    return sum(tall(sheet, stage) for stage in stages) + texts + gap * (len(stages) - 1)


def ladder(sheet: Sheet, stages: list[Stage], x: float, top: float, text: float, also: float = 0) -> float:
    """Stages one below the other, each with its words at its right (and others at ``also``); gives the next free y."""
    before = None
    for stage in stages:
        high = max(tall(sheet, stage), 34)
        box = draw(sheet, stage, x, top + high / 2)
        if before:
            sheet.arrow(Point(x, before.bottom.y + 4), Point(x, box.top.y - 3))
        for left, (shape, note) in ((text, (label(stage.shape), stage.note)), (also, stage.also)):
            sheet.text(left, box.y - 3, shape, "shape", "start") if shape else None
            sheet.text(left, box.y + 14, note, anchor="start") if note else None
        before, top = box, top + high + 22
    return top


def column(sheet: Sheet, stages: list[Stage], x: float, top: float, up: bool = False, gap: float = 24) -> list[Box]:
    """Stages one below the other (``up``: one above the other, the last on top), each with its words below it."""
    boxes, leave = [], []
    for stage in stages[::-1] if up else stages:
        box = draw(sheet, stage, x, top + tall(sheet, stage) / 2)
        boxes.append(box)
        leave.append(sheet.caption(box, label(stage.shape), stage.note))
        top = leave[-1].y + gap
    for start, below in zip(leave, boxes[1:], strict=False):
        ends = (start, Point(x, below.top.y - 3))
        sheet.arrow(*(ends[::-1] if up else ends))
    return boxes[::-1] if up else boxes


class Level(NamedTuple):
    """One level of a network that goes down at the left and comes up at the right.

    Attributes:
        join: what becomes of what is carried across: "plus", "beside", or "" where the way simply goes on.
        across: words over the line from left to right; no line where there is neither these nor a join.
    """

    left: Stage
    right: Stage | None
    join: str = ""
    across: str = ""


LEFT, RIGHT = 108, 332  # the middles of the two columns


def valley(sheet: Sheet, levels: list[Level], top: float) -> float:
    """Levels from the finest to the coarsest, with the arrows down, across and up; gives the next free y."""
    down = up = None  # from where to go on at the left, and where to arrive at the right
    for level in levels:
        pair = [stage for stage in (level.left, level.right) if stage]
        y = top + max(tall(sheet, stage) for stage in pair) / 2
        left = draw(sheet, level.left, LEFT, y)
        right = draw(sheet, level.right, RIGHT, y) if level.right else None
        if down:
            sheet.arrow(down, Point(LEFT, left.top.y - 3))
        if up and right:
            sheet.arrow(Point(RIGHT, right.top.y - 3), up)
        elif level is levels[-1]:
            sheet.arrow(Point(left.right.x + 5, y), Point(RIGHT, y), up)
        if right:
            across(sheet, left, right, level)
        down = below(sheet, left, level.left, level.join)
        up = below(sheet, right, level.right, level.join) if right else up
        top = max(down.y, up.y if right else 0) + 24
    return top - 10


def below(sheet: Sheet, box: Box, stage: Stage, join: str) -> Point:
    """The words under a level's box, low enough for the sign beside it; gives their end."""
    room = Box(box.x, box.y, box.w, max(box.h, 20 if join else 0))
    return sheet.caption(room, label(stage.shape), stage.note)


def across(sheet: Sheet, left: Box, right: Box, level: Level) -> None:
    """The line from the left column to the right one."""
    start, end = Point(left.right.x + 5, left.y), Point(right.left.x - 5, left.y)
    if level.join:
        mark = (sheet.plus if level.join == "plus" else sheet.beside)(right.left.x - 26, left.y)
        sheet.arrow(start, Point(mark.left.x - 1, left.y), skip=True)
        sheet.arrow(mark.right, end)
        end = mark.left
    elif level.across:
        sheet.arrow(start, end)
    if level.across:
        sheet.text((start.x + end.x) / 2, left.y - 7, level.across, "skip" if level.join else None)


# ---- the networks -----------------------------------------------------------------------------


def tell(t: Trace, text: str) -> str:
    """The text with a part's output in place of "[part]", and with its input in place of "[> part]"."""
    return re.sub(r"\[(> ?)?([\w.]*)\]", lambda m: label((t.into if m[1] else t.out)[m[2]]), text)


def joined(shapes: Iterable[Shape]) -> str:
    """Shapes in a sentence."""
    *most, last = map(label, shapes)
    return ", ".join(most) + (" and " if most else "") + last


def vgg16() -> str:
    """Five blocks, then all places in a row."""
    t, sheet = trace("vgg16"), Sheet()
    blocks = [f"0.blocks.{i}" for i in range(len(t.part("0.blocks")))]
    stages = [Stage("input", t.into[""], "the face")]
    stages += [Stage("features", t.out[b], f"block {i}: {words(t.part(b))}, halve") for i, b in enumerate(blocks, 1)]
    stages += [Stage("numbers", t.out["2"], "all places, laid in a row"), Stage("numbers", t.out["4"], "linear, ReLU"),
               Stage("numbers", t.out["7"], f"linear: x and y of {K} points")]
    y = sheet.heading("VGG-16", "The picture shrinks, the channels grow.")
    y = sheet.names(sheet.key(ladder(sheet, stages, 110, y, 208)), "vgg16")
    return sheet.svg("VGG-16, layer by layer", tell(t, f"""A column of solids, from top to bottom. The face is [>].
        Five blocks of 3x3 convolutions each halve the picture; they put out {joined(t.out[b] for b in blocks)}. All
        places are laid in a row of [2]; a linear layer makes [4] of them, a last one [7], the coordinates of the {K}
        points."""), y)


def resnet() -> str:
    """Four stages of residual blocks, for 18 and 50 layers, and the two kinds of block."""
    t, deep, sheet = trace("resnet18"), trace("resnet50"), Sheet()
    layers = [f"layer{i}" for i in range(1, 5)]
    stages = [Stage("input", t.into[""], "the face", (label(deep.into[""]), "the face"))]
    stages += [Stage("features", t.out[part], note, (label(deep.out[part]), note))
               for part, note in (("relu", words(t.part("conv1"))), ("maxpool", "halve"))]
    stages += [Stage("features", t.out[part], blocks(t, part), (label(deep.out[part]), blocks(deep, part)))
               for part in layers]
    flat, wide = t.into["fc"], deep.into["fc"]
    stages += [Stage("numbers", flat, "mean over places", (label(wide), "mean over places")),
               Stage("numbers", t.out["fc"], "linear", (label(deep.out["fc"]), "linear"))]
    y = sheet.heading("ResNet", "Every block adds a change to what it was given.")
    sheet.text(154, y + 12, "resnet18", "code", "start")
    sheet.text(296, y + 12, "resnet50", "code", "start")
    y = ladder(sheet, stages, 78, y + 12, 154, 296)
    numbers = [str(len(trace("resnet34").part(part))) for part in layers]
    y = sheet.paragraph(y + 8, "Solids: resnet18. resnet34 is the same with "
                        f"{', '.join(numbers[:-1])} and {numbers[-1]} blocks. Batch norm and ReLU are left out.")
    residual(sheet, "block of resnet18", t, "layer1.1", 116, y)
    y = residual(sheet, "block of resnet50", deep, "layer1.1", 340, y)
    y = sheet.names(sheet.key(y, "carried past", "sum"), "resnet")
    return sheet.svg("ResNet-18 and ResNet-50, stage by stage", tell(t, f"""A column of solids for ResNet-18, with the
        shapes of ResNet-18 and ResNet-50 beside it. Both begin with [>], [relu] and [maxpool]. The four stages of
        ResNet-18 put out {joined(t.out[part] for part in layers)}; those of ResNet-50
        {joined(deep.out[part] for part in layers)}. The mean over all places leaves {flat[0]} or {wide[0]} numbers,
        and a linear layer makes [fc] of them. Below, one block of each: two 3x3 convolutions, or 1x1, 3x3 and 1x1;
        what they make is added to what came in."""), y)


def blocks(t: Trace, part: str) -> str:
    """How many blocks a stage has, and whether it halves the picture."""
    halves = t.out[part][1] < t.into[part][1]
    return ("halve, " if halves else "") + f"{len(t.part(part))} blocks"


def residual(sheet: Sheet, title: str, t: Trace, block: str, x: float, y: float) -> float:
    """One residual block from top to bottom, its input carried past it; gives the next free y."""
    sheet.text(x, y + 14, title, "shape")
    sheet.text(x, y + 38, label(t.into[block]))
    layers, start, bottom = convolutions(t.part(block)), y + 45, y + 224
    last, middle = Point(x, start), y + 84 + 25 * (3 - len(convolutions(t.part(block))))
    for layer in layers:
        box = sheet.operation(x, middle, f"{kind(layer)}, {layer.out_channels}", 132)
        sheet.arrow(last, Point(x, box.top.y - 1))
        last, middle = box.bottom, middle + 48
    mark = sheet.plus(x, bottom)
    sheet.arrow(last, Point(x, mark.top.y - 1))
    sheet.arrow(Point(x, start + 6), Point(x - 88, start + 6), Point(x - 88, bottom), Point(mark.left.x - 1, bottom),
                skip=True)
    sheet.arrow(mark.bottom, Point(x, bottom + 26))
    sheet.text(x, bottom + 42, label(t.out[block]))
    return bottom + 60


def fcn8() -> str:
    """VGG's trunk down, three scores up."""
    t, sheet = trace("fcn8"), Sheet()
    pools = [f"trunk.blocks.{i}" for i in range(5)]
    down = [Stage("features", t.out[p], f"{words(t.part(p))}, halve") for p in pools]
    levels = [
        Level(Stage("input", t.into[""], "the face"), Stage("answer", t.out["up3"], larger(t.part("up3")))),
        Level(down[0], None), Level(down[1], None),
        Level(down[2], Stage("maps", t.out["up4"], f"{larger(t.part('up4'))}, add"), "plus", words(t.part("score3"))),
        Level(down[3], Stage("maps", t.out["up5"], f"{larger(t.part('up5'))}, add"), "plus", words(t.part("score4"))),
        Level(down[4], None),
        Level(Stage("features", t.out["dense"], words(t.part("dense"))),
              Stage("maps", t.out["score5"], "first scores"), "", words(t.part("score5"))),
    ]
    y = sheet.heading("FCN-8", "A coarse answer, refined by what finer layers say.")
    y = sheet.names(sheet.key(valley(sheet, levels, y), "carried across", "sum"), "fcn8")
    return sheet.svg("FCN-8, level by level", tell(t, f"""Two columns. The left one goes down: the face, [>], then
        VGG's five blocks with {joined(t.out[p] for p in pools)}, then two convolutions with [dense]. The right one
        comes up: scores of [score5]; enlarged and added to the scores of block 4, [score4]; enlarged and added to
        those of block 3, [score3]; enlarged once more to the maps, [up3]."""), y)


def unet() -> str:
    """Down four times, up four times, the features of each level laid beside those from below."""
    t, sheet = trace("unet"), Sheet()
    depth = len(t.part("merge"))
    down = [Stage("features", t.out[f"down.{i}"], ("halve, " if i else "") + words(t.part(f"down.{i}")))
            for i in range(depth + 1)]
    rises = [(f"up.{depth - 1 - i}", f"merge.{depth - 1 - i}") for i in range(depth)]
    up = [Stage("features", t.out[merge], f"double, {t.into[merge][0] - t.out[rise][0]} + {t.out[rise][0]},\n"
                                          f"{words(t.part(merge))}") for rise, merge in rises]
    levels = [Level(Stage("input", t.into[""], "the face"), Stage("answer", t.out["head"], words(t.part("head"))))]
    levels += [Level(d, u, "beside") for d, u in zip(down, up, strict=False)] + [Level(down[-1], None)]
    y = sheet.heading("U-Net", "Each level up gets the features of the way down.")
    y = sheet.names(sheet.key(valley(sheet, levels, y), "carried across", beside="side by side"), "unet")
    return sheet.svg("U-Net, level by level", tell(t, f"""Two columns. The left one goes down: the face, [>], then
        {joined(s.shape for s in down)}. The right one comes up: {joined(s.shape for s in up[::-1])}, and at last the
        maps, [head]. On each level but the lowest a dashed line carries the features of the left column across, where
        they are laid beside those that come from below."""), y)


def hourglass() -> str:
    """One hourglass: at each scale a residual carries the features across, where they are added."""
    t, sheet = trace("hourglass-1"), Sheet()
    scales = nested(t, "hourglasses.0.0")
    low = [f"{part}.before" for part in scales]
    left = [Stage("features", t.out["stem"], f"{words(t.part('stem.0'))},\n{residuals(t.part('stem'))}")]
    left += [Stage("features", t.out[part], "halve, residual") for part in low]
    right = [Stage("features", t.out[part], "residual, double, add") for part in scales]
    right += [Stage("features", t.out[f"{scales[-1]}.inner"])]
    levels = [Level(Stage("input", t.into[""], "the face"), Stage("answer", t.out["heads.0"],
                    f"residual, {words(t.part('hourglasses.0.2'), t.part('heads.0'))}"))]
    levels += [Level(a, b, "plus", "residual") for a, b in zip(left[:-1], right[:-1], strict=True)]
    levels += [Level(left[-1], right[-1], "", "residual")]
    y = sheet.heading("Hourglass", "See every scale, and add up what was seen.")
    y = sheet.names(sheet.key(valley(sheet, levels, y), "carried across", "sum"), "hourglass")
    return sheet.svg("One hourglass, scale by scale", tell(t, f"""Two columns. The left one goes down: the face, [>],
        the stem's [stem], then halved {len(low)} times, {joined(t.out[part] for part in low)}. The right one comes up
        through the same sizes. On each scale a residual block carries the left features across, where they are added
        to what comes up from below. From the last sum, [hourglasses.0.0], come the maps, [heads.0]."""), y)


def stacks() -> str:
    """Two hourglasses, and what the first hands to the second."""
    t, sheet = trace("hourglass-2"), Sheet()
    y = sheet.heading("Stacked hourglass", "Ask again: the second sees the first one's answer.")
    stages = [Stage("input", t.into[""], "the face"), Stage("features", t.out["stem"], "stem")]
    stem = column(sheet, stages, 150, y)[-1]
    y, maps = one_stack(sheet, t, 0, sheet_below(stem, 1), "first answer, trained")
    first, second = (sheet.operation(x, y + 38, kind(t.part(part)), 92)
                     for x, part in ((150, "feed_features.0"), (RIGHT, "feed_maps.0")))
    sheet.arrow(Point(150, y), Point(150, first.top.y - 1))
    sheet.arrow(maps, Point(RIGHT, second.top.y - 1))
    mark = sheet.plus(150, y + 84)
    sheet.arrow(first.bottom, Point(150, mark.top.y - 1))
    sheet.arrow(second.bottom, Point(RIGHT, mark.y), Point(mark.right.x + 1, mark.y))
    sheet.text((mark.x + RIGHT) / 2, mark.y + 18, label(t.out["feed_maps.0"]), "shape")
    sheet.arrow(Point(stem.left.x - 5, stem.y), Point(40, stem.y), Point(40, mark.y), Point(mark.left.x - 1, mark.y),
                skip=True)
    y, _ = one_stack(sheet, t, 1, mark.bottom.y, "second answer, trained")
    y = sheet.names(sheet.key(y + 14, "carried past", "sum"), "hourglass-stacks")
    return sheet.svg("Two stacked hourglasses and the feedback between them", tell(t, """From top to bottom: the face,
        [>], and the stem's [stem]. The first hourglass makes features, [hourglasses.0], and from them maps,
        [heads.0], which are trained. Both go through a 1x1 convolution, [feed_features.0] and [feed_maps.0], and are
        added to what the first hourglass was given. The second hourglass works on this sum and draws maps of its own,
        [heads.1], the answer, trained as well."""), y)


def sheet_below(box: Box, notes: int) -> float:
    """Where the words under a box end."""
    return box.bottom.y + 23 + 16 * notes


def one_stack(sheet: Sheet, t: Trace, i: int, top: float, note: str) -> tuple[float, Point]:
    """An hourglass, its features and its maps; gives the ends of the words under both."""
    glass = bowtie(sheet, 150, top + 56)
    sheet.arrow(Point(150, top), Point(150, glass.top.y - 2))
    deepest = t.out[nested(t, f"hourglasses.{i}.0")[-1] + ".inner"]
    sheet.text(196, glass.y - 3, f"hourglass {i + 1}", "shape", "start")
    sheet.text(196, glass.y + 14, f"down to {label(deepest)}, and back", anchor="start")
    features = sheet.solid("features", t.out[f"hourglasses.{i}"], 150, glass.bottom.y + 48)
    sheet.arrow(glass.bottom, Point(150, features.top.y - 3))
    maps = sheet.maps(t.out[f"heads.{i}"], RIGHT, features.y)
    start, end = Point(features.right.x + 5, features.y), Point(maps.left.x - 4, maps.y)
    sheet.arrow(start, end)
    sheet.text((start.x + end.x) / 2, maps.y - 7, words(t.part(f"heads.{i}")))
    below = sheet.caption(maps, label(t.out[f"heads.{i}"]), note)
    note = f"residual, {words(t.part(f'hourglasses.{i}.2'))}"
    return sheet.caption(features, label(t.out[f"hourglasses.{i}"]), note).y, below


def bowtie(sheet: Sheet, x: float, y: float) -> Box:
    """An hourglass as a sign."""
    front, _, _, edge = sheet.paint("features")
    sheet.polygon(front, edge, (x - 36, y - 32), (x + 36, y - 32), (x + 7, y), (x + 36, y + 32), (x - 36, y + 32),
                  (x - 7, y))
    return Box(x, y, 72, 64)


def parts() -> str:
    """Left, the detector goes down; right, the regressor comes up, with the face and the parts before it."""
    t, sheet = trace("parts"), Sheet(scale=0.55)
    detector, regressor = detector_stages(t), regressor_stages(t)
    y = sheet.heading("Part heatmaps", "First what is there, then where it is.")
    sheet.text(LEFT, y + 12, "detector", "head")
    sheet.text(RIGHT, y + 12, "regressor", "head")
    y += 26
    gap = 24 + (stack(sheet, detector) - stack(sheet, regressor)) / (len(regressor) - 1)
    down, up = column(sheet, detector, LEFT, y), column(sheet, regressor, RIGHT, y, up=True, gap=gap)
    mark = sheet.beside(up[0].left.x - 28, up[0].y)
    sheet.arrow(mark.right, Point(up[0].left.x - 4, mark.y))
    sheet.arrow(Point(down[-1].right.x + 5, mark.y), Point(mark.left.x - 1, mark.y))
    sheet.text(226, mark.y + 18, "sigmoid")
    sheet.arrow(Point(down[0].right.x + 5, down[0].y), Point(220, down[0].y), Point(220, mark.y - 26),
                Point(mark.x, mark.y - 26), Point(mark.x, mark.top.y - 1), skip=True)
    y += stack(sheet, detector) + 14
    y = sheet.names(sheet.key(y, "carried past", beside="side by side"), "parts")
    return sheet.svg("The part network: detector and regressor", tell(t, f"""Two columns. The left one, the detector,
        goes down: the face, [>], through a ResNet whose last stages do not halve,
        {joined(s.shape for s in detector[2:-2])}, to scores of [detector.score], enlarged to parts of [detector.up]
        that are trained on discs. The right one, the regressor, comes up: face and parts side by side, [> regressor],
        through [regressor.0] and [> regressor.8] and an hourglass that puts out [regressor.8] to [regressor.15],
        enlarged to the maps, [regressor], trained on Gaussians."""), y)


def detector_stages(t: Trace) -> list[Stage]:
    """Of the part network's first half: a ResNet, scores, parts."""
    layers = [f"detector.layers.{i}" for i in range(len(t.part("detector.layers")))]
    stages = [Stage("input", t.into[""], "the face"),
              Stage("features", t.out["detector.stem"], words(t.part("detector.stem")))]
    stages += [Stage("features", t.out[part], blocks(t, part)) for part in layers]
    stages += [Stage("maps", t.out["detector.score"], words(t.part("detector.score"))),
               Stage("discs", t.out["detector.up"], f"{larger(t.part('detector.up'))}\nparts, trained on discs")]
    return stages


def regressor_stages(t: Trace) -> list[Stage]:
    """Of the part network's second half: a stem, an hourglass, maps."""
    deepest = t.out[nested(t, "regressor.8")[-1] + ".inner"]
    return [Stage("features", t.into["regressor"], "face + parts, side by side"),
            Stage("features", t.out["regressor.0"], words(t.part("regressor.0"))),
            Stage("features", t.into["regressor.8"], residuals(t.part("regressor"))),
            Stage("features", t.out["regressor.8"], f"hourglass down to\n{label(deepest)}"),
            Stage("features", t.into["regressor.15"], words(t.part("regressor.9"), t.part("regressor.12"))),
            Stage("maps", t.out["regressor.15"], words(t.part("regressor.15"))),
            Stage("answer", t.out["regressor"], f"{larger(t.part('regressor.16'))}\nmaps, trained on Gaussians")]


def lgcn() -> str:
    """Local net, fixed kernel, global net; nothing is halved."""
    t, sheet = trace("lgcn"), Sheet(scale=0.42)
    width = heatmaps.kernel_rows().shape[1]
    local, context = (convolutions(t.part(part)) for part in ("local", "context"))
    near, far = sees(local), sees(local + context, width - 1)
    y = sheet.heading("LGCN", "No halving; a fixed kernel carries news across.")
    stages = [Stage("input", t.into[""], "the face"),
              Stage("features", t.out["local"], f"local net: {words(t.part('local'))}\na pixel sees {near} x {near}")]
    box = column(sheet, stages, WIDTH / 2, y)[-1]
    fork, y = Point(WIDTH / 2, sheet_below(box, 2)), sheet_below(box, 2) + 36
    lanes = [(LEFT, "main", "main: "), (RIGHT, "side", "side: ")]
    ends = [branch(sheet, fork, t, x, part, name, y) for x, part, name in lanes]
    kernel = sheet.operation(WIDTH / 2, ends[0].y + 46, f"fixed kernel {width} x {width}", WIDTH - 2 * MARGIN, "fixed",
                             "the same peak with long tails for every map")
    o1, side = (kernelled(sheet, end, kernel, t, note) for end, note in zip(ends, ("o1, trained", ""), strict=True))
    mark = sheet.beside(RIGHT, sheet_below(o1, 1) + 14)
    sheet.arrow(Point(RIGHT, sheet_below(side, 0)), Point(RIGHT, mark.top.y - 1))
    sheet.arrow(Point(o1.right.x + 5, o1.y), Point(220, o1.y), Point(220, mark.y), Point(mark.left.x - 1, mark.y),
                skip=True)
    stages = [Stage("features", t.out["context"], f"global net, of {t.into['context'][0]} channels:\n"
                                                  f"{words(t.part('context'))}"),
              Stage("maps", t.out["correction"], words(t.part("correction")))]
    first, last = column(sheet, stages, RIGHT, mark.bottom.y + 24)
    sheet.arrow(mark.bottom, Point(RIGHT, first.top.y - 3))
    y = sum_of_both(sheet, o1, last, t.out[""], f"o2, trained, the answer\na pixel sees {far} x {far}")
    y = sheet.names(sheet.key(y, "carried past", "sum", "side by side"), "lgcn")
    return sheet.svg("The local-global context network", tell(t, f"""From top to bottom: the face, [>]; the local net
        of {words(t.part("local"))}, [local], in which a pixel sees {near} x {near}. Two 1x1 convolutions make two
        sets of maps, main and side, [main] each. Both go through the same fixed {width} x {width} kernel. The first
        is then o1, which is trained. Both side by side, {t.into['context'][0]} channels, go through the global net of
        {words(t.part("context"))}, [context], and a 1x1 convolution to a correction, [correction]. The sum of o1 and
        the correction is o2, [], the answer, trained as well, in which a pixel sees {far} x {far}."""), y)


def branch(sheet: Sheet, fork: Point, t: Trace, x: float, part: str, name: str, y: float) -> Point:
    """From the fork to one of LGCN's two sets of maps; gives the end of the words under them."""
    stage = Stage("maps", t.out[part], name + words(t.part(part)) + (", ReLU" if part == "side" else ""))
    box = sheet.solid(stage.kind, stage.shape, x, y + tall(sheet, stage) / 2)
    sheet.arrow(fork, Point(fork.x, fork.y + 12), Point(x, fork.y + 12), Point(x, box.top.y - 3))
    return sheet.caption(box, label(stage.shape), stage.note)


def kernelled(sheet: Sheet, start: Point, kernel: Box, t: Trace, note: str) -> Box:
    """Into the fixed kernel, and the maps that come out."""
    sheet.arrow(start, Point(start.x, kernel.top.y - 1))
    maps = sheet.maps(t.out["kernel"], start.x, kernel.bottom.y + 54)
    sheet.arrow(Point(start.x, kernel.bottom.y), Point(start.x, maps.top.y - 3))
    sheet.caption(maps, label(t.out["kernel"]), note)
    return maps


def sum_of_both(sheet: Sheet, o1: Box, correction: Box, shape: Shape, note: str) -> float:
    """o1 and its correction, added, and the maps that come out; gives the next free y."""
    mark = sheet.plus(LEFT, correction.y)
    sheet.arrow(Point(LEFT, sheet_below(o1, 1)), Point(LEFT, mark.top.y - 1), skip=True)
    sheet.arrow(Point(correction.left.x - 5, mark.y), Point(mark.right.x + 1, mark.y))
    maps = sheet.maps(shape, LEFT, mark.y + 60)
    sheet.arrow(mark.bottom, Point(LEFT, maps.top.y - 3))
    return sheet.caption(maps, label(shape), note).y + 12


def reference() -> str:
    """The two small networks of others, side by side."""
    t, maps, sheet = trace("cnn3"), trace("fcn24"), Sheet(scale=0.6)
    left, right = cnn3_stages(t), fcn24_stages(maps)
    y = sheet.heading("Reference networks", "What others began with: coordinates, and maps.")
    sheet.text(LEFT, y + 12, "cnn3", "head")
    sheet.text(RIGHT, y + 12, "fcn24", "head")
    gap = 24 + (stack(sheet, left) - stack(sheet, right)) / (len(right) - 1)
    column(sheet, left, LEFT, y + 26)
    column(sheet, right, RIGHT, y + 26, gap=gap)
    y = sheet.names(sheet.key(y + 26 + stack(sheet, left) + 14), "reference")
    small = tell(t, "cnn3: three convolutions, each followed by a halving, [2], [6] and [10]; then [12] in a row, two "
                    "hidden layers of [13] and [16], and [18].")
    large = tell(maps, f"fcn24: two blocks, [4] and [9]; a {kind(maps.part('11'))}, [11]; a 1x1 convolution, [13]; and "
                       "an enlargement to maps of [15].")
    return sheet.svg("The reference networks cnn3 and fcn24", f"""Two columns, both from the face,
        {label(t.into[""])}, downwards. {small} {large}""", y)


def cnn3_stages(t: Trace) -> list[Stage]:
    """Three convolutions, then rows of numbers."""
    stages = [Stage("input", t.into[""], "the face")]
    stages += [Stage("features", t.out[pool], f"{words(t.part(conv))}, halve")
             for conv, pool in (("0", "2"), ("4", "6"), ("8", "10"))]
    stages += [Stage("numbers", t.out["12"], "all places, laid in a row")]
    stages += [Stage("numbers", t.out[part], "linear, ReLU") for part in ("13", "16")]
    stages += [Stage("numbers", t.out["18"], "linear")]
    return stages


def fcn24_stages(t: Trace) -> list[Stage]:
    """Two blocks, a convolution as large as its picture, maps."""
    stages = [Stage("input", t.into[""], "the face")]
    stages += [Stage("features", t.out[pool], f"{words(*map(t.part, convs))}, halve")
               for convs, pool in ((("0", "2"), "4"), (("5", "7"), "9"))]
    stages += [Stage("features", t.out[part], words(t.part(part))) for part in ("11", "13")]
    stages += [Stage("answer", t.out["15"], larger(t.part("15")))]
    return stages


# ---- the way of the data, and the heads -------------------------------------------------------


@cache
def way() -> dict[str, Shape]:
    """Shapes on the way of a few drawn faces from the data to the points, without the number of faces."""
    faces, _ = load("sample").split(held_out=0.2)
    few = faces.select(slice(4))
    model, generator = create_model("hourglass-s", size=SIZE).eval(), torch.Generator().manual_seed(0)
    images, points = to_float(torch.from_numpy(few.images)), torch.from_numpy(few.keypoints)
    seen, moved = augment.augment(images, points, torch.from_numpy(few.scheme.swap), augment.Augment(), generator)
    with torch.no_grad():
        raw = model(seen)
    found, confidence = model.head.decode(raw)
    named = {"faces.images": faces.images, "faces.keypoints": faces.keypoints, "images": seen, "keypoints": moved,
             "maps": raw[-1], "found": found, "confidence": confidence}
    return {name: tuple(array.shape[1:]) for name, array in named.items()} | {"numbers": trace("resnet18").out[""]}


def batch(letter: str, name: str) -> str:
    """A shape of the way, with a letter for the number of faces before it: "B x 15 x 2"."""
    return " x ".join(map(str, (letter, *way()[name])))


TRAIN, HELD, MIDDLE, WIDE = 124, 316, WIDTH / 2, 352  # where the pipeline's boxes lie, and how wide the large ones are


def pipeline() -> str:
    """From training.csv to an error in pixels; the training's own loop at the left."""
    sheet = Sheet(scale=0.62)
    y = sheet.heading("The way of the data", "From a text file to an error in pixels.")
    views, below = from_file(sheet, y)
    raw = through_network(sheet, below)
    ends = to_error(sheet, raw)
    for view, end, edge in zip(views, ends, (26, WIDTH - 26), strict=True):
        start, last = (view.left, end.left) if edge < MIDDLE else (view.right, end.right)
        sheet.arrow(start, Point(edge, view.y), Point(edge, end.y), last)
    sheet.text(38, ends[0].bottom.y + 24, "outer lines: true keypoints", anchor="start")
    return sheet.svg("The way of the data, from training.csv to an error in pixels", f"""From top to bottom:
        training.csv becomes Faces, images of {batch("N", "faces.images")} and keypoints of
        {batch("N", "faces.keypoints")}. They are split. At the left the training faces are augmented, picture and
        points together; at the right the held-out ones stay as they are. Both go, as batches of
        {batch("B", "images")}, through the network, which puts out raw numbers, {batch("B", "numbers")}, or maps,
        such as {batch("B", "maps")}. At the left the head's loss compares raw with the true keypoints, and its
        gradient goes back into the network. At the right the head decodes raw into keypoints, {batch("B", "found")},
        and confidences, {batch("B", "confidence")}; compared with the true keypoints they give the error in
        pixels.""", ends[1].bottom.y + 24)


def step(sheet: Sheet, start: Point, end: Point, name: str = "") -> None:
    """A straight arrow down, with a function's name beside it."""
    sheet.arrow(start, Point(start.x, end.y - 1))
    sheet.text(start.x + 10, (start.y + end.y) / 2 + 4, name, "code", "start") if name else None


def from_file(sheet: Sheet, y: float) -> tuple[list[Box], list[Point]]:
    """The file, the faces, the two sides of the split; gives the views of them, and where the words under those end."""
    values = f"in each line {2 * K} coordinates, {math.prod(way()['faces.images'])} grey values"
    source = sheet.operation(MIDDLE, y + 22, "training.csv", WIDE, "picture", values)
    faces = sheet.operation(MIDDLE, source.y + 78, f"Faces: images {batch('N', 'faces.images')}", WIDE, "picture",
                            f"keypoints {batch('N', 'faces.keypoints')}, NaN where missing")
    step(sheet, source.bottom, faces.top, "load")
    sides = [sheet.operation(x, faces.y + 72, name, 160, "picture")
             for x, name in ((TRAIN, "train"), (HELD, "held out"))]
    for side, name in zip(sides, ("", "split"), strict=True):
        step(sheet, Point(side.x, faces.bottom.y), side.top, name)
    views = [view(sheet, *rest) for rest in zip(sides, ("augment", ""), (-14, 0), strict=True)]
    texts = batch("B", "images"), f"keypoints {batch('B', 'keypoints')}"
    return views, [sheet.caption(box, *texts) for box in views]


def view(sheet: Sheet, side: Box, name: str, turn: float) -> Box:
    """A face as the network sees it; gives the room it takes, turned."""
    face = sheet.picture(side.x, side.bottom.y + 78, points=True, turn=turn)
    box = Box(face.x, face.y, face.w + 22, face.h + 12)
    step(sheet, side.bottom, box.top, name)
    return box


def through_network(sheet: Sheet, below: list[Point]) -> Box:
    """The network and its raw output, with the gradient's way back."""
    network = sheet.operation(MIDDLE, below[0].y + 44, f"one of {len(MODELS)} networks", WIDE, "features")
    raw = sheet.operation(MIDDLE, network.bottom.y + 52, f"raw: {batch('B', 'numbers')}", WIDE, "maps",
                          f"or maps, such as {batch('B', 'maps')}")
    for point in below:
        step(sheet, point, network.top)
    for x in (TRAIN + 16, HELD - 24):
        step(sheet, Point(x, network.bottom.y), raw.top)
    gradient(sheet, raw, network)
    return raw


def gradient(sheet: Sheet, start: Box, end: Box) -> None:
    """The arrow of learning, upwards."""
    x = TRAIN - 16
    sheet.arrow(Point(x, start.top.y), Point(x, end.bottom.y + 1), skip=True)
    sheet.text(x - 9, (start.top.y + end.bottom.y) / 2 + 4, "gradient", "skip", "end")


def to_error(sheet: Sheet, raw: Box) -> tuple[Box, Box]:
    """What training and testing make of raw: the boxes that take the true keypoints."""
    loss = sheet.operation(TRAIN, raw.bottom.y + 66, "loss", 160, "numbers", "one number")
    step(sheet, Point(TRAIN + 16, raw.bottom.y), loss.top, "Head.loss")
    gradient(sheet, loss, raw)
    found = sheet.operation(HELD, loss.y, f"keypoints {batch('B', 'found')}", 172, "numbers",
                            f"confidence {batch('B', 'confidence')}")
    step(sheet, Point(HELD - 24, raw.bottom.y), found.top, "Head.decode")
    error = sheet.operation(HELD, found.bottom.y + 60, "RMSE", 160, "numbers", "pixels")
    step(sheet, Point(HELD - 24, found.bottom.y), error.top, "metrics.rmse")
    return loss, error


def heads() -> str:
    """Two heads side by side: the answer above, training below."""
    sheet = Sheet()
    with torch.device("meta"):
        numbers, maps = (create_model(name, size=SIZE).head for name in ("resnet18", "hourglass-s"))
    half, s, stride = numbers.size[1] / 2, way(), maps.stride
    y = sheet.heading("Two heads", "What raw numbers mean, and how they are trained.")
    for x, head in ((LEFT, numbers), (RIGHT, maps)):
        sheet.text(x, y + 12, type(head).__name__, "head")
    sheet.bar(s["numbers"][0], LEFT, y + 58)
    sheet.maps(s["maps"], RIGHT, y + 58)
    given = [sheet.caption(Box(x, y + 58, 0, 46), label(shape), note) for x, shape, note in (
        (LEFT, s["numbers"], "raw: -1 and 1 are\nthe picture's edges"),
        (RIGHT, s["maps"], "raw: a map for each\nkeypoint"))]
    ends = [answer(sheet, *rest) for rest in (
        (given[0], f"from -1 .. 1 to pixels:\n(raw + 1) * {number(half)} - 0.5", "confidence: none"),
        (given[1], f"p is the {maps.decoder}:\n(p + 0.5) * {stride} - 0.5", "confidence: the peak"))]
    y = max(ends) + 12
    sheet.rule(y)
    sheet.text(MIDDLE, y + 28, "in training", "head")
    y = max(lesson(sheet, LEFT, y + 40, "", numbers.loss_name, "points against points"),
            lesson(sheet, RIGHT, y + 40, f"Gaussian, sigma {number(maps.sigma)}", maps.loss_name, "maps against maps"))
    return sheet.svg("The coordinate head and the heatmap head", f"""Two columns. Above, how raw becomes points. The
        coordinate head reads {label(s["numbers"])}, where -1 and 1 are the picture's edges, scales them to pixels,
        and has no confidence. The heatmap head reads {label(s["maps"])} maps, takes the place of the peak of each by
        {maps.decoder}, scales it by the stride of {stride} to pixels, and gives the peak as confidence. Both give
        {label(s["found"])} points. Below, training: the coordinate head compares its points with the true ones; the
        heatmap head first draws a Gaussian of sigma {number(maps.sigma)} for each true point, {label(s["maps"])}, and
        compares maps with maps.""", sheet.key(y + 16))


def answer(sheet: Sheet, start: Point, decode: str, confidence: str) -> float:
    """From raw to points, downwards; gives the next free y."""
    box = sheet.operation(start.x, start.y + 54, "decode", 176, note=decode)
    sheet.arrow(start, Point(box.x, box.top.y - 1))
    face = sheet.picture(box.x, box.bottom.y + 58, points=True)
    sheet.arrow(box.bottom, Point(box.x, face.top.y - 3))
    return sheet.caption(face, label(way()["found"]), f"pixels\n{confidence}").y


def lesson(sheet: Sheet, x: float, y: float, target: str, loss: str, what: str) -> float:
    """From true points to the loss, downwards; gives the next free y."""
    face = sheet.picture(x, y + 24, 48, points=True)
    last = sheet.caption(face, label(way()["keypoints"]), "true points")
    low = Point(x, last.y + 150)
    if target:
        maps = sheet.maps(way()["maps"], x, last.y + 56)
        sheet.arrow(last, Point(x, maps.top.y - 3))
        last = sheet.caption(maps, label(way()["maps"]), target)
    box = sheet.operation(x, low.y + 30, f"loss: {loss}", 176, "numbers", what)
    sheet.arrow(last, Point(x, box.top.y - 1))
    return box.bottom.y


FAMILIES = {
    "vgg16": ("vgg16",),
    "resnet": ("resnet18", "resnet34", "resnet50"),
    "fcn8": ("fcn8",),
    "unet": ("unet",),
    "hourglass": ("hourglass-s", "hourglass-1"),
    "hourglass-stacks": ("hourglass-2", "hourglass-4", "hourglass-8"),
    "parts": ("parts-s", "parts"),
    "lgcn": ("lgcn-s", "lgcn"),
    "reference": ("cnn3", "fcn24"),
}
# Where a diagram stands for several networks, those whose shapes it shows.
DRAWN = {"resnet18", "resnet50", "hourglass-1", "hourglass-2", "parts", "lgcn"}
DIAGRAMS: dict[str, Callable[[], str]] = {
    "pipeline": pipeline, "heads": heads, "vgg16": vgg16, "resnet": resnet, "fcn8": fcn8, "unet": unet,
    "hourglass": hourglass, "hourglass-stacks": stacks, "parts": parts, "lgcn": lgcn, "reference": reference,
}

# ---- writing them -----------------------------------------------------------------------------


def made() -> dict[Path, str]:
    """Each file, and what it should hold."""
    return {FOLDER / f"{name}.svg": make() for name, make in DIAGRAMS.items()}


def write(check: bool = False) -> list[str]:
    """Write the files, or with ``check`` only look; gives the names of those that were or would be changed."""
    changed = []
    for path, text in made().items():
        if not path.is_file() or path.read_text() != text:
            changed.append(path.name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    return changed


if __name__ == "__main__":
    changed = write("--check" in sys.argv)
    print("\n".join(changed) or "Every diagram agrees with the code")
    sys.exit(1 if changed and "--check" in sys.argv else 0)
