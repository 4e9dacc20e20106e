"""Hair and hats: a second surface outside the skin, with a ragged lower edge."""

import numpy as np

from facekp.synthetic.head import Head, bump, skull, step
from facekp.synthetic.texture import curls, look_up, strands


def hair_edge(h: Head, theta: np.ndarray) -> np.ndarray:
    """The height at which hair ends and skin begins, at angle ``theta``."""
    side = np.abs(theta)
    top = h.hairline + h.fringe * bump(theta, 0.5 * h.part, 0.8) + h.recede * bump(side, 0.60, 0.22) + 0.45 * side**2
    # Down the temple, a sideburn, round the ear, then down the neck.
    temple = step(side, 0.6, 1.4)
    edge = top * (1 - temple) + temple * (0.10 - 0.5 * step(side, 1.40, 1.55) + 1.05 * step(side, 1.9, 2.15))
    return edge + 4 * step(side, h.hair_open - 0.15, h.hair_open + 0.15) * h.hair_long


def locks(h: Head, theta: np.ndarray, y: np.ndarray) -> np.ndarray:
    """0..1, which lock of hair lies at a point: strands that hang down, or curls."""
    return look_up(curls(h.texture), theta, y) if h.curl else look_up(strands(h.texture), theta, y * 0.3)


def hair_shell(h: Head, theta: np.ndarray, y: np.ndarray) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """x, y, z (Y, T) of the outside of hair and hat, and (Y, T) bool where there is any."""
    lock = locks(h, theta, y)
    depth = hair_edge(h, theta) + (0.36 + 0.10 * h.curl) * (lock - 0.5) - y  # how far above its edge
    if h.bald:
        depth = np.full_like(depth, -1)
    thick = h.hair_thick * (0.2 + 0.8 * step(depth, 0, 0.4)) * (1 - 0.3 * bump(theta, h.part * 0.8, 0.08))
    thick = thick * (1 + h.curl * (lock - 0.3))
    thick = thick + h.hair_long * 0.18 * step(np.abs(theta), 1.1, 1.7) * step(y, -0.3, 1.2)
    hat = h.hat - y  # how far above the hat's edge
    felt = 0.14 + 0.10 * step(hat, 0.0, 0.5) + h.brim * bump(hat, 0.0, 0.07) * bump(theta, 0, 1.1)
    thick = np.where(hat > 0, np.maximum(thick, felt), thick).astype(np.float32)
    x, z = skull(h, theta, np.minimum(y, 0.6), thick)  # below the ears it hangs straight
    z = z - 0.25 * h.hair_long * step(y, 0.2, 1.4)
    lifted = y - 0.6 * np.where(hat > 0, 0.1, thick)
    return (x, np.broadcast_to(lifted, x.shape).astype(np.float32), z), (depth > 0) | (hat > 0)
