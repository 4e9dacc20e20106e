"""JSON with a record for each image: a list of them, a line for each (JSON lines), or an object by file name.

A point is ``[x, y]``, ``[x, y, v]`` with COCO's flag (2 visible, 1 occluded, 0 not annotated) or ``{"x": x, "y": y}``;
null is a point that is not annotated. Points are entries of the record, ``{"file": "a.jpg", "nose": [12.5, 30]}`` or
``"nose_x": 12.5, "nose_y": 30``, or of one object or list in it, ``"keypoints": {"nose": [12.5, 30]}``; in a list they
are called by their own ``name`` or by their numbers. ``"keypoints": [12.5, 30, ...]`` is a list of points too. Other
entries are passed over. The centre of the first pixel is 0.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from facekp.data.formats.source import Source
from facekp.data.formats.table import FILE, NUMBERS_TOO
from facekp.data.labels import Face, Point
from facekp.errors import InputError
from facekp.images import ENDINGS

NAME, PIXEL_OFFSET = "JSON with a record per image", 0.0
NO_POINT = ("size", "shape", "resolution", "image_size", "img_size", "imagesize", "dimensions", "scale", "offset",
            "box", "bbox")  # other things that are two or three numbers
LISTS = ("keypoints", "landmarks", "points", "joints", "pts")  # that may be flat
NAMES = ("name", "label", "keypoint", "part")
MISSING = (float("nan"), float("nan"), False)


def recognises(source: Source) -> bool:
    """Whether it is one: its first record has a file and a point."""
    first = next(iter(_records(source)), None)
    try:
        return first is not None and bool(_points(first, ""))
    except (InputError, ValueError):
        return first is not None


def faces(source: Source) -> Iterator[Face]:
    """A face for each record."""
    for record in _records(source):
        if not isinstance(record, dict) or _file(record) is None:
            raise InputError(f"{source.path}: expected a record with the image's 'file' and its points each time; "
                             f"found {str(record)[:60]}. Complete or remove it.")
        file = str(record[_file(record)])
        points = _points(record, f"{source.path}, '{file}'")
        yield Face(file, points, numbered="0" in points)


def _records(source: Source) -> list:
    """The records, none where the first is not one."""
    found = source.json
    if isinstance(found, dict):
        if {PurePosixPath(key).suffix.lower() for key in found} <= ENDINGS:
            found = [{"file": key, "points": value} for key, value in found.items()]
        elif _file(found) is not None:
            found = [found]  # JSON lines with one line
        else:
            lists = [value for value in found.values() if isinstance(value, list) and len(value)]
            found = lists[0] if len(lists) == 1 else []  # {"images": [...]}
    first = found[0] if isinstance(found, list) and found else None
    return found if isinstance(first, dict) and _file(first) is not None else []


def _file(record: dict) -> str | None:
    """The key of the image's name."""
    keys = [key for key in record if key.lower() in FILE and isinstance(record[key], str)]
    return min(keys, key=lambda key: key.lower() in NUMBERS_TOO, default=None)


def _points(record: dict, where: str) -> dict[str, Point]:
    """The points of a record, by name; those of the one object or list in it that holds points, if there is one."""
    inner = {key: _by_name(key, value) for key, value in record.items()
             if isinstance(value, dict | list) and not _is_point(value)}
    inner = {key: value for key, value in inner.items() if any(map(_is_point, value.values()))}
    if len(inner) > 1:
        raise InputError(f"{where}: expected the points in one entry; found some in {' and '.join(map(repr, inner))}. "
                         "Keep one of them.")
    place = next(iter(inner.values()), None)
    if place is None:
        place = {key: value for key, value in record.items() if key.lower() not in NO_POINT}
        halves = [key[:-1] for key in place if re.fullmatch(r".+[_. -]x", key)]
        place |= {half[:-1]: [place[f"{half}x"], place.get(f"{half}y")] for half in halves}
    return {str(key): _point(value, f"{where}, point '{key}'") for key, value in place.items()
            if _is_point(value) or (value is None and inner)}


def _by_name(key: str, value: dict | list) -> dict:
    """An object or a list of points as points by name; the numbers of a flat list two by two, or as COCO has them."""
    if isinstance(value, dict):
        return value
    if key.lower() in LISTS and not any(isinstance(v, dict | list) or v is None for v in value):
        step = 3 if len(value) % 3 == 0 and set(value[2::3]) <= {0, 1, 2} else 2
        value = [value[i:i + step] for i in range(0, len(value), step)]
    names = [next((v[n] for n in NAMES if isinstance(v, dict) and n in v), i) for i, v in enumerate(value)]
    if len(set(names)) < len(names):
        raise InputError(f"Expected each point once in '{key}'; found one twice. Write a record for each face.")
    return {str(name): v for name, v in zip(names, value, strict=True)}


def _is_point(value: object) -> bool:
    if isinstance(value, dict):
        value = [value.get("x"), value.get("y")]
    return isinstance(value, list) and len(value) in (2, 3) and all(
        isinstance(v, int | float) and not isinstance(v, bool) for v in value)


def _point(value: list | dict | None, where: str) -> Point:
    if value is None:
        return MISSING
    x, y, *flag = [value[key] for key in "xyv" if key in value] if isinstance(value, dict) else value
    if flag and flag[0] not in (0, 1, 2):
        raise InputError(f"{where}: expected x, y and a flag of 2 (visible), 1 (occluded) or 0 (not annotated); found "
                         f"{flag[0]}. Remove the third number, or write a flag.")
    return MISSING if flag and flag[0] == 0 else (float(x), float(y), bool(flag and flag[0] == 1))
