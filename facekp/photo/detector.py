"""Faces in a photo, found by OpenCV's cascade of Haar features (Viola and Jones 2001; Lienhart and Maydt 2002).

A cascade is old, small and quick, and it comes with OpenCV: nothing is downloaded. It finds faces that look at the
camera and stand upright; turned, tilted or hidden ones it misses, and now and then it takes a curtain for a face.

*From its box to our square.* The cascade has its own idea of how much of a face a box holds. On 100 synthetic heads
before synthetic backgrounds (``tests/unit/photo/test_photo_detector.py`` measures it again) the eyes are
:data:`BOX_EYES_APART` = 0.385 of the box's side apart (one head like another within 0.03), the point between them is
:data:`BOX_EYES_DOWN` = 0.396 of it below the upper edge. In the square that a network wants these are 0.380 and 0.391
(:mod:`facekp.images`). So the square's side is 0.385 / 0.380 = 1.01 of the box's, and its upper edge is moved so that
the eyes come to lie right.
"""

import numpy as np

from facekp.errors import InputError
from facekp.images import EYES_APART, EYES_DOWN, Box, Photo, grey, photo_of

BOX_EYES_APART, BOX_EYES_DOWN = 0.385, 0.396  # of the side of a box of this cascade
CASCADE = "haarcascade_frontalface_alt2.xml"
LONGEST = 1600  # pixels; a larger photo is shrunk for the search, and the boxes grow again


def detect(photo: "Photo | np.ndarray", smallest: float = 0.05, neighbours: int = 5) -> list[Box]:
    """The squares of all faces found, as a network wants to see them, the largest first.

    Args:
        photo: a Photo, a path, or an array (H, W) or (H, W, 3) uint8.
        smallest: the smallest face to look for, its width as a fraction of the photo's longer side.
        neighbours: how often a face has to be found, at places and sizes next to each other, to count; more is
            stricter.

    Raises:
        InputError: OpenCV is not installed, or is of a version without the cascade.
    """
    cascade, cv2 = _cascade()
    pixels = grey(photo_of(photo).pixels)
    (height, width), scale = pixels.shape, max(1.0, max(pixels.shape) / LONGEST)
    if scale > 1:
        small = max(1, round(width / scale)), max(1, round(height / scale))
        pixels = cv2.resize(pixels, small, interpolation=cv2.INTER_AREA)
    least = max(24, round(smallest * max(pixels.shape)))  # the cascade itself looks at 20 x 20 pixels
    found = cascade.detectMultiScale(pixels, 1.1, neighbours, minSize=(least, least))
    # A box counts from the edge, so a factor is all it takes back to the photo.
    boxes = [as_trained(Box(*(float(v) * scale for v in box))) for box in found]
    return sorted(boxes, key=lambda b: (-b.width, b.x, b.y))


def as_trained(box: Box) -> Box:
    """A box of the cascade -> the square in which the eyes lie as in the training faces."""
    side = box.width * BOX_EYES_APART / EYES_APART
    top = box.y + BOX_EYES_DOWN * box.width - EYES_DOWN * side
    return Box(box.x + (box.width - side) / 2, top, side, side)


def _cascade() -> tuple:
    """(the classifier, the cv2 module)."""
    advice = 'pip install "facekp[photo]" (or "opencv-python-headless<5"), or say where the face is with a box'
    try:
        import cv2
    except ImportError:
        raise InputError(f"Looking for faces needs OpenCV, which is not installed: {advice}.") from None
    classifier = getattr(cv2, "CascadeClassifier", None)
    if classifier is None:  # OpenCV 5 moved it, and its file, to another package
        raise InputError(f"Expected OpenCV 4, which has the face cascade; found {cv2.__version__}, which has not: "
                         f"{advice}.")
    loaded = classifier(cv2.data.haarcascades + CASCADE)  # type: ignore[attr-defined]  # OpenCV's types forget data
    if loaded.empty():
        raise InputError(f"OpenCV {cv2.__version__} came without its file {CASCADE}: {advice}.")
    return loaded, cv2
