"""One file of labels, looked at as far as telling its format takes: JSON, XML or text, none of which can do harm."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from facekp.data.table import encoding_of
from facekp.errors import InputError

MAX_BYTES = 512 << 20  # bytes; COCO's own keypoints of 2017 have 240 MB


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses a document type, with which a small file could grow to gigabytes or name other files."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("a document type")


class Source:
    """A file of labels.

    Attributes:
        path: the file.
        text: all of it, in UTF-8 or in the UTF-16 that Excel calls Unicode.
        json: its content as JSON, a list if each line is JSON of its own (JSON lines), None if it is not JSON.
        xml: its root as XML, None if it is not XML.
        tables: the names of its HDF5 entries (none without h5py), None if it is not HDF5.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def start(self) -> bytes:
        """The first bytes."""
        with open(self.path, "rb") as f:
            return f.read(1 << 16)

    @cached_property
    def text(self) -> str:
        if self.path.stat().st_size > MAX_BYTES:
            raise InputError(f"{self.path}: expected at most {MAX_BYTES >> 20} MB of labels; found "
                             f"{self.path.stat().st_size >> 20} MB. Split the file.")
        encoding = encoding_of(self.start)
        binary = b"\0" in self.start and encoding != "utf-16"
        return "" if binary else self.path.read_text(encoding=encoding, errors="replace")

    @cached_property
    def head(self) -> str:
        """The first bytes as text."""
        return self.start.decode(encoding_of(self.start), "replace")

    @cached_property
    def first(self) -> str:
        """The first line that is not empty."""
        return next((line for line in self.head.splitlines() if line.strip()), "")

    def check_encoding(self) -> None:
        """Raise InputError where the file holds other bytes than its encoding has: names would be read wrong."""
        if self.tables is None and "\ufffd" in self.text and "\ufffd".encode() not in self.path.read_bytes():
            raise InputError(f"{self.path}: expected a text in UTF-8; found other bytes: an older encoding, or damage. "
                             "Save the file as UTF-8.")

    @cached_property
    def tables(self) -> set[str] | None:
        if self.start[:8] != b"\x89HDF\r\n\x1a\n":
            return None
        names: set[str] = set()
        with suppress(KeyError, ValueError), self.hdf5() as f:  # InputError is a ValueError
            f.visit(names.add)
        return names

    @contextmanager
    def hdf5(self) -> Iterator[Any]:
        """The file opened with h5py; InputError where that is not installed, or cannot read it."""
        try:
            import h5py
        except ImportError:
            raise InputError(f'{self.path}: an HDF5 file needs h5py: pip install "facekp[labels]".') from None
        try:
            with h5py.File(self.path, "r") as f:
                yield f
        except (OSError, RuntimeError) as e:
            raise InputError(f"{self.path}: expected an HDF5 file; it cannot be read ({e}). Fetch it again.") from None

    @cached_property
    def json(self) -> Any:
        if self.first.lstrip()[:1] not in ("{", "["):
            return None
        with suppress(ValueError, RecursionError):  # none, cut off, or brackets in brackets in brackets
            return json.loads(self.text)
        with suppress(ValueError, RecursionError):
            return [json.loads(line) for line in self.text.split("\n") if line.strip()]
        return None

    @cached_property
    def xml(self) -> ElementTree.Element | None:
        if self.first.lstrip()[:1] != "<":
            return None
        try:
            parser = ElementTree.XMLParser(target=_NoDoctype())
            parser.feed(self.text)
            return parser.close()
        except (ElementTree.ParseError, ValueError, RecursionError):
            return None
