"""Who is in front of the camera: a random :class:`Head`, with or without some of its ingredients."""

from dataclasses import dataclass, replace

import numpy as np

from facekp.synthetic.head import Head


@dataclass(frozen=True)
class Ingredients:
    """What the synthetic faces have; each may be left out, to see what it was worth.

    Attributes:
        pose: how far heads turn and nod, times what Kaggle's labels show; 0 = all look at the camera.
        expression: smiles, open mouths, closed eyes, raised brows.
        light: lamps from all sides, and shadows; without it, even light from the front.
        hair: hair, beards, hats; without it, bald heads.
        occluders: glasses, and what is in front of a face: hands, microphones, locks, captions.
        camera: blur, few pixels, compression, noise.
    """

    pose: float = 1.0
    expression: bool = True
    light: bool = True
    hair: bool = True
    occluders: bool = True
    camera: bool = True


def with_ingredients(h: Head, i: Ingredients) -> Head:
    """The same person with what ``i`` leaves of them."""
    h = replace(h, yaw=float(np.clip(h.yaw * i.pose, -60, 60)), pitch=float(np.clip(h.pitch * i.pose, -30, 30)))
    if not i.expression:
        h = replace(h, smile=0.0, gap=0.0, openness=1.0, skew=0.0)
    if not i.light:
        h = replace(h, light=(0.0, -0.3, 1.0), ambient=0.6, wrap=0.4, shadows=0.0)
    if not i.hair:
        h = replace(h, bald=True, beard=0.0, moustache=0.0, hat=-9.0)
    if not i.occluders:
        h = replace(h, glasses=(0.0, 0.0), before="")
    return h


class Dice:
    """Random numbers: ``near`` a mean within limits, ``between`` two bounds, and yes with a ``chance``."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def near(self, mean: float, std: float, low: float = -np.inf, high: float = np.inf) -> float:
        return float(np.clip(self.rng.normal(mean, std), low, high))

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)


def random_head(rng: np.random.Generator) -> Head:
    """A person, an expression, a pose, a lamp.

    The spreads of pose and framing are fitted to the labels of Kaggle's training set: eyes near
    (66, 37) and (30, 37) with a spread of two pixels, nose and mouth with more.
    """
    dice = Dice(rng)
    n, f, chance = dice.near, dice.between, dice.chance
    male, old = chance(0.55), float(rng.beta(1.5, 2.5))
    smile, raised = n(0.25, 0.45, 0, 1), n(0, 0.045)
    gap = n(0.0, 0.11, 0, 0.38) if chance(0.7) else 0.0
    skin = float(np.interp(rng.random(), [0, 0.2, 1], [0.16, 0.38, 0.80]))
    if old > 0.5 and chance(0.7):
        hair = f(0.3, 0.75)
    elif skin > 0.45 and chance(0.25):
        hair = f(0.2, 0.5)
    else:
        hair = f(0.03, 0.16)
    lower = n(1.0, 0.05, 0.86, 1.14)  # the nose and the mouth go along with it
    yaw = n(0, 8.5) if chance(0.8) else n(0, 23, -45, 45)
    right, up = np.radians([n(0, 40, -85, 85), n(30, 22, -25, 75)])  # where the lamp stands
    h = Head(
        width=n(1.0, 0.045), jaw=n(1.03 if male else 0.96, 0.07), lower=lower,
        brow_ridge=n(0.07 if male else 0.03, 0.025), socket=n(0.10, 0.03), cheek=n(0.06, 0.025), chin=n(0.08, 0.03),
        ear=n(0.16, 0.05, 0.03, 0.28),
    )
    h = eyes(h, dice, male, old, smile, raised)
    h = nose_and_mouth(h, dice, male, smile, gap)
    h = skin_and_hair(h, dice, male, old, skin, hair)
    h = pose(occluders(h, dice), dice, yaw)
    return replace(
        h,
        light=(float(np.sin(right) * np.cos(up)), float(-np.sin(up)), float(np.cos(right) * np.cos(up))),
        ambient=f(0.25, 0.75), wrap=f(0.1, 0.6), texture=int(rng.integers(2**31)),
    )


def eyes(h: Head, dice: Dice, male: bool, old: float, smile: float, raised: float) -> Head:
    """Eyes and brows; ``raised`` is how high the brows are drawn up."""
    n, f, chance = dice.near, dice.between, dice.chance
    return replace(
        h,
        eye_x=n(0.50, 0.012), eye_half=n(0.195, 0.017), eye_tilt=n(0.0, 0.014), eye_height=n(0.145, 0.022, 0.09, 0.21),
        openness=0.0 if chance(0.06) else n(1.0 - 0.25 * smile, 0.12, 0.3, 1.3), iris=f(0.05, 0.32),
        gaze=(n(0, 0.03, -0.08, 0.08), n(0, 0.012)), lash=n(0.55 if male else 0.75, 0.18, 0.1, 1.0),
        crease=f(0, 0.45), bags=n(0.08 + 0.2 * old, 0.06, 0),
        brow_inner=(n(0.215, 0.04, 0.12), n(-0.195, 0.025) - raised),
        brow_outer=(n(0.895, 0.025), n(-0.175, 0.03) - 0.8 * raised), brow_arch=n(0.075, 0.03, 0.0),
        brow_thick=n(0.062 if male else 0.046, 0.014, 0.02), brow_dark=n(0.65, 0.2, 0.2, 1.0),
    )


def nose_and_mouth(h: Head, dice: Dice, male: bool, smile: float, gap: float) -> Head:
    """Nose, lips and teeth; ``gap`` is how far the lips are apart."""
    n, f, chance = dice.near, dice.between, dice.chance
    return replace(
        h,
        nose_long=n(0.52, 0.058) * h.lower, nose_out=n(0.40, 0.055), nose_wide=n(0.24 if male else 0.22, 0.025),
        bridge=n(0.13, 0.018),
        mouth_y=n(0.997, 0.045) * h.lower,
        mouth_half=n(0.395, 0.042) * (1 + 0.2 * smile) * (1 - 0.5 * gap * (1 - smile)),
        lip_top=n(0.13, 0.025, 0.04) * (1 - 0.35 * smile), lip_bottom=n(0.115, 0.025, 0.05) * (1 - 0.25 * smile),
        lip_dark=n(0.25 if male else 0.40, 0.14, 0.0, 0.75), gap=gap + (f(0.1, 0.3) * smile if chance(0.7) else 0.0),
        smile=smile, teeth=f(0.5, 1.0) if smile > 0.2 else float(chance(0.4)), skew=n(0, 0.012),
    )


def skin_and_hair(h: Head, dice: Dice, male: bool, old: float, skin: float, hair: float) -> Head:
    """Skin of brightness ``skin``, hair and beard of brightness ``hair``."""
    n, f, chance = dice.near, dice.between, dice.chance
    return replace(
        h,
        skin=skin, mottle=f(0.01, 0.06), shine=min(0.35, float(dice.rng.exponential(0.09))),
        folds=n(0.1 + 0.25 * old, 0.08, 0, 0.45),
        beard=f(0.1, 0.95) if male and chance(0.35) else 0.0,
        moustache=f(0.1, 0.95) if male and chance(0.35) else 0.0,
        hair=hair, hairline=n(-0.95 - (0.2 * old if male else 0), 0.13, -1.4, -0.5),
        recede=f(-0.25, 0.15) if male else f(0, 0.2), hair_thick=f(0.06, 0.30),
        hair_long=float(chance(0.07 if male else 0.8)), hair_open=n(1.18, 0.16, 0.85, 1.5), part=f(-1, 1),
        fringe=f(0.1, 0.40) if chance(0.2 if male else 0.3) else 0.0, bald=male and chance(0.10),
        curl=float(chance(0.2)),
    )


def occluders(h: Head, dice: Dice) -> Head:
    """A hat, glasses, something before the face: most people have none."""
    f, chance = dice.between, dice.chance
    return replace(
        h,
        hat=f(-0.75, -0.35) if chance(0.08) else -9.0, brim=f(0.1, 0.5) if chance(0.6) else 0.0, hat_grey=f(0.02, 0.8),
        glasses=(f(0.30, 0.42), f(0.18, 0.32)) if chance(0.18) else (0.0, 0.0), rim=f(0.008, 0.03),
        rim_grey=f(0.02, 0.4), tint=f(0.6, 0.95) if chance(0.15) else 0.07,
        before=str(dice.rng.choice(["microphone", "hand", "lock", "caption"])) if chance(0.14) else "",
    )


def pose(h: Head, dice: Dice, yaw: float) -> Head:
    """The turn of the head, and how the camera frames it."""
    n, f = dice.near, dice.between
    return replace(
        h,
        yaw=yaw, pitch=n(0, 6.5, -22, 22), roll=n(0, 4.2, -18, 18), distance=f(8, 25),
        # A turned head is framed a little to the other side: a crop is centred on the whole face.
        eyes_at=(n(47.9, 1.4) - 4 * float(np.sin(np.radians(yaw))), n(37.0, 2.0)),
        eye_distance=n(37.3, 2.5, 29.5, 44) * float(np.cos(np.radians(yaw))) ** 0.8,
    )
