"""Eight points of a face that every library defines alike, found by each of them.

Images are 96x96 crops. dlib and MediaPipe were made for larger images, so a crop is enlarged and continued beyond its
borders for them. How much was chosen for each on 120 faces that the shipped networks learnt from, never on the faces
of the comparison.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from PIL import Image

from facekp import __version__
from facekp.errors import InputError
from facekp.predict import predict
from facekp.pretrained import card, load_pretrained

EIGHT = ("left_eye_center", "right_eye_center", "left_eye_inner_corner", "left_eye_outer_corner",
         "right_eye_inner_corner", "right_eye_outer_corner", "mouth_left_corner", "mouth_right_corner")
# Of the six corners, in the order of EIGHT; left is the subject's left.
DLIB_CORNERS, MEDIAPIPE_CORNERS = (42, 45, 39, 36, 54, 48), (362, 263, 133, 33, 291, 61)
NOTHING = np.full((8, 2), np.nan)
DLIB_BOX = (6, 12, 88, 93)  # left, top, right, bottom in a crop: the median of what dlib's detector finds in them
INSTALL = 'pip install mediapipe==0.10.14 dlib-bin face_recognition_models "setuptools<81", in a new environment'


@dataclass(frozen=True)
class Method:
    """One way to find the points.

    Attributes:
        name: for the table.
        find: an image (96, 96) uint8 -> the points ``EIGHT`` (8, 2) in its pixels; NaN where no face is found.
        software, licence: what it is, and on which terms.
        learnt_from: the training data of its model, in words.
        settings: how it was run.
        parameters: of a network of this library; None for the others.
    """

    name: str
    find: Callable[[np.ndarray], np.ndarray]
    software: str
    licence: str
    learnt_from: str
    settings: str
    parameters: int | None = None


def enlarged(image: np.ndarray, scale: int, border: float) -> tuple[np.ndarray, int]:
    """The image ``scale`` times as large (bicubic), continued by ``border`` of its side; and that many pixels."""
    height, width = image.shape
    large = np.asarray(Image.fromarray(image).resize((width * scale, height * scale), Image.Resampling.BICUBIC))
    pad = round(border * len(large))
    return np.pad(large, pad, mode="edge"), pad


def into_crop(points: np.ndarray, scale: int, pad: int) -> np.ndarray:
    """Points in an ``enlarged`` image -> in the crop; (0, 0) is the centre of the first pixel in both."""
    return (points - pad + 0.5) / scale - 0.5


def with_centres(corners: np.ndarray) -> np.ndarray:
    """(6, 2) corners -> (8, 2): the centre of an eye is the middle of its corners."""
    return np.concatenate([corners[[0, 2]] / 2 + corners[[1, 3]] / 2, corners])


def dlib_methods() -> list[Method]:
    """dlib's predictor of 68 points, after its own detector and in a box that is given."""
    try:
        import dlib
        import face_recognition_models
    except ImportError as e:
        raise InputError(f"Expected dlib and its models; found none ({e}). Install them: {INSTALL}.") from None
    predictor = dlib.shape_predictor(face_recognition_models.pose_predictor_model_location())
    detector = dlib.get_frontal_face_detector()

    def points(large: np.ndarray, box, scale: int, pad: int) -> np.ndarray:
        found = predictor(large, box)
        corners = np.array([(found.part(i).x, found.part(i).y) for i in DLIB_CORNERS], np.float64)
        return into_crop(with_centres(corners), scale, pad)

    def detected(image: np.ndarray) -> np.ndarray:
        large, pad = enlarged(image, 2, 0.25)
        boxes = sorted(detector(large, 0), key=lambda box: box.area())
        return points(large, boxes[-1], 2, pad) if boxes else NOTHING

    def given(image: np.ndarray) -> np.ndarray:
        large, pad = enlarged(image, 4, 0.25)
        box = dlib.rectangle(*[round((side + 0.5) * 4 - 0.5 + pad) for side in DLIB_BOX])
        return points(large, box, 4, pad)

    about = (f"dlib {dlib.__version__}, face_recognition_models {version('face_recognition_models')}",
             "code Boost; the model's training data (300-W) exclude commercial use", "300-W: photographs from the web")
    return [Method("dlib, 68 points", detected, *about, "its own detector; crops twice as large, border 0.25"),
            Method("dlib, 68 points, box given", given, *about, "no detector; crops four times as large, border 0.25")]


def mediapipe_methods() -> list[Method]:
    """MediaPipe's face mesh with refined eyes and lips, after its own detector."""
    try:
        import mediapipe
    except ImportError as e:
        raise InputError(f"Expected MediaPipe; found none ({e}). Install it: {INSTALL}.") from None
    mesh = mediapipe.solutions.face_mesh.FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=True)

    def find(image: np.ndarray) -> np.ndarray:
        large, pad = enlarged(image, 4, 0.25)
        found = mesh.process(np.repeat(large[..., None], 3, axis=2)).multi_face_landmarks
        if not found:
            return NOTHING
        marks = [found[0].landmark[i] for i in MEDIAPIPE_CORNERS]
        # Its coordinates are fractions of the image, from edge to edge.
        corners = np.array([(m.x * large.shape[1] - 0.5, m.y * large.shape[0] - 0.5) for m in marks])
        return into_crop(with_centres(corners), 4, pad)

    return [Method("MediaPipe face mesh, refined", find, f"mediapipe {version('mediapipe')}", "Apache 2.0",
                   "photographs that are not published",
                   "its own detector, confidence 0.5; crops four times as large, border 0.25")]


def our_method(name: str) -> Method:
    """A shipped network."""
    model, of = load_pretrained(name), card(name)
    which = model.scheme.index(*EIGHT)

    def find(image: np.ndarray) -> np.ndarray:
        return predict(model, image[None])[0][0, which].astype(np.float64)

    return Method(name, find, f"facekp {__version__}", of["licence"], of["data"], "no detector; the crop as it is",
                  of["parameters"])
