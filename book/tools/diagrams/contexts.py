"""Part heatmaps, the local-global context network, and the two reference networks."""

from columns import LEFT, RIGHT, Stage, column, stack, tall
from hourglasses import sheet_below
from ladders import blocks, joined, tell
from sheet import MARGIN, WIDTH, Box, Point, Sheet
from traced import Shape, Trace, convolutions, kind, label, larger, nested, residuals, sees, trace, words

from facekp import heatmaps


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
    y = sheet.names(sheet.key(y, "skip connection", beside="concatenation"), "parts")
    return sheet.svg("The part network: detector and regressor", tell(t, f"""Two columns. The left one, the detector,
        goes down: the face, [>], through a ResNet whose last stages do not downsample,
        {joined(s.shape for s in detector[2:-2])}, to scores of [detector.score], enlarged to parts of [detector.up]
        that are trained on discs. The right one, the regressor, comes up: face and parts concatenated, [> regressor],
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
    return [Stage("features", t.into["regressor"], "face + parts, concatenated"),
            Stage("features", t.out["regressor.0"], words(t.part("regressor.0"))),
            Stage("features", t.into["regressor.8"], residuals(t.part("regressor"))),
            Stage("features", t.out["regressor.8"], f"hourglass down to\n{label(deepest)}"),
            Stage("features", t.into["regressor.15"], words(t.part("regressor.9"), t.part("regressor.12"))),
            Stage("maps", t.out["regressor.15"], words(t.part("regressor.15"))),
            Stage("answer", t.out["regressor"], f"{larger(t.part('regressor.16'))}\nmaps, trained on Gaussians")]


def lgcn() -> str:
    """Local net, fixed kernel, global net; nothing is downsampled."""
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
    y = sheet.names(sheet.key(y, "skip connection", "sum", "concatenation"), "lgcn")
    return sheet.svg("The local-global context network", tell(t, f"""From top to bottom: the face, [>]; the local net
        of {words(t.part("local"))}, [local], in which a pixel sees {near} x {near}. Two 1x1 convolutions make two
        sets of maps, main and side, [main] each. Both go through the same fixed {width} x {width} kernel. The first
        is then o1, which is trained. Both concatenated, {t.into['context'][0]} channels, go through the global net of
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
    y = sheet.heading("Baseline networks", "What others began with: coordinates, and maps.")
    sheet.text(LEFT, y + 12, "cnn3", "head")
    sheet.text(RIGHT, y + 12, "fcn24", "head")
    gap = 24 + (stack(sheet, left) - stack(sheet, right)) / (len(right) - 1)
    column(sheet, left, LEFT, y + 26)
    column(sheet, right, RIGHT, y + 26, gap=gap)
    y = sheet.names(sheet.key(y + 26 + stack(sheet, left) + 14), "reference")
    small = tell(t, "cnn3: three convolutions, each followed by pooling, [2], [6] and [10]; then [12], flattened, two "
                    "hidden layers of [13] and [16], and [18].")
    large = tell(maps, f"fcn24: two blocks, [4] and [9]; a {kind(maps.part('11'))}, [11]; a 1x1 convolution, [13]; and "
                       "upsampling to maps of [15].")
    return sheet.svg("The baseline networks cnn3 and fcn24", f"""Two columns, both from the face,
        {label(t.into[""])}, downwards. {small} {large}""", y)


def cnn3_stages(t: Trace) -> list[Stage]:
    """Three convolutions, then linear layers."""
    stages = [Stage("input", t.into[""], "the face")]
    stages += [Stage("features", t.out[pool], f"{words(t.part(conv))}, pool")
             for conv, pool in (("0", "2"), ("4", "6"), ("8", "10"))]
    stages += [Stage("numbers", t.out["12"], "flattened")]
    stages += [Stage("numbers", t.out[part], "linear, ReLU") for part in ("13", "16")]
    stages += [Stage("numbers", t.out["18"], "linear")]
    return stages


def fcn24_stages(t: Trace) -> list[Stage]:
    """Two blocks, a convolution as large as its input, maps."""
    stages = [Stage("input", t.into[""], "the face")]
    stages += [Stage("features", t.out[pool], f"{words(*map(t.part, convs))}, pool")
               for convs, pool in ((("0", "2"), "4"), (("5", "7"), "9"))]
    stages += [Stage("features", t.out[part], words(t.part(part))) for part in ("11", "13")]
    stages += [Stage("answer", t.out["15"], larger(t.part("15")))]
    return stages
