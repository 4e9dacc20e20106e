"""Interactive figures, for a notebook and for the book's pages: see, touch, understand.

    front.py                     the notebook's side of a widget: its JavaScript module, its data
    js/                          a module for each widget, and what they share; the book's pages run the same code
    heatmap_lab.py               one heatmap, six decoders
    labeller.py                  place and drag points on a folder of images
    augmentation_playground.py   one face, rotated, flipped, blurred
    inside.py                    a network, stage by stage, and what each of its cells sees
    viewer.py                    predictions face by face, the worst first
    training_replay.py           a training run, while it goes on (monitor) or afterwards
    regression_and_heatmap.py    two networks on a face that is rotated, blurred or covered
    camera.py                    a photo taken in the browser, and the faces in it

A widget is one ES module ``js/NAME.js`` that ends with ``export default { render };`` (anywidget's form; its data is
``model.get("data")``), and one function that gives :func:`facekp.widgets.front.widget` that data. In the rendered book
``book/tools/widget_pages.py`` mounts the same module with the data that the executed cell had. anywidget is imported
when a widget is made, not before.
"""

from facekp.widgets.augmentation_playground import augmentation_playground
from facekp.widgets.camera import camera
from facekp.widgets.heatmap_lab import heatmap_lab
from facekp.widgets.inside import look_inside
from facekp.widgets.labeller import labeller
from facekp.widgets.regression_and_heatmap import regression_and_heatmap
from facekp.widgets.training_replay import monitor, training_replay
from facekp.widgets.viewer import viewer

__all__ = ["augmentation_playground", "camera", "heatmap_lab", "labeller", "look_inside", "monitor",
           "regression_and_heatmap", "training_replay", "viewer"]
