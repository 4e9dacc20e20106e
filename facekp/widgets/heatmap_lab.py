"""One heatmap and every decoder: what noise, a coarse grid and a faint background do to each."""

from typing import Any

from facekp.widgets.front import widget


def heatmap_lab() -> Any:
    """One heatmap of one point: drag the point, change sigma, stride, noise and background, and six decoders follow.

    Chapter: Heatmaps. Everything is computed by ``js/heatmap_lab.js``, in the page, with the mathematics of
    :mod:`facekp.heatmaps`; a decoder that is added there is shown here once ``js/heatmaps.js`` has it too.

    Raises:
        InputError: anywidget is not installed.
    """
    return widget("heatmap_lab")
