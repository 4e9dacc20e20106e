"""Kaggle's files: what is right is read exactly, what is wrong is named, and nothing else is."""

import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kaggle_files import (
    SIZE,
    arrays,
    competition_zip,
    lookup_lines,
    test_lines,
    text,
    training_lines,
    write,
    zipped,
)

from book.experiments.speed.reader import reader as bench_reader
from facekp.data import kaggle, pixels
from facekp.data.checks.labels import outside
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.keypoints import KAGGLE

PIXELS = SIZE * SIZE


def read(path, **options):
    return kaggle.read_training(path, size=SIZE, **options)


def same(faces, images, keypoints):
    return np.array_equal(faces.images, images) and faces.keypoints.tobytes() == keypoints.tobytes()


# ---- what is right ------------------------------------------------------------------------------


def test_every_packing_gives_the_same_faces(tmp_path):
    images, keypoints = arrays()
    csv_text = text(training_lines(images, keypoints))
    (tmp_path / "training.csv").write_bytes(csv_text)
    (tmp_path / "training.zip").write_bytes(zipped({"training.csv": csv_text}))
    (tmp_path / "deep.zip").write_bytes(zipped({"__MACOSX/training.csv": b"x", "a/b/training.csv": csv_text}))
    (tmp_path / "all.zip").write_bytes(competition_zip(images, keypoints))
    for folder, name in (("f1", "training.csv"), ("f2", "training.zip"), ("f3", "facial-keypoints-detection.zip")):
        (tmp_path / folder).mkdir()
        source = "all.zip" if folder == "f3" else name
        (tmp_path / folder / name).write_bytes((tmp_path / source).read_bytes())
    for name in ("training.csv", "training.zip", "deep.zip", "all.zip", "f1", "f2", "f3"):
        faces = read(tmp_path / name)
        assert same(faces, images, keypoints), name
        assert faces.scheme == KAGGLE
        assert faces.rows.tolist() == list(range(len(images)))
        assert faces.images.flags.writeable and faces.keypoints.flags.writeable
    test = kaggle.read_test(tmp_path / "f3", size=SIZE)
    assert np.array_equal(test.images, images) and not test.annotated.any()
    assert test.rows.tolist() == [1, 2, 3, 4, 5, 6] and test.rows.dtype == np.int64
    lookup = kaggle.read_lookup(tmp_path / "f3")
    assert list(lookup.columns) == ["RowId", "ImageId", "FeatureName", "Location"] and len(lookup) == 6 * 30


def quoted(lines):
    return [lines[0], *([*cells[:-1], f'"{cells[-1]}"'] for cells in lines[1:])]


VARIANTS = {
    "plain": lambda lines: text(lines),
    "windows": lambda lines: text(lines, "\r\n"),
    "bom": lambda lines: b"\xef\xbb\xbf" + text(lines),
    "no end": lambda lines: text(lines)[:-1],
    "blank lines": lambda lines: text(lines, "\n\n"),
    "trailing space": lambda lines: text(lines, " \n"),
    "leading space": lambda lines: text([lines[0], *([*c[:-1], " " + c[-1]] for c in lines[1:])]),
    "double spaces": lambda lines: text([lines[0], *([*c[:-1], c[-1].replace(" ", "  ")] for c in lines[1:])]),
    "quoted": lambda lines: text(quoted(lines)),
    "quoted, windows": lambda lines: text(quoted(lines), "\r\n"),
    "spaces round labels": lambda lines: text([lines[0], *([*(f" {v} " for v in c[:-1]), c[-1]] for c in lines[1:])]),
    "nan spelt out": lambda lines: text([lines[0], *([*(v or "nan" for v in c[:-1]), c[-1]] for c in lines[1:])]),
    "quoted header": lambda lines: text([[f'"{c}"' for c in lines[0]], *lines[1:]]),
    "leading zeros": lambda lines: text([lines[0], *([*c[:-1], " ".join(p.zfill(3) for p in c[-1].split())]
                                                     for c in lines[1:])]),
}


@pytest.mark.tried("training.csv", "Windows line ends, a byte order mark, quotation marks, spaces, NaN spelt out",
                   "the same faces")
@pytest.mark.parametrize("variant", VARIANTS)
def test_unusual_text_is_read_too(variant, tmp_path):
    images, keypoints = arrays()
    (tmp_path / "training.csv").write_bytes(VARIANTS[variant](training_lines(images, keypoints)))
    assert same(read(tmp_path / "training.csv"), images, keypoints)


def test_columns_in_any_order(tmp_path):
    images, keypoints = arrays()
    lines = training_lines(images, keypoints)
    order = [*np.random.default_rng(1).permutation(30), 30]
    path = write(tmp_path / "training.csv", [[cells[i] for i in order] for cells in lines])
    assert same(read(path), images, keypoints)


coordinates = st.floats(-1000, 1000, width=32)


@settings(deadline=None, max_examples=40)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 5), st.just(3), st.just(3))), st.data())
def test_round_trip(tmp_path_factory, images, data):
    n = len(images)
    keypoints = data.draw(hnp.arrays(np.float32, (n, 15, 2), elements=coordinates))
    keypoints[data.draw(hnp.arrays(bool, (n, 15)))] = np.nan
    path = write(tmp_path_factory.mktemp("kaggle") / "training.csv", training_lines(images, keypoints))
    assert same(kaggle.read_training(path, size=3), images, keypoints)


numbers = st.lists(st.integers(0, 255), min_size=PIXELS, max_size=PIXELS)


@settings(deadline=None)
@given(numbers)
def test_fast_and_careful_and_numpy_agree(values):
    line = " ".join(map(str, values)).encode()
    careful = pixels.careful(pixels.Row("here", b"", line, True), PIXELS)
    usual = np.fromstring(line.decode(), dtype=np.uint8, sep=" ")
    assert pixels.fast(line, PIXELS).tolist() == list(careful) == usual.tolist() == values


@settings(deadline=None, max_examples=500)
@given(st.integers(1, 4), st.text("0129 5x-,.\t", max_size=16))
def test_fast_takes_only_what_is_in_order(count, line):
    """Any text: the fast way gives what the careful way gives, or None; what careful refuses, it refuses."""
    quick = pixels.fast(line.encode(), count)
    try:
        careful = pixels.careful(pixels.Row("here", b"", line.encode(), True), count)
    except InputError:
        assert quick is None
    else:
        assert quick is None or quick.tolist() == list(careful)
        assert quick is not None or line != " ".join(line.split())


def test_every_number_next_to_every_width():
    """The carry across a space: all of 0..255 beside one, two and three digits."""
    for neighbour in ("0", "9", "10", "99", "100", "255"):
        line = " ".join(f"{neighbour} {v} {neighbour}" for v in range(256))
        assert pixels.fast(line.encode(), 768).tolist() == [int(t) for t in line.split()]
    for wrong in (256, 299, 300, 356, 512, 999, 1000, 2550):
        assert pixels.fast(f"1 {wrong} 2".encode(), 3) is None


def test_outside_labels_are_kept_and_counted(tmp_path):
    images, keypoints = arrays()
    keypoints[0, 3], keypoints[1, 4], keypoints[3, 0] = (-0.5, 40), (40, 96.5), (96, 0)
    faces = read(write(tmp_path / "training.csv", training_lines(images, keypoints)))
    assert same(faces, images, keypoints)
    whole = Faces(np.zeros((6, 96, 96), np.uint8), faces.keypoints)
    found, = outside(whole, whole.keypoints)
    assert found.faces.tolist() == [1] and found.about["count"] == 1  # a label at -0.5 is on the image's edge


def test_sources_tells_the_sources_apart():
    _, keypoints = arrays(9)
    keypoints[0, 5:] = np.nan
    keypoints[2, 0] = np.nan
    faces = Faces(np.zeros((9, 4, 4), np.uint8), keypoints)
    assert kaggle.sources(faces).tolist() == [0, 0, 1, 0, 0, 1, 0, 0, 1] and kaggle.sources(faces).dtype == np.int64


# ---- what is wrong ------------------------------------------------------------------------------


def broken(change) -> bytes:
    """The text of a training.csv after ``change(lines)``."""
    lines = training_lines(*arrays())
    changed = change(lines)
    return text(lines) if changed is None else changed


def cell(row, column, value):
    def change(lines):
        lines[row][column] = value
    return change


def pixel(row, index, value):
    def change(lines):
        values = lines[row][-1].split()
        values[index:index + 1] = [value] if value is not None else []
        lines[row][-1] = " ".join(values)
    return change


BAD_ROWS = {
    "letter": (pixel(2, 3, "x"), ["row 2 (line 3)", "'Image'", 'pixel 4 is "x"']),
    "above 255": (pixel(1, 16 - 1, "256"), ["row 1 (line 2)", 'pixel 16 is "256"']),
    "300": (pixel(1, 0, "300"), ['pixel 1 is "300"']),
    "four digits": (pixel(1, 0, "0255"), ['pixel 1 is "0255"']),
    "negative": (pixel(6, 0, "-1"), ["row 6 (line 7)", 'pixel 1 is "-1"']),
    "decimal": (pixel(3, 2, "1.5"), ['pixel 3 is "1.5"']),
    "tab": (pixel(3, 2, "1\t2"), ["pixel 3 is"]),
    "too few": (pixel(4, 2, None), ["row 4 (line 5)", "expected 16", "found 15 pixels"]),
    "too many": (pixel(4, 2, "7 7"), ["found 17 pixels"]),
    "no pixels": (cell(4, -1, ""), ["row 4", "found 0 pixels"]),
    "label": (cell(5, 3, "x"), ["row 5 (line 6)", "'right_eye_center_y'", '"x"']),
    "infinite": (cell(5, 3, "inf"), ["row 5", "'right_eye_center_y'", '"inf"']),
    "huge": (cell(5, 3, "1e300"), ["row 5", "'right_eye_center_y'", '"1e300"']),
    "underscore": (cell(5, 3, "1_0"), ["'right_eye_center_y'", '"1_0"']),
    "no utf-8": (lambda lines: text(lines).replace(lines[2][4].encode(), b"\xff"), ["row 2", "\\xff"]),
    "x alone": (cell(1, 3, ""), ["row 1", "'right_eye_center_y'", "both coordinates"]),
    "y alone": (cell(1, 2, ""), ["row 1", "'right_eye_center_x'", "both coordinates"]),
    "cell missing": (lambda lines: lines[3].pop(0) and None, ["row 3 (line 4)", "expected 31 columns", "found 30"]),
    "cell too many": (lambda lines: lines[3].insert(0, "1.0"), ["row 3 (line 4)", "found 32"]),
    "cut in the pixels": (lambda lines: text(lines)[:-20], ["row 6 (line 7)", "the file ends in the middle", "of 16"]),
    "cut in the labels": (lambda lines: text(lines[:-1]) + b"1.0,2.0,3", ["row 6 (line 7)", "the file ends in"]),
    "endless line": (lambda lines: text(lines[:2]) + b"1" * 200_000, ["line 3", "longer line"]),
    "semicolons": (lambda lines: text(lines).replace(b",", b";"), ["expected the competition's training.csv"]),
    "tabs": (lambda lines: text(lines).replace(b",", b"\t"), ["expected the competition's training.csv"]),
    "thousands": (cell(5, 3, "1,234.5"), ["row 5", "expected 31 columns", "found 32"]),
    "decimal comma": (cell(5, 3, '"66,5"'), ["row 5", "expected 31 columns", "found 32"]),
    "NUL": (cell(5, 3, "1\0"), ["row 5", "'right_eye_center_y'", '"1\\x00"']),
    "old Mac": (lambda lines: text(lines, "\r"), ["training."]),
    "header only": (lambda lines: text(lines[:1]), ["found none"]),
    "empty": (lambda lines: b"", ["empty"]),
    "binary": (lambda lines: bytes(range(256)) * 400, ["expected a CSV"]),
    "no line end": (lambda lines: b"a" * 100_000, ["expected a CSV"]),
    "utf-16": (lambda lines: text(lines).decode().encode("utf-16"), ["expected a CSV"]),
    "missing column": (lambda lines: lines[0].remove("nose_tip_x"), ["missing: nose_tip_x", "expected the columns"]),
    "unknown column": (cell(0, 20, "nose_x"), ["missing: nose_tip_x", "unknown: nose_x"]),
    "double column": (cell(0, 20, "nose_tip_y"), ["twice: nose_tip_y"]),
    "image not last": (lambda lines: text([[c[-1], *c[:-1]] for c in lines]), ["'Image' as the last column"]),
    "test.csv": (lambda lines: text(test_lines(arrays()[0])), ["expected the competition's training.csv", "test.csv"]),
    "lookup": (lambda lines: text(lookup_lines(2)), ["found its IdLookupTable.csv"]),
}


@pytest.mark.tried("training.csv, training.zip", "pixels, labels, columns, rows or whole files wrong in one way",
                   "one line that names the row and the column")
@pytest.mark.parametrize("packed", [False, True], ids=["csv", "zip"])
@pytest.mark.parametrize("case", BAD_ROWS)
def test_bad_training_file(case, packed, tmp_path):
    change, expected = BAD_ROWS[case]
    content = broken(change)
    path = tmp_path / ("training.zip" if packed else "training.csv")
    path.write_bytes(zipped({"training.csv": content}) if packed else content)
    with pytest.raises(InputError) as error:
        read(path)
    assert "training." in str(error.value)
    for part in expected:
        assert part in str(error.value)


@pytest.mark.tried("test.csv", "ImageIds twice, missing, not whole, too large", "one line that names the row")
@pytest.mark.parametrize("ids, wrong", [
    (["1", "2", "2"], "row 3, column 'ImageId'"), (["1", "2", "4"], "row 3, column 'ImageId'"),
    (["0", "1", "2"], "row 1, column 'ImageId'"), (["1.5", "2", "3"], "found 1.5"), (["", "1", "2"], "row 1"),
    (["1", "2", "a"], "row 3"), (["1", "2", "1e20"], "row 3")])
def test_bad_image_ids(ids, wrong, tmp_path):
    lines = test_lines(arrays(3)[0])
    for line, image_id in zip(lines[1:], ids, strict=True):
        line[0] = image_id
    with pytest.raises(InputError, match=r"test\.csv") as error:
        kaggle.read_test(write(tmp_path / "test.csv", lines), size=SIZE)
    assert wrong in str(error.value)


def test_image_ids_in_any_order(tmp_path):
    lines = test_lines(arrays(3)[0])
    path = write(tmp_path / "test.csv", [lines[0], *lines[:0:-1]])
    assert kaggle.read_test(path, size=SIZE).rows.tolist() == [3, 2, 1]


def test_bad_places(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "nothing.csv")
    (tmp_path / "photo.png").write_bytes(b"x")
    with pytest.raises(InputError, match=r"expected training.csv, training.zip or facial.*found photo.png"):
        read(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found nothing"):
        kaggle.read_lookup(tmp_path / "empty")


def bad_zips() -> dict[str, tuple[bytes, str]]:
    good = zipped({"training.csv": text(training_lines(*arrays(200)))})
    other = zipped({"test.csv": b"x", "readme.txt": b"y"})
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 255
    secret = bytearray(good)
    secret[6] |= 1
    secret[secret.rindex(b"PK\x01\x02") + 8] |= 1
    return {
        "without the csv": (other, "expected training.csv or training.zip in this zip; found readme.txt, test.csv"),
        "empty": (zipped({}), "found nothing"),
        "cut off": (good[:-100], "damaged"),
        "flipped byte": (bytes(flipped), "my.zip"),
        "inner zip without": (zipped({"training.zip": other}), "training.zip: expected training.csv in this zip"),
        "inner zip broken": (zipped({"training.zip": good[:-100]}), "damaged"),
        "zip in zip in zip": (zipped({"training.zip": zipped({"training.zip": good})}), "expected training.csv in"),
        "password": (bytes(secret), "cannot be unpacked"),
        "folder of that name": (zipped({"training.csv/": b""}), "found nothing"),
    }


@pytest.mark.tried("training.zip", "cut off, flipped, empty, without the table, a password", "one line that says which")
@pytest.mark.parametrize("case", bad_zips())
def test_bad_zip(case, tmp_path):
    content, message = bad_zips()[case]
    (tmp_path / "my.zip").write_bytes(content)
    with pytest.raises(InputError) as error:
        read(tmp_path / "my.zip")
    assert message in str(error.value) and "my.zip" in str(error.value)


def claiming(size: int, name: str) -> bytes:
    """A zip whose member claims ``size`` bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as z:
        z.writestr(name, b"left_eye_center_x\n")
    content = bytearray(buffer.getvalue())
    at = content.rindex(b"PK\x01\x02") + 24
    content[at:at + 4] = size.to_bytes(4, "little")
    return bytes(content)


@pytest.mark.parametrize("name, limit", [("training.csv", 2 << 30), ("training.zip", 512 << 20)])
def test_a_member_that_claims_too_much_is_refused(name, limit, tmp_path):
    (tmp_path / "my.zip").write_bytes(claiming(limit + (1 << 20), name))
    with pytest.raises(InputError, match=f"expected at most {limit >> 20} MB; it claims {(limit >> 20) + 1} MB"):
        read(tmp_path / "my.zip")


def test_progress_is_silent_where_there_is_no_terminal(tmp_path, capfd):
    path = write(tmp_path / "training.csv", training_lines(*arrays()))
    assert len(read(path, progress=True)) == 6
    assert capfd.readouterr() == ("", "")


# ---- lookup and submission ----------------------------------------------------------------------


@pytest.mark.tried("IdLookupTable.csv", "wrong ids, repeated rows, unknown features, other columns",
                   "one line that names the row and the column")
@pytest.mark.parametrize("change, message", [
    (lambda lines: lines[0].__setitem__(2, "Feature"), "missing: FeatureName; unknown: Feature"),
    (lambda lines: lines[5].__setitem__(2, "nose_x"), "row 5, column 'FeatureName'.*found 'nose_x'"),
    (lambda lines: lines[5].__setitem__(0, "4"), "row 5, column 'RowId': expected each number once; found '4'"),
    (lambda lines: lines[5].__setitem__(1, "one"), "row 5, column 'ImageId'.*found 'one'"),
    (lambda lines: lines[5].__setitem__(1, ""), "row 5, column 'ImageId'"),
    (lambda lines: lines[5].__setitem__(0, "0"), "row 5, column 'RowId'"),
    (lambda lines: lines[5].append("x"), "row 5: expected 4 cells, as the header has; found 5"),
    (lambda lines: lines.__delitem__(slice(1, None)), "found none"),
    (lambda lines: lines.__setitem__(slice(None), training_lines(*arrays())), "found its training.csv"),
])
def test_bad_lookup(change, message, tmp_path):
    lines = lookup_lines(2)
    change(lines)
    with pytest.raises(InputError, match=r"IdLookupTable\.csv.*" + message):
        kaggle.read_lookup(write(tmp_path / "IdLookupTable.csv", lines))


def test_submission(tmp_path):
    lines = lookup_lines(3)
    lookup = kaggle.read_lookup(write(tmp_path / "IdLookupTable.csv", [lines[0], *lines[:0:-1]]))
    lookup = lookup[(lookup["ImageId"] != 2) | (lookup["FeatureName"] == "nose_tip_y")]
    keypoints = np.random.default_rng(0).uniform(-20, 120, (4, 15, 2)).astype(np.float32)
    ids = np.array([3, 4, 1, 2])
    keypoints[3] = np.nan
    keypoints[3, 10, 1] = 33.25
    path = kaggle.write_submission(keypoints, lookup, tmp_path / "new" / "submission.csv", ids)
    table = pd.read_csv(path)
    assert list(table.columns) == ["RowId", "Location"]
    assert table["RowId"].tolist() == sorted(lookup["RowId"]) and table["Location"].between(0, 96).all()
    expected = keypoints.clip(0, 96)
    flat = dict(zip(table["RowId"], table["Location"], strict=True))
    np.testing.assert_allclose([flat[i + 1] for i in range(30)], expected[2].ravel(), atol=1e-5)
    np.testing.assert_allclose([flat[i + 61] for i in range(30)], expected[0].ravel(), atol=1e-5)
    assert flat[30 + 22] == 33.25


@pytest.mark.parametrize("change, message", [
    (lambda a: a.update(keypoints=np.zeros((2, 14, 2))), r"Expected keypoints \(N, 15, 2\).*found \(2, 14, 2\)"),
    (lambda a: a.update(image_ids=np.array([1])), r"found \(2, 15, 2\) and \(1,\)"),
    (lambda a: a.update(image_ids=np.array([1, 1])), "twice"),
    (lambda a: a.update(image_ids=np.array([1, 3])), "1 images that were not predicted, ImageId 2"),
    (lambda a: a["keypoints"].__setitem__((1, 10, 0), np.nan), "ImageId 2, nose_tip_x is nan"),
    (lambda a: a["keypoints"].__setitem__((1, 10, 0), np.inf), "ImageId 2, nose_tip_x is inf"),
    (lambda a: a.update(lookup=a["lookup"].drop(columns="RowId")), "missing: RowId"),
])
def test_bad_submission_leaves_the_old_file(change, message, tmp_path):
    lookup = kaggle.read_lookup(write(tmp_path / "IdLookupTable.csv", lookup_lines(2)))
    arguments = {"keypoints": np.zeros((2, 15, 2)), "lookup": lookup, "image_ids": np.array([1, 2])}
    change(arguments)
    out = tmp_path / "submission.csv"
    out.write_text("old")
    with pytest.raises(InputError, match=message):
        kaggle.write_submission(path=out, **arguments)
    assert out.read_text() == "old" and len(list(tmp_path.iterdir())) == 2


# ---- the benchmark ------------------------------------------------------------------------------


def test_bench_reader(tmp_path, capfd):
    images, keypoints = arrays(5, size=96)
    path = write(tmp_path / "training.csv", training_lines(images, keypoints))
    result = bench_reader(path)
    assert result["same"] and result["rows"] == 5 and result["file_mb"] > 0
    assert {"seconds", "cpu_seconds", "peak_mb"} <= set(result["cold"]) == set(result["usual"])
    assert capfd.readouterr() == ("", "")
    with pytest.raises(InputError, match="no such file"):
        bench_reader(tmp_path / "none.csv")
    with pytest.raises(InputError, match="found another table"):
        bench_reader(write(tmp_path / "IdLookupTable.csv", lookup_lines(1)))
