"""Who stands before the camera: a random :class:`Head`, and the photograph of it."""

import numpy as np

from facekp.data.generated.head import Head
from facekp.data.generated.paint import background, glasses, shade, shoulders
from facekp.data.generated.render import SCALE, SIZE, rasterise


def random_head(rng: np.random.Generator) -> Head:
    """A person, an expression, a pose, a lamp.

    The spreads of pose and framing are fitted to the labels of Kaggle's training set: eyes near
    (66, 37) and (30, 37) with a spread of two pixels, nose and mouth with more.
    """
    def n(mean: float, std: float, low: float = -np.inf, high: float = np.inf) -> float:
        return float(np.clip(rng.normal(mean, std), low, high))

    def f(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def chance(p: float) -> bool:
        return bool(rng.random() < p)

    male, old = chance(0.55), float(rng.beta(1.5, 2.5))
    smile, raised = n(0.25, 0.45, 0, 1), n(0, 0.035)
    gap = n(-0.03, 0.10, 0, 0.40) if chance(0.7) else 0.0
    skin = float(np.interp(rng.random(), [0, 0.2, 1], [0.16, 0.38, 0.80]))
    if old > 0.5 and chance(0.7):
        hair = f(0.3, 0.75)
    elif skin > 0.45 and chance(0.25):
        hair = f(0.2, 0.5)
    else:
        hair = f(0.03, 0.16)
    lower = n(1.0, 0.045, 0.88, 1.12)  # the nose and the mouth go along with it
    yaw = n(0, 9) if chance(0.8) else n(0, 21, -42, 42)
    right, up = np.radians([n(0, 40, -85, 85), n(30, 22, -25, 75)])  # where the lamp stands
    return Head(
        width=n(1.0, 0.045), jaw=n(1.03 if male else 0.96, 0.06), lower=lower,
        brow_ridge=n(0.07 if male else 0.03, 0.025), socket=n(0.10, 0.03), cheek=n(0.06, 0.025), chin=n(0.08, 0.03),
        ear=n(0.16, 0.05, 0.03, 0.28),
        # eyes
        eye_x=n(0.50, 0.012), eye_half=n(0.195, 0.017), eye_tilt=n(0.0, 0.014), eye_height=n(0.145, 0.022, 0.09, 0.21),
        openness=0.0 if chance(0.06) else n(1.0 - 0.25 * smile, 0.12, 0.3, 1.3), iris=f(0.08, 0.4),
        gaze=(n(0, 0.03, -0.08, 0.08), n(0, 0.012)), lash=n(0.40 if male else 0.65, 0.18, 0.05, 1.0),
        crease=f(0, 0.45), bags=n(0.08 + 0.2 * old, 0.06, 0),
        # brows
        brow_inner=(n(0.215, 0.04, 0.12), n(-0.175, 0.025) - raised),
        brow_outer=(n(0.87, 0.02), n(-0.155, 0.03) - 0.8 * raised), brow_arch=n(0.075, 0.03, 0.0),
        brow_thick=n(0.068 if male else 0.05, 0.015, 0.02), brow_dark=n(0.8, 0.2, 0.25, 1.0),
        # nose
        nose_long=n(0.545, 0.055) * lower, nose_out=n(0.40, 0.055), nose_wide=n(0.24 if male else 0.22, 0.025),
        bridge=n(0.13, 0.018),
        # mouth
        mouth_y=n(1.045, 0.04) * lower, mouth_half=n(0.38, 0.032) * (1 + 0.17 * smile),
        lip_top=n(0.13, 0.025, 0.04) * (1 - 0.35 * smile), lip_bottom=n(0.135, 0.025, 0.05) * (1 - 0.25 * smile),
        lip_dark=n(0.22 if male else 0.36, 0.12, 0.0, 0.7), gap=gap + (f(0.1, 0.3) * smile if chance(0.7) else 0.0),
        smile=smile, teeth=f(0.5, 1.0) if smile > 0.2 else float(chance(0.4)), skew=n(0, 0.012),
        # skin and hair
        skin=skin, mottle=f(0.01, 0.08), shine=min(0.35, float(rng.exponential(0.09))),
        folds=n(0.1 + 0.25 * old, 0.08, 0, 0.45),
        beard=f(0.1, 0.95) if male and chance(0.35) else 0.0,
        moustache=f(0.1, 0.95) if male and chance(0.35) else 0.0,
        hair=hair, hairline=n(-0.95 - (0.2 * old if male else 0), 0.13, -1.4, -0.5),
        recede=f(-0.25, 0.15) if male else f(0, 0.2), hair_thick=f(0.06, 0.30),
        hair_long=float(chance(0.07 if male else 0.8)), hair_open=n(1.18, 0.16, 0.85, 1.5), part=f(-1, 1),
        fringe=f(0.1, 0.40) if chance(0.2 if male else 0.3) else 0.0, bald=male and chance(0.10),
        glasses=(f(0.30, 0.42), f(0.18, 0.32)) if chance(0.15) else (0.0, 0.0), rim=f(0.008, 0.03),
        rim_grey=f(0.02, 0.4),
        # camera and light
        yaw=yaw, pitch=n(0, 6.5, -22, 22), roll=n(0, 4.2, -18, 18), distance=f(8, 25),
        # A turned head is framed a little to the other side: a crop is centred on the whole face.
        eyes_at=(n(47.9, 1.4) - 4 * float(np.sin(np.radians(yaw))), n(37.0, 2.0)),
        eye_distance=n(37.3, 2.5, 29.5, 44) * float(np.cos(np.radians(yaw))) ** 0.8,
        light=(float(np.sin(right) * np.cos(up)), float(-np.sin(up)), float(np.cos(right) * np.cos(up))),
        ambient=f(0.25, 0.75), wrap=f(0.1, 0.6), texture=int(rng.integers(2**31)),
    )


def photograph(h: Head, rng: np.random.Generator) -> np.ndarray:
    """(96, 96) uint8: the head before a background, through a camera with its faults."""
    pixels = rasterise(h)
    picture = shoulders(h, rng, background(rng))
    picture.ravel()[pixels.where] = shade(h, pixels)
    picture = glasses(h, picture)
    small = picture.reshape(SIZE, SCALE, SIZE, SCALE).mean((1, 3))
    small = blur(small, rng.normal(0.2, 0.5) if rng.random() < 0.85 else rng.uniform(0.8, 1.6))
    # Exposure brings the face to a usual brightness; then contrast, and the camera's noise.
    face = small[30:85, 25:71].mean()
    small = (small / max(face, 0.05) * rng.uniform(0.28, 0.68)).clip(0, 1.3)
    small = small ** rng.uniform(0.75, 1.25) * rng.uniform(0.85, 1.1) + rng.uniform(-0.04, 0.06)
    small = small + rng.exponential(0.008) * rng.standard_normal(small.shape)
    return np.round(small.clip(0, 1) * 255).astype(np.uint8)


def blur(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur; the edges are repeated."""
    if sigma < 0.2:
        return picture
    bell = np.exp(-0.5 * (np.arange(-5, 6) / sigma) ** 2)
    bell /= bell.sum()
    for axis in (0, 1):
        padded = np.pad(picture, [(5, 5) if a == axis else (0, 0) for a in (0, 1)], mode="edge")
        picture = sum(w * np.take(padded, range(i, i + SIZE), axis) for i, w in enumerate(bell))
    return picture
