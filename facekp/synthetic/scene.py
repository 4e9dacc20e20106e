"""What is behind the head, on it and in front of it: background, clothes, glasses, a hand, a microphone."""

import numpy as np

from facekp.synthetic.head import Head, bump, step
from facekp.synthetic.paint import EDGE, over
from facekp.synthetic.render import SCALE, SIZE, project
from facekp.synthetic.texture import noise

S = SIZE * SCALE


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the large image, each (S, S) float32."""
    rows, columns = np.mgrid[:S, :S].astype(np.float32)
    return rows, columns


def spot(h: Head, x: float, y: float, z: float) -> np.ndarray:
    """(2,) where a point of the head's space is in the large image."""
    return (project(h, *np.array([x, y, z]))[:2] + 0.5) * SCALE - 0.5


def background(rng: np.random.Generator) -> np.ndarray:
    """(S, S) something behind the head: even, sloping, cloudy or full of edges."""
    level, slope = rng.beta(1.0, 1.6), rng.normal(0, 0.2, 2)
    rows, columns = (a / S - 0.5 for a in grid())
    image = level + slope[0] * rows + slope[1] * columns
    image = image + rng.exponential(0.15) * (noise(rng, (S, S), (4, 4)) - 0.5) * 2
    for _ in range(rng.integers(0, 5)):  # bars: doors, shelves, curtains
        at, half, turn = rng.uniform(-0.6, 0.6), rng.uniform(0.01, 0.15), rng.normal(0, 0.3) + rng.integers(2) * 1.57
        away = np.abs(columns * np.cos(turn) + rows * np.sin(turn) - at)
        image = over(image, rng.uniform(0, 1), rng.uniform(0.2, 0.9) * step(half - away, -0.01, 0.01))
    return image.clip(0, 1).astype(np.float32)


def shoulders(h: Head, rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Clothes in the lower corners."""
    rows, columns = grid()
    x, y = spot(h, 0, 2.2, -0.3)
    unit = h.eye_distance * SCALE
    away = (np.abs(columns - x) / (2.4 * unit)) ** 2.5 + (np.clip(y + 1.0 * unit - rows, 0, None) / (1.2 * unit)) ** 2.5
    cloth = rng.uniform(0.02, 0.8) * (0.7 + 0.6 * noise(rng, (S, S), (6, 10)))
    return over(image, cloth.clip(0, 1), step(1 - away, -0.03, 0.03))


# ---- glasses ----------------------------------------------------------------------------------


def glasses(h: Head, image: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Two rims, a bridge and the arms, on a plane in front of the eyes; ``depth`` (S, S) of the head may hide them."""
    if h.glasses[0] == 0:
        return image
    rows, columns = grid()
    # The plane's own coordinates: four of its points fix the (nearly) affine map to the image.
    z = 1.32
    middle, left, right, below = project(h, *np.array([[0, 0, z], [1, 0, z], [-1, 0, z], [0, 1, z]]).T).T
    along, down = (left - right) / 2, below - middle  # (3,): x, y, depth
    back = np.linalg.inv(np.stack([along[:2], down[:2]], 1) * SCALE).astype(np.float32)
    x0, y0 = (middle[:2] + 0.5) * SCALE - 0.5
    dx, dy = columns - x0, rows - y0
    x, y = back[0, 0] * dx + back[0, 1] * dy, back[1, 0] * dx + back[1, 1] * dy
    plane = middle[2] + x * along[2] + y * down[2]
    free, u = plane > depth - 2, np.abs(x)
    a, b = h.glasses
    lens = ((np.abs(u - 0.54) / a) ** 3 + (np.abs(y) / b) ** 3 + 1e-6) ** (1 / 3)
    rim = step(h.rim - np.abs(lens - 1) * min(a, b), -EDGE / 2, EDGE / 2)
    bridge = step(h.rim * 0.9 - np.abs(y + 0.06), -EDGE / 2, EDGE / 2) * (u < 0.55 - a)
    glass = image * (1 - h.tint) + 0.03
    glass = glass + 0.15 * bump(np.copysign(x, x * h.light[0]) + 1.5 * y, 0.54, 0.12)  # the lamp, mirrored
    image = over(image, glass, free * step(1 - lens, 0, 0.05))
    image = over(image, h.rim_grey, free * np.clip(rim + bridge, 0, 1) * 0.9)
    for side in (1, -1):
        # An arm runs from the rim back to the ear; we see it where that side faces us.
        (x0, y0), (x1, y1) = spot(h, side * (0.54 + a), -0.02, z - 0.05), spot(h, side * 1.08, 0.0, 0.3)
        if side * (x1 - x0) > 0:
            image = over(image, h.rim_grey, 0.85 * stroke(x0, y0, x1, y1, h.rim * h.eye_distance * SCALE))
    return image


def stroke(x0: float, y0: float, x1: float, y1: float, half: float) -> np.ndarray:
    """(S, S) cover of a round-ended line between two points of the large image, ``half`` pixels to each side."""
    rows, columns = grid()
    along = (columns - x0) * (x1 - x0) + (rows - y0) * (y1 - y0)
    along = (along / max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1)).clip(0, 1)
    away = np.hypot(columns - x0 - along * (x1 - x0), rows - y0 - along * (y1 - y0))
    return step(half - away, -0.7, 0.7)


# ---- before the face ----------------------------------------------------------------------------


def before(h: Head, rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Something that hides a part of the face. The points under it keep their labels: people guess them too."""
    return {"": lambda *_: image, "microphone": microphone, "hand": hand, "lock": lock,
            "caption": caption}[h.before](h, rng, image)


def microphone(h: Head, rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """A ball on a stick, below the mouth or beside it."""
    unit = h.eye_distance * SCALE
    x, y = spot(h, rng.uniform(-0.7, 0.7), rng.uniform(1.15, 1.6), 1.6)
    radius, grey = rng.uniform(0.14, 0.30) * unit, rng.uniform(0.03, 0.4)
    rows, columns = grid()
    foot = x + rng.uniform(-0.8, 0.8) * unit
    image = over(image, grey * 0.7, stroke(x, y, foot, S + unit, 0.45 * radius))
    gleam = bump(np.hypot(columns - x + 0.3 * radius, rows - y + 0.4 * radius), 0, 0.5 * radius)
    return over(image, grey + 0.4 * gleam, step(radius - np.hypot(columns - x, rows - y), -1, 1))


def hand(h: Head, rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Four fingers that come from one side and end on the cheek or the chin."""
    side, unit = rng.choice([-1, 1]), h.eye_distance * SCALE
    x, y = spot(h, side * rng.uniform(0.5, 1.0), rng.uniform(0.6, 1.4), 1.2)
    up, half = rng.uniform(-0.9, 0.3), rng.uniform(0.085, 0.12) * unit
    light = h.skin * rng.uniform(0.7, 1.1)
    for finger in range(4):
        fx, fy = x + side * 0.06 * finger * unit, y + finger * 2.05 * half
        ends = (fx, fy, fx + side * 1.6 * unit, fy - up * unit)
        image = over(image, light * 0.55, stroke(*ends, half))  # the gap between two fingers
        image = over(image, light * (0.9 + 0.03 * finger), 0.9 * stroke(*ends, 0.8 * half))
    return image


def lock(h: Head, rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Hair that falls from the parting over one side of the face."""
    side, unit = rng.choice([-1, 1]), h.eye_distance * SCALE
    rows, columns = grid()
    (x0, y0), (x1, y1) = spot(h, side * 0.1, -1.1, 1.2), spot(h, side * rng.uniform(0.55, 1.1), 1.2, 1.0)
    way = (rows - y0) / (y1 - y0)
    middle = x0 + (x1 - x0) * np.sqrt(way.clip(0, 1.5)) + side * 0.35 * unit * step(way, 0.0, 0.5)
    across = side * (columns - middle) / unit
    ragged = noise(rng, (S, S), (5, 60))
    cover = step(across + 0.12 * (ragged - 0.5), -0.02, 0.06) * (1 - step(across, 0.3, 0.5 + 0.2 * ragged))
    return over(image, h.hair * (0.4 + 1.2 * ragged), cover * (0.6 + 0.4 * ragged))


def caption(h: Head, rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """A line of pretended letters along the lower edge, as in a frame of television."""
    top, tall, grey = int(rng.uniform(0.80, 0.92) * S), int(rng.uniform(0.05, 0.10) * S), rng.choice([0.05, 0.95])
    letters = noise(rng, (S, S), (40, 36)) > 0.5
    line = np.zeros((S, S), np.float32)
    line[top : top + tall] = letters[top : top + tall] * rng.uniform(0.6, 1.0)
    return over(image, grey, line)
