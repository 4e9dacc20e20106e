"""One face and one view of it: the picture moves, and the points with it."""

import math
from dataclasses import asdict, dataclass, fields

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from facekp import metrics, plots
from facekp.augment import Augment, about_centre, blur, warp_images, warp_points
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.keypoints import Scheme
from facekp.portrait import draw_sides
from facekp.predict import as_tensor, to_float
from facekp.widgets.live import Live, Rendered, button, choice, slider, table

FLIPS = {"no flip": "no", "flipped, names swapped": "swapped", "flipped, names not swapped": "forgotten"}


@dataclass(frozen=True)
class View:
    """One view, every amount chosen by hand. :class:`facekp.augment.Augment` has the ranges that a training draws from.

    Attributes:
        rotation: degrees.
        scale: a factor.
        shift_x, shift_y: pixels.
        mirror: "no", "swapped" (left and right points change names) or "forgotten" (they do not: a mistake).
        brightness: added to the grey values 0..1.
        contrast: a factor on their spread.
        blur: standard deviation of a Gaussian blur in pixels.
        noise: standard deviation of noise on the grey values.

    Raises:
        InputError: a mirror of another name, a factor that is not positive, a negative blur or noise.
    """

    rotation: float = 0.0
    scale: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    mirror: str = "no"
    brightness: float = 0.0
    contrast: float = 1.0
    blur: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        if self.mirror not in FLIPS.values():
            raise InputError(f"Expected mirror to be one of {', '.join(FLIPS.values())}; found '{self.mirror}'.")
        if not (self.scale > 0 and self.contrast > 0 and self.blur >= 0 and self.noise >= 0):
            raise InputError(f"Expected scale and contrast above 0, blur and noise not below; found {self}.")


START = View(rotation=15.0, scale=0.9)
"""Where the sliders begin: somewhere that shows what they do."""


def matrix(view: View, size: tuple[int, int]) -> Tensor:
    """(1, 2, 3): where the view puts each place of an image of ``size`` (H, W), about the image's centre."""
    angle, scale, right, down = torch.tensor(
        [[math.radians(view.rotation)], [view.scale], [view.shift_x], [view.shift_y]])
    return about_centre(size, angle, scale, torch.tensor([view.mirror != "no"]), right, down)


def seen_image(image: np.ndarray, view: View) -> np.ndarray:
    """The view of an image (H, W) uint8 as (H, W) float in [0, 1]."""
    x = warp_images(to_float(as_tensor(image[None])), matrix(view, image.shape))
    mean = x.mean()
    x = (x - mean) * view.contrast + (mean + view.brightness)
    if view.blur:
        x = blur(x, torch.tensor([view.blur]), view.blur)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    return (x + view.noise * noise).clamp(0, 1)[0, 0].numpy()


def seen_points(points: np.ndarray, view: View, size: tuple[int, int], scheme: Scheme) -> np.ndarray:
    """Where the view puts the points (K, 2), and under which names; a point that leaves the picture becomes NaN."""
    moved = warp_points(as_tensor(points[None]), matrix(view, size))[0].numpy()
    moved = moved[scheme.swap] if view.mirror == "swapped" else moved
    inside = ((moved >= -0.5) & (moved <= np.array([size[1], size[0]]) - 0.5)).all(-1, keepdims=True)
    return np.where(inside, moved, np.nan)


def random_view(seed: int, limits: Augment) -> View:
    """A view such as a training may draw from ``limits``; it mirrors with their probability, and always swaps."""
    u = np.random.default_rng(seed).uniform(-1, 1, 9).tolist()  # numbers of Python, as a slider gives them
    return View(
        rotation=round(limits.rotation * u[0], 1),
        scale=round(math.exp(math.log1p(limits.scale) * u[1]), 2),
        shift_x=round(limits.shift * u[2], 1),
        shift_y=round(limits.shift * u[3], 1),
        mirror="swapped" if (u[4] + 1) / 2 < limits.flip else "no",
        brightness=round(limits.brightness * u[5], 2),
        contrast=round(math.exp(math.log1p(limits.contrast) * u[6]), 2),
        blur=round(abs(limits.blur * u[7]), 1),
        noise=round(abs(limits.noise * u[8]), 2),
    )


def draw(image: np.ndarray, points: np.ndarray, view: View, scheme: Scheme) -> Figure:
    """The face as it is and the view of it: left points blue, right points orange, those in the middle green."""
    figure = Figure(figsize=(8.4, 4.5))
    after = seen_image(image, view), seen_points(points, view, image.shape, scheme)
    for i, (pixels, places, title) in enumerate(((image, points, "the face"), (*after, "the view"))):
        axis = figure.add_axes((0.01 + 0.5 * i, 0.09, 0.48, 0.83))
        plots.draw_face(axis, pixels, title)
        axis.axis("off")
        draw_sides(axis, places, scheme)
    words = "left in blue squares, right in orange crosses: the subject's own left, so in every picture of a face the"
    figure.text(0.5, 0.015, f"{words}\nblue ones stand on the right-hand side", ha="center", fontsize=8)
    return figure


def summary(points: np.ndarray, view: View, size: tuple[int, int], scheme: Scheme) -> str:
    """How many points are still in the picture, and what a forgotten swap makes of the labels."""
    right = View(**(asdict(view) | {"mirror": "swapped"})) if view.mirror == "forgotten" else view
    places, should = (seen_points(points, v, size, scheme) for v in (view, right))
    there = int(np.isfinite(should[:, 0]).sum())
    of_all = f"{there} of {int(np.isfinite(points[:, 0]).sum())}"
    wrong = metrics.rmse(places[None], np.where(np.isnan(places), np.nan, should)[None]) if there else 0.0
    return table(("of this view", ""), [("points in the picture", of_all), ("labels off by (RMSE)", f"{wrong:.1f} px")])


def augmentation_playground(faces: Faces, limits: Augment | None = None) -> Live:
    """Sliders for one view of a face, and a button that draws a random one.

    Args:
        faces: at least one.
        limits: what the button may do; default ``Augment()``, as in a training.

    Raises:
        InputError: no face, or ipywidgets is not installed.
    """
    if not len(faces):
        raise InputError("Expected at least one face to play with; found none.")
    size, presses = faces.images.shape[1:], [0]

    def see(face: int, **values) -> Rendered:
        view, points = View(**values), faces.keypoints[face]
        return Rendered(draw(faces.images[face], points, view, faces.scheme), summary(points, view, size, faces.scheme))

    def again() -> None:
        presses[0] += 1
        live.set(**asdict(random_view(presses[0], limits or Augment())))

    def reset() -> None:
        live.set(**{f.name: f.default for f in fields(View)})

    controls = {"face": slider("face", 0, 0, len(faces) - 1, 1)} | _controls()
    live = Live("Augmentation playground", controls, see,
                (button("Random view", again), button("As it is", reset)))
    return live


def _controls() -> dict:
    """A control per field of :class:`View`; their steps are those to which :func:`random_view` rounds."""
    v = START
    return {
        "rotation": slider("rotation (deg)", v.rotation, -60.0, 60.0, 0.1),
        "scale": slider("scale (factor)", v.scale, 0.5, 2.0, 0.01),
        "shift_x": slider("shift right (px)", v.shift_x, -30.0, 30.0, 0.1),
        "shift_y": slider("shift down (px)", v.shift_y, -30.0, 30.0, 0.1),
        "mirror": choice("mirror", v.mirror, list(FLIPS.items())),
        "brightness": slider("brightness", v.brightness, -0.5, 0.5, 0.01),
        "contrast": slider("contrast (factor)", v.contrast, 0.3, 3.0, 0.01),
        "blur": slider("blur (px)", v.blur, 0.0, 3.0, 0.1),
        "noise": slider("noise", v.noise, 0.0, 0.3, 0.01),
    }
