"""The hourglass, and hourglasses in a row."""

from columns import RIGHT, Level, Stage, column, valley
from ladders import joined, tell
from sheet import Box, Point, Sheet
from traced import Trace, kind, label, nested, residuals, trace, words


def hourglass() -> str:
    """One hourglass: at each scale a residual carries the features across, where they are added."""
    t, sheet = trace("hourglass-1"), Sheet()
    scales = nested(t, "hourglasses.0.0")
    low = [f"{part}.before" for part in scales]
    left = [Stage("features", t.out["stem"], f"{words(t.part('stem.0'))},\n{residuals(t.part('stem'))}")]
    left += [Stage("features", t.out[part], "pool, residual") for part in low]
    right = [Stage("features", t.out[part], "residual, upsample, add") for part in scales]
    right += [Stage("features", t.out[f"{scales[-1]}.inner"])]
    levels = [Level(Stage("input", t.into[""], "the face"), Stage("answer", t.out["heads.0"],
                    f"residual, {words(t.part('hourglasses.0.2'), t.part('heads.0'))}"))]
    levels += [Level(a, b, "plus", "residual") for a, b in zip(left[:-1], right[:-1], strict=True)]
    levels += [Level(left[-1], right[-1], "", "residual")]
    y = sheet.heading("Hourglass", "See every scale, and add up what was seen.")
    y = sheet.names(sheet.key(valley(sheet, levels, y), "skip connection", "sum"), "hourglass")
    return sheet.svg("One hourglass, scale by scale", tell(t, f"""Two columns. The left one goes down: the face, [>],
        the stem's [stem], then downsampled {len(low)} times, {joined(t.out[part] for part in low)}. The right one comes
        up through the same sizes. On each scale a skip connection with a residual block carries the left features
        across, where they are added to what comes up from below. From the last sum, [hourglasses.0.0], come the maps,
        [heads.0]."""), y)


def stacks() -> str:
    """Two hourglasses, and what the first passes to the second."""
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
    y = sheet.names(sheet.key(y + 14, "skip connection", "sum"), "hourglass-stacks")
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
