"""Fast reading of a CSV whose last column, ``Image``, holds an image as text: ``"238 236 237 ..."``.

Kaggle's training.csv is 239 MB of such text: 65 million numbers. Turning each into a number of its
own costs most of a usual reader's time (np.fromstring takes 2.6 times as long for it), so here a row's text is one
array of bytes: the spaces in it say where the numbers end, and the one to three digits before each space make its value
(:func:`fast`). A row that is in any way unusual goes the careful way (:func:`careful`), which reads
what can be read and otherwise names the row and the pixel.
"""

import csv
import math
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from facekp.errors import InputError
from facekp.show import bar

TOO_LARGE = 2.0**128 - 2.0**103  # from here on, a float32 is infinite
AGAIN = "Repair the file, or fetch it again."


class Row(NamedTuple):
    """One line of the file, cut at its last comma."""

    where: str  # "training.csv, row 3 (line 4)", for messages
    labels: bytes
    pixels: bytes
    ended: bool  # False: the file ended within this line


def read_header(stream: BinaryIO, name: str) -> list[str]:
    """The column names, from the first line of ``stream``; ``name`` is the file's name for messages."""
    line = stream.readline(1 << 16)
    if not line:
        raise InputError(f"{name}: expected a CSV file; found an empty one. Fetch it again.")
    try:
        if b"\0" in line or len(line) >= 1 << 16:
            raise ValueError
        return [column.strip() for column in next(csv.reader([line.decode("utf-8-sig")]))]
    except (ValueError, csv.Error, StopIteration):
        raise InputError(f"{name}: expected a CSV file, its first line the names of the columns; found "
                         f"{line[:20]!r}. Check that this is the right file.") from None


def read_rows(stream: BinaryIO, name: str, columns: list[str], size: int = 96, progress: int | None = None,
              ) -> tuple[np.ndarray, np.ndarray]:
    """All rows below the header: the numbers (N, C) float64 and the images (N, size, size) uint8.

    Args:
        stream: stands behind the header.
        name: the file's name for messages.
        columns: all the columns; the last is the image, the C before it are numbers (empty = NaN).
        size: height and width of an image.
        progress: the file's size in bytes, to show a bar; None shows none.

    Raises:
        InputError: there are no rows, or something in a row cannot be read.
    """
    values: list[list[float]] = []
    pixels = bytearray()  # grows in place: no second copy of the images
    with bar(progress is not None, total=progress, unit="B", unit_scale=True, desc="reading") as watched:
        for row in _rows(stream, name, limit=16 * size * size + (1 << 16)):
            values.append(_numbers(row, columns))
            image = fast(row.pixels, size * size)
            pixels += careful(row, size * size) if image is None else image.data
            watched.update(len(row.labels) + len(row.pixels) + 2)
    if not values:
        raise InputError(f"{name}: expected rows below the header; found none. {AGAIN}")
    return np.array(values, np.float64), np.frombuffer(pixels, np.uint8).reshape(-1, size, size)


def fast(text: bytes, count: int) -> np.ndarray | None:
    """(count,) uint8: the numbers of one row, or None if its text is not exactly in order.

    In order means: ``count`` numbers of one to three digits, at most 255, one space between two.
    Several rows at once would be slower: these arrays are small enough to stay in the processor's
    cache, and for memory to be used again instead of asked for.
    """
    # Three spaces in front, so that every byte has three before it.
    letter = np.frombuffer(b"   " + text + b" ", np.uint8)
    space, other = letter == ord(" "), letter != ord(" ")
    ends = np.flatnonzero(space[3:])  # the space behind each number
    if len(ends) != count:
        return None
    digit = (letter - np.uint8(ord("0"))) * other  # a space counts 0; what is neither wraps round to 10 or more
    # For every byte at once, as if a number ended there: its last two digits, then its first one.
    # Of bytes beyond a space nothing is carried over: the space counts 0, and cuts off the first digit.
    two = other[1:] & other[:-1]
    low = digit[2:-1] + digit[1:-2] * np.uint8(10)
    first = digit[:-3] * two[1:-1]
    number = low + first * np.uint8(100)
    four_digits = (two[2:] & two[:-2]).any()
    no_digit = (space[1:] & space[:-1])[2:].any()
    above_255 = first.max() > 2 or (number < low).any()  # 256 wraps round to 0
    if digit.max() > 9 or four_digits or no_digit or above_255:
        return None
    return number.take(ends)


def careful(row: Row, count: int) -> bytes:
    """The ``count`` pixels of one row, which may be quoted or have spaces to spare.

    Raises:
        InputError: naming the row and the first thing in it that is not a pixel.
    """
    text = row.pixels.strip()
    if len(text) > 1 and text[:1] == text[-1:] == b'"':
        text = text[1:-1]
    numbers = [t for t in text.split(b" ") if t]
    if not row.ended and len(numbers) < count:
        raise InputError(f"{row.where}, column 'Image': the file ends in the middle of this row, after {len(numbers)} "
                         f"of {count} pixels. It was cut off on its way: fetch it again.")
    for i, t in enumerate(numbers):
        if not (t.isdigit() and len(t) <= 3 and int(t) <= 255):
            raise InputError(f"{row.where}, column 'Image': expected {count} whole numbers from 0 to 255 with spaces "
                             f"between them; pixel {i + 1} is {_shown(t)}. {AGAIN}")
    if len(numbers) != count:
        raise InputError(f"{row.where}, column 'Image': expected {count} pixels; found {len(numbers)} pixels. {AGAIN}")
    return bytes(map(int, numbers))


def _rows(stream: BinaryIO, name: str, limit: int) -> Iterator[Row]:
    """Cut ``stream`` into rows; empty lines are passed over. No line may be longer than ``limit`` bytes."""
    row, line = 0, 1
    while text := stream.readline(limit):
        line += 1
        ended = text.endswith(b"\n")
        if len(text) >= limit and not ended:
            raise InputError(f"{name}, line {line}: expected at most {limit} bytes; found a longer line. {AGAIN}")
        if text := text.rstrip(b"\r\n"):
            row += 1
            labels, _, pixels = text.rpartition(b",")
            yield Row(f"{name}, row {row} (line {line})", labels, pixels, ended)


def _numbers(row: Row, columns: list[str]) -> list[float]:
    """The cells before the image as C numbers; an empty one is NaN."""
    cells = row.labels.split(b",")
    if len(cells) != len(columns) - 1:
        if not row.ended:
            raise InputError(f"{row.where}: the file ends in the middle of this row. It was cut off on its way: "
                             "fetch it again.")
        raise InputError(f"{row.where}: expected {len(columns)} columns; found {len(cells) + 1}. {AGAIN}")
    numbers = []
    for column, cell in zip(columns, cells, strict=False):
        try:
            numbers.append(number(cell))
        except ValueError:
            raise InputError(f"{row.where}, column '{column}': expected a number or nothing; found {_shown(cell)}. "
                             f"{AGAIN}") from None
    return numbers


def number(cell: bytes) -> float:
    """NaN for an empty cell; ValueError for what is not a number, or too large for float32."""
    cell = cell.strip(b' "')
    if not cell:
        return math.nan
    value = float(cell)
    if abs(value) >= TOO_LARGE or b"_" in cell:  # float() takes 'inf' and '1_000'
        raise ValueError
    return value


def _shown(cell: bytes) -> str:
    """A cell for a message: in quotes, never long."""
    text = cell.decode("utf-8", "backslashreplace")
    return f'"{text}"' if len(text) <= 40 else f'"{text[:40]}..."'

