"""Image files of all kinds as one kind of array, and the crop rule: which square of it a network sees.

Cameras and programs store images in many ways. :func:`facekp.images.read` knows PNG, JPEG, WebP, GIF, BMP, TIFF,
PPM and AVIF (HEIC too, where a plugin taught it to Pillow) and gives (H, W, 3) uint8 in RGB, whatever the file holds:

* turned upright, as the file's EXIF orientation says: everything in facekp counts pixels in the *upright* image;
* 16 bits become 8 by dropping the lower half; palette, grey and CMYK become RGB;
* what is transparent becomes white, as most programs show it;
* of an animation, or a file with several pages, the first image.

**The crop rule.** *Where a face is in its square.* A network finds points in faces that are cropped as its training
faces were. In Kaggle's labels (``book/results/kaggle-labels.json``; the synthetic faces were fitted to them) the eyes
are on average 36.5 of 96 pixels apart, and the point between them is at (47.9, 37.0). Measured from the square's edges,
which are half a pixel outside the first and the last centre, that is :data:`EYES_APART` = 36.5 / 96 = 0.380 of the
side, and :data:`EYES_DOWN` = (37.0 + 0.5) / 96 = 0.391 of it below the upper edge, in the middle from left to right.
The square goes from the middle of the forehead to the chin.

*What a box is.* ``Box(x, y, width, height)`` counts from the photo's edge: ``Box(0, 0, 96, 96)`` covers the 96 first
columns and rows, whose centres are 0 .. 95. Numbers need not be whole, and a box may leave the photo: there, the
photo's edge is repeated. A box that is not square becomes a square around the same centre, with the longer side.

*Points.* With (0, 0) the centre of the first pixel, as everywhere in facekp, and s = size / side,

    p_crop = (p_photo - box + 0.5) * s - 0.5,        p_photo = (p_crop + 0.5) / s - 0.5 + box.

The two are each other's inverse; pixels follow the same rule.
"""

import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from facekp.errors import InputError

ENDINGS = {".png", ".jpg", ".jpeg", ".jfif", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif", ".ppm", ".pgm",
           ".heic", ".heif"}
MOST = 64_000_000  # pixels; reading so many takes about 0.7 GB of memory for a moment
LARGE = 2_000_000  # pixels; above, decoding a JPEG in full takes most of the time of reading a face
ORIENTATION = 0x0112  # EXIF's number for it
EYES_APART, EYES_DOWN = 0.380, 0.391  # of the square's side, in Kaggle's labels
SMALLEST = 8  # pixels of the photo, either way, that a box must hold


@dataclass(frozen=True)
class Photo:
    """An image that was read.

    Attributes:
        pixels: (H, W, 3) uint8, RGB, upright.
        notes: what was done to it that its owner should know, a sentence each.
        reduced: 2, 4 or 8 where every so many pixels of the file, either way, were decoded as one.
        orientation: the file's EXIF orientation, 1 to 8; 1 is upright.
        highest: the largest value in a file of 16 bits; None for other files.
    """

    pixels: np.ndarray
    notes: tuple[str, ...] = ()
    reduced: int = 1
    orientation: int = 1
    highest: int | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the upright file, in its own pixels."""
        return self.pixels.shape[1] * self.reduced, self.pixels.shape[0] * self.reduced


def read(path: str | Path, side: int | None = None) -> Photo:
    """The image at ``path``; its ending does not matter, only what is in it.

    Args:
        path: the file.
        side: pixels that are needed along the longer side. A JPEG above ``LARGE`` pixels is then decoded at 1/2, 1/4
            or 1/8 of its size, as long as four times ``side`` remain and no row or column is cut.

    Raises:
        InputError: there is no such file; it is not an image, is damaged, cut off, or larger than ``MOST`` pixels.
    """
    path = Path(path).expanduser()
    if not path.is_file() or path.stat().st_size == 0:
        what = "a folder" if path.is_dir() else "an empty file" if path.is_file() else "no such file"
        raise InputError(f"{path}: expected an image; found {what}. Check the path, or fetch it again.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of sizes, which are checked below, and of odd EXIF entries
            with Image.open(path, formats=formats()) as image:
                return _upright(image, path, side)
    except (InputError, PermissionError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise too_large(path, "more than twice as many as Pillow opens") from None
    except Image.UnidentifiedImageError:
        raise InputError(f"{path}: this is not an image that can be read. Save it as PNG or JPEG "
                         "(a HEIC file too, or AVIF with an old Pillow: any photo program does it).") from None
    except Exception as e:  # noqa: BLE001  # Pillow's decoders raise whatever comes
        raise InputError(f"{path}: this image is damaged or cut off ({e}). Fetch or save it again.") from None


def formats() -> list[str]:
    """Pillow's names of the formats that go with ``ENDINGS``; one of the others, EPS, would start Ghostscript."""
    known = Image.registered_extensions()
    return sorted({known[ending] for ending in ENDINGS if ending in known})


def too_large(path: str | Path, found: str) -> InputError:
    """The error for an image of more than ``MOST`` pixels."""
    return InputError(f"{path}: expected at most {MOST // 10**6} million pixels; found {found}. Make the image "
                      "smaller or cut the face out with a photo program: a face needs no more than a few hundred.")


def _upright(image: Image.Image, path: Path, side: int | None) -> Photo:
    """The opened file as a Photo. Its size is checked before its pixels are decoded."""
    width, height = image.size
    if width * height > MOST:
        raise too_large(path, f"{width} x {height}, which is {width * height / 1e6:.0f} million")
    notes = []
    if (count := getattr(image, "n_frames", 1)) > 1:
        notes.append(f"{path.name} holds {count} images (an animation, or pages); the first one is used.")
        image.seek(0)
    reduced = _reduction(image, side) if side else 1
    if reduced > 1:
        image.draft(image.mode, (width // reduced, height // reduced))
    image.load()
    if (orientation := image.getexif().get(ORIENTATION, 1)) not in range(2, 9):
        orientation = 1
    else:
        notes.append(f"{path.name} was turned upright, as its EXIF entry says; points and boxes count in the upright "
                     "image.")
    highest = int(np.asarray(image).max()) if image.mode.startswith("I") else None
    pixels = np.asarray(_rgb(ImageOps.exif_transpose(image) if orientation > 1 else image))
    return Photo(pixels, tuple(notes), reduced, orientation, highest)


def _reduction(image: Image.Image, side: int) -> int:
    """By how much libjpeg may shrink the opened file while it decodes: 8, 4, 2, or 1 for not at all."""
    width, height = image.size
    factors = (8, 4, 2) if image.format in ("JPEG", "MPO") and width * height > LARGE else ()
    return next((n for n in factors if width % n == height % n == 0 and max(width, height) // n >= 4 * side), 1)


def _rgb(image: Image.Image) -> Image.Image:
    """Any mode of Pillow's as 8-bit RGB."""
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers: save it with 8 or 16 bits")
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip at 255 instead of scaling them
        return Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def grey(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) or (H, W) uint8 -> (H, W) uint8 grey: 0.299 R + 0.587 G + 0.114 B, as Pillow has it."""
    return np.asarray(Image.fromarray(pixels).convert("L"))


def rgb(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) or (H, W) uint8 -> (H, W, 3) uint8, three equal channels for a grey image."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=-1)


def photo_of(photo: "str | Path | Photo | np.ndarray", side: int | None = None) -> Photo:
    """What a user calls a photo, as a Photo; an array is (H, W) or (H, W, 3) uint8. ``side``: see :func:`read`.

    Raises:
        InputError: an array of another kind, or a file that :func:`read` refuses.
    """
    if isinstance(photo, Photo):
        return photo
    if not isinstance(photo, np.ndarray):
        return read(photo, side)
    if photo.dtype != np.uint8 or not (photo.ndim == 2 or (photo.ndim == 3 and photo.shape[2] == 3)):
        raise InputError(f"Expected a photo (H, W) or (H, W, 3) uint8, RGB; found {photo.shape} {photo.dtype}.")
    if photo.shape[0] * photo.shape[1] > MOST:
        raise too_large("the array", f"{photo.shape[1]} x {photo.shape[0]}")
    return Photo(photo)


@dataclass(frozen=True)
class Box:
    """A rectangle on a photo: ``x, y`` its upper left corner, in pixels from the photo's upper left *edge*.

    Raises:
        InputError: a width or height that is not above 0, a number that is not finite.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        numbers = (self.x, self.y, self.width, self.height)
        if not all(math.isfinite(v) for v in numbers) or min(self.width, self.height) <= 0:
            raise InputError("Expected a box x,y,width,height of four finite numbers, width and height above 0; "
                             f"found {','.join(f'{v:g}' for v in numbers)}.")

    @classmethod
    def parse(cls, text: str) -> "Box":
        """``"40,30,120,120"`` -> a Box; InputError for anything else."""
        try:
            x, y, width, height = (float(v) for v in text.split(","))
        except ValueError:
            raise InputError("Expected a box as four numbers x,y,width,height with commas between them, "
                             f"e.g. 40,30,120,120; found {text[:60]!r}.") from None
        return cls(x, y, width, height)

    def square(self) -> "Box":
        """The square round the same centre, with the longer side."""
        side = max(self.width, self.height)
        return Box(self.x + (self.width - side) / 2, self.y + (self.height - side) / 2, side, side)

    def divided(self, by: float) -> "Box":
        """The same box in a photo that was shrunk by this factor."""
        return Box(*(v / by for v in self.as_tuple()))

    def as_tuple(self) -> tuple[float, float, float, float]:
        """(x, y, width, height)."""
        return (self.x, self.y, self.width, self.height)


def whole(photo: "np.ndarray | Photo") -> Box:
    """The square of a photo's longer side from its upper left corner, in the file's pixels."""
    side = max(photo.size if isinstance(photo, Photo) else photo.shape[:2])
    return Box(0, 0, side, side)


def crop(pixels: np.ndarray, box: Box, size: int = 96, least: int = SMALLEST, colour: bool = False) -> np.ndarray:
    """The square of ``box`` as a network sees it.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        box: see the module's head.
        size: side of the result.
        least: how many pixels of the photo, either way, the box must hold.
        colour: keep the colours.

    Returns:
        (size, size) uint8, grey; with ``colour`` (size, size, 3), RGB. Each new pixel is the weighted mean of all
        the old ones under it (a tent two new pixels wide), so that nothing flickers and nothing moves; where the
        photo has fewer pixels than the crop, it is interpolated.

    Raises:
        InputError: less than ``least`` pixels of the photo are in the box, or the square has more than
            ``MOST`` in all.
    """
    box = box.square()
    (H, W), side = pixels.shape[:2], box.width
    seen = min(box.x + side, W) - max(box.x, 0), min(box.y + side, H) - max(box.y, 0)
    if min(seen) < least:
        found = " x ".join(f"{max(n, 0):g}" for n in seen)
        raise InputError(f"Expected a box with at least {least} x {least} pixels of the photo in it; "
                         f"found {found}: the photo is {W} x {H}, the box "
                         f"{','.join(f'{v:g}' for v in box.as_tuple())}. Check both.")
    if side > math.isqrt(MOST):
        raise InputError(f"Expected a square of at most {math.isqrt(MOST)} pixels a side; found {side:g}. "
                         "Give a box round the face, or cut it out with a photo program.")
    (x0, x1), (y0, y1) = _span(box.x, side, W, size), _span(box.y, side, H, size)
    region = pixels[max(y0, 0) : min(y1, H), max(x0, 0) : min(x1, W)]
    region = rgb(region) if colour else grey(region)
    beyond = (max(-y0, 0), max(y1 - H, 0)), (max(-x0, 0), max(x1 - W, 0))
    region = np.pad(region, (*beyond, (0, 0)) if colour else beyond, mode="edge")
    left, top = box.x - x0, box.y - y0
    # Pillow's BILINEAR is that tent. Its BOX takes whole pixels only, and moves things by parts of one.
    small = Image.fromarray(region).resize((size, size), Image.Resampling.BILINEAR,
                                           box=(left, top, left + side, top + side))
    return np.asarray(small)


def _span(start: float, side: float, length: int, size: int) -> tuple[int, int]:
    """Columns (or rows) to look at: the box, and what a tent at its edge reaches beyond, where the photo has it."""
    reach = max(side / size, 1)
    first, last = math.floor(start), math.ceil(start + side)
    return (max(math.floor(start - reach), min(first, 0)), min(math.ceil(start + side + reach), max(last, length)))


def to_crop(points: np.ndarray, box: Box, size: int = 96) -> np.ndarray:
    """Points (..., 2) of the photo -> of the crop."""
    box = box.square()
    return (np.asarray(points, np.float64) - (box.x, box.y) + 0.5) * (size / box.width) - 0.5


def to_photo(points: np.ndarray, box: Box, size: int = 96) -> np.ndarray:
    """Points (..., 2) of the crop -> of the photo: the inverse of :func:`to_crop`."""
    box = box.square()
    return (np.asarray(points, np.float64) + 0.5) * (box.width / size) - 0.5 + (box.x, box.y)


def square_of_eyes(left: np.ndarray, right: np.ndarray) -> Box:
    """The square in which two eyes (2,) are as far apart and as high as in the training faces."""
    left, right = np.asarray(left, np.float64), np.asarray(right, np.float64)
    side = float(np.hypot(*(left - right))) / EYES_APART
    x, y = (left + right) / 2 + 0.5
    return Box(float(x) - side / 2, float(y) - EYES_DOWN * side, side, side)
