"""One heatmap and every decoder: what noise, a coarse grid and a faint background do to each."""

from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from facekp import heatmaps, plots
from facekp.errors import InputError
from facekp.heads import HeatmapHead
from facekp.widgets.live import Live, Rendered, choice, slider, table

SIZE = 96
MARKS = "s^oXDPv<>h*d"  # one for each decoder, and from the first again where there are more


@dataclass(frozen=True)
class Scene:
    """A heatmap of one point in an image of 96 x 96 pixels.

    Attributes:
        x, y: the true position in image pixels.
        sigma: of the Gaussian, in heatmap pixels.
        stride: image pixels per heatmap pixel; divides 96.
        noise: standard deviation of what is added to each heatmap pixel; the peak is 1.
        background: a constant added to all of them.

    Raises:
        InputError: a sigma that is not positive, or a stride that does not divide 96.
    """

    x: float = 40.3
    y: float = 52.6
    sigma: float = 1.5
    stride: int = 4
    noise: float = 0.0
    background: float = 0.003

    def __post_init__(self) -> None:
        if self.sigma <= 0 or self.stride < 1 or SIZE % self.stride:
            raise InputError(f"Expected a sigma above 0 and a stride that divides {SIZE}; found {self.sigma} and "
                             f"{self.stride}.")


def heatmap(scene: Scene) -> Tensor:
    """(1, 1, h, w). The noise is the same for every scene of one stride, so that only the slider moves the answer."""
    side = SIZE // scene.stride
    point = heatmaps.to_heatmap(torch.tensor([[[scene.x, scene.y]]]), scene.stride)
    clean = heatmaps.gaussian(point, (side, side), scene.sigma)
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    return clean + scene.background + scene.noise * noise


@dataclass(frozen=True)
class Reading:
    """What the decoders make of a scene.

    Attributes:
        values: (h, w) the heatmap.
        points: by decoder, (2,) image pixels, with the options that a heatmap head gives it.
        errors: by decoder, the distance from the true position in image pixels.
    """

    values: np.ndarray
    points: dict[str, np.ndarray]
    errors: dict[str, float]


def read(scene: Scene) -> Reading:
    """Read the scene's map with every decoder."""
    maps = heatmap(scene)
    points = {name: HeatmapHead(scene.stride, scene.sigma, name).decode(maps)[0][0, 0].numpy()
              for name in heatmaps.DECODERS}
    errors = {name: float(np.hypot(*(point - (scene.x, scene.y)))) for name, point in points.items()}
    return Reading(maps[0, 0].numpy(), points, errors)


def draw(scene: Scene, reading: Reading) -> Figure:
    """The map and every decoder's answer: all of it, and the surroundings of the truth enlarged."""
    figure = Figure(figsize=(9.6, 3.9))
    whole, near = figure.add_axes((0.005, 0.02, 0.375, 0.9)), figure.add_axes((0.395, 0.02, 0.375, 0.9))
    half = float(np.clip(1.2 * scene.sigma * scene.stride, 1.5 * scene.stride, SIZE / 4))
    h, w = reading.values.shape
    for axis, title in ((whole, f"the map, {w} x {h}"), (near, "around the true position")):
        # The extent lays the map's outer edges on the image's: the pixel rule, in a picture.
        axis.imshow(reading.values, cmap="inferno", vmin=0, vmax=1, extent=(-0.5, SIZE - 0.5, SIZE - 0.5, -0.5))
        axis.set_title(title, fontsize=10)
        axis.axis("off")
        _answers(axis, scene, reading)
    near.set(xlim=(scene.x - half, scene.x + half), ylim=(scene.y + half, scene.y - half))
    whole.add_patch(Rectangle((scene.x - half, scene.y - half), 2 * half, 2 * half, fill=False, edgecolor="white"))
    near.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)
    return figure


def _answers(axis: Axes, scene: Scene, reading: Reading) -> None:
    """A hair cross at the truth, and a mark per decoder."""
    axis.axhline(scene.y, color=plots.TRUTH, lw=1)
    axis.axvline(scene.x, color=plots.TRUTH, lw=1, label="true position")
    looks = zip(cycle(MARKS), cycle(plots.SERIES))
    for (name, point), (mark, colour) in zip(reading.points.items(), looks, strict=False):
        axis.plot(*point, mark, ms=8, color=colour, markeredgecolor="white", mew=0.8, zorder=3,
                  label=f"{name.replace('_', ' ')} {reading.errors[name]:.2f} px")
    axis.set(xlim=(-0.5, SIZE - 0.5), ylim=(SIZE - 0.5, -0.5))


def see(**values: Any) -> Rendered:
    """The picture and the table of one scene."""
    scene = Scene(**values)
    reading = read(scene)
    rows = [(name.replace("_", " "), f"{x:.2f}", f"{y:.2f}", f"{reading.errors[name]:.2f}")
            for name, (x, y) in reading.points.items()]
    return Rendered(draw(scene, reading), table(("decoder", "x (px)", "y (px)", "error (px)"), rows))


def heatmap_lab() -> Live:
    """Sliders for one heatmap: its width, its grid, its noise, its point; and what every decoder makes of it.

    Raises:
        InputError: ipywidgets is not installed.
    """
    s = Scene()
    return Live("Heatmap laboratory", {
        "x": slider("true x (px)", s.x, 0.0, SIZE - 1, 0.1),
        "y": slider("true y (px)", s.y, 0.0, SIZE - 1, 0.1),
        "sigma": slider("sigma (map px)", s.sigma, 0.5, 5.0, 0.1),
        "stride": choice("stride", s.stride, [1, 2, 4, 8]),
        "noise": slider("noise", s.noise, 0.0, 0.3, 0.01),
        "background": slider("background", s.background, 0.0, 0.02, 0.001),
    }, see)
