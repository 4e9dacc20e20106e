"""Folders of faces: written and read back bit for bit, made by hand in any size, whole or not at all."""

import json
import struct
import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kaggle_files import arrays, table
from PIL import Image

from facekp import photo
from facekp.cli import reports
from facekp.data import folder as f
from facekp.data import load
from facekp.data.faces import Faces
from facekp.data.formats.table import text_of
from facekp.errors import InputError
from facekp.keypoints import KAGGLE, Scheme
from facekp.models import create_model, save_model

MOUTH = Scheme("mouth", ("left", "right", "middle, top"), pairs=(("left", "right"),), lines=(("left", "right"),))


def some(n=6, size=8):
    images, keypoints = arrays(n, size)
    keypoints[n - 1] = np.nan
    return Faces(images, keypoints, rows=np.arange(n) * 7 + 3)


def same(a, b):
    return (np.array_equal(a.images, b.images) and a.keypoints.tobytes() == b.keypoints.tobytes()
            and np.array_equal(a.rows, b.rows) and a.scheme == b.scheme)


def by_hand(path, csv, images=(), pairs=None):
    """A folder as a user makes it: ``images`` are (name, array) pairs."""
    (path / "images").mkdir(parents=True, exist_ok=True)
    (path / "keypoints.csv").write_text(csv)
    for name, pixels in images:
        Image.fromarray(pixels).save(path / name)
    if pairs is not None:
        (path / "pairs.csv").write_text(pairs)
    return path


GREY = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)


# ---- writing and reading back -------------------------------------------------------------------


def test_subset():
    faces = some()
    assert f.subset(faces, "15").rows.tolist() == [3, 10, 24, 31]
    assert f.subset(faces, "4").rows.tolist() == [17]
    assert f.subset(faces, "any").rows.tolist() == [3, 10, 17, 24, 31]
    with pytest.raises(InputError, match="Expected the subset '15', '4' or 'any'; found '14'"):
        f.subset(faces, "14")


def test_occluded_points_are_told_apart_wherever_faces_go(tmp_path):
    faces = some()
    hidden = faces.annotated & (np.random.default_rng(0).random(faces.annotated.shape) < 0.3)
    faces = replace(faces, occluded=hidden)
    assert np.array_equal(faces.select([2, 0]).occluded, hidden[[2, 0]])
    assert np.array_equal(load(faces.save(tmp_path / "a.npz")).occluded, hidden)
    back = f.read_folder(f.extract(faces, tmp_path / "out"), size=8)
    assert same(back, faces) and np.array_equal(back.occluded, hidden)
    assert f.read_folder(f.extract(some(), tmp_path / "other"), size=8).occluded is None
    with pytest.raises(InputError, match=r"Expected occluded bool \(6, 15\); found bool \(6, 14\)"):
        replace(faces, occluded=hidden[:, 1:])


def test_extract_writes_what_it_says(tmp_path):
    faces = some()
    out = f.extract(faces, tmp_path / "a" / "out", source="training.csv")
    assert sorted(p.name for p in out.iterdir()) == ["images", "keypoints.csv", "manifest.json", "pairs.csv"]
    assert sorted(p.name for p in (out / "images").iterdir()) == [f"{r:05d}.png" for r in faces.rows]
    assert np.array_equal(np.asarray(Image.open(out / "images" / "00010.png")), faces.images[1])
    rows = table(out / "keypoints.csv")
    assert list(rows[0]) == ["file", "row", *KAGGLE.columns]
    assert rows[1]["file"] == "00010.png" and rows[1]["row"] == "10" and rows[2]["left_eye_inner_corner_x"] == ""
    assert rows[1]["nose_tip_x"] == str(faces.keypoints[1, 10, 0])
    assert [tuple(r.values()) for r in table(out / "pairs.csv")] == list(KAGGLE.pairs)
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest == {
        "format": 1, "count": 6, "subset": "4 faces with all 15 keypoints, 1 with some, 1 with none",
        "source": {"name": "training.csv"}, "image_size": [8, 8], "channels": 1, "scheme": KAGGLE.to_dict(),
        "fingerprint": faces.fingerprint()}
    assert same(f.read_folder(out, size=8), faces)
    assert list((tmp_path / "a").iterdir()) == [out]


def test_source_may_say_more(tmp_path):
    out = f.extract(some(), tmp_path / "out", source={"name": "training.zip", "content": "abc"})
    assert json.loads((out / "manifest.json").read_text())["source"] == {"name": "training.zip", "content": "abc"}


@settings(deadline=None, max_examples=40)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 4), st.just(5), st.just(5))), st.data())
def test_round_trip(tmp_path_factory, images, data):
    """Any pixels, and any finite float32 as a coordinate, subnormal numbers and -0.0 included."""
    n = len(images)
    keypoints = data.draw(hnp.arrays(np.float32, (n, 3, 2), elements=st.floats(
        width=32, allow_nan=False, allow_infinity=False)))
    keypoints[data.draw(hnp.arrays(bool, (n, 3)))] = np.nan
    rows = np.array(data.draw(st.lists(st.integers(0, 10**6), min_size=n, max_size=n, unique=True)))
    faces = Faces(images, keypoints, MOUTH, rows)
    assert same(f.read_folder(f.extract(faces, tmp_path_factory.mktemp("x") / "out"), size=5), faces)


def test_text_of_floats_is_short_and_exact():
    bits = np.random.default_rng(0).integers(0, 2**32, 20000, dtype=np.uint32)
    values = bits.view(np.float32)
    values = values[np.isfinite(values)]
    assert all(np.float32(float(text_of(v))) == v for v in values)
    assert text_of(np.float32(66.03356)) == "66.03356" and text_of(np.float32("nan")) == ""


def test_an_empty_folder_is_used_and_a_full_one_is_not(tmp_path):
    (tmp_path / "empty").mkdir()
    f.extract(some(), tmp_path / "empty")
    before = sorted(p.name for p in (tmp_path / "empty").iterdir())
    with pytest.raises(InputError, match="expected a new or empty folder"):
        f.extract(some(), tmp_path / "empty")
    assert sorted(p.name for p in (tmp_path / "empty").iterdir()) == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="found a file"):
        f.extract(some(), tmp_path / "file")
    with pytest.raises(InputError, match="cannot be written"):
        f.extract(some(), tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("error, seen", [
    (KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "No space left on device"), InputError)])
def test_nothing_is_left_of_a_broken_extraction(error, seen, tmp_path, monkeypatch):
    save, calls = Image.Image.save, []

    def third_fails(self, *args, **options):
        calls.append(args)
        if len(calls) == 3:
            raise error
        return save(self, *args, **options)

    monkeypatch.setattr(Image.Image, "save", third_fails)
    with pytest.raises(seen):
        f.extract(some(), tmp_path / "out")
    assert len(calls) == 3 and not list(tmp_path.iterdir())


@pytest.mark.parametrize("faces, message", [
    (lambda a: a.select([0, 0]), "found one twice"),
    (lambda a: a.select([]), "at least one face"),
    (lambda a: Faces(a.images, a.keypoints, rows=a.rows - 100), "negative"),
    (lambda a: Faces(a.images, np.full_like(a.keypoints, np.inf)), "infinite"),
    (lambda a: Faces(a.images, a.keypoints[:, :1], Scheme("s", (" eye",))), "' eye'"),
])
def test_faces_that_would_not_read_back_are_refused(faces, message, tmp_path):
    with pytest.raises(InputError, match=message):
        f.extract(faces(some()), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_the_manifest_notices_changes(tmp_path):
    out = f.extract(some(), tmp_path / "out")
    image = out / "images" / "00010.png"
    whole = image.read_bytes()
    pixels = np.asarray(Image.open(image)).copy()
    pixels[0, 0] ^= 1
    Image.fromarray(pixels).save(image)
    with pytest.raises(InputError, match="some were changed"):
        f.read_folder(out, size=8)
    image.write_bytes(whole)
    csv = (out / "keypoints.csv").read_text()
    (out / "keypoints.csv").write_text("\n".join(csv.splitlines()[:-1]) + "\n")
    with pytest.raises(InputError, match="expected 6 faces, as the manifest says; found 5 rows"):
        f.read_folder(out, size=8)
    (out / "keypoints.csv").write_text(csv)
    (out / "pairs.csv").write_text("left,right\n")
    with pytest.raises(InputError, match="some were changed"):
        f.read_folder(out, size=8)
    (out / "pairs.csv").unlink()  # the manifest has them too
    assert same(f.read_folder(out, size=8), some())
    image.unlink()
    with pytest.raises(InputError, match=r"row 2, column 'file': expected the image '00010.png'.*Put it there"):
        f.read_folder(out, size=8)


@pytest.mark.parametrize("text, message", [
    ("{", "expected the manifest"), ("[]", "expected the manifest"), ('{"format": 1}', "expected the manifest"),
    ('{"format": 2}', "expected format 1; found 2"), ('{"format": "a"}', "expected the manifest")])
def test_bad_manifest(text, message, tmp_path):
    out = f.extract(some(), tmp_path / "out")
    (out / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=message):
        f.read_folder(out, size=8)


def test_other_names_than_the_manifest_says(tmp_path):
    out = f.extract(some(), tmp_path / "out")
    csv = (out / "keypoints.csv").read_text()
    (out / "keypoints.csv").write_text(csv.replace("nose_tip", "nose"))
    with pytest.raises(InputError, match=r"as manifest\.json says; found"):
        f.read_folder(out, size=8)


def test_a_scheme_with_kaggles_names_but_other_lines_stays_itself(tmp_path):
    faces = some()
    own = Faces(faces.images, faces.keypoints, Scheme("own", KAGGLE.names, pairs=KAGGLE.pairs[:2]), faces.rows)
    assert same(f.read_folder(f.extract(own, tmp_path / "out"), size=8), own)


# ---- the user's own data ------------------------------------------------------------------------


def test_by_hand(tmp_path):
    path = by_hand(tmp_path / "cats", "file,nose_x,nose_y,left_ear_x,left_ear_y,right_ear_x,right_ear_y\n"
                   "a.png,1,2,,,5.5,6\n\nb.png,3,4,0,0,7,7\n",
                   [("a.png", GREY), ("images/b.png", GREY.T)], "left,right\nleft_ear,right_ear\n")
    faces = f.read_folder(path, size=8)
    assert faces.scheme == Scheme("cats", ("nose", "left_ear", "right_ear"), (("left_ear", "right_ear"),))
    assert np.array_equal(faces.images, [GREY, GREY.T]) and faces.rows.tolist() == [0, 1]
    np.testing.assert_array_equal(faces.keypoints[0], [[1, 2], [np.nan, np.nan], [5.5, 6]])


def test_kaggles_names_make_kaggles_scheme(tmp_path):
    order = np.random.default_rng(0).permutation(30)
    values = np.arange(30)
    path = by_hand(tmp_path / "x", ",".join(["row", "file", *(KAGGLE.columns[i] for i in order)]) + "\n"
                   + ",".join(["12", "a.png", *(str(values[i]) for i in order)]), [("a.png", GREY)])
    faces = f.read_folder(path, size=8)
    assert faces.scheme is KAGGLE and faces.rows.tolist() == [12]
    assert faces.keypoints.ravel().tolist() == values.tolist()


def test_eyes_are_known_by_their_names(tmp_path):
    csv = "file,left_eye_center_x,left_eye_center_y,right_eye_center_x,right_eye_center_y\na.png,5,2,1,2\n"
    assert f.read_folder(by_hand(tmp_path / "x", csv, [("a.png", GREY)]), 8).scheme.eyes == KAGGLE.eyes


def blob(h, w, x, y, sigma):
    """(h, w) uint8: a Gaussian spot at (x, y)."""
    j, i = np.arange(w), np.arange(h)[:, None]
    return (250 * np.exp(-((j - x) ** 2 + (i - y) ** 2) / (2 * sigma**2))).round().astype(np.uint8)


def centroid(image):
    image = image.astype(float)
    h, w = image.shape
    return np.array([(image * np.arange(w)).sum(), (image * np.arange(h)[:, None]).sum()]) / image.sum()


@pytest.mark.parametrize("h, w", [(192, 192), (300, 200), (100, 333), (48, 48), (40, 30), (96, 50), (97, 96),
                                  (100, 100)])
def test_image_and_point_move_together(h, w, tmp_path):
    x, y = 0.45 * w + 0.3, 0.55 * h - 0.2
    path = by_hand(tmp_path / "x", f"file,spot_x,spot_y\na.png,{x},{y}\n",
                   [("a.png", blob(h, w, x, y, min(h, w) / 16))])
    faces = f.read_folder(path)
    assert faces.images.shape == (1, 96, 96)
    np.testing.assert_allclose(centroid(faces.images[0]), faces.keypoints[0, 0], atol=0.02)
    s = 96 / max(h, w)
    np.testing.assert_allclose(faces.keypoints[0, 0], [(x + 0.5) * s - 0.5, (y + 0.5) * s - 0.5], rtol=1e-6)
    # A photo that is given to ``facekp predict`` without a box is read as the same file in a folder of faces is.
    pixels = photo.read(path / "a.png").pixels
    assert np.array_equal(photo.crop(pixels, photo.whole(pixels)), faces.images[0])
    np.testing.assert_allclose(photo.to_photo(faces.keypoints, photo.whole(pixels)), [[[x, y]]], rtol=1e-5)


def test_padding_repeats_the_edge_at_the_right_and_bottom(tmp_path):
    wide = f.read_folder(by_hand(tmp_path / "w", "file,a_x,a_y\na.png,1,1\n", [("a.png", GREY[:5])]), 8)
    assert np.array_equal(wide.images[0, :5], GREY[:5]) and (wide.images[0, 5:] == GREY[4]).all()
    high = f.read_folder(by_hand(tmp_path / "h", "file,a_x,a_y\na.png,1,1\n", [("a.png", GREY[:, :5])]), 8)
    assert (high.images[0, :, 5:] == GREY[:, 4:5]).all() and high.keypoints[0, 0].tolist() == [1, 1]


def test_colour_depth_and_exif(tmp_path):
    path = by_hand(tmp_path / "x", "file,a_x,a_y\n" + "".join(f"{n},1,1\n" for n in (
        "rgb.png", "rgba.png", "deep.png", "turned.png", "palette.png", "bits.png")))
    Image.fromarray(GREY).convert("RGB").save(path / "rgb.png")
    Image.fromarray(GREY).convert("RGBA").save(path / "rgba.png")
    Image.fromarray(GREY.astype(np.uint16) << 8).save(path / "deep.png")
    Image.fromarray(GREY).convert("P").save(path / "palette.png")
    Image.fromarray(np.where(GREY > 127, 255, 0).astype(np.uint8)).convert("1").save(path / "bits.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter, clockwise
    Image.fromarray(GREY).save(path / "turned.png", exif=exif)
    images = f.read_folder(path, size=8).images
    assert all(np.array_equal(images[i], GREY) for i in (0, 1, 2, 4))
    assert np.array_equal(images[3], np.rot90(GREY, -1))
    assert np.array_equal(images[5], np.where(GREY > 127, 255, 0))


def test_what_is_transparent_is_white_as_in_a_photo(tmp_path):
    path = by_hand(tmp_path / "x", "file,a_x,a_y\na.png,1,1\n")
    half = np.dstack([GREY, GREY, GREY, np.where(np.arange(8) < 4, 255, 0) * np.ones((8, 1))]).astype(np.uint8)
    Image.fromarray(half).save(path / "a.png")
    image, = f.read_folder(path, size=8).images
    assert np.array_equal(image[:, :4], GREY[:, :4]) and (image[:, 4:] == 255).all()
    pixels = photo.read(path / "a.png").pixels
    assert np.array_equal(image, photo.crop(pixels, photo.whole(pixels), 8))


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3, 2)])
def test_small_images_are_taken_as_they_are(shape, tmp_path):
    path = by_hand(tmp_path / "x", "file,a_x,a_y\na.png,0,0\n", [("a.png", np.full(shape, 7, np.uint8))])
    assert (f.read_folder(path).images == 7).all()


def test_an_image_longer_than_any_face_is_refused(tmp_path):
    path = by_hand(tmp_path / "x", "file,a_x,a_y\na.png,0,0\n", [("a.png", np.zeros((1, 60_000), np.uint8))])
    with pytest.raises(InputError, match=r"row 1: .*at most 8000 pixels a side; found 60000"):
        f.read_folder(path)


@pytest.mark.tried("keypoints.csv of one's own", "columns, cells, numbers and file names that are wrong in one way",
                   "one line that names the row and the column")
@pytest.mark.parametrize("csv, message", [
    ("", "empty file"),
    ("file,a_x,a_y\n", "found none"),
    ("caption,file,a_x,a_y\nx,a.png,1,2\n", "found 'caption'"),
    ("row,a_x,a_y\n1,1,2\n", "no column 'file'"),
    ("file\na.png\n", "no keypoint"),
    ("file,a_x\na.png,1\n", "expected both a_x and a_y"),
    ("file,a_x,a_y,b_y\na.png,1,2,3\n", "expected both b_x and b_y"),
    ("file,a_x,a_y,a_x\na.png,1,2,3\n", "found twice: a_x"),
    ("file,_x,_y\na.png,1,2\n", "found '_x'"),
    ("file,a_x,a_y\na.png,1\n", "row 1: expected 3 cells, as the header has; found 2"),
    ("file,a_x,a_y\na.png,1,2\na.png,1,two\n", "row 2, column 'a_y': expected a number.*found 'two'"),
    ("file,a_x,a_y\na.png,inf,2\n", "row 1, column 'a_x'"),
    ("file,a_x,a_y\na.png,1e99,2\n", "row 1, column 'a_x'"),
    ("file,a_x,a_y\na.png,,2\n", "row 1, column 'a_y': expected both coordinates"),
    ("file,row,a_x,a_y\na.png,one,1,2\n", "row 1, column 'row': expected a whole number; found 'one'"),
    ("file,a_x,a_y\n,1,2\n", "row 1, column 'file': expected the image ''"),
    ("file,a_x,a_y\nb.png,1,2\n", "row 1, column 'file': expected the image 'b.png'"),
    ("file,a_x,a_y\n../out.png,1,2\n", "row 1, column 'file': expected the image '../out.png' in the folder"),
    ("file,a_x,a_y\nimages/../../out.png,1,2\n", "row 1, column 'file': expected the image .* in the folder"),
    ("file,a_x,a_y\n/etc/hostname,1,2\n", "row 1, column 'file': expected the image .* in the folder"),
    ("file,a_x,a_y\n..\\out.png,1,2\n", "row 1, column 'file': expected the image .* in the folder"),
    ("file,a_x,a_y\nC:\\out.png,1,2\n", "row 1, column 'file': expected the image .* in the folder"),
])
def test_bad_table(csv, message, tmp_path):
    Image.fromarray(GREY).save(tmp_path / "out.png")
    path = by_hand(tmp_path / "x", csv, [("a.png", GREY)])
    with pytest.raises(InputError, match=message) as error:
        f.read_folder(path, size=8)
    assert "keypoints.csv" in str(error.value)


@pytest.mark.tried("pairs.csv", "unknown names, other columns, a name twice, empty", "one line that names the row")
@pytest.mark.parametrize("pairs, message", [
    ("left,right\na,c\n", "row 1: expected names of keypoints.csv.*found 'c'"),
    ("l,r\na,b\n", "expected the columns left, right; found l, r"),
    ("left,right\na,b\nb,a\n", "one left/right pair only"),
    ("", "empty file")])
def test_bad_pairs(pairs, message, tmp_path):
    path = by_hand(tmp_path / "x", "file,a_x,a_y,b_x,b_y\na.png,1,2,3,4\n", [("a.png", GREY)], pairs)
    with pytest.raises(InputError, match=r"pairs\.csv.*" + message):
        f.read_folder(path, size=8)


def huge_png():
    """A PNG that claims 60000 x 60000 pixels."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    head = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("damage, message", [
    (lambda b: b"no image", "not an image"), (lambda b: b"", "an empty file"), (lambda b: b[:-30], "damaged or cut"),
    (lambda b: b[:60], "damaged or cut off|not an image"), (lambda b: huge_png(), "at most 64 million pixels")])
def test_bad_image(damage, message, tmp_path):
    path = by_hand(tmp_path / "x", "file,a_x,a_y\na.png,1,2\nb.png,1,2\n", [("a.png", GREY), ("b.png", GREY)])
    (path / "b.png").write_bytes(damage((path / "b.png").read_bytes()))
    with pytest.raises(InputError, match=rf"keypoints\.csv, row 2: .*b\.png: .*({message})"):
        f.read_folder(path, size=8)


def test_no_folder_no_table_no_image(tmp_path):
    with pytest.raises(InputError, match="there is no such folder"):
        f.read_folder(tmp_path / "none")
    with pytest.raises(InputError, match="there is no such file in it"):
        f.read_folder(tmp_path)
    (tmp_path / "keypoints.csv").write_bytes(b"\xff\xfe\0\0" * 9)
    with pytest.raises(InputError, match="expected a CSV file in UTF-8"):
        f.read_folder(tmp_path)


def test_progress_is_silent_where_there_is_no_terminal(tmp_path, capfd):
    f.read_folder(f.extract(some(), tmp_path / "out", progress=True), size=8, progress=True)
    assert capfd.readouterr() == ("", "")


# ---- labels that count from somewhere else --------------------------------------------------------


@pytest.mark.parametrize("side", [8, 96, 300, 960])
@pytest.mark.parametrize("pixel_offset", [0.5, 1.0])
def test_the_pixel_offset_is_taken_off_in_the_files_own_pixels_and_put_back_there(tmp_path, monkeypatch, side,
                                                                                 pixel_offset):
    """Whatever the file's size, a perfect network's table is the table of the labels."""
    points = np.random.default_rng(side).uniform(0, side - 1, (3, 2)).round(2)
    pixels = np.random.default_rng(side).integers(0, 256, (side, side), dtype=np.uint8)
    cells = ",".join(f"{v}" for v in (points + pixel_offset).ravel())
    path = by_hand(tmp_path / "in", f"file,a_x,a_y,b_x,b_y,c_x,c_y\nx.png,{cells}\n", [("x.png", pixels)])
    faces = load(path, pixel_offset=pixel_offset)
    np.testing.assert_allclose(faces.keypoints[0], (points + 0.5) * (96 / side) - 0.5, atol=1e-4)

    model = create_model("cnn3", faces.scheme, pixel_offset=pixel_offset, channels=8, hidden=16)
    save_model(model, tmp_path / "model.safetensors")
    monkeypatch.setattr(reports, "predict", lambda *_, **__: (faces.keypoints, np.ones((1, 3), np.float32)))
    reports.predict_to_csv([tmp_path / "model.safetensors"], path, tmp_path / "out.csv")
    written = pd.read_csv(tmp_path / "out.csv")[list(faces.scheme.columns)].to_numpy().reshape(3, 2)
    np.testing.assert_allclose(written, points + pixel_offset, atol=2e-3)


def test_an_offset_that_no_labels_have_is_refused(tmp_path):
    path = by_hand(tmp_path / "in", "file,a_x,a_y\nx.png,1,1\n", [("x.png", GREY)])
    for wrong in (3, float("nan"), "half", True):
        with pytest.raises(InputError, match="pixel offset between -2 and 2"):
            load(path, pixel_offset=wrong)
