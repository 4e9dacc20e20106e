"""Which points a face has: their names, their left/right pairs, the lines that join them.

Nothing else in facekp knows what keypoint number 10 is. A network sees K points; only a
:class:`Scheme` says that number 10 is the nose tip and that number 0 swaps with number 1 when
the image is flipped.

"Left" is the subject's left: it is on the right-hand side of the image.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from facekp.errors import InputError


@dataclass(frozen=True)
class Scheme:
    """K named keypoints.

    Attributes:
        name: what the scheme is called, e.g. ``"kaggle"``.
        names: the K keypoints, in the order of the arrays' second axis.
        pairs: (left, right) names of the points that swap when the image is flipped.
        lines: chains of names to join in a drawing.
        eyes: the two points whose distance is the unit of the normalised mean error (NME), or
            None where the scheme has no eyes.

    Raises:
        InputError: a name twice, or a pair, line or eye that names no keypoint.
    """

    name: str
    names: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    lines: tuple[tuple[str, ...], ...] = ()
    eyes: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        groups = [*self.pairs, *self.lines, *([self.eyes] if self.eyes else [])]
        odd = [n for n in (self.name, *self.names, *(n for group in groups for n in group)) if not isinstance(n, str)]
        if odd:
            raise InputError(f"Expected text for the names of a scheme and its keypoints; found {odd[0]!r}.")
        if not all(len(two) == 2 for two in (*self.pairs, *([self.eyes] if self.eyes else []))):
            raise InputError(f"Expected two names in a pair and for the eyes; found {self.pairs} and {self.eyes}.")
        twice = {n for n in self.names if self.names.count(n) > 1}
        if twice:
            raise InputError(f"Keypoint names must differ; found twice: {sorted(twice)}.")
        paired = [n for pair in self.pairs for n in pair]
        used = paired + [n for line in self.lines for n in line] + list(self.eyes or ())
        unknown = sorted(set(used) - set(self.names))
        if unknown:
            raise InputError(f"These names are not keypoints of '{self.name}': {unknown}. Known: {list(self.names)}.")
        if len(set(paired)) < len(paired):
            raise InputError(f"A keypoint may be in one left/right pair only; found {list(self.pairs)}.")

    def __len__(self) -> int:
        return len(self.names)

    def index(self, *names: str) -> list[int]:
        """Positions of ``names`` on the K axis."""
        unknown = [n for n in names if n not in self.names]
        if unknown:
            raise InputError(f"'{self.name}' has no keypoint {unknown}. Known: {list(self.names)}.")
        return [self.names.index(n) for n in names]

    @cached_property
    def swap(self) -> np.ndarray:
        """(K,) int64: after a flip, point k of the new face is point ``swap[k]`` of the old one.

        Swapping twice changes nothing: ``swap[swap] == arange(K)``.
        """
        swap = np.arange(len(self.names))
        for left, right in self.pairs:
            i, j = self.index(left, right)
            swap[i], swap[j] = j, i
        return swap

    @property
    def joined(self) -> list[tuple[str, str]]:
        """The neighbours on each of the lines."""
        return [two for line in self.lines for two in itertools.pairwise(line)]

    @cached_property
    def columns(self) -> list[str]:
        """The 2K column names of a table: ``left_eye_center_x, left_eye_center_y, ...``"""
        return [f"{n}_{axis}" for n in self.names for axis in "xy"]

    def to_dict(self) -> dict:
        """A plain dictionary, ready for JSON; :meth:`from_dict` reads it back."""
        return {"name": self.name, "names": list(self.names), "pairs": [list(p) for p in self.pairs],
                "lines": [list(line) for line in self.lines], "eyes": list(self.eyes) if self.eyes else None}

    @classmethod
    def from_dict(cls, d: dict) -> "Scheme":
        """The scheme that :meth:`to_dict` wrote.

        Raises:
            InputError: it is no such dictionary.
        """
        try:
            name, names, eyes = d["name"], d["names"], d.get("eyes")
            pairs, lines = ([tuple(group) for group in d[key] if isinstance(group, list)] for key in ("pairs", "lines"))
            if not isinstance(names, list) or len(pairs) + len(lines) < len(d["pairs"]) + len(d["lines"]):
                raise TypeError("a list is missing")
            return cls(name, tuple(names), tuple(pairs), tuple(lines), tuple(eyes) if eyes else None)
        except (KeyError, TypeError, AttributeError) as e:
            raise InputError("Expected a scheme: name, names, pairs, lines and eyes, as Scheme.to_dict gives them; "
                             f"found something else ({e!r}).") from None


OTHER_SIDE = {"left": "right", "right": "left", "l": "r", "r": "l"}
SIDES = {
    "left": "lt lft links linke linker linkes gauche izquierda izquierdo esquerda esquerdo sinistra sinistro vänster "
            "venstre lewa lewe lewy левая левое левый 左 왼쪽",
    "right": "rt rgt rechts rechte rechter rechtes droit droite derecha derecho direita direito destra destro höger "
             "højre prawa prawe prawy правая правое правый 右 오른쪽"}
"""Words for a side in other languages, and short forms."""
_ENGLISH = {word: side for side, words in SIDES.items() for word in words.split()}
_WORD = re.compile(r"左|右|왼쪽|오른쪽|[A-Z]+(?![a-z])|[A-Z]?(?:(?!左|右|왼쪽|오른쪽)[^\W\d_A-Z])+|[A-Z]|\d+|[\W_]+")
_GLUED = re.compile(r"(left|right)([a-z]{2,})|([a-z]{3,})(left|right)|(.+)", re.DOTALL)


def words_of(name: str) -> list[str]:
    """``leftEye1``, ``Left-eye_1`` and ``lefteye1`` -> ``["left", "eye", "1"]``: the words, a side as one of its own.

    A letter alone is a side too, whichever way it is set off: ``L_eye``, ``eyeL``, ``eye.l``. Sides in other languages
    (``SIDES``) become English: ``auge_links`` -> ``["auge", "left"]``.
    """
    words = [match.groups() for word in _WORD.findall(name) if (match := _GLUED.fullmatch(word.lower()))]
    return [_ENGLISH.get(part, part) for parts in words for part in parts if part and any(c.isalnum() for c in part)]


def pairs_by_name(names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(left, right) of all names that differ in their sides alone: left_ear and right_ear, ``eyeL`` and ``eyeR``.

    In a mirrored face every side of a name is the other one: left_eye_left_corner goes with right_eye_right_corner.
    Names that differ only in capitals are in no pair, as nothing says which of them is meant.
    """
    known: dict[tuple[str, ...], list[str]] = {}
    for name in names:
        known.setdefault(tuple(words_of(name)), []).append(name)
    pairs = []
    for words, same in known.items():
        mirrored = tuple(OTHER_SIDE.get(word, word) for word in words)
        first = next((word for word in words if word in OTHER_SIDE), "right")
        partners = known.get(mirrored, []) if mirrored != words else []
        if not partners and words and len(words[0]) > 3 and words[0][0] == "l":  # leye, reye
            first, partners = "l", known.get((f"r{words[0][1:]}", *words[1:]), [])
        if first[0] == "l" and len(same) == len(partners) == 1:
            pairs.append((same[0], partners[0]))
    return tuple(pairs)


def sides_alone(names: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """The names with the word left or right, or with a letter for it, that are in no pair."""
    paired = {name for pair in pairs for name in pair}
    return [name for name in names if name not in paired and not set(words_of(name)).isdisjoint(OTHER_SIDE)]


def eyes_of(pairs: Sequence[tuple[str, str]]) -> tuple[str, str] | None:
    """The pair whose distance is the unit of NME: the eyes' centres, else the pupils, else their outer corners."""
    two_sides = sorted(pairs, key=lambda pair: len(set(words_of(pair[0])) & set(OTHER_SIDE)), reverse=True)
    found = {" ".join(w for w in words_of(left) if w not in OTHER_SIDE): (left, right) for left, right in two_sides}
    outer = ("eye outer corner", "outer eye corner", "outer corner eye", "eye outer", "outer eye", "eye corner")
    wanted = ("eye center", "eye centre", "eye", "eyes", "leye", "pupil", "eye pupil", *outer)
    return next((found[words] for words in wanted if words in found), None)


def _sides(*parts: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"left_{p}", f"right_{p}") for p in parts)


KAGGLE = Scheme(
    name="kaggle",
    # The order of the columns of the competition's training.csv.
    names=(
        "left_eye_center", "right_eye_center",
        "left_eye_inner_corner", "left_eye_outer_corner",
        "right_eye_inner_corner", "right_eye_outer_corner",
        "left_eyebrow_inner_end", "left_eyebrow_outer_end",
        "right_eyebrow_inner_end", "right_eyebrow_outer_end",
        "nose_tip",
        "mouth_left_corner", "mouth_right_corner",
        "mouth_center_top_lip", "mouth_center_bottom_lip",
    ),
    pairs=(
        *_sides("eye_center", "eye_inner_corner", "eye_outer_corner", "eyebrow_inner_end", "eyebrow_outer_end"),
        ("mouth_left_corner", "mouth_right_corner"),
    ),
    lines=(
        ("left_eye_inner_corner", "left_eye_center", "left_eye_outer_corner"),
        ("right_eye_inner_corner", "right_eye_center", "right_eye_outer_corner"),
        ("left_eyebrow_inner_end", "left_eyebrow_outer_end"),
        ("right_eyebrow_inner_end", "right_eyebrow_outer_end"),
        ("mouth_left_corner", "mouth_center_top_lip", "mouth_right_corner", "mouth_center_bottom_lip",
         "mouth_left_corner"),
    ),
    eyes=("left_eye_center", "right_eye_center"),
)
"""The 15 points of Kaggle's *Facial Keypoints Detection*."""

KAGGLE_FOUR = ("left_eye_center", "right_eye_center", "nose_tip", "mouth_center_bottom_lip")
"""The four points that most rows of the competition carry."""


def check_pixel_offset(pixel_offset: object) -> None:
    """Raise InputError unless it is a number from -2 to 2, as labels may call the centre of the first pixel."""
    number = isinstance(pixel_offset, int | float) and not isinstance(pixel_offset, bool)
    if not number or not -2 <= pixel_offset <= 2:  # type: ignore[operator]  # it is a number, see the line above
        raise InputError(f"Expected a pixel offset between -2 and 2; found {pixel_offset!r}. Labels that count from "
                         "the centre of the first pixel have 0, from its edge 0.5, from one 1.")
