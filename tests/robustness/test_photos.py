"""Photos in every condition: an image, or one clear message; never another error, and never all of the memory."""

import functools
import io
import json
import math
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from damage import EDITS, Refused, damaged, refused_or
from hypothesis import given
from hypothesis import strategies as st
from mutations import cases
from PIL import Image

from facekp import photo
from facekp.cli import photo_reports
from facekp.data import folder
from facekp.errors import InputError
from facekp.models import create_model

KINDS = ["jpeg", "jpeg exif", "jpeg cmyk", "png", "png 16", "png palette", "png alpha", "png frames", "webp",
         "webp frames", "gif", "gif frames", "bmp", "tiff", "tiff packed", "tiff 16", "ppm"]
ANY = st.floats(allow_nan=True, allow_infinity=True)
NEAR = st.floats(-200, 200)


@functools.cache
def image_bytes(kind: str) -> bytes:
    """A small file of each kind."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
    image, out, options = Image.fromarray(pixels), io.BytesIO(), {}
    name, _, more = kind.partition(" ")
    if more == "exif":
        exif = Image.Exif()
        exif[0x0112], exif[0x010F] = 6, "a camera"
        options = {"exif": exif}
    elif more == "16":
        image = Image.fromarray(pixels[..., 0].astype(np.uint16) << 8)
    elif more == "frames":
        options = {"save_all": True, "append_images": [image.rotate(90), image.rotate(180)]}
    elif more == "packed":
        options = {"compression": "tiff_lzw"}
    else:
        image = {"cmyk": lambda i: i.convert("CMYK"), "palette": lambda i: i.quantize(9),
                 "alpha": lambda i: i.convert("RGBA"), "": lambda i: i}[more](image)
        options = {"transparency": 3} if more == "palette" else {}
    image.save(out, name, **options)
    return out.getvalue()


def is_photo(found: photo.Photo) -> bool:
    return (found.pixels.dtype == np.uint8 and found.pixels.ndim == 3 and found.pixels.shape[2] == 3
            and found.pixels.size > 0)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("photos")


@pytest.mark.tried("a photo", "bits flipped, bytes lost, doubled, set, the end cut off; 17 kinds of file",
                   "an image, or one message; the file stays as it is")
@cases(2000)
@given(kind=st.sampled_from(KINDS), edits=EDITS)
def test_damaged(place, kind, edits):
    path = place / "a.jpg"
    path.write_bytes(damaged(image_bytes(kind), edits))
    found = refused_or(lambda: photo.read(path))
    assert isinstance(found, Refused) or is_photo(found)
    assert path.read_bytes() == damaged(image_bytes(kind), edits)


@pytest.mark.tried("a photo", "an EXIF entry of random bytes", "an image, or one message")
@cases(400)
@given(entry=st.binary(max_size=80), orientation=st.integers(0, 65535), kind=st.integers(0, 13),
       count=st.integers(0, 9))
def test_broken_exif(place, entry, orientation, kind, count):
    table = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + struct.pack("<HHII", 0x0112, kind, count, orientation) + entry
    out = io.BytesIO()
    Image.new("RGB", (24, 16), "red").save(out, "JPEG", exif=table)
    (place / "exif.jpg").write_bytes(out.getvalue())
    found = refused_or(lambda: photo.read(place / "exif.jpg"))
    assert isinstance(found, Refused) or sorted(found.pixels.shape) == [3, 16, 24]


@pytest.mark.tried("an image of a data folder", "the same damage", "the face, or one message with file and row")
@cases(400)
@given(kind=st.sampled_from(KINDS), edits=EDITS)
def test_damaged_in_a_folder(place, kind, edits):
    data = place / "data"
    data.mkdir(exist_ok=True)
    (data / "keypoints.csv").write_text("file,a_x,a_y\na.png,3,4\n")
    (data / "a.png").write_bytes(damaged(image_bytes(kind), edits))
    found = refused_or(lambda: folder.read_folder(data, size=16))
    assert found.images.shape == (1, 16, 16) if not isinstance(found, Refused) else "keypoints.csv, row 1: " in found


@pytest.mark.tried("--box", "any four numbers (not a number, infinite, huge, negative, zero) on photos of any shape",
                   "a crop, or one message")
@cases(1500)
@given(box=st.tuples(*[st.one_of(NEAR, ANY, st.floats(7, 9))] * 4),
       shape=st.sampled_from([(1, 1), (1, 5000), (5000, 1), (8, 8), (100, 60), (3, 200, 3), (60, 100, 3)]))
def test_boxes(box, shape):
    found = refused_or(lambda: photo.crop(np.full(shape, 77, np.uint8), photo.Box(*box), 32))
    assert isinstance(found, Refused) or (found.shape == (32, 32) and (found == 77).all())
    if not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
        assert isinstance(found, Refused)


@pytest.mark.tried("--box", "any text", "a box, or one message")
@cases(500)
@given(st.one_of(st.text(max_size=20), st.text("0123456789,.-+einfa _", max_size=20),
                 st.lists(st.floats(), min_size=3, max_size=5).map(lambda v: ",".join(map(str, v)))))
def test_texts_of_boxes(text):
    found = refused_or(lambda: photo.Box.parse(text))
    assert isinstance(found, Refused) or all(map(math.isfinite, found.as_tuple()))


@pytest.fixture(scope="module")
def run(place):
    from facekp.models import save_model

    return save_model(create_model("hourglass-s", channels=16, depth=2), place / "model.safetensors")


@pytest.mark.tried("facekp predict", "photos of odd shapes: 1 x 1, 1 x 5000, 20,000 wide, the smallest that is taken",
                   "points and a figure of them, or one message and no file")
@pytest.mark.exhaustive("box")
@pytest.mark.parametrize("box", [None, "0,0,40,40", "-20,-20,48,48"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (8, 8), (8, 7000), (30, 20_000), (7000, 9)])
def test_odd_shapes(tmp_path, run, shape, box):
    Image.fromarray(np.full(shape, 99, np.uint8)).save(tmp_path / "a.png")
    boxes = photo_reports.parse_boxes([box] if box else [], False)
    found = refused_or(lambda: photo_reports.photo_report([run], tmp_path / "a.png", tmp_path / "a.csv",
                                                          tmp_path / "seen.png", boxes, device="cpu"))
    there = sorted(p.name for p in tmp_path.iterdir())
    assert there == (["a.png"] if isinstance(found, Refused) else ["a.csv", "a.png", "seen.png"])
    assert isinstance(found, Refused) == (min(shape) < 8 or (box is None and max(shape) > 8000)), found


@pytest.mark.tried("--detect", "photos of odd shapes, noise, one grey", "no face, and no error")
@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (20, 20), (30, 20_000), (40, 40, 3)])
def test_looking_for_faces_where_none_can_be(shape):
    pytest.importorskip("cv2")
    for pixels in (np.full(shape, 99, np.uint8), np.random.default_rng(0).integers(0, 256, shape, np.uint8)):
        assert photo.detect(pixels) == []


# ---- files that say they are large ---------------------------------------------------------------


def chunks(*parts: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts)


def png(width: int, height: int, colours: int = 2) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colours, 0, 0, 0)


def tiff(width: int, height: int, strip: int = 1) -> bytes:
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, strip)]
    return (b"II*\0" + struct.pack("<I", 9) + b"\0" + struct.pack("<H", len(tags))
            + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags) + bytes(4))


def gif(width: int, height: int) -> bytes:
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\0;"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6) + frame


def webp(width: int, height: int) -> bytes:
    small = image_bytes("webp frames")
    return small[:24] + struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3] + small[30:]


FLOOD = zlib.compress(bytes(300_000_000), 9)
BOMBS = {
    "a PNG that claims 60,000 x 60,000": chunks(png(60_000, 60_000), (b"IDAT", zlib.compress(b"0"))),
    "a PNG of 7,999 x 7,999 with nothing in it": chunks(png(7999, 7999), (b"IDAT", zlib.compress(b"0"))),
    "a PNG of 80 x 80 that unpacks to 300 MB": chunks(png(80, 80), (b"IDAT", FLOOD), (b"IEND", b"")),
    "a PNG with a text that unpacks to 300 MB": chunks(png(9, 9), (b"zTXt", b"a\0\0" + FLOOD), (b"IEND", b"")),
    "a PNG with a colour profile that unpacks to 300 MB": chunks(png(9, 9), (b"iCCP", b"a\0\0" + FLOOD)),
    "a PNG that says it has 4 billion frames": chunks(png(9, 9), (b"acTL", struct.pack(">II", 2**32 - 1, 0))),
    "a BMP that claims 60,000 x 60,000": b"BM" + struct.pack("<IIIIiiHHIIiiII", 0, 0, 54, 40, 60_000, 60_000, 1, 24,
                                                           0, 0, 0, 0, 0, 0),
    "a BMP of 7,999 x 7,999 with nothing in it": b"BM" + struct.pack("<IIIIiiHHIIiiII", 0, 0, 54, 40, 7999, 7999, 1, 24,
                                                                   0, 0, 0, 0, 0, 0),
    "a TIFF that claims 60,000 x 60,000": tiff(60_000, 60_000, 2**31),
    "a TIFF of 7,999 x 7,999 with nothing in it": tiff(7999, 7999, 2**31),
    "a GIF that claims 65,535 x 65,535": gif(65_535, 65_535),
    "a GIF of 7,999 x 7,999 with nothing in it": gif(7999, 7999),
    "a WebP that claims 16,383 x 16,383": webp(16_383, 16_383),
    "a PPM that claims 60,000 x 60,000": b"P6 60000 60000 255\n",
    "a PPM of 7,999 x 7,999 with nothing in it": b"P6 7999 7999 255\n",
}
WHOLE = "a PNG of 7,990 x 7,990 that is whole"  # the last: by it the test sees that it measures memory at all
BOMBS[WHOLE] = chunks(png(7990, 7990, 0), (b"IDAT", zlib.compress(bytes(7990 * 7991), 1)), (b"IEND", b""))
CHILD = """
import json, sys
from facekp import photo
from facekp.errors import InputError

def most():  # kB; what getrusage tells begins with the memory of the parent process
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])

before, outcomes = most(), {}
for path in sys.argv[1:]:
    try:
        photo.read(path)
        found = "read"
    except InputError as error:
        found = str(error)
    outcomes[path] = found, most() - before
print(json.dumps(outcomes))
"""


@pytest.fixture(scope="module")
def opened(place):
    """For each bomb what came of it, and how much memory had been used by then, in one process of its own."""
    paths = {name: place / f"{i}.bin" for i, name in enumerate(BOMBS)}
    for name, path in paths.items():
        path.write_bytes(BOMBS[name])
    child = subprocess.run([sys.executable, "-c", CHILD, *map(str, paths.values())], capture_output=True, text=True,
                           timeout=600, check=True)
    outcomes = json.loads(child.stdout)
    return {name: outcomes[str(path)] for name, path in paths.items()}


@pytest.mark.tried("a photo", "headers that claim billions of pixels, entries that unpack to hundreds of megabytes",
                   "one message, or the image; less than 800 MB of memory")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured in /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_bombs(opened, name):
    found, grown = opened[name]
    assert found == "read" or ("\n" not in found and len(found) > 40)
    assert found != "read" or "claims" not in name
    assert grown < 800_000, f"{grown / 1e3:.0f} MB"
    assert name != WHOLE or (found == "read" and grown > 150_000)


@pytest.mark.tried("a photo", "a path that is a text, a program, a folder, a pipe, or no file", "one message")
@pytest.mark.parametrize("kind", ["text", "program", "folder", "pipe", "nothing", "eps"])
def test_what_is_not_an_image(tmp_path, kind):
    import os

    path = tmp_path / "a.jpg"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind != "nothing":
        path.write_bytes({"text": b"Dear Sir", "program": b"\x7fELF" + bytes(60),
                          "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"}[kind])
    with pytest.raises(InputError, match=r"a\.jpg: "):
        photo.read(path)
