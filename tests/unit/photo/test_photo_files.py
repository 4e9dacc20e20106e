"""Image files of all kinds and in all conditions, and what ``facekp.photo.read`` makes of them."""

import io
import resource
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from facekp import images, load_pretrained, photo
from facekp.errors import InputError
from facekp.synthetic.group import group

rng = np.random.default_rng(0)
COLOUR = rng.integers(0, 256, (40, 60, 3), np.uint8)
GREY = COLOUR[..., 0]
# How the pixels of an upright image lie in a file with each EXIF orientation.
STORED = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def save(path, image, **options):
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(path, **options)
    return path


def with_orientation(path, pixels, orientation):
    """``pixels`` as a camera stores them that was held another way."""
    image = Image.fromarray(pixels)
    if STORED[orientation] is not None:
        image = image.transpose(STORED[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)
    return path


def png(width, height):
    """A PNG that says it is large and holds nothing."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


@pytest.mark.tried("a photo", "each EXIF orientation", "upright, and points that fit it")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright_and_points_come_back(orientation, tmp_path):
    pixels, points = group(1, 2, seed=5)
    path = with_orientation(tmp_path / "a.png", pixels, orientation)
    found = photo.read(path)
    assert np.array_equal(found.pixels, np.stack([pixels] * 3, -1))
    assert any("turned upright" in note for note in found.notes) == (orientation > 1)
    model = load_pretrained("hourglass-s-synthetic")
    boxes = [photo.square_of_eyes(p[0], p[1]) for p in points]
    upright, turned = (photo.predict_photo(model, p, boxes) for p in (pixels, path))
    for a, b, truth in zip(upright, turned, points, strict=True):
        np.testing.assert_allclose(a.points, b.points, atol=1e-4)
        assert np.abs(b.points - truth).mean() * 96 / b.box.width < 2


def test_a_jpeg_of_a_camera_held_upright(tmp_path):
    pixels = np.zeros((60, 40, 3), np.uint8)
    pixels[:20] = 200
    path = with_orientation(tmp_path / "a.jpg", pixels, 6)
    assert Image.open(path).size == (60, 40)
    found = photo.read(path).pixels
    assert found.shape == (60, 40, 3) and np.abs(found.astype(int) - pixels).max() < 12


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp", "ppm"])
def test_colour_in_many_formats(ending, tmp_path):
    options = {"lossless": True} if ending == "webp" else {}
    assert np.array_equal(photo.read(save(tmp_path / f"a.{ending}", COLOUR, **options)).pixels, COLOUR)


def test_the_ending_may_lie(tmp_path):
    save(tmp_path / "a.png", COLOUR)
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert np.array_equal(photo.read(tmp_path / "a.jpg").pixels, COLOUR)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits(ending, tmp_path):
    deep = (GREY.astype(np.uint16) << 8) + 99
    found = photo.read(save(tmp_path / f"a.{ending}", Image.fromarray(deep)))
    assert np.array_equal(found.pixels[..., 1], GREY)


def test_palette_and_black_and_white(tmp_path):
    image = Image.fromarray(COLOUR).quantize(16)
    found = photo.read(save(tmp_path / "p.png", image)).pixels
    assert np.array_equal(found, np.asarray(image.convert("RGB")))
    assert np.array_equal(photo.read(save(tmp_path / "b.png", Image.fromarray(GREY > 99))).pixels[..., 0],
                          np.where(GREY > 99, 255, 0))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_becomes_white(mode, tmp_path):
    alpha = np.zeros((40, 60), np.uint8)
    alpha[:, 30:] = 255
    image = Image.fromarray(np.dstack([COLOUR, alpha]))
    if mode == "P":
        image = Image.new("P", (60, 40), 3)
        image.putpalette(bytes(range(48)))
        image.paste(1, (30, 0, 60, 40))
        image.save(tmp_path / "a.png", transparency=3)
    else:
        image.convert(mode).save(tmp_path / "a.png")
    found = photo.read(tmp_path / "a.png").pixels
    assert (found[:, :30] == 255).all()
    expected = {"RGBA": COLOUR, "LA": np.asarray(Image.fromarray(COLOUR).convert("L").convert("RGB")),
                "P": np.broadcast_to((3, 4, 5), COLOUR.shape)}[mode]
    assert np.array_equal(found[:, 30:], expected[:, 30:])


def test_cmyk(tmp_path):
    image = Image.new("CMYK", (60, 40), (0, 255, 255, 0))  # red
    found = photo.read(save(tmp_path / "a.tif", image)).pixels
    assert (found == (255, 0, 0)).all()
    found = photo.read(save(tmp_path / "a.jpg", image, quality=95)).pixels
    assert np.abs(found.astype(int) - (255, 0, 0)).max() < 12


def test_of_an_animation_the_first_image_and_says_so(tmp_path):
    frames = [Image.new("L", (60, 40), grey) for grey in (50, 100, 150)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    found = photo.read(tmp_path / "a.gif")
    assert (found.pixels == 50).all() and "holds 3 images" in found.notes[0]


def damaged(name, tmp_path):
    whole = io.BytesIO()
    Image.fromarray(COLOUR).save(whole, name.split("-")[0])
    data = whole.getvalue()
    path = tmp_path / "a.jpg"
    path.write_bytes({"cut": data[: len(data) // 2], "head": data[:40]}[name.split("-")[1]])
    return path


@pytest.mark.parametrize("name", ["PNG-cut", "PNG-head", "JPEG-cut", "JPEG-head", "GIF-cut", "TIFF-cut", "WEBP-cut",
                                  "BMP-cut"])
def test_cut_off(name, tmp_path):
    with pytest.raises(InputError, match=r"a\.jpg: .*(damaged or cut off|not an image)"):
        photo.read(damaged(name, tmp_path))


@pytest.mark.parametrize("content, message", [
    (b"", "an empty file"), (b"no image at all", "not an image"), (b"\0" * 1000, "not an image"),
    (png(60_000, 60_000), "at most 64 million pixels"), (png(12_000, 12_000), "12000 x 12000, which is 144 million"),
    (png(20_000, 3_300), "20000 x 3300"), (png(20_000, 100), "damaged or cut off"),
])
def test_files_that_are_not_photos(content, message, tmp_path, recwarn):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        photo.read(path)
    assert not recwarn.list


@pytest.mark.tried("a photo", "formats hardly ever met, among them EPS, which is a program",
                   "one message, nothing is run")
@pytest.mark.parametrize("ending", ["eps", "tga", "pcx", "ico"])
def test_rare_formats_are_not_tried(ending, tmp_path):
    """Above all EPS: Pillow would hand it to Ghostscript, which runs it."""
    save(tmp_path / f"a.{ending}", COLOUR)
    (tmp_path / f"a.{ending}").rename(tmp_path / "a.png")
    with pytest.raises(InputError, match="not an image that can be read"):
        photo.read(tmp_path / "a.png")


def test_no_file_and_a_folder(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        photo.read(tmp_path / "a.png")
    with pytest.raises(InputError, match="found a folder"):
        photo.read(tmp_path)


def test_floating_point_pixels_are_refused(tmp_path):
    with pytest.raises(InputError, match="8 or 16 bits"):
        photo.read(save(tmp_path / "a.tif", Image.fromarray(GREY.astype(np.float32))))


def test_a_wide_photo_is_read_and_a_face_in_it_found_in_bounded_memory(tmp_path):
    """20,000 pixels wide: the face's own square is small; the whole as a face is refused."""
    pixels, points = group(1, 1, seed=5)
    wide = np.full((384, 20_000), 128, np.uint8)
    wide[:, 15_000:15_384] = pixels
    path = save(tmp_path / "wide.png", wide)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model, truth = load_pretrained("hourglass-s-synthetic"), points[0] + (15_000, 0)
    found, = photo.predict_photo(model, path, [photo.square_of_eyes(truth[0], truth[1])])
    assert np.abs(found.points - truth).mean() * 96 / found.box.width < 2
    with pytest.raises(InputError, match="at most 8000 pixels a side; found 20000"):
        photo.predict_photo(model, path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # kB on Linux, bytes on macOS
    assert grown < 400_000 * (1024 if sys.platform == "darwin" else 1)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (7, 200)])
def test_a_photo_with_no_room_for_a_face(shape):
    with pytest.raises(InputError, match="at least 8 x 8 pixels"):
        photo.predict_photo(load_pretrained("hourglass-s-synthetic"), np.zeros(shape, np.uint8))


def test_every_ending_that_is_taken_for_a_photo_is_known_to_pillow_or_has_advice(tmp_path):
    Image.init()
    unknown = images.ENDINGS - set(Image.registered_extensions())
    assert {".heic", ".heif"} <= unknown <= {".heic", ".heif", ".avif"}  # Pillow reads AVIF from 11.3 on
    for ending in unknown:
        path = tmp_path / f"a{ending}"
        path.write_bytes(b"\0\0\0\x18ftyp" + ending[1:].encode() + b"\0\0\0\0")
        with pytest.raises(InputError, match="a HEIC file too, or AVIF with an old Pillow"):
            photo.read(path)
