"""A sheet to draw on: boxes, arrows and words as SVG."""

import math
import textwrap
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from traced import DRAWN, FAMILIES, SIZE, Shape, options, parameters

WIDTH, MARGIN = 440, 20
CARD, INK, SOFT, SKIP = "#F7F8FA", "#1F2933", "#4B5563", "#8E3B76"
# Fronts, tops, sides and edges of solids: Okabe and Ito's hues, lighter and darker.
PAINT = {
    "image": ("#D5D9DF", "#E8EBEF", "#B4BBC5", "#4B5563"),
    "features": ("#B5D5EC", "#D9EAF6", "#86B9DE", "#005A8E"),
    "maps": ("#FBCDA6", "#FDE6D2", "#F0AA72", "#A94A00"),
    "numbers": ("#B8E2D3", "#DCF1EA", "#85CBB3", "#00674A"),
    "fixed": ("#F6E3A1", "#FBF1CF", "#E4C762", "#7A6000"),
}
MEANING = {"image": "image", "features": "features", "maps": "keypoint maps", "numbers": "vector",
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
    """A position on the sheet."""

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
    """Elements of a diagram, from the bottom layer to the top.

    Attributes:
        scale: units of drawing per pixel of a map.
        longest: no vector is drawn longer.
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
        """A shape and a note under what was drawn; gives the point from which an arrow may go on."""
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

    def arrow(self, *points: Point, skip: bool = False, tip: bool = True) -> None:
        """A line through some points, with a tip at its end; dashed if it skips layers."""
        (x0, y0), (x1, y1) = points[-2:]
        angle, colour = math.atan2(y1 - y0, x1 - x0), SKIP if skip else INK
        end = Point(x1 - 6 * math.cos(angle), y1 - 6 * math.sin(angle)) if tip else points[-1]
        path = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in (*points[:-1], end))
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
        """A stack of maps (channels, h, w) with its middle at (x, y): a vector if it has one axis only."""
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
        """A vector, striped."""
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

    def image(self, x: float, y: float, side: float = 0, points: bool = False, turn: float = 0) -> Box:
        """The face, and on it, if wanted, the fifteen points; turned by some degrees."""
        front, _, _, edge = self.paint("image")
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
        """Concatenated channels."""
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
        """What the library calls these networks, their parameters and what sets them apart; gives the next free y."""
        self.rule(y)
        y += 4
        for name in FAMILIES[family]:
            y += 19
            self.text(MARGIN, y, name, "code", "start")
            self.text(228, y, f"{parameters(name) / 1e6:.2f} M params", anchor="end")
            apart = [options(name)] * bool(options(name)) + ["as\N{NO-BREAK SPACE}drawn"] * (name in DRAWN)
            for i, line in enumerate(textwrap.wrap(", ".join(apart), 24, break_on_hyphens=False)):
                y += 16 * bool(i)
                self.text(246, y, line, anchor="start")
        return y + 16

    def svg(self, title: str, description: str, height: float) -> str:
        """The whole diagram as a file's text."""
        card = tag("rect", x=0.5, y=0.5, width=WIDTH - 1, height=height - 1, rx=12, fill=CARD, stroke="#C9CFD8")
        about = f'<title id="t">{escape(title)}</title>\n<desc id="d">{escape(" ".join(description.split()))}</desc>'
        body = "\n".join((about, f"<style>{STYLE}</style>", card, *self.elements))
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{number(height)}" '
                f'viewBox="0 0 {WIDTH} {number(height)}" role="img" aria-labelledby="t d">\n{body}\n</svg>\n')
