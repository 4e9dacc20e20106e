"""Files are written to a temporary name, then moved: a file that exists is a whole file.

Where a process is killed while it writes, the temporary one stays, hidden, its name ending in ``.partial``. The next
write to the same name clears it.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facekp.errors import InputError
from facekp.locks import PARTIAL, clear_partials, new_partial

LARGEST_JSON = 64 << 20  # bytes; the largest record has a few hundred thousand


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
    """An OSError from inside names ``path``, not a temporary file that nobody has heard of."""
    try:
        yield
    except OSError as e:
        if e.filename is None or str(e.filename).endswith(PARTIAL) or f"{PARTIAL}{os.sep}" in str(e.filename):
            raise OSError(e.errno, e.strerror or str(e), str(path)) from e
        raise


def write_json(path: str | Path, value: object) -> None:
    """``value`` as indented JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1) + "\n")


def read_json(path: str | Path) -> dict:
    """The object that a JSON file holds.

    Raises:
        InputError: there is no such file, it is too large to be one of facekp's, or no JSON object is in it.
    """
    path = Path(path)
    try:
        if path.stat().st_size > LARGEST_JSON:
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
    """Raise InputError unless ``out`` is named .csv and is no table of the data ``source``: call it before the work.

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
