"""Columns of stages, top to bottom or as a valley."""

from typing import NamedTuple

from sheet import Box, Point, Sheet
from traced import Shape, label


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
        return sheet.image(x, y)
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
