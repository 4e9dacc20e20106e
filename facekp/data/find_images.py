"""Which file of a folder a table means: names are written in as many ways as there are programs."""

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PureWindowsPath
from urllib.parse import unquote

from facekp.errors import InputError
from facekp.images import ENDINGS

CONVERTED = (".heic", ".heif", ".dng", ".cr2", ".nef", ".arw", ".tif", ".tiff")
"""Endings of photos that people convert to JPEG or PNG: the labels may still have the old names."""


def find_images(names: Sequence[str], folder: Path) -> list[Path | None]:
    """The image that each name means, None where there is none; it is always in ``folder``.

    A name is looked up in the folder, then in its ``images`` folder. If it is not there, it may be written in other
    letters (``A.JPG`` for ``a.jpg``, composed or decomposed accents) or for an address (``a%20b.png``), be an absolute
    path or one from another folder, lack its ending, or have that of a photo before it was converted (``a.HEIC``): then
    it is the one image in the folder, or below, that agrees in the most last parts of the path.

    Raises:
        InputError: several images agree equally well.
    """
    found = [_first(_exactly(way, folder) for way in _spellings(name)) for name in names]
    if None in found:
        known = _below(folder)
        for i, name in enumerate(names):
            found[i] = found[i] or _first(_nearest(way, known) for way in _spellings(name))
    return found


def _first(paths: Iterable[Path | None]) -> Path | None:
    return next((path for path in paths if path), None)


def _spellings(name: str) -> list[str]:
    """A name as it is; what an address or one written for addresses means: ``https://x.org/a%20b.png?raw=1``."""
    plain = unquote(re.sub(r"[?#].*", "", name) if re.match("[a-z0-9]+://", name) else name)
    return [name, plain] if plain != name else [name]


def _exactly(name: str, folder: Path) -> Path | None:
    path = PureWindowsPath(name)  # knows both / and \\, and drive letters
    if not name or path.drive or path.root or ".." in path.parts:
        return None
    places = (folder / path.as_posix(), folder / "images" / path.as_posix())
    return next((p for p in places if os.path.isfile(p)), None)  # Path.is_file() fails on a name that is too long


def _parts(name: str) -> tuple[str, ...]:
    """The parts of a path, the last one first, in letters that can be compared."""
    path = PureWindowsPath(unicodedata.normalize("NFC", name).casefold())
    return tuple(reversed([part for part in path.parts if part != path.anchor]))


def _below(folder: Path) -> dict[str, list[tuple[tuple[str, ...], Path]]]:
    """The images in a folder and below, by name with and without ending."""
    known: dict[str, list[tuple[tuple[str, ...], Path]]] = {}
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in sorted(files):
            if os.path.splitext(file)[1].lower() in ENDINGS and not file.startswith("."):
                path = Path(place, file)
                parts = _parts(path.relative_to(folder).as_posix())
                for key in {parts[0], os.path.splitext(parts[0])[0]}:
                    known.setdefault(key, []).append((parts, path))
    return known


def _nearest(name: str, known: dict[str, list[tuple[tuple[str, ...], Path]]]) -> Path | None:
    """The image that agrees with a name in the most last parts of its path."""
    parts = _parts(name)
    if parts and parts[0] not in known:  # Label Studio puts such a number before the name of a file it was given
        parts = (re.sub("^[0-9a-f]{8}-", "", parts[0]), *parts[1:])
    if parts and parts[0] not in known and os.path.splitext(parts[0])[1] in CONVERTED:
        parts = (os.path.splitext(parts[0])[0], *parts[1:])
    candidates = known.get(parts[0], []) if parts else []

    def agreeing(other: tuple[str, ...]) -> int:
        pairs = zip(parts[1:], other[1:], strict=False)
        return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(parts), len(other)))

    most = max((agreeing(other) for other, _ in candidates), default=0)
    best = [path for other, path in candidates if agreeing(other) == most]
    if len(best) > 1:
        raise InputError(f"'{name}' may mean {best[0]} or {best[1]}. Write the path from the folder, or import "
                         "each folder by itself.")
    return best[0] if best else None
