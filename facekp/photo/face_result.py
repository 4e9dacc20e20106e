"""Keypoints of every face in a photo, in the photo's own pixels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from facekp.errors import InputError
from facekp.images import Box, Photo, crop, photo_of, to_photo, whole
from facekp.keypoints import Scheme
from facekp.models import KeypointModel
from facekp.photo.detector import detect
from facekp.predict import check_calibrated, predict


@dataclass(frozen=True)
class FaceResult:
    """One face of a photo.

    Attributes:
        points: (K, 2) float64, in pixels of the upright photo; (0, 0) is the centre of the first one.
        confidence: (K,) float32, see the model's head; NaN where it gives none.
        box: the square that the network saw.
        scheme: names the points.
        radius: (K,) float64 in pixels of the photo, around the points; None where no coverage was asked for.
    """

    points: np.ndarray
    confidence: np.ndarray
    box: Box
    scheme: Scheme
    radius: np.ndarray | None = None

    def to_dict(self) -> dict:
        """Plain numbers, ready for JSON: a box x, y, width, height, and x, y, confidence (or null), radius by name."""
        sure = [round(float(c), 4) if np.isfinite(c) else None for c in self.confidence]
        radius = {} if self.radius is None else {
            "radius": {n: round(float(r), 3) for n, r in zip(self.scheme.names, self.radius, strict=True)}}
        return {
            "box": [round(v, 3) for v in self.box.as_tuple()],
            "points": {n: [round(float(v), 3) for v in p] for n, p in zip(self.scheme.names, self.points, strict=True)},
            "confidence": dict(zip(self.scheme.names, sure, strict=True)),
        } | radius


def predict_photo(
    model: KeypointModel,
    photo: str | Path | Photo | np.ndarray,
    boxes: str | Sequence[Box | tuple] | None = None,
    flip_tta: bool = False,
    coverage: float | None = None,
) -> list[FaceResult]:
    """The keypoints of each face in a photo.

    Args:
        model: any model of this library.
        photo: a file, a :class:`~facekp.images.Photo`, or an array (H, W) or (H, W, 3) uint8, RGB.
        boxes: where the faces are, each as x, y, width, height (made square round its centre, then cut out as it is:
            see :mod:`facekp.images` for how much of a face belongs in it). None: the whole photo is the face.
            "detect": look for them, see :func:`facekp.photo.detect`.
        flip_tta: predict the flipped crops too, and take the mean.
        coverage: also give each point a radius, see :func:`facekp.predict.predict`. It holds for crops like those that
            the model was calibrated on.

    Returns:
        A FaceResult for each box, in their order; none if no face was detected.

    Raises:
        InputError: not a photo, not a box, or a box outside the photo; a coverage from a model without a calibration.
    """
    if coverage is not None:
        check_calibrated(model, coverage, flip_tta)
    photo = photo_of(photo, model.size if boxes is None else None)
    squares = [box.square() for box in _boxes(photo, boxes)]
    if not squares:
        return []
    crops = np.stack([crop(photo.pixels, box.divided(photo.reduced), model.size, colour=model.channels == 3)
                      for box in squares])
    points, confidence, *radius = predict(model, crops, flip_tta=flip_tta, coverage=coverage)
    found = [FaceResult(to_photo(p, box, model.size), c, box, model.scheme)
             for p, c, box in zip(points, confidence, squares, strict=True)]
    if radius:  # in pixels of the photo, as the points
        found = [replace(face, radius=r * (face.box.width / model.size))
                 for face, r in zip(found, radius[0], strict=True)]
    return found


def _boxes(photo: Photo, boxes: str | Sequence[Box | tuple] | None) -> list[Box]:
    if boxes is None:
        return [whole(photo)]
    if isinstance(boxes, str):
        if boxes != "detect":
            raise InputError(f"Expected boxes, None or \"detect\"; found \"{boxes}\".")
        return detect(photo)
    try:
        return [box if isinstance(box, Box) else Box(*map(float, box)) for box in boxes]
    except (TypeError, ValueError) as e:
        if isinstance(e, InputError):
            raise
        raise InputError(f"Expected each box as x, y, width, height; found {boxes!r}.") from None
