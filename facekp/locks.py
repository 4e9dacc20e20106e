"""The kernel's locks: who holds one is alive. However a process ends, kill -9 included, its locks are free again.

Nothing is written: what is locked is the file or folder itself. Windows and some network drives have no such locks;
there nobody is refused, and nothing is cleared that may belong to somebody.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from facekp.errors import InputError

PARTIAL = ".partial"
"""How the names of files and folders end that are still being written."""


class Busy(InputError):
    """Another process works in this folder."""


def lock(path: Path) -> int:
    """Take the lock on a file or folder; a handle, and closing it gives the lock back.

    Raises:
        BlockingIOError: another handle has it, in this process or in another.
        FileNotFoundError: there is no such file, or it was removed in this very moment.
        OSError: there are no locks here.
    """
    try:
        import fcntl  # not on Windows
    except ImportError:
        raise OSError(errno.ENOLCK, "no locks here") from None
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(handle), os.stat(path)):
            raise FileNotFoundError(errno.ENOENT, "replaced by another", str(path))
    except OSError:
        os.close(handle)
        raise
    return handle


def new_partial(make: Callable[[], str]) -> tuple[Path, int | None]:
    """A new temporary file or folder, and the lock that tells :func:`clear_partials` that its writer lives.

    Args:
        make: creates it; its name.
    """
    while True:
        path = Path(make())
        try:
            return path, lock(path)
        except (BlockingIOError, FileNotFoundError):
            continue  # between the two lines it was taken for left behind, and cleared
        except OSError:
            return path, None


def clear_partials(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left half-written in ``folder``; with ``name``, only what was to become that.

    What a living process writes is locked, and stays.
    """
    start = ".*" if name is None else re.escape(name)
    left_behind = re.compile(rf"\.{start}\.[a-z0-9_]{{8}}{re.escape(PARTIAL)}", re.DOTALL)  # as tempfile names them
    with suppress(OSError):
        for entry in list(os.scandir(folder)):
            if left_behind.fullmatch(entry.name):
                _clear(Path(entry.path))


def _clear(path: Path) -> None:
    with suppress(OSError):
        handle = lock(path)
        try:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        finally:
            os.close(handle)


@contextmanager
def alone_in(folder: str | Path | None) -> Iterator[None]:
    """Inside, no other process is let into ``folder``, which is made if need be; None is no folder.

    What killed processes left half-written in it is cleared. If it is still empty at the end, it goes.

    Raises:
        Busy: another process is in it.
        InputError: it is a file, or cannot be made.
    """
    if folder is None:
        yield
        return
    folder = Path(folder)
    handle = _enter(folder)
    try:
        clear_partials(folder)
        yield
    finally:
        with suppress(OSError):
            folder.rmdir()  # an empty one only
        if handle is not None:
            os.close(handle)


def _enter(folder: Path) -> int | None:
    """The lock on a folder; None where there are no locks."""
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise InputError(f"{folder}: expected a folder; found a file of that name, or above it. "
                             "Name another.") from None
        except OSError as e:
            raise InputError(f"{folder}: cannot be written to ({e.strerror}). Name another folder.") from None
        try:
            return lock(folder)
        except BlockingIOError:
            raise Busy(f"{folder}: another process is at work in this folder. Wait until it is done, or name "
                       "another.") from None
        except FileNotFoundError:
            continue  # the one who was in it found it empty, and removed it
        except OSError:
            return None
