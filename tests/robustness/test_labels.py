"""Faces from arrays, .npz files and folders, damaged: valid faces or one line; nothing is executed, nothing misread."""

import io
import os
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kaggle_files import arrays
from mutations import CASES, damaged, little_memory, result_or_one_line

from facekp.data import folder as f
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.keypoints import KAGGLE, Scheme

EYES = Scheme("eyes", ("left", "right"), (("left", "right"),), eyes=("left", "right"))
IMAGES, KEYPOINTS = arrays(3, 8)
FACES = Faces(IMAGES, np.ascontiguousarray(KEYPOINTS[:, :2]), EYES, np.array([4, 9, 2]))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("labels")


def same(a, b):
    return (np.array_equal(a.images, b.images) and a.keypoints.tobytes() == b.keypoints.tobytes()
            and np.array_equal(a.rows, b.rows) and a.scheme == b.scheme)


# ---- arrays -------------------------------------------------------------------------------------

shapes = st.lists(st.integers(0, 3), max_size=4).map(tuple) | st.sampled_from([(2, 4, 4), (2, 15, 2), (2, 2, 2), (2,)])
kinds = st.sampled_from(["uint8", "float32", "float64", "int64", "object", "U3", "bool", "complex64", "M8[s]"])
values = st.sampled_from([0, 1, np.nan, np.inf, -np.inf, 1e38])


@st.composite
def anything(draw):
    """An array of any kind and shape, or no array at all."""
    if draw(st.integers(0, 7)) == 0:
        return draw(st.sampled_from([None, [], [[1, 2]], "faces", 3, {"a": 1}, [[1], [2, 3]]]))
    array = np.zeros(draw(shapes), draw(kinds))
    if array.dtype.kind == "f" and array.size:
        array.flat[draw(st.integers(0, array.size - 1))] = draw(values)
    return array


@pytest.mark.tried("Faces(...)", "arrays of any shape and type, infinite numbers, no arrays at all",
                   "valid faces, or one line that says what is wrong")
@CASES
@given(images=anything() | st.just(np.zeros((2, 4, 4), np.uint8)),
       keypoints=anything() | st.just(np.zeros((2, 2, 2), np.float32)), rows=anything() | st.none(),
       scheme=st.sampled_from([EYES, EYES, KAGGLE, None, "kaggle"]))
@example(np.zeros((2, 4, 4), np.uint8), np.full((2, 2, 2), np.inf, np.float32), None, EYES)
@example(np.zeros((2, 4, 4), np.uint8), np.zeros((2, 2, 2), np.float32), np.array([0.5, 1]), EYES)
@example(np.zeros((2, 4, 4), np.uint8), [[[1, 2], [3, 4]]] * 2, None, EYES)
def test_any_arrays(place, images, keypoints, rows, scheme):
    faces = result_or_one_line(lambda: Faces(images, keypoints, scheme, rows), place)
    if faces is not None:
        assert faces.images.dtype == np.uint8 and faces.images.ndim == 3
        assert faces.keypoints.dtype == np.float32 and faces.keypoints.shape == (len(faces), len(faces.scheme), 2)
        assert not np.isinf(faces.keypoints).any() and faces.rows.dtype.kind in "iu"
        assert len(faces.fingerprint()) == 16 and len(faces.duplicates()) == len(faces)


# ---- .npz ---------------------------------------------------------------------------------------


def npz(**given) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **given)
    return buffer.getvalue()


SAVED = npz(images=FACES.images, keypoints=FACES.keypoints, rows=FACES.rows,
            scheme=np.array('{"name": "eyes", "names": ["left", "right"], "pairs": [["left", "right"]], "lines": [], '
                            '"eyes": ["left", "right"]}'))


@pytest.mark.tried("faces.npz", "bytes flipped, cut, doubled, put in; spans swapped",
                   "the faces as they were, or one line that says what is wrong")
@CASES
@given(damaged(SAVED))
@example(b"rowt.npy".join(SAVED.rsplit(b"rows.npy", 1)))  # in the list of members alone: no checksum covers it
@example(SAVED.replace(b"scheme.npy", b"schema.npy"))
def test_damaged_npz(place, content):
    path = place / "faces.npz"
    path.write_bytes(content)
    faces = result_or_one_line(lambda: Faces.load(path), place, "faces.npz")
    assert faces is None or same(faces, FACES)


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.tried("faces.npz", "pickled objects that would run a command", "refused, nothing is run")
@pytest.mark.parametrize("key", ["images", "keypoints", "rows", "scheme", "extra"])
@pytest.mark.parametrize("how", ["array of objects", "bare pickle in the zip", "bare pickle"])
def test_a_pickle_is_never_opened(key, how, tmp_path):
    trap, path = Trap(tmp_path / "trapped"), tmp_path / "faces.npz"
    whole = {"images": FACES.images, "keypoints": FACES.keypoints, "rows": FACES.rows}
    if how == "array of objects":
        path.write_bytes(npz(**(whole | {key: np.array([trap, None], object)})))
    elif how == "bare pickle":
        path.write_bytes(pickle.dumps(trap))
    else:
        path.write_bytes(npz(**{k: v for k, v in whole.items() if k != key}))
        with zipfile.ZipFile(path, "a") as z:
            z.writestr(f"{key}.npy", pickle.dumps(trap))
    assert result_or_one_line(lambda: Faces.load(path), tmp_path, "faces.npz") is None
    assert not trap.path.exists()


@pytest.mark.tried("faces.npz", "arrays that claim terabytes, zeros packed a thousandfold",
                   "refused in 1 MB of memory")
@pytest.mark.parametrize("shape", ["(1099511627776, 96, 96)", "(9000000, 96, 96)", "(100, 1024, 1024)"])
@pytest.mark.parametrize("packed", [False, True])
def test_an_array_that_claims_too_much(shape, packed, tmp_path):
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    array = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes((64 << 20) + 1 if packed else 100)
    path = tmp_path / "faces.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("images.npy", array)
        z.writestr("keypoints.npy", b"")
    with little_memory(1 << 20):
        assert result_or_one_line(lambda: Faces.load(path), tmp_path, "faces.npz") is None


# ---- folders ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def extracted(tmp_path_factory):
    """An extracted folder; each test puts back what it changes."""
    return f.extract(FACES, tmp_path_factory.mktemp("folder") / "faces")


def read_changed(folder, file: str, content: bytes):
    whole = (folder / file).read_bytes()
    (folder / file).write_bytes(content)
    try:
        return result_or_one_line(lambda: f.read_folder(folder, size=8), folder, file, "manifest.json")
    finally:
        (folder / file).write_bytes(whole)


TABLE = b"file,row,left_x,left_y,right_x,right_y\n" + b"".join(
    f"{row:05d}.png,{row},{','.join(map(repr, points))}\n".encode()
    for row, points in zip(FACES.rows, FACES.keypoints.reshape(3, -1).astype(float).tolist(), strict=True))


@pytest.mark.tried("keypoints.csv", "bytes flipped, cut, doubled, put in; lines swapped, dropped, joined",
                   "noticed by the manifest, or refused in one line")
@CASES
@given(damaged(TABLE))
def test_damaged_table_with_a_manifest(extracted, content):
    faces = read_changed(extracted, "keypoints.csv", content)
    assert faces is None or np.array_equal(faces.keypoints, FACES.keypoints, equal_nan=True)


@pytest.mark.tried("keypoints.csv of one's own", "bytes flipped, cut, doubled, put in; lines swapped, dropped, joined",
                   "what every cell says, or one line that says what is wrong")
@CASES
@given(damaged(TABLE))
def test_damaged_table_by_hand(extracted, content):
    manifest = (extracted / "manifest.json").rename(extracted.parent / "away.json")
    try:
        faces = read_changed(extracted, "keypoints.csv", content)
    finally:
        manifest.rename(extracted / "manifest.json")
    if faces is not None:
        header, *rows = [[c.strip().strip('" ') for c in line.split(",")]
                         for line in content.decode("utf-8-sig").split("\n") if line.strip("\r")]
        cells = [[float(row[header.index(c)] or "nan") for c in faces.scheme.columns] for row in rows]
        np.testing.assert_array_equal(faces.keypoints.reshape(len(faces), -1), np.array(cells, np.float32))
        files = {f"{row:05d}.png": image for row, image in zip(FACES.rows, FACES.images, strict=True)}
        file = header.index("file" if "file" in header else "")  # a column without a name may hold the files
        for row, image in zip(rows, faces.images, strict=True):
            assert np.array_equal(image, files[row[file].removeprefix("images/")])


@pytest.mark.tried("manifest.json", "bytes flipped, cut, doubled, put in; lines swapped, dropped, joined",
                   "the faces as they were, or one line that says what is wrong")
@CASES
@given(data=st.data())
def test_damaged_manifest(extracted, data):
    whole = (extracted / "manifest.json").read_bytes()
    faces = read_changed(extracted, "manifest.json", data.draw(damaged(whole)))
    if faces is not None:
        assert np.array_equal(faces.images, FACES.images) and np.array_equal(faces.rows, FACES.rows)
        assert np.array_equal(faces.keypoints, FACES.keypoints, equal_nan=True) and faces.scheme.pairs == EYES.pairs


@pytest.mark.tried("pairs.csv", "bytes flipped, cut, doubled, put in; lines swapped, dropped, joined",
                   "noticed by the manifest, or refused in one line")
@CASES
@given(damaged(b"left,right\nleft,right\n"))
def test_damaged_pairs(extracted, content):
    faces = read_changed(extracted, "pairs.csv", content)
    assert faces is None or same(faces, FACES)


@pytest.mark.tried("keypoints.csv", "names of images that lead outside, are not files, too long or odd",
                   "refused in one line that names the row")
@pytest.mark.parametrize("name", [
    "../out.png", "images/../../out.png", "/etc/hostname", "..\\out.png", "C:\\out.png", "//host/share/a.png",
    "~/a.png", "images", ".", "x" * 300, "x/" * 3000 + "a.png", "a\0.png", "\x1b[2Ja.png", "CON", "00004.png\u202e"])
def test_names_of_images(name, tmp_path):
    out = f.extract(FACES, tmp_path / "faces")
    (out / "manifest.json").unlink()
    (tmp_path / "out.png").write_bytes((out / "images" / "00004.png").read_bytes())
    (out / "keypoints.csv").write_text((out / "keypoints.csv").read_text().replace("00009.png", f'"{name}"'))
    with pytest.raises(InputError, match=r"keypoints\.csv, row 2") as error:
        f.read_folder(out, size=8)
    assert str(error.value).isprintable() and len(str(error.value)) < 1700


@pytest.mark.tried("keypoints.csv, pairs.csv, manifest.json", "a file of 10 GB, nearly all of it a hole",
                   "one line, in 4 MB of memory")
@pytest.mark.parametrize("file", ["keypoints.csv", "pairs.csv", "manifest.json"])
@pytest.mark.parametrize("kept", [0, 30, None])
def test_folder_of_ten_gigabytes(file, kept, tmp_path):
    out = f.extract(FACES, tmp_path / "faces")
    (out / file).write_bytes((out / file).read_bytes()[:kept])
    os.truncate(out / file, 10 << 30)
    with little_memory(4 << 20), pytest.raises(InputError, match=file):
        f.read_folder(out, size=8)
