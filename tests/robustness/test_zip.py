"""Zips of Kaggle's tables, damaged or made to harm: read as they are, or refused; nothing unpacked, memory bounded."""

import io
import os
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kaggle_files import SIZE, arrays, competition_zip, text, training_lines, zipped
from mutations import CASES, damaged, little_memory, result_or_one_line

from facekp.data import kaggle
from facekp.errors import InputError

IMAGES, KEYPOINTS = arrays(3)
TRAINING = text(training_lines(IMAGES, KEYPOINTS))
LOOKUP = b"RowId,ImageId,FeatureName,Location\n"
MB = 1 << 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("zip")


def read(path):
    return kaggle.read_training(path, size=SIZE)


def stored(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as z:
        z.writestr("training.csv", content)
    return buffer.getvalue()


WHOLE = {"deflated": zipped({"training.csv": TRAINING}), "stored": stored(TRAINING),
         "zip of zips": competition_zip(IMAGES, KEYPOINTS)}


@pytest.mark.tried("training.zip", "bytes flipped, cut, doubled, put in; spans swapped",
                   "the faces as they were, or one line that says what is wrong")
@pytest.mark.parametrize("whole", WHOLE)
@CASES
@given(data=st.data())
def test_damaged_zip(folder, whole, data):
    path = folder / "training.zip"
    path.write_bytes(data.draw(damaged(WHOLE[whole])))
    faces = result_or_one_line(lambda: read(path), folder, "training.")
    if faces is not None:  # each member has a checksum
        assert np.array_equal(faces.images, IMAGES) and faces.keypoints.tobytes() == KEYPOINTS.tobytes()


# ---- made to harm -------------------------------------------------------------------------------


def entry(name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED, **fields) -> bytes:
    """A zip with one member; ``fields`` of its ZipInfo are changed."""
    buffer, info = io.BytesIO(), zipfile.ZipInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    with zipfile.ZipFile(buffer, "w") as z:
        z.writestr(info, content, method)
    return buffer.getvalue()


def names(*several: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as z:
        for name in several:
            z.writestr(zipfile.ZipInfo(name), TRAINING)
    return buffer.getvalue()


@pytest.mark.tried("training.zip", "names that lead outside: ../, absolute, C:\\, links",
                   "read, nothing written")
@pytest.mark.parametrize("content", [
    names("../../training.csv"), names("/etc/training.csv"), names("..\\..\\training.csv"), names("C:\\training.csv"),
    names("/etc/passwd", "training.csv"), entry("training.csv", TRAINING, external_attr=0o120777 << 16)])
def test_names_that_lead_outside(content, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "my.zip").write_bytes(content)
    faces = result_or_one_line(lambda: read(tmp_path / "deep" / "er" / "my.zip"), tmp_path)
    assert np.array_equal(faces.images, IMAGES)


@pytest.mark.tried("training.zip", "two files of one name", "refused: both are named")
@pytest.mark.parametrize("several", [("a/training.csv", "b/training.csv"), ("training.csv", "x\\training.csv")])
def test_two_of_one_name(several, tmp_path):
    (tmp_path / "my.zip").write_bytes(names(*several))
    with pytest.raises(InputError, match=r"my.zip: expected one training.csv in this zip; found .*training.csv, "):
        read(tmp_path / "my.zip")


def encrypted() -> bytes:
    """A member whose flags say that it needs a password."""
    content = bytearray(WHOLE["deflated"])
    for start, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(start) + flags] |= 1
    return bytes(content)


ZEROS = bytes(64 * MB)
HEADER = TRAINING.split(b"\n")[0] + b"\n"
LONG_LIST = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, (4 << 30) - 2, 0, 0)

HARMFUL = {
    "64 MB of zeros in 64 KB": (zipped({"training.csv": ZEROS}), "expected a CSV file"),
    "64 MB of zeros below a header": (zipped({"training.csv": HEADER + ZEROS}), "longer line"),
    "a million empty lines": (zipped({"training.csv": HEADER + b"\n" * MB}), "found none"),
    "bzip2, which unpacks at once": (entry("training.csv", ZEROS, zipfile.ZIP_BZIP2), "found method 12"),
    "LZMA, which unpacks at once": (entry("training.csv", ZEROS, zipfile.ZIP_LZMA), "found method 14"),
    "a password": (encrypted(), "password"),
    "zip in zip in zip": (zipped({"training.zip": zipped({"training.zip": zipped({})})}), "expected training.csv"),
    "a list of members without end": (b"PK\x03\x04" + LONG_LIST, "damaged"),
    "a name that is not UTF-8": (WHOLE["stored"].replace(b"training", b"\xff" * 8), "found"),
}


@pytest.mark.tried("training.zip", "zip bombs, passwords, zips in zips, unusual methods", "refused in 16 MB of memory")
@pytest.mark.parametrize("case", HARMFUL)
def test_harmful_zip(case, tmp_path):
    content, message = HARMFUL[case]
    (tmp_path / "my.zip").write_bytes(content)
    with little_memory(16 * MB), pytest.raises(InputError, match=message):
        read(tmp_path / "my.zip")


@pytest.mark.tried("training.zip", "a zip of 10 GB, nearly all of it a hole in the file", "refused in 16 MB of memory")
def test_a_zip_with_a_hole(tmp_path):
    path = tmp_path / "my.zip"
    path.write_bytes(WHOLE["stored"])
    os.truncate(path, 10 << 30)
    with open(path, "ab") as f:
        f.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, (4 << 30) - 2, 0, 0))
    with little_memory(16 * MB), pytest.raises(InputError, match="expected a zip of at most 1024 MB; found 10240 MB"):
        read(path)


@pytest.mark.tried("IdLookupTable.csv", "a zip that unpacks to 65 MB of rows", "refused before a row is read")
def test_a_lookup_that_unpacks_to_too_much(tmp_path):
    (tmp_path / "my.zip").write_bytes(zipped({"IdLookupTable.csv": LOOKUP + b"1,1,nose_tip_x,\n" * (65 * MB // 16)}))
    with little_memory(16 * MB), pytest.raises(InputError, match="expected at most 64 MB; it claims 65 MB"):
        kaggle.read_lookup(tmp_path / "my.zip")
