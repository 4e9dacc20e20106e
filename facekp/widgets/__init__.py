"""Controls for a notebook: see, touch, understand.

    live.py         controls, and the picture that follows them: all that knows ipywidgets
    lab.py          heatmap_lab: one heatmap, six decoders
    playground.py   augmentation_playground: one face, turned, mirrored, blurred
    gallery.py      viewer: predictions face by face, the worst first
    progress.py     monitor: a training, while it runs

In every file but the first, functions from a state to a picture do the work; they need no browser and no notebook.
ipywidgets is imported when a control is made, not before. Where no kernel runs (the rendered book, GitHub) a stored
notebook shows each widget as a still picture.
"""

from facekp.widgets.gallery import viewer
from facekp.widgets.lab import heatmap_lab
from facekp.widgets.playground import augmentation_playground
from facekp.widgets.progress import monitor

__all__ = ["augmentation_playground", "heatmap_lab", "monitor", "viewer"]
