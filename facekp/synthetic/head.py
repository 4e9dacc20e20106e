"""A head: some sixty numbers, and the surface they describe.

The unit is the distance between the eyes. The origin is the middle of the head at eye level;
x grows to the right of the image (the subject's left), y downwards, z towards the camera.

The skin is one surface with two coordinates: the angle ``theta`` around the vertical axis (0 = nose,
+-pi/2 = ears) and the height ``y``. Features are placed by ``u = across(theta)``, which is nearly x
on the front of the face. Keypoints are named points ``(theta, y)`` *on this surface*: whatever the
head does, its labels go along.
"""

from dataclasses import dataclass

import numpy as np

from facekp.keypoints import KAGGLE

OUTER = 1.3  # an eye reaches this much farther outwards than inwards; annotators stop short of its very end
# Where annotators put a point, compared with the position that its name says: down (+) or up, in eye distances.
# Found with networks trained on synthetic faces, on the half of the photographs that ``transfer`` does not report on.
MARKS = {"eye_center": -0.013, "outer_corner": -0.02, "eyebrow_inner_end": -0.025, "eyebrow_outer_end": -0.035,
         "nose_tip": 0.03, "mouth_center_top_lip": 0.01, "mouth_center_bottom_lip": 0.04}
WIDTH = 1.09  # half the width of an average head at the cheekbones, in eye distances


Numbers = float | np.ndarray  # one, or many at once


@dataclass(frozen=True)
class Head:
    """One person in one moment. The defaults are an average, frontal, neutral face."""

    # --- build
    width: float = 1.0  # of the head, relative
    jaw: float = 1.0  # of the jaw, relative
    brow_ridge: float = 0.05
    socket: float = 0.10  # depth of the eye sockets
    cheek: float = 0.06
    chin: float = 0.08
    ear: float = 0.16
    lower: float = 1.0  # length of everything below the eyes, relative
    # --- eyes (lengths; "openness" 0 = closed, 1 = relaxed)
    eye_x: float = 0.50
    eye_half: float = 0.195
    eye_tilt: float = 0.0  # outer corner lower (+) or higher (-)
    eye_height: float = 0.15
    openness: float = 1.0
    iris: float = 0.25  # albedo
    gaze: tuple[float, float] = (0.0, 0.0)
    lash: float = 0.6
    crease: float = 0.25
    bags: float = 0.15
    # --- brows
    brow_inner: tuple[float, float] = (0.235, -0.205)
    brow_outer: tuple[float, float] = (0.86, -0.185)
    brow_arch: float = 0.075
    brow_thick: float = 0.045
    brow_dark: float = 0.7
    # --- nose
    nose_long: float = 0.57  # height of the tip
    nose_out: float = 0.40
    nose_wide: float = 0.23  # half width at the wings
    bridge: float = 0.13
    # --- mouth
    mouth_y: float = 1.07
    mouth_half: float = 0.40
    lip_top: float = 0.09
    lip_bottom: float = 0.125
    lip_dark: float = 0.25
    gap: float = 0.02
    smile: float = 0.0
    teeth: float = 1.0
    skew: float = 0.0  # one mouth corner and one brow higher than the other
    # --- skin and hair (albedos 0..1)
    skin: float = 0.6
    mottle: float = 0.04
    shine: float = 0.15
    folds: float = 0.15
    beard: float = 0.0
    moustache: float = 0.0
    hair: float = 0.12
    hairline: float = -0.78
    recede: float = 0.0  # height of the temples' bays
    hair_thick: float = 0.16
    hair_long: float = 0.0  # 0 = short; 1 = falls over the ears to the shoulders
    hair_open: float = 1.3  # |theta| where long hair begins
    part: float = 0.0  # where the hair parts, -1..1
    fringe: float = 0.0
    curl: float = 0.0  # 0 = straight, 1 = curly
    bald: bool = False
    hat: float = -9.0  # height of its lower edge (far up = none), then how far the brim stands out, albedo
    brim: float = 0.0
    hat_grey: float = 0.2
    # --- glasses: half width and half height of a lens (0 = none), rim thickness, albedo, darkness of the lens
    glasses: tuple[float, float] = (0.0, 0.0)
    rim: float = 0.02
    rim_grey: float = 0.1
    tint: float = 0.05
    # --- something before the face: "", "microphone", "hand", "lock" (of hair) or "caption"
    before: str = ""
    # --- camera (degrees, pixels of the 96 x 96 image) and light
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    distance: float = 15.0
    eyes_at: tuple[float, float] = (47.5, 37.0)  # where the middle between the eyes comes to lie
    eye_distance: float = 36.7  # between the eyes, in the image
    light: tuple[float, float, float] = (0.2, -0.6, 0.8)
    ambient: float = 0.45
    wrap: float = 0.2  # softness of the light
    shadows: float = 1.0  # how dark the shadows are that one part casts on another
    texture: int = 0  # seed of skin, hair and brow texture


# ---- the surface ----------------------------------------------------------------------------


def across(theta: np.ndarray) -> np.ndarray:
    """``theta`` -> u: x on the front of an average head, growing on round the sides."""
    front = np.sin(theta)
    return WIDTH * np.where(np.abs(theta) > np.pi / 2, np.sign(theta) * 2 - front, front)


def theta_at(u: Numbers) -> np.ndarray:
    """The inverse of :func:`across` on the front of the head."""
    return np.arcsin(np.clip(u / WIDTH, -1, 1))


# Half width and depth of a head at heights from crown to neck.
_Y = np.array([-2.1, -1.9, -1.6, -1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.1, 1.4, 1.65, 1.9, 2.1, 2.6])
_W = np.array([0.05, 0.45, 0.80, 0.98, 1.04, 1.06, 1.07, 1.08, 1.06, 1.01, 0.90, 0.74, 0.58, 0.54, 0.58])
_D = np.array([0.05, 0.50, 0.88, 1.10, 1.20, 1.24, 1.23, 1.22, 1.24, 1.26, 1.22, 1.16, 0.82, 0.60, 0.50])
_FINE = np.linspace(-2.4, 2.8, 209)


def _smooth(values: np.ndarray) -> np.ndarray:
    """The table above on a fine grid with its corners rounded: a corner would show as a crease."""
    bell = np.hanning(21)
    return np.convolve(np.pad(np.interp(_FINE, _Y, values), 10, mode="edge"), bell / bell.sum(), mode="valid")


_WIDE, _DEEP = _smooth(_W), _smooth(_D)


def bump(x: Numbers, centre: Numbers, size: Numbers) -> np.ndarray:
    """A bell of height 1."""
    return np.exp(-(((x - centre) / size) ** 2))


def pair(x: np.ndarray, centre: float, size: float) -> np.ndarray:
    """Two bells, left and right."""
    return bump(x, centre, size) + bump(x, -centre, size)


def step(x: Numbers, start: Numbers, end: Numbers) -> np.ndarray:
    """0 at ``start``, 1 at ``end``, smooth between them."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def skull(h: Head, theta: np.ndarray, y: np.ndarray, thicker: float | np.ndarray = 0.0) -> tuple[np.ndarray, ...]:
    """x, z of a head without features, ``thicker`` all round, at ``theta`` and ``y`` (broadcast)."""
    # An open mouth takes the chin along; a long lower face stretches it.
    below = y - (h.lower - 1) * np.clip(y, 0, None) - h.gap * step(y, 1.0, 1.4)
    wide = h.width * np.interp(below, _FINE, _WIDE).astype(y.dtype) * (1 + (h.jaw - 1) * step(y, 0.4, 1.3)) + thicker
    deep = np.interp(below, _FINE, _DEEP).astype(y.dtype) + thicker
    s, c = np.sin(theta), np.cos(theta)
    # The front keeps half of the cheekbones' breadth at every height; the sides follow the taper.
    x = s * (WIDTH + (wide - WIDTH) * (0.5 + 0.5 * s * s))
    # The forehead is flat and turns sharply at the temples; below the nose the face recedes evenly.
    z = deep * np.sign(c) * np.abs(c) ** (0.5 + 0.4 * step(y, 0.3, 1.3))
    return x, z


def surface(h: Head, theta: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The point (x, y, z) of the skin at ``theta`` and ``y``, which broadcast against each other."""
    x, z = skull(h, theta, y)
    u, k = across(theta), h.lower
    out = (
        h.brow_ridge * pair(u, 0.42, 0.33) * bump(y, h.brow_inner[1] - 0.02, 0.12)
        + 0.05 * bump(u, 0, 0.32) * bump(y, h.brow_inner[1] - 0.02, 0.16)
        - h.socket * pair(u, 0.44, 0.25) * bump(y, 0.0, 0.15)
        + 0.055 * pair(u, h.eye_x, 0.19) * bump(y, 0.0, 0.11)
        + (h.cheek + 0.06 * h.smile) * pair(u, 0.62, 0.26) * bump(y, (0.50 - 0.06 * h.smile) * k, 0.22)
        - 0.05 * pair(u, 0.80, 0.20) * bump(y, 0.95 * k, 0.25)
        - 0.05 * pair(u, 0.98, 0.25) * bump(y, -0.30, 0.25)
        + h.chin * bump(u, 0, 0.26) * bump(y, 1.62 * k + h.gap, 0.17)
        - 0.06 * bump(u, 0, 0.28) * bump(y, h.mouth_y + 0.27 + 0.8 * h.gap, 0.075)
        + 0.14 * bump(u, 0, 0.33) * bump(y, h.mouth_y, 0.26)  # the teeth push the mouth forward
        + 0.045 * bump(u, 0, 0.30) * bump(y, h.mouth_y - 0.045, 0.045)
        + 0.065 * bump(u, 0, 0.26) * bump(y, h.mouth_y + 0.06 + 0.75 * h.gap, 0.05)
        - 0.035 * bump(u, 0, 0.38) * bump(y, h.mouth_y + 0.2 * h.gap, 0.022 + 0.3 * h.gap)
        + h.ear * pair(u, 1.08 * WIDTH, 0.055) * np.exp(-(((y - 0.27) / 0.42) ** 4))
    )
    out = out + _nose(h, u, y)
    return x + out * np.sin(theta), np.broadcast_to(y, x.shape), z + out * np.cos(theta)


def _nose(h: Head, u: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How far the nose stands out: a ridge from between the eyes to the tip, the tip, the wings."""
    t, tip = y / h.nose_long, h.nose_long
    # It ends lower in the middle than at the wings.
    ridge = (0.22 + 0.68 * np.clip(t, 0, 1.2) ** 1.2) * step(t, -0.45, 0.15) * (1 - step(y + 2 * u * u, tip, tip + 0.2))
    wide = h.bridge + 0.05 * np.clip(t, 0, 1) ** 2
    return (0.80 * h.nose_out * ridge * np.exp(-((u / wide) ** 2))
            + 0.20 * h.nose_out * bump(u, 0, 0.13) * bump(y, tip + 0.02, 0.11)
            + 0.28 * h.nose_out * pair(u, 0.72 * h.nose_wide, 0.09) * bump(y, tip + 0.06, 0.10))


# ---- lines drawn on it ----------------------------------------------------------------------


def lids(h: Head, t: Numbers) -> tuple[np.ndarray, np.ndarray]:
    """Heights of the upper and lower lid at t = -1 (inner corner) .. 1 (outer end, ``OUTER`` times as far)."""
    arc = np.clip(1 - t * t, 0, None)
    line = 0.035 + h.eye_tilt * t
    lower = line + 0.42 * h.eye_height * arc**0.8
    # The upper lid's arch is steeper towards the nose.
    upper = lower - h.openness * h.eye_height * arc**0.6 * (1.08 - 0.12 * t)
    return np.minimum(upper, lower), lower


def lips(h: Head, t: Numbers) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Heights of four lines at t = -1 (right corner) .. 1: upper lip's top and bottom, lower lip's top and bottom."""
    arc = np.clip(1 - t * t, 0, None)
    line = h.mouth_y + (0.01 - 0.09 * h.smile) * t * t + 0.03 * h.smile + h.skew * t
    upper = line - 0.2 * h.gap * arc
    lower = line + 0.8 * h.gap * arc**0.7
    bow = arc**0.9 * (1 - 0.22 * bump(t, 0, 0.16) - 0.15 * np.abs(t))
    return upper - h.lip_top * bow, upper, lower, lower + h.lip_bottom * arc**0.8


def brow(h: Head, side: int, t: Numbers) -> tuple[Numbers, Numbers]:
    """(u, y) of the middle line of a brow, ``side`` +1 = subject's left, t = 0 (inner end) .. 1 (outer end)."""
    (u0, y0), (u1, y1) = h.brow_inner, h.brow_outer
    y = y0 + (y1 - y0) * t - h.brow_arch * 2.6 * t * (1 - t) * (0.6 + 0.8 * t) - side * h.skew * 0.6
    return side * (u0 + (u1 - u0) * t), y


def landmarks(h: Head) -> dict[str, tuple[float, float]]:
    """Name -> (theta, y) on the surface: Kaggle's fifteen points, then the two of its other convention."""
    points: dict[str, tuple[float, float]] = {}
    upper, lower = (float(v) for v in lids(h, np.float64(0)))
    for side, name in ((1, "left"), (-1, "right")):
        points[f"{name}_eye_center"] = (side * h.eye_x, (upper + lower) / 2)
        points[f"{name}_eye_inner_corner"] = (side * (h.eye_x - h.eye_half), float(lids(h, np.float64(-1))[1]))
        points[f"{name}_eye_outer_corner"] = (side * (h.eye_x + h.eye_half), float(lids(h, np.float64(1))[1]))
        for end, t in (("inner", 0), ("outer", 1)):
            u, y = brow(h, side, np.float64(t))
            points[f"{name}_eyebrow_{end}_end"] = (float(u), float(y))
        points[f"mouth_{name}_corner"] = (side * h.mouth_half, float(lips(h, np.float64(side))[1]))
    top, inner_top, inner_bottom, bottom = (float(v) for v in lips(h, np.float64(0)))
    points["nose_tip"] = (0.0, h.nose_long)
    points["mouth_center_top_lip"] = (0.0, top)
    points["mouth_center_bottom_lip"] = (0.0, bottom)
    named: dict[str, tuple[float, float]] = {}
    for name in KAGGLE.names:
        (u, y), mark = points[name], sum(v for ending, v in MARKS.items() if name.endswith(ending))
        named[name] = (u, y + mark)
    named["nose_base"] = (0.0, h.nose_long + 0.19)
    named["mouth_center"] = (0.0, (inner_top + inner_bottom) / 2)
    return {name: (float(theta_at(u)), y) for name, (u, y) in named.items()}
