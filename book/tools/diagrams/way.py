"""The way of the data through the library, and the two kinds of head."""

import math
from functools import cache

import torch
from columns import LEFT, RIGHT
from sheet import WIDTH, Box, Point, Sheet, number
from traced import SIZE, K, Shape, label, trace

from facekp import augment
from facekp.data import load
from facekp.models import create_model
from facekp.predict import to_float


@cache
def way() -> dict[str, Shape]:
    """Shapes on the way of a few synthetic faces from the data to the points, without the number of faces."""
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
        {batch("N", "faces.keypoints")}. They are split. At the left the training faces are augmented, image and
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
    source = sheet.operation(MIDDLE, y + 22, "training.csv", WIDE, "image", values)
    faces = sheet.operation(MIDDLE, source.y + 78, f"Faces: images {batch('N', 'faces.images')}", WIDE, "image",
                            f"keypoints {batch('N', 'faces.keypoints')}, NaN where missing")
    step(sheet, source.bottom, faces.top, "load")
    sides = [sheet.operation(x, faces.y + 72, name, 160, "image")
             for x, name in ((TRAIN, "train"), (HELD, "held out"))]
    for side, name in zip(sides, ("", "split"), strict=True):
        step(sheet, Point(side.x, faces.bottom.y), side.top, name)
    views = [view(sheet, *rest) for rest in zip(sides, ("augment", ""), (-14, 0), strict=True)]
    texts = batch("B", "images"), f"keypoints {batch('B', 'keypoints')}"
    return views, [sheet.caption(box, *texts) for box in views]


def view(sheet: Sheet, side: Box, name: str, turn: float) -> Box:
    """A face as the network sees it; gives the room it takes, turned."""
    face = sheet.image(side.x, side.bottom.y + 78, points=True, turn=turn)
    box = Box(face.x, face.y, face.w + 22, face.h + 12)
    step(sheet, side.bottom, box.top, name)
    return box


def through_network(sheet: Sheet, below: list[Point]) -> Box:
    """The network and its raw output, with the gradient's way back."""
    network = sheet.operation(MIDDLE, below[0].y + 44, "one of the networks", WIDE, "features")
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
        (LEFT, s["numbers"], "raw: -1 and 1 are\nthe image's edges"),
        (RIGHT, s["maps"], "raw: a map for each\nkeypoint"))]
    ends = [answer(sheet, *rest) for rest in (
        (given[0], f"from -1 .. 1 to pixels:\n(raw + 1) * {number(half)} - 0.5", "confidence: none"),
        (given[1], f"p is the {maps.decoder}:\n(p + 0.5) * {stride} - 0.5", "confidence: the peak"))]
    y = max(ends) + 12
    sheet.rule(y)
    sheet.text(MIDDLE, y + 28, "in training", "head")
    y = max(loss_path(sheet, LEFT, y + 40, "", numbers.loss_name, "points against points"),
            loss_path(sheet, RIGHT, y + 40, f"Gaussian, sigma {number(maps.sigma)}", maps.loss_name,
                      "maps against maps"))
    return sheet.svg("The coordinate head and the heatmap head", f"""Two columns. Above, how raw becomes points. The
        coordinate head reads {label(s["numbers"])}, where -1 and 1 are the image's edges, scales them to pixels,
        and has no confidence. The heatmap head reads {label(s["maps"])} maps, takes the position of the peak of each by
        {maps.decoder}, scales it by the stride of {stride} to pixels, and gives the peak as confidence. Both give
        {label(s["found"])} points. Below, training: the coordinate head compares its points with the true ones; the
        heatmap head first draws a Gaussian of sigma {number(maps.sigma)} for each true point, {label(s["maps"])}, and
        compares maps with maps.""", sheet.key(y + 16))


def answer(sheet: Sheet, start: Point, decode: str, confidence: str) -> float:
    """From raw to points, downwards; gives the next free y."""
    box = sheet.operation(start.x, start.y + 54, "decode", 176, note=decode)
    sheet.arrow(start, Point(box.x, box.top.y - 1))
    face = sheet.image(box.x, box.bottom.y + 58, points=True)
    sheet.arrow(box.bottom, Point(box.x, face.top.y - 3))
    return sheet.caption(face, label(way()["found"]), f"pixels\n{confidence}").y


def loss_path(sheet: Sheet, x: float, y: float, target: str, loss: str, what: str) -> float:
    """From true points to the loss, downwards; gives the next free y."""
    face = sheet.image(x, y + 24, 48, points=True)
    last = sheet.caption(face, label(way()["keypoints"]), "true points")
    low = Point(x, last.y + 150)
    if target:
        maps = sheet.maps(way()["maps"], x, last.y + 56)
        sheet.arrow(last, Point(x, maps.top.y - 3))
        last = sheet.caption(maps, label(way()["maps"]), target)
    box = sheet.operation(x, low.y + 30, f"loss: {loss}", 176, "numbers", what)
    sheet.arrow(last, Point(x, box.top.y - 1))
    return box.bottom.y
