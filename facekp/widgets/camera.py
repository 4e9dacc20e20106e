"""A photo from the computer's camera, taken in the notebook, with the faces that were found in it.

The camera is in the browser and the network in the kernel, which in Colab is another machine. ``js/camera.js`` sends
one JPEG for each press of the button and nothing else.
"""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from facekp import plots
from facekp.errors import InputError
from facekp.models import KeypointModel
from facekp.photo.face_result import FaceResult, predict_photo
from facekp.synthetic.group import group
from facekp.widgets.front import widget


def camera(model: KeypointModel) -> Any:
    """Take a photo with the computer's camera, find the faces in it and draw the points that ``model`` predicts.

    Chapter: Photos of your own. The widget's ``pixels`` (H, W, 3) uint8 and ``faces``, a list of ``FaceResult``, are
    those of the last photo; before the first they show two synthetic people.

    Raises:
        InputError: anywidget is not installed.
    """
    made = widget("camera")

    def look(pixels: np.ndarray) -> None:
        made.pixels, made.faces = pixels, predict_photo(model, pixels, "detect")
        drawn = io.BytesIO()
        plots.photo(pixels, made.faces, width=6.4).savefig(drawn, format="png", dpi=80)
        made.data = {"words": describe(made.faces), "png": base64.b64encode(drawn.getvalue()).decode()}

    def receive(_: Any, content: dict, buffers: list) -> None:
        try:
            look(np.asarray(Image.open(io.BytesIO(bytes(buffers[0]))).convert("RGB")))
        except (InputError, UnidentifiedImageError, IndexError, OSError) as e:
            made.data = made.data | {"words": f"This photo could not be used ({e})."}

    look(group(1, 2, seed=4)[0])
    made.data = made.data | {"words": "Start the camera and take a photo; this is an example."}
    made.on_msg(receive)
    return made


def describe(faces: list[FaceResult]) -> str:
    """How many faces there are, in a sentence."""
    if not faces:
        return "No face was found. Come nearer, look at the camera, or make more light."
    return "One face was found." if len(faces) == 1 else f"{len(faces)} faces were found."
