"""Files that would run code if anything unpickled them; the trap is a file that must not come into being."""

import io
import os
import pickle
import zipfile
from pathlib import Path


class Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def pickled(sprung: Path, inner: object = None) -> bytes:
    """A plain pickle with a trap in it."""
    return pickle.dumps({"state": Trap(sprung), "identity": "{}", "inner": inner})


def zipped(sprung: Path, data: bytes) -> bytes:
    """A zip as torch writes it, its pickle replaced by a trap."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, pickled(sprung) if entry.filename.endswith(".pkl") else old.read(entry))
    return out.getvalue()


def works(data: bytes, sprung: Path) -> bool:
    """Whether the trap is one: unpickled here, on purpose, it must snap."""
    pickle.loads(data)
    there = sprung.is_dir()
    sprung.rmdir()
    return there
