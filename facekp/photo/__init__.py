"""Keypoints in photos of your own: any size, any kind of file, several faces.

::

    from facekp import load_pretrained, photo

    for face in photo.predict_photo(load_pretrained("hourglass-s-drawn"), "party.jpg", boxes="detect"):
        print(face.box, face.points)

``picture`` reads files, ``square`` is the crop rule (which part of a photo a network is shown, and how its points come
back), ``detector`` looks for faces, ``similarity`` levels them, ``found`` puts it all together. Points and boxes count
in the upright photo: after the turn that its EXIF entry asks for.
"""

from facekp.photo.detector import as_trained, detect
from facekp.photo.picture import ENDINGS, Photo, read
from facekp.photo.similarity import Similarity, align, standard_eyes, umeyama
from facekp.photo.square import Box, crop, square_of_eyes, to_crop, to_photo, whole

__all__ = [
    "ENDINGS", "Box", "Found", "Photo", "Similarity", "align", "as_trained", "crop", "detect", "predict_photo", "read",
    "square_of_eyes", "standard_eyes", "to_crop", "to_photo", "umeyama", "whole",
]


def __getattr__(name: str):
    """``Found`` and ``predict_photo``, imported when they are asked for: pictures are read without PyTorch."""
    if name in ("Found", "predict_photo"):
        from facekp.photo import found

        return getattr(found, name)
    raise AttributeError(f"module 'facekp.photo' has no attribute '{name}'")
