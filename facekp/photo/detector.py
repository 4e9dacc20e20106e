"""Faces in a photo, by one of three detectors; each gives the squares that a network of this library wants.

- ``network`` is the book's own, :mod:`facekp.photo.face_maps`. It ships with the library and needs PyTorch.
- ``yunet`` (Wu, Peng and Yu 2023) is downloaded once by ``download_yunet``, 230 kB. It needs OpenCV 4.10 or newer.
- ``haar`` is a cascade of Haar features (Viola and Jones 2001; Lienhart and Maydt 2002). It needs OpenCV 4.

The default is the cascade where OpenCV has it: its squares are the nearest to the crop rule on upright faces, and no
terms restrict it. OpenCV 5 has none in its main package any more; there, and without OpenCV, the default is the
network, which also finds tilted faces. *Photos of your own* compares all three.

*From a box to our square.* A cascade's box holds another part of the face. On 100 synthetic heads before synthetic
backgrounds (``tests/unit/photo/test_photo_detector.py`` measures it again) the eyes are :data:`BOX_EYES_APART` = 0.385
of the box's side apart (one head like another within 0.03), the point between them is :data:`BOX_EYES_DOWN` = 0.396 of
it below the upper edge. In the square that a network wants these are 0.380 and 0.391 (:mod:`facekp.images`). So the
square's side is 0.385 / 0.380 = 1.01 of the box's, and its upper edge is moved so that the eyes are where they belong.
YuNet gives the eyes themselves, so the crop rule applies directly.
"""

import os
import urllib.request
from http.client import HTTPException
from pathlib import Path

import numpy as np

from facekp.errors import InputError, check_choice
from facekp.files import replacing, sha256
from facekp.images import EYES_APART, EYES_DOWN, Box, Photo, grey, photo_of, rgb, square_of_eyes

BOX_EYES_APART, BOX_EYES_DOWN = 0.385, 0.396  # of the side of a box of this cascade
CASCADE = "haarcascade_frontalface_alt2.xml"
MAX_SIDE = 1600  # pixels; a larger photo is shrunk for OpenCV's search, and the boxes grow again
MIN_FACE = 24  # pixels, side of the smallest face; the cascade itself looks at 20 x 20
YUNET = ("https://media.githubusercontent.com/media/opencv/opencv_zoo/47534e27c9851bb1128ccc0102f1145e27f23f98/"
         "models/face_detection_yunet/face_detection_yunet_2026may.onnx")
YUNET_SHA256 = "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0"
METHODS = ("network", "yunet", "haar")


def detect(photo: "Photo | np.ndarray", smallest: float = 0.05, method: str | None = None) -> list[Box]:
    """The squares of all faces found, as a network wants to see them, the largest first.

    Args:
        photo: a Photo, a path, or an array (H, W) or (H, W, 3) uint8.
        smallest: the smallest face to look for, its width as a fraction of the photo's longer side.
        method: one of ``METHODS``; None takes the default.

    Raises:
        InputError: an unknown method; or one that needs OpenCV, which is not installed or of a version without it; or
            YuNet, whose file was not downloaded.
    """
    method = method or default_method()
    check_choice("face detector called", method, METHODS)
    pixels = photo_of(photo).pixels
    least = max(MIN_FACE, round(smallest * max(pixels.shape[:2])))
    if method == "network":
        from facekp.photo import face_maps  # with PyTorch

        boxes = [box for box, _ in face_maps.find(grey(pixels), least)]
    else:
        boxes = (_haar if method == "haar" else _yunet)(pixels, least)
    return sorted(boxes, key=lambda b: (-b.width, b.x, b.y))


def default_method() -> str:
    """"haar" where OpenCV has the cascade, "network" elsewhere."""
    try:
        import cv2
    except ImportError:
        return "network"
    return "haar" if hasattr(cv2, "CascadeClassifier") else "network"


def as_trained(box: Box) -> Box:
    """A box of the cascade -> the square in which the eyes are as in the training faces."""
    side = box.width * BOX_EYES_APART / EYES_APART
    top = box.y + BOX_EYES_DOWN * box.width - EYES_DOWN * side
    return Box(box.x + (box.width - side) / 2, top, side, side)


def _opencv(name: str, method: str):
    """The cv2 module, which has ``name``."""
    advice = ('pip install "facekp[photo]" (or "opencv-python-headless<5" for the cascade), or use method="network", '
              "which needs no OpenCV")
    try:
        import cv2
    except ImportError:
        raise InputError(f"The detector '{method}' needs OpenCV, which is not installed: {advice}.") from None
    if not hasattr(cv2, name):  # OpenCV 5 moved the cascade, and its file, to another package
        raise InputError(f"Expected an OpenCV with {name}; found {cv2.__version__}, which has none: {advice}.")
    return cv2


def _shrunk(pixels: np.ndarray, cv2) -> tuple[np.ndarray, float]:
    """The photo with at most ``MAX_SIDE`` pixels a side, and the factor that leads back."""
    (height, width), scale = pixels.shape[:2], max(1.0, max(pixels.shape[:2]) / MAX_SIDE)
    if scale > 1:
        small = max(1, round(width / scale)), max(1, round(height / scale))
        pixels = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    return pixels, scale


def _haar(pixels: np.ndarray, least: int) -> list[Box]:
    cv2 = _opencv("CascadeClassifier", "haar")
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / CASCADE))
    if cascade.empty():
        raise InputError(f"OpenCV {cv2.__version__} came without its file {CASCADE}. Install "
                         '"opencv-python-headless<5", or use method="network".')
    pixels, scale = _shrunk(grey(pixels), cv2)
    side = max(MIN_FACE, round(least / scale))
    found = cascade.detectMultiScale(pixels, 1.1, 5, minSize=(side, side))
    # A box counts from the edge, so a factor is all it takes back to the photo.
    return [as_trained(Box(*(float(v) * scale for v in box))) for box in found]


def _yunet(pixels: np.ndarray, least: int, sure: float = 0.7) -> list[Box]:
    cv2 = _opencv("FaceDetectorYN", "yunet")
    file = yunet_file()
    if not file.is_file() or sha256(file) != YUNET_SHA256:
        raise InputError(f"Expected YuNet's weights in {file}; found {'another file' if file.is_file() else 'none'}. "
                         'Run facekp.photo.download_yunet() once (230 kB), or use method="network".')
    pixels, scale = _shrunk(np.ascontiguousarray(rgb(pixels)[..., ::-1]), cv2)
    network = cv2.FaceDetectorYN.create(str(file), "", (pixels.shape[1], pixels.shape[0]), sure, 0.3, 5000)
    _, found = network.detect(pixels)
    faces = [] if found is None else found.astype(np.float64)
    # Columns 4 to 7: the subject's right eye, then the left; in pixels of which the first has its centre at 0.
    boxes = [square_of_eyes(f[6:8] * scale, f[4:6] * scale) for f in faces if np.hypot(*(f[6:8] - f[4:6])) > 1]
    return [b for b in boxes if b.width >= least]


def yunet_file() -> Path:
    """Where ``download_yunet`` keeps YuNet's weights: in the user's cache folder."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return home / "facekp" / YUNET.rsplit("/", 1)[-1]


def download_yunet() -> Path:
    """Fetch YuNet's weights (230 kB; MIT licence, Shiqi Yu) from OpenCV's model zoo, unless they are here; the file.

    Raises:
        InputError: no network, a download that was cut off or is another file, or a folder that cannot be written.
    """
    file = yunet_file()
    if file.is_file() and sha256(file) == YUNET_SHA256:
        return file
    try:
        with urllib.request.urlopen(YUNET, timeout=30) as answer:
            weights = answer.read(1 << 20)
        with replacing(file) as temporary:
            temporary.write_bytes(weights)
            if (found := sha256(temporary)) != YUNET_SHA256:
                raise InputError(f"Expected YuNet's weights from {YUNET}; found another file (its SHA-256 begins with "
                                 f"{found[:8]}). Try again later.")
    except (OSError, HTTPException) as e:
        raise InputError(f"Expected to download YuNet's weights from {YUNET} to {file}; that failed "
                         f"({getattr(e, 'reason', e)}). Try again with a network, or use method=\"network\", which "
                         "needs no download.") from None
    return file
