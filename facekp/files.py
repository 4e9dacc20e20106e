"""Whole files or none, and one process per run folder.

*Files* are written to a temporary name, then moved: a file that exists is a whole file. Where a process is killed while
it writes, the temporary one stays, hidden, its name ending in ``.partial``. The next write to the same name clears it.

*Locks* are the kernel's: who holds one is alive. However a process ends, kill -9 included, its locks are free again.
Nothing is written: what is locked is the file or folder itself. Windows and some network drives have no such locks;
there no process is refused, and nothing is cleared that another may own.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from facekp.errors import InputError

MAX_JSON = 64 << 20  # bytes; the largest record has a few hundred thousand
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
def locked_folder(folder: str | Path | None) -> Iterator[None]:
    """Inside, no other process is let into ``folder``, which is made if it does not exist; None is no folder.

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


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary file name beside ``path``; on success it takes ``path``'s place.

    On any error, an interrupt included, the temporary file goes and the old ``path`` stays.

    Raises:
        OSError: no room, no permission; names ``path``.
    """
    path = Path(path)
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        name = _short(path)
        clear_partials(path.parent, name)
        temporary, handle = new_partial(lambda: _file(path.parent, name))
        try:
            yield temporary
            # mkstemp makes files for their owner only; give what an ordinary open() would have given.
            umask = os.umask(0)
            os.umask(umask)
            temporary.chmod(0o666 & ~umask)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
            if handle is not None:
                os.close(handle)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``; on success it becomes ``path``.

    On any error, an interrupt included, nothing is left. A folder of that name may exist only if
    it is empty.

    Raises:
        InputError: ``path`` is a file, or a folder that is not empty.
        OSError: no room, no permission; names ``path``.
    """
    path = Path(path)
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        what = "a file" if path.is_file() else "a folder with something in it"
        raise InputError(f"{path}: expected a new or empty folder; found {what}. Name another, or empty it first.")
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        name = _short(path)
        clear_partials(path.parent, name)
        temporary, handle = new_partial(lambda: tempfile.mkdtemp(dir=path.parent, prefix=f".{name}.", suffix=PARTIAL))
        try:
            yield temporary
            temporary.chmod(0o755)
            os.replace(temporary, path)  # replaces an empty folder too
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            if handle is not None:
                os.close(handle)


def _file(folder: Path, name: str) -> str:
    handle, path = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=PARTIAL)
    os.close(handle)
    return path


def _short(path: Path) -> str:
    """A name that has room for what is added to it: file systems allow 255 bytes."""
    return path.name[:50]


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """An OSError from inside names ``path``, not a temporary file that the user has never seen."""
    try:
        yield
    except OSError as e:
        if e.filename is None or str(e.filename).endswith(PARTIAL) or f"{PARTIAL}{os.sep}" in str(e.filename):
            raise OSError(e.errno, e.strerror or str(e), str(path)) from e
        raise


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hex."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def write_json(path: str | Path, value: object, indent: int | None = 1) -> None:
    """``value`` as JSON, whole or not at all; ``indent=None`` writes one line, for thousands of numbers."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=indent) + "\n")


def read_json(path: str | Path) -> dict:
    """The object that a JSON file holds.

    Raises:
        InputError: there is no such file, it is too large to be one of facekp's, or no JSON object is in it.
    """
    path = Path(path)
    try:
        if path.stat().st_size > MAX_JSON:
            raise ValueError(f"{path.stat().st_size >> 20} MB")
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError(f"a {type(value).__name__}")
    except OSError as e:
        raise InputError(f"{path}: expected a JSON file; it cannot be read ({e.strerror or e}).") from None
    except (ValueError, RecursionError) as e:
        raise InputError(f"{path}: expected a JSON object, as facekp writes it; found something else ({e}). "
                         "Repair or remove the file.") from None
    return value


def check_table(out: str | Path | None, source: str | Path) -> None:
    """Raise InputError unless ``out`` is named .csv and is not a table of the data ``source``: call it before the work.

    (Two photos given where a photo and a table are wanted would cost the second photo.)
    """
    if out is None:
        return
    if Path(out).suffix.lower() != ".csv":
        raise InputError(f"{out}: expected the name of a table to write, which ends in .csv; found another.")
    check_new(out, source)


def check_new(out: str | Path | None, source: str | Path) -> None:
    """Raise InputError if ``out`` is the file ``source``, or the keypoints.csv of the folder ``source``."""
    if out is not None and Path(out).resolve() in (Path(source).resolve(), (Path(source) / "keypoints.csv").resolve()):
        raise InputError(f"{out}: expected a new file; found the data itself, which would be lost. Name another.")
