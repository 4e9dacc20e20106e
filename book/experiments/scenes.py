"""Cluttered scenes with people at any position, size and tilt: what a face detector learns from and is measured on.

A person is rendered twice, on black and on white. What differs shows the background through, so the two give the
person and the cover (alpha) at once, and the person can stand before anything.
"""

import copy
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from facekp.errors import InputError
from facekp.images import EYES_DOWN, Box
from facekp.synthetic.group import USUAL
from facekp.synthetic.light import shade
from facekp.synthetic.people import random_head
from facekp.synthetic.render import SCALE, SIZE, rasterise
from facekp.synthetic.scene import before, glasses, shoulders
from facekp.synthetic.texture import noise

EYES = 18.0  # of the 96 pixels that a person is rendered in: the whole head stays inside, at every tilt


@dataclass(frozen=True)
class Person:
    """A person cut out of the background.

    Attributes:
        grey: (192, 192) float32 in 0..1, times the cover.
        cover: (192, 192) float32, 1 where the background is hidden.
        centre: (2,) x and y of the middle of the face's crop (:mod:`facekp.images`), from the edge.
        side: of that crop.
    """

    grey: np.ndarray
    cover: np.ndarray
    centre: np.ndarray
    side: float


def person(rng: np.random.Generator, tilt: float = 30.0) -> Person:
    """A random person, turned in the image plane by up to ``tilt`` degrees either way."""
    h = random_head(rng)
    turned = max(float(np.cos(np.radians(h.yaw))), 0.1) ** 0.8  # a turned head's eyes are nearer to each other
    h = replace(h, roll=float(rng.uniform(-tilt, tilt)), eyes_at=(SIZE / 2, 44.0), eye_distance=EYES * turned,
                before="" if h.before == "caption" else h.before)
    pixels = rasterise(h)
    skin = shade(h, pixels)
    depth = np.full((SIZE * SCALE,) * 2, -np.inf, np.float32)
    depth.ravel()[pixels.where] = pixels.depth

    def on(background: float) -> np.ndarray:
        dice = copy.deepcopy(rng)
        image = shoulders(h, dice, np.full(depth.shape, background, np.float32))
        image.ravel()[pixels.where] = skin
        return before(h, dice, glasses(h, image, depth))

    black, white = on(0.0), on(1.0)
    side = EYES * SCALE * SIZE / USUAL
    turn = np.radians(h.roll)
    centre = (np.array(h.eyes_at) + 0.5) * SCALE + (0.5 - EYES_DOWN) * side * np.array([-np.sin(turn), np.cos(turn)])
    light = rng.uniform(0.28, 0.68) / max(float(skin.mean()), 0.05)  # as a camera's exposure
    cover = (1 - (white - black)).clip(0, 1)
    return Person((black * light).clip(0, 1).astype(np.float32), cover.astype(np.float32), centre, side)


def paste(image: np.ndarray, who: Person, x: float, y: float, side: float, flip: bool = False) -> None:
    """Put a person into ``image`` (H, W) float32, in place: the crop of the face centred at (x, y), from the edge."""
    s = side / who.side
    n = max(1, round(len(who.grey) * s))
    s = n / len(who.grey)
    grey, cover = ((a[:, ::-1] if flip else a) for a in (who.grey, who.cover))
    cx = len(who.grey) - who.centre[0] if flip else who.centre[0]
    left, top = round(x - cx * s), round(y - who.centre[1] * s)
    H, W = image.shape
    x0, x1, y0, y1 = max(left, 0), min(left + n, W), max(top, 0), min(top + n, H)
    if x1 <= x0 or y1 <= y0:
        return
    grey, cover = (np.asarray(Image.fromarray(np.ascontiguousarray(a)).resize((n, n), Image.Resampling.BILINEAR))
                   [y0 - top : y1 - top, x0 - left : x1 - left] for a in (grey, cover))
    image[y0:y1, x0:x1] = image[y0:y1, x0:x1] * (1 - cover) + grey


def clutter(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """(height, width) float32 in 0..1 without a face: slopes and textures, then shapes, stripes, discs and text."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32) / max(height, width)
    image = rng.uniform(0.1, 0.9) + rng.normal(0, 0.4) * (rows - 0.5) + rng.normal(0, 0.4) * (columns - 0.5)
    for _ in range(rng.integers(0, 4)):
        cells = np.exp(rng.uniform(np.log(2), np.log(max(height, width) / 2), 2)).astype(int)
        image = image + rng.uniform(0.05, 0.6) * (noise(rng, (height, width), tuple(cells)) - 0.5)
    if rng.random() < 0.4:
        turn, waves = rng.uniform(0, np.pi), rng.uniform(5, 120)
        stripes = np.sin(waves * (rows * np.sin(turn) + columns * np.cos(turn)))
        image = image + rng.uniform(0.03, 0.25) * (np.sign(stripes) if rng.random() < 0.5 else stripes)
    canvas = Image.fromarray((image.clip(0, 1) * 255).astype(np.uint8))
    draw = ImageDraw.Draw(canvas)
    for _ in range(rng.poisson(rng.choice([2, 12, 40]))):
        _shape(draw, rng, height, width)
    return np.asarray(canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5))), np.float32) / 255


def _shape(draw: ImageDraw.ImageDraw, rng: np.random.Generator, height: int, width: int) -> None:
    """One thing of any size: a disc (with spots, like buttons or wheels), a box, a polygon, a line or some letters."""
    size = float(np.exp(rng.uniform(np.log(4), np.log(0.5 * max(height, width)))))
    x, y, grey, edge = rng.uniform(0, width), rng.uniform(0, height), int(rng.integers(256)), int(rng.integers(256))
    wide, tall = size * rng.uniform(0.3, 1, 2) / 2
    around = (x - wide, y - tall, x + wide, y + tall)
    kind = rng.choice(["disc", "disc", "box", "polygon", "line", "text"])
    if kind == "disc":
        draw.ellipse(around, grey, edge if rng.random() < 0.5 else None)
        for _ in range(rng.integers(0, 5)):
            dx, dy, r = rng.uniform(-0.7, 0.7) * wide, rng.uniform(-0.7, 0.7) * tall, rng.uniform(0.05, 0.3) * wide
            draw.ellipse((x + dx - r, y + dy - r, x + dx + r, y + dy + r), int(rng.integers(256)))
    elif kind == "box":
        draw.rectangle(around, grey, edge if rng.random() < 0.5 else None)
    elif kind == "polygon":
        corners = np.stack([x + wide * rng.uniform(-1, 1, 5), y + tall * rng.uniform(-1, 1, 5)], 1)
        draw.polygon([tuple(c) for c in corners[: rng.integers(3, 6)]], grey)
    elif kind == "line":
        draw.line((x, y, x + rng.normal(0, size), y + rng.normal(0, size)), grey, int(rng.integers(1, 8)))
    else:
        letters = "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyzABCDEFGHI0123456789:;.,@&%#")) for _ in range(9))
        draw.text((x, y), letters, grey, ImageFont.load_default(float(np.clip(size / 3, 6, 80))))


def scene(seed: int, faces: int, height: int = 960, width: int = 1280, sides: tuple[float, float] = (40, 400),
          tilt: float = 30.0) -> tuple[np.ndarray, list[Box]]:
    """A photo of ``faces`` people who do not cover each other, in front of clutter.

    Args:
        seed: another seed, another photo.
        faces: how many; fewer, if there is no room left for one.
        height, width: of the photo.
        sides: smallest and largest side of a face's crop in pixels; their logarithms are uniform.
        tilt: how far heads turn in the image plane, in degrees.

    Returns:
        The photo (height, width) uint8, and the crop of each face that is in it.

    Raises:
        InputError: a negative seed or number of faces.
    """
    if seed < 0 or faces < 0:
        raise InputError(f"Expected a seed and a number of faces of 0 or more; found {seed} and {faces}.")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))
    image, boxes = clutter(rng, height, width), []
    for side in sorted(np.exp(rng.uniform(*np.log(sides), faces)), reverse=True):
        for _ in range(50):
            x, y = rng.uniform(0.6 * side, width - 0.6 * side), rng.uniform(0.7 * side, height - 0.7 * side)
            if all(max(abs(x - b.x - b.width / 2), abs(y - b.y - b.width / 2)) > 0.9 * (side + b.width)
                   for b in boxes):
                boxes.append(Box(x - side / 2, y - side / 2, side, side))
                paste(image, person(rng, tilt), x, y, side, bool(rng.random() < 0.5))
                break
    return camera(image, rng), boxes


def camera(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W) float32 -> uint8, with a camera's faults: contrast, blur, noise, compression."""
    image = (image - 0.5) * rng.uniform(0.6, 1.1) + 0.5 + rng.uniform(-0.1, 0.1)
    image = image + rng.exponential(0.01) * rng.standard_normal(image.shape, dtype=np.float32)
    image = Image.fromarray((image.clip(0, 1) * 255).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(max(0.0, rng.normal(0, 0.7))))
    with BytesIO() as file:
        image.save(file, "JPEG", quality=int(rng.integers(30, 96)))
        return np.asarray(Image.open(file))
