"""How light falls on a head: a lamp with soft edges, light from all round, shadows, a highlight."""

import numpy as np

from facekp.synthetic.head import Head, step
from facekp.synthetic.paint import albedo
from facekp.synthetic.render import Pixels

CELL, REACH = 0.045, 3.2  # of a shadow map: the side of its squares, and how far it reaches, in eye distances
SKY = (0.0, -0.75, 0.65)  # where most of the light from all round comes from: above and in front


def shade(h: Head, p: Pixels) -> np.ndarray:
    """(P,) brightness of each pixel."""
    grey, shine = albedo(h, p)
    lamp = np.array(h.light) / np.linalg.norm(h.light)
    seen = 1 - h.shadows * (1 - reached(p, lamp, 0.06))
    diffuse = seen * np.clip((_towards(p, lamp) + h.wrap) / (1 + h.wrap), 0, None)
    # A glossy surface shines where its normal halves the way between lamp and camera.
    half = lamp + np.array([0, 0, 1])
    gloss = seen * np.clip(_towards(p, half / np.linalg.norm(half)), 0, None) ** 24
    # From all round there comes more from above than from below (y points down), and less into hollows.
    sky = 1 - 0.45 * h.shadows * (1 - reached(p, np.array(SKY), 0.16))
    around = h.ambient * sky * (0.93 - 0.12 * p.normal[:, 1])
    return grey * (around + (1 - h.ambient) * 1.25 * diffuse) + shine * (1 - h.ambient) * gloss


def _towards(p: Pixels, direction: np.ndarray) -> np.ndarray:
    """(P,) cosine between each pixel's normal and a direction."""
    return np.einsum("pc,c->p", p.normal, direction.astype(np.float32))


def reached(p: Pixels, lamp: np.ndarray, soft: float) -> np.ndarray:
    """(P,) how much of each pixel the light from direction ``lamp`` reaches: 0 in shadow, 1 in light.

    The head is looked at from the lamp. Whatever lies deeper than the foremost point of its square is
    in shadow; the mean over nine squares, ``soft`` eye distances apart, gives the shadow a soft edge.
    """
    side = np.cross([0.0, 1.0, 0.0], lamp)
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(lamp, side), lamp]).astype(np.float32) / CELL
    n = int(2 * REACH / CELL)
    half = np.float32(n / 2)

    a, b, depth = axes @ p.blocks
    i, j = ((c + half - 0.5).astype(np.int64).clip(0, n - 2) for c in (a, b))
    front = np.full(n * n, -np.inf, np.float32)
    for offset in (0, 1, n, n + 1):  # as in the image: no holes
        np.maximum.at(front, j * n + i + offset, depth)

    a, b, depth = axes @ p.place
    # The surface itself gets deeper beside the point: that is not a shadow. Nor is what it does within one square.
    normal = axes @ p.normal.T * CELL
    facing = normal[2].clip(0.3, 1)
    slack = 0.03 + 1.5 * CELL * np.sqrt(1 - facing**2) / normal[2].clip(0.1, 1)
    lit = np.zeros_like(depth)
    for da in (-soft / CELL, 0, soft / CELL):
        for db in (-soft / CELL, 0, soft / CELL):
            i, j = ((c + half + d).astype(np.int64).clip(0, n - 1) for c, d in ((a, da), (b, db)))
            expected = depth - (normal[0] * da + normal[1] * db) / facing
            lit += 1 - step((front[j * n + i] - expected) * CELL - slack, 0.0, 0.12)
    return lit / 9
