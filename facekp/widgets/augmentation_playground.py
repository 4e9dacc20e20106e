"""One face and one augmented sample of it: the image moves, and the points with it."""

from dataclasses import asdict
from typing import Any

import numpy as np

from facekp.augment import Augment
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.plots.portrait import sides_of
from facekp.widgets.front import packed, plain, widget


def augmentation_playground(faces: Faces, limits: Augment | None = None) -> Any:
    """Rotate, scale, shift, flip, blur a face by hand, or at random as in training; its points follow.

    Chapter: Coordinates. The mathematics is that of :mod:`facekp.augment`, in ``js/augment.js``.

    Args:
        faces: at least one; a few are enough, all of them go to the page.
        limits: what a random sample may do; default ``Augment()``, as in a training run.

    Raises:
        InputError: no face, or anywidget is not installed.
    """
    if not len(faces):
        raise InputError("Expected at least one face to play with; found none.")
    return widget("augmentation_playground", faces_data(faces) | {"limits": asdict(limits or Augment())})


def faces_data(faces: Faces) -> dict[str, Any]:
    """Grey images, points in pixels (None: not annotated), the flip permutation and the side of each point."""
    left, right, _ = sides_of(faces.scheme)
    names = np.where(np.isin(range(len(faces.scheme)), left), "left", "middle")
    names[right] = "right"
    return {"images": packed(faces.grey().images), "size": list(faces.images.shape[1:3]),
            "points": plain(faces.keypoints.reshape(len(faces), -1)), "swap": faces.scheme.swap.tolist(),
            "names": [name.replace("_", " ") for name in faces.scheme.names], "sides": names.tolist()}
