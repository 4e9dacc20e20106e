"""Figures. Each function gives a closed matplotlib Figure.

In a notebook, a function as a cell's last line shows its figure once; elsewhere call
``figure.savefig("name.png")``. Colours are of Okabe and Ito's set, which colour-blind readers can
tell apart; truth and prediction differ in shape as well.
"""

from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from facekp import metrics
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import replacing
from facekp.keypoints import Scheme

TRUTH, PREDICTED, BASELINE = "#009E73", "#D55E00", "#777777"
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MANY = 6  # lines of a chart; with more, the legend would cover them


def check_figure(path: str | Path | None) -> None:
    """Raise InputError unless matplotlib can write a figure to that file: call it before the long work, not after."""
    formats = FigureCanvasBase.get_supported_filetypes()
    if path is not None and Path(path).suffix.lower().lstrip(".") not in formats:
        raise InputError(f"{path}: expected a figure's file name that ends in one of {', '.join(sorted(formats))}. "
                         "Name it .png, say.")


def save(figure: Figure, path: str | Path, dpi: int = 120) -> None:
    """Write the figure, whole or not at all; the name's ending is its format."""
    check_figure(path)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=dpi, format=Path(path).suffix.lower().lstrip("."))


def styles() -> Iterator[dict]:
    """A look for each line of a chart: six colours, then the same ones dashed, dotted, dash-dotted."""
    return cycle([{"color": colour, "linestyle": dashes} for dashes in ("-", "--", ":", "-.") for colour in SERIES])


def chart(lines: int) -> tuple[Figure, Axes]:
    """A closed figure for so many lines; a larger one where their legend is beside them."""
    figure, axis = plt.subplots(figsize=(10, 5) if lines > MANY else (7, 3.5), layout="constrained")
    plt.close(figure)
    return figure, axis


def add_legend(axis: Axes) -> None:
    """The legend, in the chart or, of many lines, beside it."""
    if len(axis.get_legend_handles_labels()[1]) > MANY:
        axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8)
    else:
        axis.legend(frameon=False)


def grid(count: int, columns: int, cell: float) -> tuple[Figure, list[Axes]]:
    """A closed figure with ``count`` empty panels in rows of ``columns``, each ``cell`` inches wide."""
    rows = -(-count // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(columns * cell, rows * cell), squeeze=False, layout="constrained"
    )
    plt.close(figure)
    for axis in axes.flat:
        axis.axis("off")
    return figure, list(axes.flat)[:count]


def draw_face(axis: Axes, image: np.ndarray, title: str = "") -> None:
    """A grey image (H, W), uint8 or [0, 1], with pixel centres at whole numbers."""
    axis.imshow(image, cmap="gray", vmin=0, vmax=255 if image.dtype == np.uint8 else 1)
    axis.set_title(title, fontsize=10)
    axis.autoscale(False)  # a point outside the image must not shrink it


def draw_points(
    axis: Axes, points: np.ndarray, scheme: Scheme, colour: str, marker: str = "o", lines: bool = True
) -> None:
    """Keypoints (K, 2) with the scheme's lines; missing ones are left out."""
    if lines:
        for line in scheme.lines:
            axis.plot(*points[scheme.index(*line)].T, color=colour, lw=0.8, alpha=0.7)
    face = "none" if marker == "o" else colour
    x, y = points.T
    axis.scatter(x, y, s=14, marker=marker, facecolors=face, edgecolors=colour if marker == "o" else None, lw=1.1)


def faces(
    faces: Faces,
    predicted: np.ndarray | None = None,
    count: int = 16,
    columns: int = 8,
    cell: float = 1.2,
    titles: Sequence[str] | None = None,
) -> Figure:
    """The first ``count`` faces: true points as green rings, predicted ones (N, K, 2) as orange crosses.

    With predictions, each title is the face's own RMSE in pixels.
    """
    count = min(count, len(faces))
    figure, axes = grid(count, min(columns, count), cell)
    if predicted is not None and titles is None and faces.annotated[:count].any(axis=1).all():
        titles = [f"{e:.2f} px" for e in metrics.rmse(predicted[:count], faces.keypoints[:count], axis=(1, 2))]
    for i, axis in enumerate(axes):
        draw_face(axis, faces.images[i], titles[i] if titles is not None else "")
        draw_points(axis, faces.keypoints[i], faces.scheme, TRUTH, lines=predicted is None)
        if predicted is not None:
            draw_points(axis, predicted[i], faces.scheme, PREDICTED, marker="x", lines=False)
    return figure


def photo(pixels: np.ndarray, found: Sequence, width: float = 8.0, most: int = 1600) -> Figure:
    """A photo with a square and points for each face that was found in it.

    Args:
        pixels: (H, W, 3) or (H, W) uint8.
        found: faces as ``predict_photo`` gives them: ``points`` (K, 2) in the photo's pixels, ``box``, ``scheme``.
        width: of the figure's longer side, in inches.
        most: of a photo with a longer side than this, 2 x 2, 3 x 3 ... pixels are drawn as one.
    """
    H, W = pixels.shape[:2]
    figure = plt.figure(figsize=(max(W / max(W, H), 0.2) * width, max(H / max(W, H), 0.2) * width))
    plt.close(figure)
    axis = figure.add_axes((0, 0, 1, 1))
    axis.axis("off")
    step = -(-max(W, H) // most)
    shown = np.asarray(Image.fromarray(pixels).reduce(step))
    extent = (-0.5, shown.shape[1] * step - 0.5, shown.shape[0] * step - 0.5, -0.5)
    axis.imshow(shown, extent=extent, cmap="gray", vmin=0, vmax=255, aspect="auto")
    axis.set(xlim=(-0.5, W - 0.5), ylim=(H - 0.5, -0.5))
    for face in found:
        x, y, side, _ = face.box.as_tuple()
        left, top, right, bottom = x - 0.5, y - 0.5, x + side - 0.5, y + side - 0.5  # from edges to centres
        axis.plot([left, right, right, left, left], [top, top, bottom, bottom, top], color=SERIES[5], lw=1.2)
        draw_points(axis, face.points, face.scheme, PREDICTED, marker="x")
    return figure


def heatmaps(image: np.ndarray, maps: np.ndarray, names: Sequence[str], columns: int = 5, cell: float = 1.5) -> Figure:
    """One panel per keypoint: its map (K, h, w) as a coloured veil over the image (H, W)."""
    figure, axes = grid(len(maps), min(columns, len(maps)), cell)
    H, W = image.shape
    for axis, one, name in zip(axes, maps, names, strict=True):
        draw_face(axis, image, name.replace("_", " "))
        # The extent lays the map's outer edges on the image's: the pixel rule, in a figure.
        axis.imshow(
            one,
            cmap="inferno",
            alpha=0.6,
            vmin=0,
            vmax=max(1e-6, float(one.max())),
            extent=(-0.5, W - 0.5, H - 0.5, -0.5),
            interpolation="nearest",
        )
    return figure


def curves(records: dict[str, dict], title: str = "") -> Figure:
    """Validation RMSE over the epochs of each named record, with the mean face as a dashed line."""
    figure, axis = chart(len(records))
    for (name, record), style in zip(records.items(), styles(), strict=False):
        curve = record["curve"]
        axis.plot([p["epoch"] for p in curve], [p["val_rmse"] for p in curve], label=name, **style)
        axis.axhline(curve[0]["mean_face_rmse"], color=BASELINE, ls="--", lw=1)
    axis.annotate(
        "mean face",
        (0.98, curve[0]["mean_face_rmse"]),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        color=BASELINE,
    )
    axis.set(xlabel="epoch", ylabel="RMSE on held-out faces (px)", title=title)
    axis.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))
    axis.margins(y=0.12)
    log_scale(axis)
    add_legend(axis)
    return figure


def log_scale(axis: Axes) -> None:
    """A logarithmic y axis of pixels, with plain numbers at its ticks."""
    axis.set_yscale("log")
    low, high = axis.get_ylim()
    ticks = [t for t in (0.3, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 10, 20, 40) if low <= t <= high]
    if len(ticks) < 2:
        ticks = list(MaxNLocator(4).tick_values(low, high)[1:-1])
    axis.set_yticks(ticks, [f"{t:g}" for t in ticks])
    axis.minorticks_off()


def error_curves(errors: dict[str, np.ndarray], limit: float, xlabel: str) -> Figure:
    """Cumulative error distributions: the fraction of faces whose error (N,) is below each threshold."""
    figure, axis = chart(len(errors))
    for (name, values), style in zip(errors.items(), styles(), strict=False):
        axis.plot(*metrics.ced(values, limit), label=f"{name} (AUC {metrics.auc(values, limit):.2f})", **style)
    axis.set(xlabel=xlabel, ylabel="fraction of faces", xlim=(0, limit), ylim=(0, 1.02))
    add_legend(axis)
    return figure


def keypoint_errors(errors: dict[str, np.ndarray], scheme: Scheme) -> Figure:
    """Horizontal bars: the RMSE (K,) of each keypoint, one colour per name."""
    figure, axis = plt.subplots(figsize=(7, 0.28 * len(scheme) * max(1, len(errors) * 0.7) + 1), layout="constrained")
    plt.close(figure)
    height = 0.8 / len(errors)
    for i, ((name, values), colour) in enumerate(zip(errors.items(), cycle(SERIES), strict=False)):
        axis.barh(np.arange(len(scheme)) + i * height, values, height, color=colour, label=name)
    axis.set_yticks(np.arange(len(scheme)) + 0.4 - height / 2, [n.replace("_", " ") for n in scheme.names])
    axis.invert_yaxis()
    axis.set(xlabel="RMSE (px)")
    axis.legend(frameon=False)
    return figure


def calibration(found: dict[str, np.ndarray]) -> Figure:
    """RMSE over confidence, a mark per group of :func:`facekp.results.analysis.calibration`."""
    figure, axis = chart(1)
    axis.plot(found["confidence"], found["rmse"], "o-", color=SERIES[0])
    axis.set(xlabel="mean confidence of 10 % of the points", ylabel="RMSE of these points (px)",
             ylim=(0, None))
    return figure


def range_test(found: dict) -> Figure:
    """The loss over the learning rate, as ``training.find_lr`` found it: each step, smoothed, and the suggestion."""
    figure, axis = chart(1)
    axis.plot(found["lr"], found["loss"], color=BASELINE, lw=0.8, alpha=0.6, label="each step")
    axis.plot(found["lr"], found["smooth"], color=SERIES[0], label="smoothed")
    label = f"suggested: {found['suggestion']:.1e}"
    axis.axvline(found["suggestion"], color=SERIES[1], ls="--", label=label)
    limits = (0.9 * min(found["smooth"]), 1.2 * found["smooth"][0])
    axis.set(xscale="log", xlabel="learning rate", ylabel="loss", ylim=limits)
    axis.legend(frameon=False, loc="lower left")
    return figure


def comparison(named: dict[str, list[dict]]) -> Figure:
    """Each name's RMSE as a bar, a dot per seed, best first; a dashed line for the mean face.

    Args:
        named: records by name, as ``results.records`` gives them.
    """
    figure, axis = plt.subplots(figsize=(7, 0.36 * len(named) + 1), layout="constrained")
    plt.close(figure)
    for i, runs in enumerate(named.values()):
        values = [r["metrics"]["rmse"] for r in runs]
        axis.barh(i, np.mean(values), color=SERIES[0], alpha=0.75)
        axis.scatter(values, [i] * len(values), color="black", s=10, zorder=3)
    mean = np.mean([r["metrics"]["mean_face_rmse"] for runs in named.values() for r in runs])
    axis.axvline(mean, color=BASELINE, ls="--")
    axis.set_yticks(range(len(named)), list(named))
    axis.invert_yaxis()
    axis.set(xlabel="RMSE on held-out faces (px); dots: seeds, dashed: mean face")
    return figure
