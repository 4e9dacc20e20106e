"""One large face with the name of each point, and faces whose points show their side.

The subject's left side is blue and square, the right side orange and crossed, the middle green and round: a swap of
left and right, which one colour for all would hide, is seen at once.
"""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from facekp import plots
from facekp.data.faces import Faces
from facekp.keypoints import Scheme

LEFT, RIGHT, MIDDLE = plots.SERIES[0], plots.SERIES[1], plots.TRUTH
LINE = 15  # characters of a name before it is broken


def draw_sides(axis: Axes, points: np.ndarray, scheme: Scheme, size: float = 26) -> None:
    """Keypoints (K, 2), each in the colour and shape of its side; missing ones are left out.

    Args:
        axis: with the image, pixel centres at whole numbers.
        points: in the image's pixels.
        scheme: says which points are left and right.
        size: of a marker, in square points.
    """
    left, right, middle = sides_of(scheme)
    for line in scheme.lines:
        axis.plot(*points[scheme.index(*line)].T, color="white", lw=0.8, alpha=0.6)
    for which, colour, marker in ((left, LEFT, "s"), (right, RIGHT, "X"), (middle, MIDDLE, "o")):
        x, y = points[which].T
        axis.scatter(x, y, s=size, color=colour, marker=marker, edgecolors="white", lw=0.5, zorder=3)


def sides_of(scheme: Scheme) -> tuple[list[int], list[int], list[int]]:
    """Positions on the K axis of the points on the subject's left, on the right, and of those without a partner."""
    left, right = ([scheme.names.index(pair[side]) for pair in scheme.pairs] for side in (0, 1))
    return left, right, [k for k in range(len(scheme)) if k not in left + right]


def sides(faces: Faces, count: int = 8, columns: int = 4, cell: float = 1.8,
          titles: Sequence[str] | None = None) -> Figure:
    """The first ``count`` faces, their points in the colour and shape of their side.

    Args:
        faces: with points in their images' pixels.
        count: how many.
        columns: how many side by side.
        cell: size of each in inches.
        titles: one per face.
    """
    count = min(count, len(faces))
    figure, axes = plots.grid(count, min(columns, count), cell)
    for i, axis in enumerate(axes):
        plots.draw_face(axis, faces.images[i], titles[i] if titles is not None else "")
        draw_sides(axis, faces.keypoints[i], faces.scheme, size=4 * cell**2)
    return figure


def named(image: np.ndarray, points: np.ndarray, scheme: Scheme, width: float = 5.6,
          colours: Mapping[str, str] | None = None) -> Figure:
    """One large face with the name of each point beside it.

    Names of the subject's left side are at the right of the image, where that side is; those of points in the middle
    are where there is room.

    Args:
        image: (H, W), uint8 or [0, 1].
        points: (K, 2) in its pixels; missing points have no name.
        scheme: the names and sides.
        width: of the figure in inches.
        colours: of some names, instead of their side's.
    """
    H, W = image.shape
    figure = plt.figure(figsize=(width, 0.6 * width))
    plt.close(figure)
    axis = figure.add_axes((0.2, 0, 0.6, 1))
    axis.axis("off")
    plots.draw_face(axis, image)
    draw_sides(axis, points, scheme, size=30)
    groups = [[k for k in side if np.isfinite(points[k]).all()] for side in sides_of(scheme)]
    colour = {scheme.names[k]: c for group, c in zip(groups, (LEFT, RIGHT, MIDDLE), strict=True) for k in group}
    for name, own in (colours or {}).items():
        colour[name] = own
        x, y = points[scheme.names.index(name)]
        axis.scatter(x, y, s=30, color=own, edgecolors="white", lw=0.5, zorder=4)
    left, right, middle = groups
    for k in middle:
        min(left, right, key=len).append(k)
    for column, edge, side in ((left, W + 3, "left"), (right, -4, "right")):
        heights = np.linspace(0.05, 0.95, max(len(column), 2)) * H - 0.5
        labels = [(edge, y) for y in heights[: len(column)]]
        for k, label in zip(uncrossed(column, points, labels), labels, strict=True):
            name = scheme.names[k]
            axis.annotate(broken(name), points[k], label, va="center", ha=side, color=colour[name], fontsize=10,
                          annotation_clip=False,
                          arrowprops={"arrowstyle": "-", "color": colour[name], "lw": 0.7, "shrinkB": 3})
    return figure


def uncrossed(column: list[int], points: np.ndarray, labels: list[tuple[float, float]]) -> list[int]:
    """The keypoints in the order of ``labels`` for which no two lines from label to point cross.

    Exchanging the labels of two lines that cross shortens both together, so the shortest lines do not cross.
    """
    order = sorted(column, key=lambda k: points[k, 1])
    length = np.hypot(*(points[:, None] - np.array(labels).reshape(-1, 2)).transpose(2, 0, 1))  # (K, labels)
    shorter = True
    while shorter:
        shorter = False
        for i in range(len(order)):
            for j in range(i):
                now = length[order[i], i] + length[order[j], j]
                if length[order[i], j] + length[order[j], i] < now - 1e-9:
                    order[i], order[j], shorter = order[j], order[i], True
    return order


def broken(name: str) -> str:
    """``"left_eyebrow_outer_end"`` as words, in two lines where it is long."""
    words = name.split("_")
    if len(name) <= LINE or len(words) < 2:
        return " ".join(words)
    half = min(range(1, len(words)), key=lambda i: abs(len("_".join(words[:i])) - len(name) / 2))
    return f"{' '.join(words[:half])}\n{' '.join(words[half:])}"
