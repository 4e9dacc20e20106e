"""Small tables, read line by line: a file that is not a table is refused before it fills the memory."""

import csv
from collections.abc import Iterator
from typing import TextIO

from facekp.errors import InputError

MAX_LINE = 1 << 16  # characters of a line


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
            yield line

    row = 0 if width is None else 1  # the row being read; the header is row 0
    try:
        # strict: a quotation mark that never closes is an error
        for found in csv.reader(lines(), strict=True, delimiter=delimiter):
            if not found:
                continue
            width = len(found) if width is None else width
            if len(found) != width:
                raise InputError(f"{name}, row {row}: expected {width} cells, as the header has; found {len(found)}. "
                                 "Repair the row.")
            row += 1
            yield found
    except UnicodeDecodeError as e:
        raise InputError(f"{name}: expected a CSV file in UTF-8; found something else ({e}). "
                         "Save it as UTF-8.") from None
    except csv.Error as e:
        raise InputError(f"{name}, {f'row {row}' if row else 'the header'}: expected cells with commas between them; "
                         f"found something else ({e}). Repair the row.") from None
