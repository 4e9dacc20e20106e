"""Controls for a notebook: see, touch, understand.

    live.py         controls, and the picture that follows them: all that knows ipywidgets
    front.py        the notebook's side of a widget: its JavaScript module, its data
    js/             one module for each widget, and what they share; the same code runs in the book's pages
    heatmap_lab.py  heatmap_lab: one heatmap, six decoders
    playground.py   augmentation_playground: one face, turned, mirrored, blurred
    gallery.py      viewer: predictions face by face, the worst first
    progress.py     monitor: a training, while it runs

A widget is one ES module ``js/NAME.js`` that ends with ``export default { render };`` (anywidget's form; its data is
``model.get("data")``), and one function that gives :func:`facekp.widgets.front.widget` that data. In the rendered book
``book/tools/widget_pages.py`` mounts the same module with the data that the executed cell had.

In the other files, functions from a state to a picture do the work; they need no browser and no notebook.
ipywidgets is imported when a control is made, not before. Where no kernel runs (the rendered book, GitHub) a stored
notebook shows each widget as a still picture.
"""

from facekp.widgets.gallery import viewer
from facekp.widgets.heatmap_lab import heatmap_lab
from facekp.widgets.playground import augmentation_playground
from facekp.widgets.progress import monitor

__all__ = ["augmentation_playground", "heatmap_lab", "monitor", "viewer"]
