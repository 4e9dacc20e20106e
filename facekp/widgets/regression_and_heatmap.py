"""Two networks on the same face while it is rotated, blurred or covered: coordinates regressed, and heatmaps."""

from collections.abc import Mapping
from typing import Any

from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.widgets.augmentation_playground import faces_data
from facekp.widgets.front import widget

EYE = "right_eye_center"
PATCH = 25  # grey value of the disc that covers it


def regression_and_heatmap(record: Mapping[str, Any], faces: Faces) -> Any:
    """A regression and a heatmap network side by side, and a slider that rotates, blurs or covers the face.

    Chapter: Heatmaps. The images are made in the page, as :mod:`facekp.augment` makes them; the points are those of
    the record of ``book/experiments/two_heads.py``.

    Args:
        record: ``amounts`` by kind of change, and two ``networks``, the regression first, with their points under it.
        faces: those that the record speaks of, with labels.

    Raises:
        InputError: a record of other faces, or anywidget is not installed.
    """
    counts = {len(face) for network in record["networks"] for steps in network["changes"].values() for face in steps}
    if counts != {len(faces)}:
        raise InputError(f"Expected a record with the points of {len(faces)} faces; found one of {counts}.")
    networks = [{"label": f"{network['name']} ({kind})", "changes": network["changes"]}
                for network, kind in zip(record["networks"], ("regression", "heatmap"), strict=True)]
    return widget("regression_and_heatmap", faces_data(faces) | {
        "eye": faces.scheme.names.index(EYE), "patch": PATCH, "amounts": record["amounts"], "networks": networks})
