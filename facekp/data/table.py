"""Small tables, read line by line: a file that is not a table is refused before it fills the memory."""

import csv
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from facekp.errors import InputError

MAX_LINE = 1 << 16  # characters of a line
NOTHING = ("nan", "na", "n/a", "null", "none")
_N = r"([+-]?[0-9]+\.?[0-9]*)"
PAIR = re.compile(rf"[(\[]\s*{_N}\s*[,;\s]\s*{_N}\s*[)\]]|{_N}[,;]?\s+{_N}")
"""Two numbers in one cell. ``12,5`` is one number with a decimal comma."""


def encoding_of(start: bytes) -> str:
    """The encoding of a text that begins with these bytes, by its byte order mark."""
    return "utf-16" if re.match(rb"\xff\xfe(?!\0\0)|\xfe\xff", start) else "utf-8-sig"


def read_table(path: Path) -> tuple[list[str], list[list[str]]]:
    """(column names, the cells of each row); rows without a filled cell are passed over. Where cells are not separated
    by commas, ``1,5`` becomes ``1.5``.

    Raises:
        InputError: the file cannot be read, or has no header.
    """
    try:
        with open(path, "rb") as binary:
            start = binary.read(MAX_LINE)
        mark, above = layout(start.decode(encoding_of(start), "replace"))
        with open(path, newline="", encoding=encoding_of(start)) as f:
            for _ in range(above):
                f.readline(MAX_LINE)
            lines = [[cell.strip() for cell in line] for line in read_cells(f, str(path), delimiter=mark)]
    except OSError as e:
        raise InputError(f"{path}: cannot be read ({e.strerror or e}).") from None
    except UnicodeError:
        raise InputError(f"{path}: expected a CSV file in UTF-8; found a damaged one. Save it as UTF-8.") from None
    if not lines:
        raise InputError(f"{path}: expected a line of column names; found an empty file.")
    header, *rows = lines
    rows = [row for row in rows if any(row)]
    if mark != ",":
        rows = [[re.sub(r"^([+-]?[0-9]*),([0-9]+)$", r"\1.\2", cell) for cell in row] for row in rows]
    header[0] = header[0].lstrip("# ")  # as NumPy marks its header
    return split_pairs([unicodedata.normalize("NFC", name) for name in header], rows)


def layout(text: str) -> tuple[str, int]:
    """(the separator of two cells, how many lines of other things are above the header)."""
    lines = re.split(r"\r\n?|\n", text)
    named = re.fullmatch(r"\s*\"?sep=(.)\"?[,;\s]*", lines[0], re.IGNORECASE)
    if named:
        return named[1], 1
    header = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    mark = _mark(lines[header])
    if header and lines[header - 1].count(mark) == lines[header].count(mark):
        header -= 1  # it is not a comment: NumPy marks its header so
    return mark, header


def _mark(header: str) -> str:
    """The separator of two cells: a comma, a semicolon, a bar or a tab; a space for any number of spaces and tabs."""
    mark = max(",;\t|", key=lambda c: (header.count(c), c == ","))
    spaces = len(header.split()) > 2 if mark not in header else mark == "\t" and re.search(r"\s\t|\t\s", header.strip())
    return " " if spaces else mark


def evenly_spaced(line: str) -> str:
    """A line of cells with any number of spaces and tabs between them, with one; NumPy's ``#`` before a header goes."""
    return " ".join(line.lstrip("# \t").split()) + "\n"


def split_pairs(header: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """A column whose filled cells all hold two numbers becomes two: ``nose`` becomes ``nose_x`` and ``nose_y``."""
    for j in reversed(range(len(header))):
        filled = [row[j] for row in rows if row[j].lower() not in ("", *NOTHING)]
        if filled and all(map(PAIR.fullmatch, filled)):
            header[j:j + 1] = [f"{header[j]}_x", f"{header[j]}_y"]
            for row in rows:
                match = PAIR.fullmatch(row[j])
                row[j:j + 1] = [n for n in match.groups() if n] if match else ["", ""]
    return header, rows


def read_cells(text: TextIO, name: str, width: int | None = None, delimiter: str = ",") -> Iterator[list[str]]:
    """The cells of each row; empty lines are passed over.

    Args:
        text: opened with ``newline=""``.
        name: the file's name for messages.
        width: how many cells a row has; None: as many as the first one, which is the header.
        delimiter: what separates two cells.

    Raises:
        InputError: not CSV, not UTF-8, a line without end, or a row with more or fewer cells.
    """
    def lines() -> Iterator[str]:
        while line := text.readline(MAX_LINE):
            if len(line) == MAX_LINE and line[-1] not in "\r\n":
                raise InputError(f"{name}: expected lines of at most {MAX_LINE} characters; found a longer one. "
                                 "Check that this is the right file.")
            yield line if delimiter != " " else evenly_spaced(line)

    row = 0 if width is None else 1  # the row being read; the header is row 0
    try:
        # strict: a quotation mark that never closes is an error
        for found in csv.reader(lines(), strict=True, delimiter=delimiter):
            if not found:
                continue
            width = len(found) if width is None else width
            if len(found) != width:
                quote = "" if delimiter != " " else " Write names that hold spaces in quotation marks."
                raise InputError(f"{name}, row {row}: expected {width} cells, as the header has; found {len(found)}. "
                                 f"Repair the row.{quote}")
            row += 1
            yield found
    except UnicodeDecodeError as e:
        raise InputError(f"{name}: expected a CSV file in UTF-8; found something else ({e}). "
                         "Save it as UTF-8.") from None
    except csv.Error as e:
        raise InputError(f"{name}, {f'row {row}' if row else 'the header'}: expected cells with commas between them; "
                         f"found something else ({e}). Repair the row.") from None
