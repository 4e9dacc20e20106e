"""YOLO-pose: a text file per image, a line per object: class, box, then x y or x y v of each point, all as fractions.

``kpt_shape`` in the data set's YAML file says how many points there are and whether v is among their numbers (0 not
annotated, 1 occluded, 2 visible, as in COCO), ``flip_idx`` which points a horizontal flip swaps, ``kpt_names`` what
they are called (https://docs.ultralytics.com/datasets/pose). Fractions count from the image's edge: Ultralytics mirrors
x to 1 - x. Files that were made of COCO's by dividing alone need ``--pixel-offset 0``.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from facekp.data.formats.source import Source
from facekp.data.labels import Face
from facekp.errors import InputError, listed

NAME, PIXEL_OFFSET, FRACTIONS = "YOLO-pose", 0.5, True
ABSENT = (math.nan, math.nan, False)


def recognises(source: Source) -> bool:
    """Whether it is one: numbers alone, the box within the image but for what a tool rounds or lets overlap."""
    words = source.first.split()
    if len(words) < 7 or not all(re.fullmatch(r"-?\d*\.?\d+(e-?\d+)?", word) for word in words):
        return False
    return words[0].isdigit() and all(-0.1 <= float(word) <= 1.1 for word in words[1:5])


def faces(source: Source) -> Iterator[Face]:
    """A face for each line; its image has the file's name, in the folder ``images`` where the file is in ``labels``."""
    settings = _settings(source.path)
    image = re.sub(r"(^|.*/)labels/", r"\1images/", source.path.with_suffix("").as_posix())
    for line in filter(str.strip, source.text.splitlines()):
        kind, x, y, width, height, *numbers = map(float, line.split())
        shape = settings.get("kpt_shape")
        step = int(shape[1]) if shape else _step(numbers)
        if len(numbers) % step or (shape and len(numbers) != int(shape[0]) * step):
            wanted = f", not the {int(shape[0]) * step} of kpt_shape" if shape else ""
            raise ValueError(f"{len(numbers)} numbers behind the box{wanted}")
        names = _names(settings, int(kind)) or [str(k) for k in range(len(numbers) // step)]
        points = {}
        for name, k in zip(names, range(0, len(numbers), step), strict=True):
            px, py, v = (*numbers[k:k + 2], numbers[k + 2] if step == 3 else 2 * any(numbers[k:k + 2]))
            points[name] = (px, py, v == 1) if v else ABSENT
        yield Face(image, points, (x - width / 2, y - height / 2, width, height), None, not _names(settings, int(kind)))


def pairs(source: Source) -> list[tuple[str, str]] | None:
    """Those of ``flip_idx``; InputError where it is no exchange of pairs of points."""
    settings = _settings(source.path)
    flip = [int(i) for i in settings.get("flip_idx", [])]
    count = int(settings.get("kpt_shape", [str(len(flip))])[0])
    if flip and (sorted(flip) != list(range(count)) or any(flip[j] != i for i, j in enumerate(flip))):
        raise InputError(f"{source.path}: expected flip_idx to exchange pairs of {count} points, each number from 0 to "
                         f"{count - 1} once; found [{', '.join(map(str, flip))}]. Correct the YAML file.")
    names = _names(settings, 0) or [str(k) for k in range(len(flip))]
    return [(names[i], names[j]) for i, j in enumerate(flip) if i < j] or None


def remarks(sources: list[Source]) -> list[str]:
    """The classes, where there are several."""
    found = {line.split()[0] for source in sources for line in source.text.splitlines() if line.strip()}
    return [f"Read as one kind of face: the classes {listed(sorted(found))}."] if len(found) > 1 else []


def _step(numbers: list[float]) -> int:
    """3 where every third number may be a flag, else 2."""
    flags = not len(numbers) % 3 and set(numbers[2::3]) <= {0, 1, 2}
    return 3 if flags else 2


def _names(settings: dict[str, list[str]], kind: int) -> list[str] | None:
    """The points' names of a class: its own, or those of the only list."""
    return settings.get(f"kpt_names {kind}", settings.get("kpt_names"))


def _settings(path: Path) -> dict[str, list[str]]:
    """The lists in the nearest YAML file above, as far as they are needed; those of one class as ``kpt_names 0``."""
    for folder in path.absolute().parents[:4]:
        for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
            text = file.read_text(encoding="utf-8", errors="replace")[:1 << 20]
            if "kpt_shape" in text:
                return _lists(text)
    return {}


def _lists(text: str) -> dict[str, list[str]]:
    """The lists of numbers or words under the keys of a YAML text, written ``[1, 2]`` or a line each."""
    found: dict[str, list[str]] = {}
    top = key = ""
    for line in re.sub(r"(^|\s)#.*", "", re.sub(r"\[[^\]]*\]", lambda m: " ".join(m[0].split()), text)).splitlines():
        head = re.fullmatch(r"(\s*)['\"]?(\w+)['\"]?:\s*(.*?)\s*", line)
        item = re.fullmatch(r"\s*-\s*(.+?)\s*", line)
        if head:
            top = top if head[1] else head[2]
            key = f"{top} {head[2]}" if head[1] else top
            if head[3].startswith("["):
                found[key] = [word.strip(" '\"") for word in head[3].strip("[]").split(",") if word.strip()]
        elif item and key:
            found.setdefault(key, []).append(item[1].strip("'\""))
    return found
