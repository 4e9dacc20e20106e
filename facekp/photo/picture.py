"""Picture files of all kinds, as one kind of array: colour, eight bits, upright.

Cameras and programs store pictures in many ways. :func:`facekp.photo.read` knows PNG, JPEG, WebP, GIF, BMP, TIFF,
PPM and AVIF (HEIC too, where a plugin taught it to Pillow) and gives (H, W, 3) uint8 in RGB, whatever the file holds:

* turned upright, as the file's EXIF orientation says: everything in facekp counts pixels in the *upright* picture;
* 16 bits become 8 by dropping the lower half; palette, grey and CMYK become RGB;
* what is transparent becomes white, as most programs show it;
* of an animation, or a file with several pages, the first picture.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from facekp.errors import InputError

ENDINGS = {".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif", ".ppm", ".pgm",
           ".heic", ".heif"}
MOST = 64_000_000  # pixels; reading so many takes about 0.7 GB of memory for a moment
ORIENTATION = 0x0112  # EXIF's number for it


@dataclass(frozen=True)
class Photo:
    """A picture that was read.

    Attributes:
        pixels: (H, W, 3) uint8, RGB, upright.
        notes: what was done to it that its owner should know, a sentence each.
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()


def read(path: str | Path) -> Photo:
    """The picture at ``path``; its ending does not matter, only what is in it.

    Raises:
        InputError: there is no such file; it is no picture, damaged, cut off, or larger than ``MOST`` pixels.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise InputError(f"{path}: expected a picture; found {what}. Check the path.")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: expected a picture; found an empty file. Fetch it again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which are checked below, and of odd EXIF entries
            with Image.open(path, formats=formats()) as image:
                return _upright(image, path)
    except (InputError, PermissionError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise too_large(path, "more than twice as many as Pillow opens") from None
    except Image.UnidentifiedImageError:
        raise InputError(f"{path}: this is not an image that can be read. Save it as PNG or JPEG "
                         "(a HEIC file too, or AVIF with an old Pillow: any photo program does it).") from None
    except Exception as e:  # noqa: BLE001  # Pillow's decoders raise whatever comes
        raise InputError(f"{path}: this picture is damaged or cut off ({e}). Fetch it again, "
                         "or save it anew.") from None


def formats() -> list[str]:
    """Pillow's names of the formats that go with ``ENDINGS``.

    It knows forty more, most of them old and hardly ever met; and to one of them, EPS, it would answer by starting
    Ghostscript, which runs the program that an EPS file is.
    """
    known = Image.registered_extensions()
    return sorted({known[ending] for ending in ENDINGS if ending in known})


def too_large(path: str | Path, found: str) -> InputError:
    """The error for a picture of more than ``MOST`` pixels."""
    return InputError(f"{path}: expected at most {MOST // 10**6} million pixels; found {found}. Make the picture "
                      "smaller or cut the face out with a photo program: a face needs no more than a few hundred.")


def _upright(image: Image.Image, path: Path) -> Photo:
    """The opened file as a Photo. Its size is looked at before its pixels are."""
    width, height = image.size
    if width * height > MOST:
        raise too_large(path, f"{width} x {height}, which is {width * height / 1e6:.0f} million")
    notes = []
    if (count := getattr(image, "n_frames", 1)) > 1:
        notes.append(f"{path.name} holds {count} pictures (an animation, or pages); the first one is used.")
        image.seek(0)
    image.load()
    if image.getexif().get(ORIENTATION, 1) in range(2, 9):
        notes.append(f"{path.name} was turned upright, as its EXIF entry says; points and boxes count in the upright "
                     "picture.")
    return Photo(np.asarray(_rgb(ImageOps.exif_transpose(image))), tuple(notes))


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode of Pillow's as RGB of eight bits."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers: save it with 8 or 16 bits")
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip at 255 instead of scaling them
        high = np.asarray(image).clip(0, 65535) >> 8
        return Image.fromarray(high.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def grey(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) or (H, W) uint8 -> (H, W) uint8 grey: 0.299 R + 0.587 G + 0.114 B, as Pillow has it."""
    return np.asarray(Image.fromarray(pixels).convert("L"))


def pixels_of(photo: "str | Path | Photo | np.ndarray") -> np.ndarray:
    """What a user calls a photo, as an array (H, W) or (H, W, 3) uint8.

    Raises:
        InputError: an array of another kind, or a file that :func:`read` refuses.
    """
    if isinstance(photo, Photo):
        return photo.pixels
    if not isinstance(photo, np.ndarray):
        return read(photo).pixels
    if photo.dtype != np.uint8 or not (photo.ndim == 2 or (photo.ndim == 3 and photo.shape[2] == 3)):
        raise InputError("Expected a photo as an array (H, W) or (H, W, 3) of uint8, RGB; "
                         f"found {photo.shape} {photo.dtype}.")
    if photo.shape[0] * photo.shape[1] > MOST:
        raise too_large("the array", f"{photo.shape[1]} x {photo.shape[0]}")
    return photo
