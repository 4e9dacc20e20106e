"""Parsed files are kept, under a key made of their content: the second reading takes no time.

The folder is ``$FACEKP_CACHE``, else ``$XDG_CACHE_HOME/facekp``, else ``~/.cache/facekp``. It may
be deleted at any time. It holds at most ``ROOM`` bytes, whose files were used last; and several processes may use it.
"""

import hashlib
import os
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.locks import clear_partials

BLOCK = 16 << 20
ROOM = 1 << 30  # bytes: Kaggle's training.csv takes 66 MB
OWN = re.compile(r"[\w-]+-[0-9a-f]{32}\.npz")


def cache_folder() -> Path:
    """Where parsed files are kept; it need not exist."""
    if own := os.environ.get("FACEKP_CACHE"):
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "facekp"


def content_key(path: str | Path) -> str:
    """32 hex digits that change when any byte of the file does; the name and the date do not count.

    SHA-256 over the SHA-256 of each 16 MB block. Blocks are independent, so threads share them:
    reading and hashing both leave Python's lock.
    """
    def block(start: int) -> bytes:
        digest, piece, left = hashlib.sha256(), memoryview(bytearray(1 << 20)), BLOCK
        with open(path, "rb", buffering=0) as f:
            f.seek(start)
            while left and (n := f.readinto(piece)):
                digest.update(piece[:n])
                left -= n
        return digest.digest()

    size = os.path.getsize(path)
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        digests = pool.map(block, range(0, size, BLOCK))
        return hashlib.sha256(str(size).encode() + b"".join(digests)).hexdigest()[:32]


def remembered(path: Path, kind: str, make: Callable[[], Faces]) -> Faces:
    """``make()``, or what it gave the last time for a file of this content.

    Args:
        path: the file that ``make`` reads.
        kind: how it is read; part of the key.
        make: reads it.

    A kept file that is broken is made again, and a folder that cannot be written to only costs
    the time: neither is an error.
    """
    try:
        before = _state(path)
        kept = cache_folder() / f"{kind}-{content_key(path)}.npz"
    except (OSError, RuntimeError):  # the file cannot be read, which make() says better; or there is no home
        return make()
    with suppress(InputError):
        faces = Faces.load(kept)
        with suppress(OSError):
            os.utime(kept)  # used now
        return faces
    faces = make()
    with suppress(OSError):
        if _state(path) == before:  # nobody wrote to the file while it was hashed and read
            faces.save(kept)
            prune(kept)
    return faces


def prune(newest: Path) -> None:
    """Remove from the folder of ``newest`` what was used longest ago, until the rest has at most ``ROOM`` bytes.

    ``newest`` stays, whatever the clock says; so does every file that is not of this module's making.
    """
    clear_partials(newest.parent)
    files = [(newest, newest.stat())]
    for path in newest.parent.glob("*.npz"):
        if OWN.fullmatch(path.name) and path != newest:
            with suppress(FileNotFoundError):  # another process was faster
                files.append((path, path.stat()))
    room = ROOM
    for path, stat in sorted(files, key=lambda file: (file[0] != newest, -file[1].st_mtime_ns)):
        room -= stat.st_size
        if room < 0 and path != newest:
            path.unlink(missing_ok=True)


def _state(path: Path) -> tuple[int, int, int]:
    """What changes when a file is written to, even where somebody sets its date back."""
    stat = os.stat(path)
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
