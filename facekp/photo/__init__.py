"""Keypoints in photos of your own: any size, any kind of file, several faces.

::

    from facekp import load_pretrained, photo

    for face in photo.predict_photo(load_pretrained("hourglass-s-synthetic"), "party.jpg", boxes="detect"):
        print(face.box, face.points)

``detector`` looks for faces (``face_maps`` is its network), ``similarity`` aligns them, ``face_result`` holds their
keypoints; :mod:`facekp.images` reads image files and holds the crop rule. Points and boxes count in the upright photo:
after the turn that its EXIF entry asks for.
"""

from facekp.images import ENDINGS, Box, Photo, crop, read, square_of_eyes, to_crop, to_photo, whole
from facekp.photo.detector import as_trained, detect, download_yunet
from facekp.photo.similarity import Similarity, align, standard_eyes, umeyama

__all__ = [
    "ENDINGS", "Box", "FaceResult", "Photo", "Similarity", "align", "as_trained", "crop", "detect", "download_yunet",
    "predict_photo", "read", "square_of_eyes", "standard_eyes", "to_crop", "to_photo", "umeyama", "whole",
]


def __getattr__(name: str):
    """``FaceResult`` and ``predict_photo``, imported when they are asked for: images are read without PyTorch."""
    if name in ("FaceResult", "predict_photo"):
        from facekp.photo import face_result

        return getattr(face_result, name)
    raise AttributeError(f"module 'facekp.photo' has no attribute '{name}'")
