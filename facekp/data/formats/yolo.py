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

NAME, PIXEL_OFFSET, FRACTIONS = "YOLO-pose", 0.5, True
ABSENT = (math.nan, math.nan, False)


def recognises(source: Source) -> bool:
    """Whether it is one: numbers alone, the box within the image."""
    words = source.first.split()
    if len(words) < 7 or not all(re.fullmatch(r"-?\d*\.?\d+(e-?\d+)?", word) for word in words):
        return False
    return words[0].isdigit() and all(0 <= float(word) <= 1 for word in words[1:5])


def faces(source: Source) -> Iterator[Face]:
    """A face for each line; its image has the file's name."""
    settings = _settings(source.path)
    for line in filter(str.strip, source.text.splitlines()):
        _, x, y, width, height, *numbers = map(float, line.split())
        shape = settings.get("kpt_shape")
        step = int(shape[1]) if shape else _step(numbers)
        if len(numbers) % step or (shape and len(numbers) != int(shape[0]) * step):
            raise ValueError(f"{len(numbers)} numbers behind the box")
        names = settings.get("kpt_names") or [str(k) for k in range(len(numbers) // step)]
        points = {}
        for name, k in zip(names, range(0, len(numbers), step), strict=True):
            px, py, v = (*numbers[k:k + 2], numbers[k + 2] if step == 3 else 2 * any(numbers[k:k + 2]))
            points[name] = (px, py, v == 1) if v else ABSENT
        yield Face(source.path.with_suffix("").as_posix(), points,
                   (x - width / 2, y - height / 2, width, height))


def pairs(source: Source) -> list[tuple[str, str]] | None:
    """Those of ``flip_idx``."""
    settings = _settings(source.path)
    flip = [int(i) for i in settings.get("flip_idx", [])]
    names = settings.get("kpt_names") or [str(k) for k in range(len(flip))]
    return [(names[i], names[j]) for i, j in enumerate(flip) if i < j] or None


def _step(numbers: list[float]) -> int:
    """3 where every third number may be a flag, else 2."""
    flags = not len(numbers) % 3 and set(numbers[2::3]) <= {0, 1, 2}
    return 3 if flags else 2


def _settings(path: Path) -> dict[str, list[str]]:
    """The lists in the nearest YAML file above, as far as they are needed."""
    for folder in path.absolute().parents[:4]:
        for file in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
            text = file.read_text(encoding="utf-8", errors="replace")[:1 << 20]
            if "kpt_shape" in text:
                found = {key: re.findall(r"[^\s,\[\]'\"]+", inner)
                         for key, inner in re.findall(r"^(kpt_shape|flip_idx):\s*(\[[^\]]*\])", text, re.MULTILINE)}
                block = re.search(r"^kpt_names:\s*\n((?:[ -].*\n?)+)", text, re.MULTILINE)
                named = re.findall(r"^\s*-\s*['\"]?(.+?)['\"]?\s*$", block[1], re.MULTILINE) if block else []
                return found | ({"kpt_names": named} if named else {})
    return {}
