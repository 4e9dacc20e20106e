"""What colour each point of a head has: skin, beard, brows, lips, eyes, hair."""

import numpy as np

from facekp.synthetic.hair import hair_edge, locks
from facekp.synthetic.head import OUTER, Head, across, brow, bump, lids, lips, step
from facekp.synthetic.render import SKIN, Pixels
from facekp.synthetic.texture import look_up, mottles, strands

EDGE = 0.02  # softness of painted edges, in eye distances (about one pixel of the large image)


def albedo(h: Head, p: Pixels) -> tuple[np.ndarray, np.ndarray]:
    """(P,) grey value 0..1 and (P,) shine of each pixel's material."""
    grey, shine = np.empty_like(p.theta), np.full_like(p.theta, 0.0)
    skin = p.material == SKIN
    u, y = across(p.theta[skin]), p.y[skin]
    texture = look_up(mottles(h.texture), p.theta[skin], y)
    hairs = look_up(strands(h.texture), p.theta[skin] * 2, y * 2)
    face = _skin(h, u, y, texture)
    face = _beard(h, u, y, face, hairs)
    face = _roots(h, p.theta[skin], y, face)
    face = _brows(h, u, y, face, hairs)
    face = _lips(h, u, y, face)
    face, wet = _eyes(h, u, y, face)
    grey[skin], shine[skin] = face, h.shine * (0.4 + texture) + wet
    strand, hat = locks(h, p.theta[~skin], p.y[~skin]), p.y[~skin] < h.hat
    grey[~skin] = np.where(hat, h.hat_grey * (0.9 + 0.2 * strand), h.hair * (0.35 + 1.3 * strand))
    shine[~skin] = np.where(hat, 0.0, 0.35 * strand * (0.3 + h.hair))
    return grey, shine


def over(below: np.ndarray, above: float | np.ndarray, cover: np.ndarray) -> np.ndarray:
    """``above`` laid over ``below`` where ``cover`` is 1."""
    return below + (above - below) * cover


def _inside(distance: np.ndarray) -> np.ndarray:
    """Cover of a shape: ``distance`` is positive inside."""
    return step(distance, -EDGE / 2, EDGE / 2)


def _skin(h: Head, u: np.ndarray, y: np.ndarray, texture: np.ndarray) -> np.ndarray:
    side, k = np.abs(u), h.lower
    face = h.skin * (1 + h.mottle * 4 * (texture - 0.5))
    shade = (
        0.17 * bump(side, h.eye_x + 0.03, 0.30) * bump(y, -0.04, 0.14)  # sockets
        + h.bags * bump(side, h.eye_x - 0.03, 0.17) * bump(y, 0.155, 0.035)
        + 0.55 * bump(side, 0.45 * h.nose_wide, 0.055) * bump(y, h.nose_long + 0.135, 0.03)  # nostrils
        + 0.22 * bump(side, 1.02 * h.nose_wide, 0.045) * bump(y, h.nose_long + 0.07, 0.08)  # edge of the wings
        + 0.10 * bump(u, 0, 0.16) * bump(y, h.nose_long + 0.18, 0.05)  # under the nose
        + 0.28 * bump(u, 0, 0.25) * bump(y, h.mouth_y + h.lip_bottom + 0.075 + 0.8 * h.gap, 0.045)  # under the lip
        + 0.10 * bump(u, 0, 0.04) * bump(y, h.mouth_y - 0.19, 0.06)  # philtrum
        + 0.35 * bump(side, 1.04 * h.mouth_half, 0.06) * bump(y, h.mouth_y - 0.06 * h.smile, 0.06)
        + 0.30 * step(y, 1.75 * k + h.gap, 2.0 * k + h.gap)  # the neck lies in the chin's shadow
        + 0.25 * bump(side, 1.06, 0.04) * bump(y, 0.25, 0.35)  # in front of the ear
        + 0.40 * bump(side, 1.14, 0.03) * bump(y, 0.25, 0.22)  # the ear's hollow
    )
    # The fold from the nose's wing, past the mouth's corner, outwards all the way.
    way = np.clip((y - h.nose_long) / (h.mouth_y + 0.1 - h.nose_long), 0, 1)
    fold = h.nose_wide + 0.02 + (h.mouth_half + 0.12 - h.nose_wide) * way**0.8
    shade = shade + (h.folds * (0.3 + 0.8 * h.smile) * bump(side, fold, 0.03 + 0.07 * way)
                     * step(way, 0.0, 0.25) * (1 - step(way, 0.6, 1.0)))
    for line in (-0.10, 0.0, 0.10):  # crow's feet
        ray = bump(y - 0.03 - line, 1.2 * line * (side - 0.8), 0.016) * bump(side, 0.90, 0.07)
        shade = shade + 0.6 * h.folds * (0.3 + 0.7 * h.smile) * ray
    for line in (-0.38, -0.48, -0.58):  # forehead
        wavy = line + 0.05 * u * u + 0.08 * (texture - 0.5)
        shade = shade + 0.25 * h.folds * bump(y, wavy, 0.018) * (1 - step(side, 0.3, 0.7))
    return face * np.clip(1 - shade, 0.08, 1.2)


def _beard(h: Head, u: np.ndarray, y: np.ndarray, face: np.ndarray, hairs: np.ndarray) -> np.ndarray:
    side = np.abs(u)
    upper, _, _, lower = lips(h, np.clip(u / h.mouth_half, -1.3, 1.3))
    # It begins below a line from the ear to the mouth's corner; cheeks and the lower lip stay free.
    jaw = step(y - (1.0 * h.lower - 0.9 * step(side, 0.55, 1.05)), -0.15, 0.22)
    chin = step(y, lower - 0.02, lower + 0.12) + step(side, h.mouth_half, h.mouth_half + 0.15)
    tache = (step(upper - y, -0.02, 0.05) * step(y, h.nose_long + 0.13 + 0.1 * side, h.nose_long + 0.27 + 0.1 * side)
             * (1 - step(side, 0.75 * h.mouth_half, h.mouth_half + 0.15)))
    cover = np.clip(h.beard * jaw * np.clip(chin, 0, 1), h.moustache * tache, 1)
    return over(face, h.hair * (0.5 + hairs), cover * np.clip(0.75 + 0.5 * hairs, 0, 1))


def _roots(h: Head, theta: np.ndarray, y: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Skin is dark under the hair's edge: hair thins out, and casts a shadow."""
    if h.bald:
        return face
    return face * (1 - 0.5 * step(hair_edge(h, theta) - y, -0.13, 0.05))


def _brows(h: Head, u: np.ndarray, y: np.ndarray, face: np.ndarray, hairs: np.ndarray) -> np.ndarray:
    (u0, _), (u1, _) = h.brow_inner, h.brow_outer
    t = (np.abs(u) - u0) / (u1 - u0)
    inside = np.clip(t, 0, 1)
    for side in (1, -1):
        _, middle = brow(h, side, inside)
        # Full at the inner end, thin at the outer end; the ends are round.
        half = h.brow_thick * (1 - 0.65 * inside**1.5) * (0.6 + 0.4 * step(inside, 0, 0.25))
        away = np.hypot((t - inside) * (u1 - u0), y - middle)
        cover = step(half * (0.75 + 0.5 * hairs) - away, -0.018, 0.022) * (np.sign(u) == side)
        face = over(face, h.hair * 0.6, h.brow_dark * cover * (0.65 + 0.5 * hairs).clip(0, 1))
    return face


def _lips(h: Head, u: np.ndarray, y: np.ndarray, face: np.ndarray) -> np.ndarray:
    t = u / h.mouth_half
    top, upper, lower, bottom = lips(h, t.clip(-1, 1))
    within = np.abs(t) < 1
    red = _inside(y - top) * _inside(bottom - y) * within
    # The upper lip faces down, the lower one up.
    face = over(face, face * (1 - h.lip_dark * np.where(y < (upper + lower) / 2, 1.0, 0.7)), red)
    gleam = bump(y, lower + 0.45 * (bottom - lower), 0.03) * (1 - step(np.abs(t), 0.1, 0.6))
    face = face * (1 + 0.35 * gleam * red)
    # The mouth's inside: dark, teeth hanging down from the upper lip; closed, it is a dark line.
    hole = _inside(y - upper) * _inside(lower - y) * within
    depth = (y - upper) / 0.11
    teeth = h.teeth * step(depth, -0.1, 0.15) * (1 - step(depth, 0.8, 1.1)) * (1 - step(np.abs(t), 0.55, 0.95))
    teeth = teeth * (0.85 + 0.15 * np.cos(u * 2 * np.pi / 0.085))
    face = over(face, 0.05 + 0.75 * teeth, hole)
    closed = (1 - step(lower - upper, 0.02, 0.05)) * (1 - step(np.abs(t), 1.0, 1.06))
    seam = bump(y, (upper + lower) / 2, 0.026) * closed
    return face * (1 - 0.75 * seam)


def _eyes(h: Head, u: np.ndarray, y: np.ndarray, face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skin with eyes in it, and the shine of the wet eyeball."""
    t = (np.abs(u) - h.eye_x) / h.eye_half
    t = np.where(t > 0, t / OUTER, t)
    upper, lower = lids(h, t.clip(-1, 1))
    near = 1 - step(np.abs(t), 0.98, 1.06)
    slit = _inside(np.minimum(y - upper, lower - y)) * near * step(lower - upper, 0.01, 0.025)
    # The crease of the upper lid and its shadow.
    fold = upper - 0.075 + 0.10 * step(t, 0.6, 1.6)  # it runs on beyond the outer corner, downwards
    face = face * (1 - h.crease * bump(y, fold, 0.024) * (1 - step(t, 1.1, 1.6)) * step(t, -1.2, -0.8))
    # The eyeball: white, shaded under the upper lid; iris with a dark rim; pupil; a highlight.
    ball = (0.09 + 0.62 * h.skin) * (1 - 0.5 * bump(y, upper, 0.05)) * (1 - 0.25 * t * t)
    gx, gy = np.sign(u) * h.eye_x + h.gaze[0], -0.12 * h.eye_height + h.gaze[1]
    r = np.hypot(u - gx, y - gy)
    ball = over(ball, np.minimum(h.iris, 0.5 * ball) * (0.5 + 6 * r), _inside(0.098 - r))
    ball = over(ball, 0.03, _inside(0.042 - r))
    spark = np.hypot(u - gx - 0.035 * np.sign(h.light[0]), y - gy + 0.035)
    ball = over(ball, 1.0, 0.9 * _inside(0.018 - spark))
    face = over(face, ball, slit)
    lash = bump(y, upper - 0.007, 0.026) * near + 0.35 * bump(y, lower, 0.018) * near
    return face * (1 - h.lash * np.clip(lash, 0, 1)), 0.05 * slit
