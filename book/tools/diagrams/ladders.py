"""VGG-16, ResNet, FCN-8, U-Net and SimCC."""

import re
from collections.abc import Iterable

from columns import Level, Stage, ladder, valley
from sheet import Point, Sheet
from traced import K, Shape, Trace, convolutions, kind, label, larger, trace, words


def tell(t: Trace, text: str) -> str:
    """The text with a part's output in place of "[part]", and with its input in place of "[> part]"."""
    return re.sub(r"\[(> ?)?([\w.]*)\]", lambda m: label((t.into if m[1] else t.out)[m[2]]), text)


def joined(shapes: Iterable[Shape]) -> str:
    """Shapes in a sentence."""
    *most, last = map(label, shapes)
    return ", ".join(most) + (" and " if most else "") + last


def vgg16() -> str:
    """Five blocks, then flattened for linear layers."""
    t, sheet = trace("vgg16"), Sheet()
    blocks = [f"0.blocks.{i}" for i in range(len(t.part("0.blocks")))]
    stages = [Stage("input", t.into[""], "the face")]
    stages += [Stage("features", t.out[b], f"block {i}: {words(t.part(b))}, pool") for i, b in enumerate(blocks, 1)]
    stages += [Stage("numbers", t.out["2"], "flattened"), Stage("numbers", t.out["4"], "linear, ReLU"),
               Stage("numbers", t.out["7"], f"linear: x and y of {K} points")]
    y = sheet.heading("VGG-16", "The maps shrink, the channels grow.")
    y = sheet.names(sheet.key(ladder(sheet, stages, 110, y, 208)), "vgg16")
    return sheet.svg("VGG-16, layer by layer", tell(t, f"""A column of solids, from top to bottom. The face is [>].
        Five blocks of 3x3 convolutions each halve the resolution; they put out {joined(t.out[b] for b in blocks)}. The
        last is flattened to [2]; a linear layer makes [4] of them, a last one [7], the coordinates of the {K}
        points."""), y)


def resnet() -> str:
    """Four stages of residual blocks, for 18 and 50 layers, and the two kinds of block."""
    t, deep, sheet = trace("resnet18"), trace("resnet50"), Sheet()
    layers = [f"layer{i}" for i in range(1, 5)]
    stages = [Stage("input", t.into[""], "the face", (label(deep.into[""]), "the face"))]
    stages += [Stage("features", t.out[part], note, (label(deep.out[part]), note))
               for part, note in (("relu", words(t.part("conv1"))), ("maxpool", "max pooling"))]
    stages += [Stage("features", t.out[part], blocks(t, part), (label(deep.out[part]), blocks(deep, part)))
               for part in layers]
    flat, wide = t.into["fc"], deep.into["fc"]
    stages += [Stage("numbers", flat, "average pooling", (label(wide), "average pooling")),
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
    y = sheet.names(sheet.key(y, "skip connection", "sum"), "resnet")
    return sheet.svg("ResNet-18 and ResNet-50, stage by stage", tell(t, f"""A column of solids for ResNet-18, with the
        shapes of ResNet-18 and ResNet-50 beside it. Both begin with [>], [relu] and [maxpool]. The four stages of
        ResNet-18 put out {joined(t.out[part] for part in layers)}; those of ResNet-50
        {joined(deep.out[part] for part in layers)}. Global average pooling leaves {flat[0]} or {wide[0]} numbers,
        and a linear layer makes [fc] of them. Below, one block of each: two 3x3 convolutions, or 1x1, 3x3 and 1x1;
        what they make is added to what came in."""), y)


def simcc() -> str:
    """Three stages of a ResNet, a map for each keypoint, and two linear layers that all keypoints share."""
    t, deep, sheet = trace("simcc-s"), trace("simcc"), Sheet()
    parts = [("features", "stem.2", words(t.part("stem.0"))), ("features", "stem.3", "max pooling")]
    parts += [("features", f"layers.{i}", "") for i in range(len(t.part("layers")))]
    stages = [Stage("input", t.into[""], "the face", (label(deep.into[""]), "the face"))]
    for paint, part, note in parts:
        notes = [note or blocks(of, part) for of in (t, deep)]
        stages.append(Stage(paint, t.out[part], notes[0], (label(deep.out[part]), notes[1])))
    stages += [Stage("answer", t.out["maps"], "a map for each point", (label(deep.out["maps"]), "the same")),
               Stage("numbers", t.into["x"][1:], "each map, flattened", (label(deep.into["x"][1:]), "the same")),
               Stage("numbers", t.out["x"][1:], "linear: bins of x", (label(deep.out["x"][1:]), "the same"))]
    y = sheet.heading("SimCC", "Each coordinate is a choice of one bin.")
    sheet.text(154, y + 12, "simcc-s", "code", "start")
    sheet.text(318, y + 12, "simcc", "code", "start")
    y = ladder(sheet, stages, 78, y + 12, 154, 318)
    sheet.text(154, y, label(t.out[""]), "shape", "start")
    sheet.text(154, y + 17, "with a second linear layer for y", anchor="start")
    y = sheet.names(sheet.key(y + 30), "simcc")
    return sheet.svg("SimCC, stage by stage", tell(t, f"""A column of solids, with the shapes for a ResNet-18 and a
        ResNet-50 beside it. The face is [>]; the stem puts out [stem.2] and [stem.3], three stages of residual blocks
        {joined(t.out[part] for paint, part, _ in parts[2:])}. A convolution makes [maps] of them, a map for each of
        {K} points. Each map is flattened, and two linear layers, the same for all points, make
        {t.out["x"][-1]} numbers of it for x and as many for y: [], how likely each bin of half a pixel is."""), y)


def blocks(t: Trace, part: str) -> str:
    """How many blocks a stage has, and whether it halves the resolution."""
    halves = t.out[part][1] < t.into[part][1]
    return ("halve, " if halves else "") + f"{len(t.part(part))} blocks"


def residual(sheet: Sheet, title: str, t: Trace, block: str, x: float, y: float) -> float:
    """One residual block from top to bottom, with its skip connection; gives the next free y."""
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
    """VGG's backbone down, three scores up."""
    t, sheet = trace("fcn8"), Sheet()
    pools = [f"backbone.blocks.{i}" for i in range(5)]
    down = [Stage("features", t.out[p], f"{words(t.part(p))}, pool") for p in pools]
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
    y = sheet.names(sheet.key(valley(sheet, levels, y), "skip connection", "sum"), "fcn8")
    return sheet.svg("FCN-8, level by level", tell(t, f"""Two columns. The left one goes down: the face, [>], then
        VGG's five blocks with {joined(t.out[p] for p in pools)}, then two convolutions with [dense]. The right one
        comes up: scores of [score5]; upsampled and added to the scores of block 4, [score4]; upsampled and added to
        those of block 3, [score3]; upsampled once more to the maps, [up3]."""), y)


def unet() -> str:
    """Down four times, up four times, the features of each level concatenated with those from below."""
    t, sheet = trace("unet"), Sheet()
    depth = len(t.part("merge"))
    down = [Stage("features", t.out[f"down.{i}"], ("pool, " if i else "") + words(t.part(f"down.{i}")))
            for i in range(depth + 1)]
    rises = [(f"up.{depth - 1 - i}", f"merge.{depth - 1 - i}") for i in range(depth)]
    up = [Stage("features", t.out[merge], f"upsample, {t.into[merge][0] - t.out[rise][0]} + {t.out[rise][0]},\n"
                                          f"{words(t.part(merge))}") for rise, merge in rises]
    levels = [Level(Stage("input", t.into[""], "the face"), Stage("answer", t.out["head"], words(t.part("head"))))]
    levels += [Level(d, u, "beside") for d, u in zip(down, up, strict=False)] + [Level(down[-1], None)]
    y = sheet.heading("U-Net", "Each level up gets the features of the way down.")
    y = sheet.names(sheet.key(valley(sheet, levels, y), "skip connection", beside="concatenation"), "unet")
    return sheet.svg("U-Net, level by level", tell(t, f"""Two columns. The left one goes down: the face, [>], then
        {joined(s.shape for s in down)}. The right one comes up: {joined(s.shape for s in up[::-1])}, and at last the
        maps, [head]. On each level except the lowest a skip connection, a dashed line, carries the features of the left
        column across, where they are concatenated with those that come from below."""), y)
