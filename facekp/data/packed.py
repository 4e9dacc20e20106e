"""Kaggle's files where they are: a CSV, the zip that holds it, a zip of such zips, or a folder with any of them.

Nothing is unpacked to disk, and no zip gets more memory than its limit below, whatever it claims.
"""

import errno
import io
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from facekp.errors import InputError, listed

COMPETITION = "facial-keypoints-detection"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # how a zip begins, and an empty one
MAX_ZIP = 1 << 30  # bytes of a zip, whose list of members is read into memory: the competition's has 80 MB
MAX_MEMBER = 2 << 30  # bytes that a zip's member may claim: training.csv has 240 MB
MAX_LOOKUP = 64 << 20  # bytes of IdLookupTable.csv, which takes many times as much memory: it has 0.9 MB
MAX_INNER_ZIP = 512 << 20  # a zip within a zip is held in memory: training.zip has 60 MB


class Source(NamedTuple):
    stream: BinaryIO
    name: str  # for messages: "kaggle.zip/training.zip/training.csv"
    size: int  # bytes


def names_of(stem: str) -> tuple[str, str, str]:
    """The files that may hold ``stem``.csv, the nearest first."""
    return f"{stem}.csv", f"{stem}.zip", f"{COMPETITION}.zip"


def find(path: str | Path, stem: str) -> Path:
    """``path`` itself or, of a folder, the file in it that holds ``stem``.csv."""
    path = Path(os.path.expanduser(path))
    if os.path.isdir(path):
        names = names_of(stem)
        for name in names:
            if (path / name).is_file():
                return path / name
        found = sorted(p.name for p in path.iterdir())
        raise InputError(f"{path}: expected {names[0]}, {names[1]} or {names[2]} in this folder; found "
                         f"{listed(found)}. Put the competition's files there.")
    if not os.path.exists(path):
        raise InputError(f"{path}: expected {stem}.csv, a zip or a folder with it; there is no such file. "
                         "Check the path, or fetch the competition's files first.")
    return path


@contextmanager
def opened(file: Path, stem: str) -> Iterator[Source]:
    """The bytes of ``stem``.csv in ``file``, a CSV or a zip, which its first bytes tell."""
    try:
        with ExitStack() as stack:
            stream = stack.enter_context(open(file, "rb", buffering=1 << 20))
            start = stream.peek(4)[:4]  # type: ignore[attr-defined]  # it is a BufferedReader, of a size of our own
            if start in ZIP:
                yield _member(stack, stream, file.name, (f"{stem}.csv", f"{stem}.zip"))
            else:
                yield Source(stream, file.name, file.stat().st_size)
    except (zipfile.BadZipFile, zlib.error, EOFError) as e:
        raise InputError(f"{file}: expected a whole zip file; found a damaged one ({e}). Fetch it again.") from None
    except OSError as e:
        if e.errno == errno.EINVAL:  # a damaged zip sends its reader to a place before the file's beginning
            raise InputError(f"{file}: expected a whole zip file; found a damaged one. Fetch it again.") from None
        raise InputError(f"{file}: cannot be read ({e.strerror or e}).") from None


def _member(stack: ExitStack, stream: BinaryIO, name: str, wanted: tuple[str, ...]) -> Source:
    """The first of ``wanted`` in the zip ``stream``; of a zip in it, the CSV in that."""
    archive = _archive(stack, stream, name)
    info, file = _chosen(archive, name, wanted)
    name = f"{name}/{file}"
    limit = MAX_INNER_ZIP if file.endswith(".zip") else MAX_LOOKUP if file.startswith("IdLookup") else MAX_MEMBER
    if info.file_size > limit:
        raise InputError(f"{name}: expected at most {limit >> 20} MB; it claims {info.file_size >> 20} MB, so it is "
                         "not the competition's file. Fetch it again.")
    # Python unpacks other methods a whole block of the file at a time, and a small block may hold gigabytes.
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise InputError(f"{name}: expected it stored or deflated; found method {info.compress_type}. "
                         "Unpack it by hand and name the CSV.")
    try:
        member = stack.enter_context(archive.open(info))
    except UnicodeDecodeError:
        raise zipfile.BadZipFile("a name in it is not UTF-8") from None
    except RuntimeError as e:  # a password, or a feature of zip files that Python does not know
        raise InputError(f"{name}: cannot be unpacked ({e}). Unpack it by hand and name the CSV.") from None
    if file.endswith(".zip"):
        inner = io.BytesIO()
        shutil.copyfileobj(member, inner, 1 << 20)
        return _member(stack, inner, name, wanted[:1])
    return Source(io.BufferedReader(member, 1 << 20), name, info.file_size)  # type: ignore[type-var]  # a raw stream


def _chosen(archive: zipfile.ZipFile, name: str, wanted: tuple[str, ...]) -> tuple[zipfile.ZipInfo, str]:
    """The first of ``wanted`` that is in ``archive``, in whatever folder: its entry and its name."""
    members: dict[str, list[zipfile.ZipInfo]] = {}
    for info in archive.infolist():
        if not info.is_dir() and not info.filename.startswith("__MACOSX/"):
            members.setdefault(PurePosixPath(info.filename.replace("\\", "/")).name, []).append(info)
    file = next((w for w in wanted if w in members), None)
    if file is None:
        raise InputError(f"{name}: expected {' or '.join(wanted)} in this zip; found {listed(sorted(members))}. "
                         "Name the zip that holds it.")
    if len(members[file]) > 1:
        raise InputError(f"{name}: expected one {file} in this zip; found "
                         f"{listed([i.filename for i in members[file]])}. Unpack it by hand and name the right one.")
    return members[file][0], file


def _archive(stack: ExitStack, stream: BinaryIO, name: str) -> zipfile.ZipFile:
    """The zip in ``stream``, its list of members read."""
    size = stream.seek(0, io.SEEK_END)
    if size > MAX_ZIP:
        raise InputError(f"{name}: expected a zip of at most {MAX_ZIP >> 20} MB; found {size >> 20} MB. "
                         "Unpack it by hand and name the CSV.")
    try:
        return stack.enter_context(zipfile.ZipFile(stream))
    except (ValueError, struct.error) as e:  # what zipfile lets through: names that are not UTF-8, places below 0
        raise zipfile.BadZipFile(str(e)) from None
