"""Kaggle's tables, damaged: read as they are, or refused with one line; never misread, never out of memory."""

import io
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kaggle_files import SIZE, arrays, lookup_lines, test_lines, text, training_lines
from mutations import CASES, damaged, little_memory, result_or_one_line

from facekp.data import kaggle
from facekp.errors import InputError
from facekp.keypoints import KAGGLE

IMAGES, KEYPOINTS = arrays(3)
TRAINING = text(training_lines(IMAGES, KEYPOINTS.round(2)))
TEST = text(test_lines(IMAGES))
LOOKUP = text(lookup_lines(1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("csv")


def plainly(content: bytes) -> list[list[str]]:
    """The cells of a table, split as simply as can be."""
    lines = content.decode("utf-8-sig").split("\n")
    return [[cell.strip().strip('" ') for cell in line.split(",")] for line in lines if line.strip("\r")]


def numbers(cells: list[str]) -> np.ndarray:
    return np.array([float(cell or "nan") for cell in cells], np.float32)


@pytest.mark.tried("training.csv", "bytes flipped, cut, doubled, put in; lines swapped, dropped, joined",
                   "what every cell says, or one line that says what is wrong")
@CASES
@given(damaged(TRAINING))
def test_damaged_training(folder, content):
    path = folder / "training.csv"
    path.write_bytes(content)
    faces = result_or_one_line(lambda: kaggle.read_training(path, size=SIZE), folder, "training.csv")
    if faces is None:
        return
    header, *rows = plainly(content)
    points = [numbers([row[header.index(c)] for c in KAGGLE.columns]) for row in rows]
    np.testing.assert_array_equal(faces.keypoints.reshape(len(rows), -1), points)
    assert faces.images.reshape(len(rows), -1).tolist() == [[int(p) for p in row[-1].split()] for row in rows]


@pytest.mark.tried("test.csv", "bytes flipped, cut, doubled, put in; lines swapped, dropped, joined",
                   "what every cell says, or one line that says what is wrong")
@CASES
@given(damaged(TEST))
def test_damaged_test(folder, content):
    path = folder / "test.csv"
    path.write_bytes(content)
    faces = result_or_one_line(lambda: kaggle.read_test(path, size=SIZE), folder, "test.csv")
    if faces is not None:
        _, *rows = plainly(content)
        assert faces.rows.tolist() == [float(row[0]) for row in rows]
        assert sorted(faces.rows) == list(range(1, len(rows) + 1))
        assert faces.images.reshape(len(rows), -1).tolist() == [[int(p) for p in row[-1].split()] for row in rows]


@pytest.mark.tried("IdLookupTable.csv", "bytes flipped, cut, doubled, put in; lines swapped, dropped, joined",
                   "what every cell says, or one line that says what is wrong")
@CASES
@given(damaged(LOOKUP))
@example(LOOKUP.replace(b"nose_tip_x,", b'nose_tip_x,"'))  # all that follows would be one cell
@example(LOOKUP.replace(b"nose_tip_x,", b'nose_tip_x,"').replace(b"nose_tip_y,", b'nose_tip_y,"'))  # a row would go
def test_damaged_lookup(folder, content):
    path = folder / "IdLookupTable.csv"
    path.write_bytes(content)
    table = result_or_one_line(lambda: kaggle.read_lookup(path), folder, "IdLookupTable.csv")
    if table is not None:
        header, *rows = plainly(content)
        expected = {c: [row[header.index(c)] for row in rows] for c in header}
        assert table["RowId"].tolist() == [float(v) for v in expected["RowId"]]
        assert table["ImageId"].tolist() == [float(v) for v in expected["ImageId"]]
        assert table["FeatureName"].tolist() == expected["FeatureName"]
        assert table["RowId"].is_unique and table["FeatureName"].isin(KAGGLE.columns).all()


# ---- more than memory holds ---------------------------------------------------------------------

HOLES = {
    "nothing but a hole": (b"", "expected a CSV file"),
    "a hole below the header": (TRAINING.split(b"\n")[0] + b"\n", "longer line"),
    "a hole in a row": (TRAINING[:-20], "longer line"),
    "a hole in quotation marks": (TRAINING.replace(b"\n", b'\n"', 1), "row 1|longer line"),
}


@pytest.mark.tried("training.csv", "a file of 10 GB, nearly all of it a hole", "one line, in 4 MB of memory")
@pytest.mark.parametrize("case", HOLES)
def test_training_of_ten_gigabytes(case, folder):
    start, message = HOLES[case]
    path = holed(folder / "training.csv", start)
    with little_memory(4 << 20), pytest.raises(InputError, match=message):
        kaggle.read_training(path, size=SIZE)
    path.unlink()


@pytest.mark.tried("IdLookupTable.csv", "a file of 10 GB, nearly all of it a hole", "one line, in 4 MB of memory")
@pytest.mark.parametrize("start", [b"", LOOKUP, LOOKUP[:100], LOOKUP[:-1] + b'"'])
def test_lookup_of_ten_gigabytes(start, folder):
    path = holed(folder / "IdLookupTable.csv", start)
    with little_memory(4 << 20), pytest.raises(InputError, match=r"IdLookupTable\.csv.*expected"):
        kaggle.read_lookup(path)
    path.unlink()


def holed(path, start: bytes):
    path.write_bytes(start)
    os.truncate(path, 10 << 30)
    return path


# ---- the submission -----------------------------------------------------------------------------

ids = st.lists(st.sampled_from([1, 2, 3, 3, -1, 2**40]), min_size=2, max_size=4)
points = st.sampled_from([0.0, 33.25, -5.0, 120.0, np.nan, np.inf])


@pytest.mark.tried("submission.csv", "wrong ids, rows asked for twice or never, points that are missing or infinite",
                   "every row that is asked for, or one line and the old file")
@CASES
@given(ids, st.lists(st.tuples(st.sampled_from([1, 2, 3, 3, 7]), st.sampled_from([1, 2, 3, 4]),
                               st.sampled_from([*KAGGLE.columns[:4], "nose_x"])), max_size=4), points, points)
def test_any_submission(folder, image_ids, rows, x, y):
    keypoints = np.zeros((len(image_ids), 15, 2))
    keypoints[:, :2] = x, y
    lookup = pd.DataFrame([(*row, "") for row in rows], columns=["RowId", "ImageId", "FeatureName", "Location"])
    out = folder / "submission.csv"
    out.write_text("old")

    def write():
        return kaggle.write_submission(keypoints, lookup, out, np.array(image_ids)).read_text()

    try:
        written = write()
    except InputError as error:
        assert out.read_text() == "old" and str(error).isprintable()
        assert sorted(p.name for p in folder.iterdir() if ".partial" in p.name) == []
        return
    table = pd.read_csv(io.StringIO(written)).set_index("RowId")["Location"]
    assert table.to_dict() == {r: min(max(x if c.endswith("x") else y, 0), 96) for r, _, c in rows}
    assert len(set(image_ids)) == len(image_ids) and {i for _, i, _ in rows} <= set(image_ids)
