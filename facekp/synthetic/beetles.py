"""Synthetic beetles from above: something that is not a face, with thirteen exact keypoints.

A beetle is a head, a pronotum, two wing cases, two antennae and six legs, drawn as soft shapes in a frame of its own
(x to its right, y to its tail, unit: its length) and then turned, scaled and shifted into the image. It walks on four
kinds of ground, of which two are rare, and stalks may lie over it. Left and right are the beetle's own.
"""

from dataclasses import dataclass

import numpy as np

from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.keypoints import Scheme

LIMBS = ("antenna", "shoulder", "front_foot", "middle_foot", "hind_foot")
BEETLE = Scheme(
    "beetle",
    ("head", "waist", "tail", *(f"{side}_{limb}" for limb in LIMBS for side in ("left", "right"))),
    pairs=tuple((f"left_{limb}", f"right_{limb}") for limb in LIMBS),
    lines=(("head", "waist", "tail"), *((f"{s}_antenna", "head") for s in ("left", "right")),
           *((f"{s}_{pair}_foot", "waist") for pair in ("front", "middle", "hind") for s in ("left", "right"))),
    eyes=("head", "tail"),  # the unit of the normalised error: the length of the body
)
GROUNDS, SHARES = ("sand", "leaf", "bark", "soil"), (0.55, 0.3, 0.1, 0.05)
ROOTS = {"front_foot": -0.12, "middle_foot": 0.05, "hind_foot": 0.2}  # of the legs, along the body
SIZE, FINER = 64, 2


@dataclass(frozen=True, eq=False)
class Beetles:
    """Rendered beetles.

    Attributes:
        faces: images (N, 64, 64) uint8 and keypoints (N, 13, 2), exact, all there.
        grounds: (N,) int64, the index in ``GROUNDS`` of what each walks on.
    """

    faces: Faces
    grounds: np.ndarray


def generate(n: int, seed: int = 0) -> Beetles:
    """``n`` beetles; number i depends on ``seed`` and i only.

    Raises:
        InputError: ``n`` or ``seed`` is negative.
    """
    if n < 0 or seed < 0:
        raise InputError(f"Expected n and seed of 0 or more; found n = {n}, seed = {seed}.")
    drawn = [draw(np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(i,)))) for i in range(n)]
    images = np.array([d[0] for d in drawn], np.uint8).reshape(n, SIZE, SIZE)
    points = np.array([d[1] for d in drawn], np.float32).reshape(n, len(BEETLE), 2)
    return Beetles(Faces(images, points, BEETLE), np.array([d[2] for d in drawn], np.int64))


def draw(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, int]:
    """One beetle: image (64, 64) uint8, keypoints (13, 2) in pixels, the number of its ground."""
    ground = int(rng.choice(len(GROUNDS), p=SHARES))
    side = SIZE * FINER
    grid = np.stack(np.meshgrid(*[(np.arange(side) + 0.5) / FINER - 0.5] * 2), -1)  # (side, side, 2) image pixels
    body = limbs_of(rng)
    place = placed(rng)
    image = ground_of(GROUNDS[ground], grid, rng)
    image = painted(image, grid, body, place, rng)
    for _ in range(rng.integers(0, 3)):  # stalks
        start, end = rng.uniform(-8, SIZE + 8, (2, 2))
        cover = np.clip(0.5 - segment(grid, start, end, rng.uniform(0.5, 1.4)), 0, 1)
        image += cover * (rng.uniform(0.2, 0.9) - image)
    image = image.reshape(SIZE, FINER, SIZE, FINER).mean((1, 3))
    image = (image - 0.5) * rng.uniform(0.6, 1.1) + 0.5 + rng.uniform(-0.15, 0.15)
    image += rng.normal(0, rng.uniform(0.01, 0.05), image.shape)
    return (image.clip(0, 1) * 255).round().astype(np.uint8), place(np.stack(list(body["points"].values()))), ground


def limbs_of(rng: np.random.Generator) -> dict:
    """A beetle in its own frame: ``points`` by name, in the scheme's order, and the knees and elbows between them."""
    wide, neck = rng.uniform(0.2, 0.31), np.radians(rng.uniform(-25, 25))
    waist = np.array([0.0, rng.uniform(-0.24, -0.16)])
    head = waist + 0.3 * np.array([np.sin(neck), -np.cos(neck)])
    points = {"head": head, "waist": waist, "tail": np.array([0.0, 0.5])}
    bends = {}
    for limb, spread, reach in (("antenna", 25, 0.42), ("shoulder", 0, 0), ("front_foot", 50, 0.55),
                                ("middle_foot", 100, 0.5), ("hind_foot", 145, 0.6)):
        for name, sign in (("left", -1), ("right", 1)):
            if limb == "shoulder":
                points["left_shoulder" if sign < 0 else "right_shoulder"] = waist + np.array([sign * 0.85 * wide, 0.06])
                continue
            angle = np.radians(spread + rng.uniform(-18, 18)) + (sign * neck if limb == "antenna" else 0)
            out = np.array([sign * np.sin(angle), -np.cos(angle)])
            root = head if limb == "antenna" else np.array([sign * 0.75 * wide, ROOTS[limb]])
            length = reach * rng.uniform(0.75, 1.15)
            bend = np.radians(rng.uniform(-35, 35))
            turned = np.array([[np.cos(bend), -np.sin(bend)], [np.sin(bend), np.cos(bend)]]) @ out
            bends[f"{name}_{limb}"] = (root, root + 0.5 * length * out)
            points[f"{name}_{limb}"] = root + 0.5 * length * (out + turned)
    return {"points": {name: points[name] for name in BEETLE.names}, "bends": bends, "wide": wide}


def placed(rng: np.random.Generator):
    """A function from the beetle's frame to image pixels: heading within 25 degrees of up, of several sizes."""
    angle, scale = np.radians(rng.uniform(-25, 25)), rng.uniform(23, 31)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = (SIZE - 1) / 2 + rng.uniform(-5, 5, 2)
    return lambda points: np.asarray(points) @ turn.T + centre


def painted(image: np.ndarray, grid: np.ndarray, body: dict, place, rng: np.random.Generator) -> np.ndarray:
    """``image`` with the beetle's shadow, legs, antennae and body on it."""
    unit = np.linalg.norm(place([0.0, 1.0]) - place([0.0, 0.0]))  # pixels in a body's length
    axis, across = ((place(v) - place([0.0, 0.0])) / unit for v in ([0.0, 1.0], [1.0, 0.0]))
    points, wide, albedo = body["points"], body["wide"], rng.uniform(0.05, 0.55)

    def local(centre):
        """Positions in the beetle's frame about ``centre``, in units of its length."""
        away = (grid - place(centre)) / unit
        return away @ across, away @ axis

    u, v = local((points["waist"] + points["tail"]) / 2)
    half = np.linalg.norm(points["tail"] - points["waist"]) / 2 + 0.02
    case = 1 - np.hypot(u / wide, v / half)  # above 0 on the wing cases
    u_front, v_front = local((points["waist"] + points["head"]) / 2 + (0, 0.03))
    front = 1 - np.hypot(u_front / (0.75 * wide), v_front / 0.13)
    u_head, v_head = local(points["head"] + (0, 0.05))
    head = 1 - np.hypot(u_head / 0.09, v_head / 0.08)
    shade = np.clip(1.6 + 3 * np.maximum(case, front), 0, 1) * rng.uniform(0, 0.35)
    image = image * (1 - np.roll(shade, rng.integers(-4, 5, 2), (0, 1)))
    for name, (root, knee) in body["bends"].items():
        thin = (0.5 if "antenna" in name else 0.8) * rng.uniform(0.8, 1.2)
        for start, end, width in ((root, knee, thin), (knee, points[name], 0.7 * thin)):
            cover = np.clip(0.5 - segment(grid, place(start), place(end), width), 0, 1)
            image = image + cover * (albedo * 0.8 - image)
    pattern = 1 + rng.uniform(0, 0.9) * np.cos(rng.uniform(0, 40) * np.abs(u) + rng.uniform(0, 25) * v)
    seam = 1 - 0.6 * np.exp(-(u / 0.02) ** 2)
    for inside, tone in ((head, albedo), (front, albedo * rng.uniform(0.6, 1.5)), (case, albedo * pattern * seam)):
        lit = tone * (0.55 + 0.6 * np.sqrt(inside.clip(0, 1))) + 0.5 * inside.clip(0, 1) ** 8
        image = image + np.clip(inside * unit * 0.25 + 0.5, 0, 1) * (lit - image)
    return image


def ground_of(kind: str, grid: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Grey values of the ground at ``grid``: fine grains, a leaf's veins, furrows of bark, or clods of soil."""
    if kind == "sand":
        return rng.uniform(0.55, 0.85) + 0.1 * rng.normal(size=grid.shape[:2])
    turn = rng.uniform(0, np.pi)
    along, over = grid @ (np.cos(turn), np.sin(turn)), grid @ (-np.sin(turn), np.cos(turn))
    if kind == "leaf":
        veins = np.abs(np.sin(over / rng.uniform(2.5, 5) + 0.5 * np.abs(along / 9))) ** 0.3
        return rng.uniform(0.35, 0.6) * (0.75 + 0.25 * veins) + 0.003 * along
    if kind == "bark":
        wave = np.sin(over / rng.uniform(1, 2) + 2 * np.sin(along / rng.uniform(6, 12)))
        return 0.3 + 0.13 * np.sign(wave) * np.abs(wave) ** 0.5 + 0.05 * rng.normal(size=grid.shape[:2])
    clods = sum(np.sin(grid @ rng.normal(0, 0.5, 2) + rng.uniform(0, 6)) for _ in range(12)) / 4
    return 0.22 + 0.16 * clods + 0.05 * rng.normal(size=grid.shape[:2])


def segment(grid: np.ndarray, start: np.ndarray, end: np.ndarray, radius: float) -> np.ndarray:
    """Signed distance in pixels from each position of ``grid`` to a line with round ends; negative inside."""
    along = end - start
    at = ((grid - start) @ along / max(along @ along, 1e-9)).clip(0, 1)
    return np.linalg.norm(grid - start - at[..., None] * along, axis=-1) - radius
