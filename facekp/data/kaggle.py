"""Kaggle's *Facial Keypoints Detection*: its files read, its submission written.

A path may be a CSV, the zip that holds it, the competition's own zip of zips, or a folder with
any of these; nothing is unpacked to disk. Fetch the files with :mod:`facekp.data.download`.
"""

import io
from pathlib import Path

import numpy as np
import pandas as pd

from facekp.data.faces import Faces
from facekp.data.packed import find, opened
from facekp.data.pixels import AGAIN, read_header, read_rows
from facekp.data.table import read_cells
from facekp.errors import InputError, listed
from facekp.files import replacing
from facekp.keypoints import KAGGLE

COLUMNS = {
    "training": [*KAGGLE.columns, "Image"],
    "test": ["ImageId", "Image"],
    "IdLookupTable": ["RowId", "ImageId", "FeatureName", "Location"],
    "SampleSubmission": ["RowId", "Location"],
}
"""The columns of each of the competition's files."""


# ---- reading ------------------------------------------------------------------------------------


def read_training(path: str | Path, progress: bool = False, size: int = 96) -> Faces:
    """The faces of ``training.csv``: 7049 of them, 2140 with all 15 keypoints.

    Args:
        path: ``training.csv``, ``training.zip``, the competition's zip, or a folder with one of them.
        progress: show a bar while reading.
        size: height and width of the images.

    Raises:
        InputError: naming the file, row and column of what cannot be read.
    """
    columns, numbers, images, name = _read_csv(find(path, "training"), "training", progress, size)
    keypoints = numbers[:, [columns.index(c) for c in KAGGLE.columns]].astype(np.float32)
    return Faces(images, _whole_points(keypoints.reshape(-1, len(KAGGLE), 2), name))


def read_test(path: str | Path, progress: bool = False, size: int = 96) -> Faces:
    """The 1783 faces of ``test.csv``: no keypoint is annotated, ``rows`` are the ImageIds (1-based).

    Arguments and errors as in :func:`read_training`.
    """
    _, numbers, images, name = _read_csv(find(path, "test"), "test", progress, size)
    ids = _image_ids(numbers[:, 0], name)
    return Faces(images, np.full((len(ids), len(KAGGLE), 2), np.nan, np.float32), rows=ids)


def read_lookup(path: str | Path) -> pd.DataFrame:
    """``IdLookupTable.csv``: which coordinate of which test image each line of a submission asks for.

    Columns RowId and ImageId (int64), FeatureName (one of Kaggle's 30 columns), Location (empty).
    """
    file = find(path, "IdLookupTable")
    with opened(file, "IdLookupTable") as source:
        header = read_header(source.stream, source.name)
        _check_columns(header, "IdLookupTable", source.name)
        text = io.TextIOWrapper(source.stream, encoding="utf-8", newline="")
        rows = list(read_cells(text, source.name, width=len(header)))
    return _check_lookup(pd.DataFrame(rows, columns=header), source.name)


def _whole_points(keypoints: np.ndarray, name: str) -> np.ndarray:
    """(N, K, 2) ``keypoints`` as they are; InputError where only one coordinate of a point is there."""
    missing = np.isnan(keypoints)
    half = np.argwhere(missing[..., 0] != missing[..., 1])
    if len(half):
        i, k = half[0]
        column = f"{KAGGLE.names[k]}_{'y' if missing[i, k, 1] else 'x'}"
        raise InputError(f"{name}, row {i + 1}, column '{column}': expected both coordinates of a keypoint or none; "
                         "this one is empty, the other is not. Fill it in, or empty both.")
    return keypoints


def _image_ids(numbers: np.ndarray, name: str) -> np.ndarray:
    """(N,) int64: the same ``numbers``; InputError unless they are 1 .. N in some order."""
    n = len(numbers)
    wrong = np.isnan(numbers) | (numbers % 1 != 0) | (numbers < 1) | (numbers > n)
    wrong |= pd.Series(numbers).duplicated().to_numpy()
    if wrong.any():
        i = int(np.argmax(wrong))
        raise InputError(f"{name}, row {i + 1}, column 'ImageId': expected each whole number from 1 to {n} once; found "
                         f"{numbers[i]:g}{' again' if numbers[i] in numbers[:i] else ''}. {AGAIN}")
    return numbers.astype(np.int64)


def _read_csv(file: Path, stem: str, progress: bool, size: int) -> tuple[list[str], np.ndarray, np.ndarray, str]:
    """(columns, numbers (N, C), images (N, size, size), name for messages) of ``stem``.csv in ``file``."""
    with opened(file, stem) as source:
        columns = read_header(source.stream, source.name)
        _check_columns(columns, stem, source.name)
        if columns[-1] != "Image":
            raise InputError(f"{source.name}: expected 'Image' as the last column; found '{columns[-1]}' there. "
                             "Move 'Image' to the end.")
        numbers, images = read_rows(source.stream, source.name, columns, size, source.size if progress else None)
        return columns, numbers, images, source.name


def _check_columns(columns: list[str], stem: str, name: str) -> None:
    """Any order will do, but each column once, and none besides."""
    expected = COLUMNS[stem]
    if sorted(columns) == sorted(expected):
        return
    for other, theirs in COLUMNS.items():
        if sorted(columns) == sorted(theirs):
            raise InputError(f"{name}: expected the competition's {stem}.csv; found its {other}.csv. "
                             f"Name {stem}.csv instead.")
    if len(set(columns) & set(expected)) < len(expected) / 2:
        raise InputError(f"{name}: expected the competition's {stem}.csv, {len(expected)} columns from '{expected[0]}' "
                         f"to '{expected[-1]}'; found '{','.join(columns)[:80]}'. Name another file.")
    if set(columns) - set(expected) <= {"", "Unnamed: 0"} and set(expected) <= set(columns):
        raise InputError(f"{name}: expected the competition's columns; found one more, without a name: the index that "
                         "pandas writes. Write the table with to_csv(..., index=False).")
    problems = [(word, sorted(found)) for word, found in (
        ("missing", set(expected) - set(columns)),
        ("unknown", set(columns) - set(expected)),
        ("twice", {c for c in columns if columns.count(c) > 1})) if found]
    found = "; ".join(f"{word}: {', '.join(names)[:400]}" for word, names in problems)
    raise InputError(f"{name}: expected the columns {', '.join(expected)}; found {found}. "
                     f"Check that this is the competition's {stem}.csv.")


# ---- what the labels say ------------------------------------------------------------------------


def sources(faces: Faces) -> np.ndarray:
    """(N,) int64: which of the competition's two sources a row comes from, found from its labels alone.

    0 is the fifteen-point source, 1 the four-point source, which marks the nose tip and the bottom
    lip at other positions. A row belongs to the second exactly when it has at most four points: on
    Kaggle's labels that holds for all 4765 rows from 2284 on (4755 with four points, 10 with
    three) and for none of the 2284 rows before, which have five to fifteen. What to do about it:
    :mod:`facekp.data.conventions`.
    """
    return (faces.annotated.sum(axis=1) <= 4).astype(np.int64)


# ---- the submission -----------------------------------------------------------------------------


def write_submission(keypoints: np.ndarray, lookup: pd.DataFrame, path: str | Path, image_ids: np.ndarray) -> Path:
    """The CSV that Kaggle scores: ``RowId,Location`` in the order of RowId, clipped to [0, 96].

    Args:
        keypoints: (N, 15, 2) predictions in pixels, one for each test image.
        lookup: what :func:`read_lookup` gave.
        path: the file to write.
        image_ids: (N,) the ImageId of each prediction: ``rows`` of :func:`read_test`'s faces.

    Raises:
        InputError: shapes that do not fit, a NaN, or an ImageId asked for that was not predicted.
    """
    keypoints, image_ids = np.asarray(keypoints, np.float64), np.asarray(image_ids)
    if image_ids.ndim != 1 or keypoints.shape != (len(image_ids), len(KAGGLE), 2):
        raise InputError(f"Expected keypoints (N, {len(KAGGLE)}, 2) and image_ids (N,); "
                         f"found {keypoints.shape} and {image_ids.shape}.")
    place = {int(image_id): i for i, image_id in enumerate(image_ids)}
    if len(place) < len(image_ids):
        raise InputError("Expected each ImageId once; found one that is predicted twice.")
    lookup = _check_lookup(lookup, "lookup").sort_values("RowId")
    unknown = sorted(set(lookup["ImageId"]) - set(place))
    if unknown:
        raise InputError(f"The lookup asks for {len(unknown)} images that were not predicted, ImageId "
                         f"{listed([str(u) for u in unknown])}. Predict all of test.csv.")
    rows = lookup["ImageId"].map(place).to_numpy()
    columns = lookup["FeatureName"].map({c: i for i, c in enumerate(KAGGLE.columns)}).to_numpy()
    location = keypoints.reshape(len(keypoints), -1)[rows, columns]
    bad = np.flatnonzero(~np.isfinite(location))
    if len(bad):
        row = lookup.iloc[bad[0]]
        raise InputError(f"Expected a finite number everywhere; ImageId {row['ImageId']}, {row['FeatureName']} is "
                         f"{location[bad[0]]}, and {len(bad) - 1} more are not finite. Predict those points too.")
    table = pd.DataFrame({"RowId": lookup["RowId"].to_numpy(), "Location": location.clip(0, 96)})
    path = Path(path)
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.5f", lineterminator="\n")
    return path


def _check_lookup(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """The same table with whole numbers for RowId and ImageId, known feature names, each RowId once."""
    _check_columns(list(table.columns), "IdLookupTable", name)
    if table.empty:
        raise InputError(f"{name}: expected rows below the header; found none. {AGAIN}")

    def refuse(wrong: pd.Series, column: str, expected: str) -> None:
        if wrong.any():
            i = int(np.argmax(wrong.to_numpy()))
            raise InputError(f"{name}, row {i + 1}, column '{column}': expected {expected}; found "
                             f"'{table[column].iloc[i]}'. {AGAIN}")

    table = table[COLUMNS["IdLookupTable"]].copy()
    for column in ("RowId", "ImageId"):
        numbers = pd.to_numeric(table[column], errors="coerce")
        refuse(~numbers.between(1, 1e9) | (numbers % 1 != 0), column, "a whole number from 1 on")
        table[column] = numbers.astype(np.int64)
    refuse(table["RowId"].duplicated(), "RowId", "each number once")
    refuse(~table["FeatureName"].isin(KAGGLE.columns), "FeatureName", "a column of training.csv, like 'nose_tip_x'")
    location = pd.to_numeric(table["Location"], errors="coerce")
    refuse(location.isna() & table["Location"].notna() & (table["Location"] != ""), "Location", "a number or nothing")
    return table.assign(Location=location)
