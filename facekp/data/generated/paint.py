"""What colour each point of a head has, how light falls on it, and the photograph of it all."""

import numpy as np

from facekp.data.generated.head import Head, across, brow, bump, hair_edge, lids, lips, step
from facekp.data.generated.render import SCALE, SIZE, SKIN, Pixels, project
from facekp.data.generated.texture import look_up, mottles, noise, strands

EDGE = 0.02  # softness of painted edges, in eye distances (about one pixel of the large picture)


def albedo(h: Head, p: Pixels) -> tuple[np.ndarray, np.ndarray]:
    """(P,) grey value 0..1 and (P,) shine of each pixel's material."""
    grey, shine = np.empty_like(p.theta), np.full_like(p.theta, 0.0)
    skin = p.material == SKIN
    u, y = across(p.theta[skin]), p.y[skin]
    texture = look_up(mottles(h.texture), p.theta[skin], y)
    locks = strands(h.texture)
    hairs = look_up(locks, p.theta[skin] * 2, y * 2)
    face = _skin(h, u, y, texture)
    face = _beard(h, u, y, face, hairs)
    face = _roots(h, p.theta[skin], y, face)
    face = _brows(h, u, y, face, hairs)
    face = _lips(h, u, y, face)
    face, wet = _eyes(h, u, y, face)
    grey[skin], shine[skin] = face, h.shine * (0.4 + texture) + wet
    strand = look_up(locks, p.theta[~skin], p.y[~skin] * 0.3)
    grey[~skin] = h.hair * (0.45 + 1.1 * strand)
    shine[~skin] = 0.35 * strand * (0.3 + h.hair)
    return grey, shine


def _over(below: np.ndarray, above: float | np.ndarray, cover: np.ndarray) -> np.ndarray:
    return below + (above - below) * cover


def _inside(distance: np.ndarray) -> np.ndarray:
    """Cover of a shape: ``distance`` is positive inside."""
    return step(distance, -EDGE / 2, EDGE / 2)


def _skin(h: Head, u: np.ndarray, y: np.ndarray, texture: np.ndarray) -> np.ndarray:
    side, k = np.abs(u), h.lower
    face = h.skin * (1 + h.mottle * 4 * (texture - 0.5))
    shade = (
        0.22 * bump(side, h.eye_x - 0.02, 0.32) * bump(y, -0.04, 0.15)  # sockets
        + h.bags * bump(side, h.eye_x - 0.03, 0.17) * bump(y, 0.155, 0.035)
        + 0.6 * bump(side, 0.48 * h.nose_wide, 0.05) * bump(y, h.nose_long + 0.12, 0.03)  # nostrils
        + 0.22 * bump(side, 1.02 * h.nose_wide, 0.045) * bump(y, h.nose_long + 0.07, 0.08)  # edge of the wings
        + 0.10 * bump(u, 0, 0.16) * bump(y, h.nose_long + 0.18, 0.05)  # under the nose
        + 0.28 * bump(u, 0, 0.25) * bump(y, h.mouth_y + h.lip_bottom + 0.075 + 0.8 * h.gap, 0.045)  # under the lip
        + 0.10 * bump(u, 0, 0.04) * bump(y, h.mouth_y - 0.19, 0.06)  # philtrum
        + 0.35 * bump(side, 1.04 * h.mouth_half, 0.06) * bump(y, h.mouth_y - 0.06 * h.smile, 0.06)
        + 0.30 * step(y, 1.75 * k + h.gap, 2.0 * k + h.gap)  # the neck lies in the chin's shadow
        + 0.30 * bump(side, 1.035, 0.05) * bump(y, 0.2, 0.35)  # in front of the ear
    )
    # The fold from the nose's wing round the mouth's corner.
    way = np.clip((y - h.nose_long) / (h.mouth_y + 0.1 - h.nose_long), 0, 1)
    fold = h.nose_wide + 0.03 + (h.mouth_half + 0.06 - h.nose_wide) * np.sqrt(way)
    shade = shade + (h.folds * (0.4 + 0.7 * h.smile) * bump(side, fold, 0.035 + 0.05 * way)
                     * step(way, 0.0, 0.25) * (1 - step(way, 0.55, 1.0)))
    for line in (-0.38, -0.48, -0.58):  # forehead
        shade = shade + 0.35 * h.folds * bump(y, line + 0.05 * u * u, 0.014) * (1 - step(side, 0.4, 0.7))
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
    return _over(face, h.hair * (0.5 + hairs), cover * np.clip(0.75 + 0.5 * hairs, 0, 1))


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
        face = _over(face, h.hair * 0.6, h.brow_dark * cover * (0.65 + 0.5 * hairs).clip(0, 1))
    return face


def _lips(h: Head, u: np.ndarray, y: np.ndarray, face: np.ndarray) -> np.ndarray:
    t = u / h.mouth_half
    top, upper, lower, bottom = lips(h, t.clip(-1, 1))
    within = np.abs(t) < 1
    red = _inside(y - top) * _inside(bottom - y) * within
    # The upper lip faces down, the lower one up.
    face = _over(face, face * (1 - h.lip_dark * np.where(y < (upper + lower) / 2, 1.0, 0.7)), red)
    gleam = bump(y, lower + 0.45 * (bottom - lower), 0.03) * (1 - step(np.abs(t), 0.1, 0.6))
    face = face * (1 + 0.35 * gleam * red)
    # The mouth's inside: dark, teeth hanging down from the upper lip; closed, it is a dark line.
    hole = _inside(y - upper) * _inside(lower - y) * within
    depth = (y - upper) / 0.11
    teeth = h.teeth * step(depth, -0.1, 0.15) * (1 - step(depth, 0.8, 1.1)) * (1 - step(np.abs(t), 0.55, 0.95))
    teeth = teeth * (0.85 + 0.15 * np.cos(u * 2 * np.pi / 0.085))
    face = _over(face, 0.05 + 0.75 * teeth, hole)
    closed = (1 - step(lower - upper, 0.02, 0.05)) * (1 - step(np.abs(t), 1.0, 1.06))
    seam = bump(y, (upper + lower) / 2, 0.026) * closed
    return face * (1 - 0.75 * seam)


def _eyes(h: Head, u: np.ndarray, y: np.ndarray, face: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Skin with eyes in it, and the shine of the wet eyeball."""
    t = (np.abs(u) - h.eye_x) / h.eye_half
    upper, lower = lids(h, t.clip(-1, 1))
    near = 1 - step(np.abs(t), 0.98, 1.06)
    slit = _inside(np.minimum(y - upper, lower - y)) * near * step(lower - upper, 0.01, 0.025)
    # The crease of the upper lid and its shadow.
    face = face * (1 - h.crease * bump(y, upper - 0.075, 0.022) * (1 - step(np.abs(t + 0.05), 0.9, 1.2)))
    # The eyeball: white, shaded under the upper lid; iris with a dark rim; pupil; a highlight.
    ball = (0.10 + 0.72 * h.skin) * (1 - 0.5 * bump(y, upper, 0.05)) * (1 - 0.25 * t * t)
    gx, gy = np.sign(u) * h.eye_x + h.gaze[0], -0.12 * h.eye_height + h.gaze[1]
    r = np.hypot(u - gx, y - gy)
    ball = _over(ball, np.minimum(h.iris, 0.5 * ball) * (0.5 + 6 * r), _inside(0.092 - r))
    ball = _over(ball, 0.03, _inside(0.038 - r))
    spark = np.hypot(u - gx - 0.035 * np.sign(h.light[0]), y - gy + 0.035)
    ball = _over(ball, 1.0, 0.9 * _inside(0.018 - spark))
    face = _over(face, ball, slit)
    lash = bump(y, upper - 0.005, 0.022) * near + 0.35 * bump(y, lower, 0.018) * near
    return face * (1 - h.lash * np.clip(lash, 0, 1)), 0.05 * slit


# ---- light and camera -----------------------------------------------------------------------


def shade(h: Head, p: Pixels) -> np.ndarray:
    """(P,) brightness: a lamp with soft edges, light from all round, and a highlight."""
    grey, shine = albedo(h, p)
    lamp = np.array(h.light) / np.linalg.norm(h.light)
    diffuse = np.clip((_towards(p, lamp) + h.wrap) / (1 + h.wrap), 0, None)
    # A glossy surface shines where its normal halves the way between lamp and camera.
    half = lamp + np.array([0, 0, 1])
    gloss = np.clip(_towards(p, half / np.linalg.norm(half)), 0, None) ** 24
    # From all round there comes a little more from above than from below (y points down).
    around = h.ambient * (0.93 - 0.07 * p.normal[:, 1])
    return grey * (around + (1 - h.ambient) * 1.25 * diffuse) + shine * (1 - h.ambient) * gloss


def _towards(p: Pixels, direction: np.ndarray) -> np.ndarray:
    """(P,) cosine between each pixel's normal and a direction."""
    return np.einsum("pc,c->p", p.normal, direction.astype(np.float32))


def glasses(h: Head, picture: np.ndarray) -> np.ndarray:
    """Two rims, a bridge and the arms, on a plane in front of the eyes."""
    if h.glasses[0] == 0:
        return picture
    size = SIZE * SCALE
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    # The plane's own coordinates: three of its points fix the (nearly) affine map to the picture.
    z = 1.32
    frame = (project(h, *np.array([[0, 0, z], [1, 0, z], [0, 1, z]]).T)[:2].T + 0.5) * SCALE - 0.5
    back = np.linalg.inv(np.stack([frame[1] - frame[0], frame[2] - frame[0]], 1)).astype(np.float32)
    dx, dy = columns - frame[0, 0], rows - frame[0, 1]
    u, y = np.abs(back[0, 0] * dx + back[0, 1] * dy), back[1, 0] * dx + back[1, 1] * dy
    a, b = h.glasses
    lens = ((np.abs(u - 0.54) / a) ** 3 + (np.abs(y) / b) ** 3 + 1e-6) ** (1 / 3)
    rim = step(h.rim - np.abs(lens - 1) * min(a, b), -EDGE / 2, EDGE / 2)
    bridge = step(h.rim * 0.9 - np.abs(y + 0.06), -EDGE / 2, EDGE / 2) * (u < 0.55 - a)
    picture = _over(picture, picture * 0.93 + 0.02, step(1 - lens, 0, 0.05))
    picture = _over(picture, h.rim_grey, np.clip(rim + bridge, 0, 1) * 0.9)
    for side in (1, -1):
        # An arm runs from the rim back to the ear; we see it where that side faces us.
        ends = np.array([[side * (0.54 + a), -0.02, z - 0.05], [side * 1.06, 0.0, 0.3]])
        (x0, y0), (x1, y1) = (project(h, *ends.T)[:2].T + 0.5) * SCALE - 0.5
        if side * (x1 - x0) > 0:
            along = (columns - x0) * (x1 - x0) + (rows - y0) * (y1 - y0)
            along = (along / max((x1 - x0) ** 2 + (y1 - y0) ** 2, 1)).clip(0, 1)
            away = np.hypot(columns - x0 - along * (x1 - x0), rows - y0 - along * (y1 - y0))
            picture = _over(picture, h.rim_grey, 0.85 * step(h.rim * h.eye_distance * SCALE - away, -0.5, 0.5))
    return picture


def background(rng: np.random.Generator) -> np.ndarray:
    """(S, S) something behind the head: even, sloping, cloudy or full of edges."""
    size = SIZE * SCALE
    level, slope = rng.beta(1.0, 1.6), rng.normal(0, 0.2, 2)
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    picture = level + slope[0] * rows + slope[1] * columns
    picture = picture + rng.exponential(0.15) * (noise(rng, (size, size), (4, 4)) - 0.5) * 2
    for _ in range(rng.integers(0, 5)):  # bars: doors, shelves, curtains
        at, half, turn = rng.uniform(-0.6, 0.6), rng.uniform(0.01, 0.15), rng.normal(0, 0.3) + rng.integers(2) * 1.57
        away = np.abs(columns * np.cos(turn) + rows * np.sin(turn) - at)
        picture = _over(picture, rng.uniform(0, 1), rng.uniform(0.2, 0.9) * step(half - away, -0.01, 0.01))
    return picture.clip(0, 1).astype(np.float32)


def shoulders(h: Head, rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """Clothes in the lower corners."""
    size = SIZE * SCALE
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    x, y = (project(h, *np.array([0, 2.2, -0.3]))[:2] + 0.5) * SCALE - 0.5
    unit = h.eye_distance * SCALE
    away = (np.abs(columns - x) / (2.4 * unit)) ** 2.5 + (np.clip(y + 1.0 * unit - rows, 0, None) / (1.2 * unit)) ** 2.5
    cloth = rng.uniform(0.02, 0.8) * (0.7 + 0.6 * noise(rng, (size, size), (6, 10)))
    return _over(picture, cloth.clip(0, 1), step(1 - away, -0.03, 0.03))
