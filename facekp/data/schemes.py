"""Ready schemes: the numbered points of the benchmarks, with their pairs, lines, and the eyes NME divides by.

Their points have numbers for names, counted from 0 as in papers and code: ``"36"``. Runs of numbers are written here
as ``(first, last)``, both included. Sources: Sagonas et al. 2013 (300-W, 68 points), Wu et al. 2018 (WFLW, 98), Liu et
al. 2020 (LaPa, 106). NME divides by the distance of the outer eye corners ("inter-ocular"), as 300-W and WFLW do.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from facekp.keypoints import KAGGLE, Scheme, eyes_of, pairs_by_name

Run = tuple[int, int]


def _numbered(name: str, count: int, mirrored: Sequence[tuple[Run, Run]], lines: Sequence[Run],
              closed: Sequence[Run], eyes: tuple[int, int]) -> Scheme:
    """A scheme of the points 0 .. count - 1.

    Args:
        mirrored: pairs of runs, on the subject's left and on its right. A run may count down.
        lines, closed: runs to join in a drawing, open and as loops.
        eyes: the left and the right one.
    """
    def numbers(run: Run) -> list[str]:
        first, last = run
        return [str(i) for i in (range(first, last + 1) if first <= last else range(first, last - 1, -1))]

    pairs = [pair for left, right in mirrored for pair in zip(numbers(left), numbers(right), strict=True)]
    chains = [tuple(numbers(run)) for run in lines] + [(*numbers(run), str(run[0])) for run in closed]
    return Scheme(name, tuple(map(str, range(count))), tuple(pairs), tuple(chains), (str(eyes[0]), str(eyes[1])))


FIVE = Scheme("five", ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right"),
              (("left_eye", "right_eye"), ("mouth_left", "mouth_right")), (), ("left_eye", "right_eye"))
"""The five points of CelebA, WIDER FACE and many detectors."""

POINTS_68 = _numbered(
    "300-W", 68, [((16, 9), (0, 7)), ((26, 22), (17, 21)), ((35, 34), (31, 32)), ((45, 42), (36, 39)),
                  ((46, 47), (41, 40)), ((54, 52), (48, 50)), ((55, 56), (59, 58)), ((64, 63), (60, 61)),
                  ((65, 65), (67, 67))],
    [(0, 16), (17, 21), (22, 26), (27, 30), (31, 35)], [(36, 41), (42, 47), (48, 59), (60, 67)], (45, 36))

POINTS_98 = _numbered(
    "WFLW", 98, [((32, 17), (0, 15)), ((46, 42), (33, 37)), ((50, 47), (38, 41)), ((59, 58), (55, 56)),
                 ((72, 68), (60, 64)), ((75, 73), (65, 67)), ((82, 80), (76, 78)), ((87, 86), (83, 84)),
                 ((92, 91), (88, 89)), ((95, 95), (93, 93)), ((97, 97), (96, 96))],
    [(0, 32), (51, 54), (55, 59)], [(33, 41), (42, 50), (60, 67), (68, 75), (76, 87), (88, 95)], (72, 60))

POINTS_106 = _numbered(
    "LaPa", 106, [((32, 17), (0, 15)), ((46, 42), (33, 37)), ((50, 47), (38, 41)), ((65, 61), (55, 59)),
                  ((79, 75), (66, 70)), ((82, 80), (71, 73)), ((83, 83), (74, 74)), ((90, 88), (84, 86)),
                  ((95, 94), (91, 92)), ((100, 99), (96, 97)), ((103, 103), (101, 101)), ((105, 105), (104, 104))],
    [(0, 32), (51, 54), (55, 65)], [(33, 41), (42, 50), (66, 73), (75, 82), (84, 95), (96, 103)], (79, 66))

SCHEMES = {len(scheme): scheme for scheme in (FIVE, KAGGLE, POINTS_68, POINTS_98, POINTS_106)}
"""The ready schemes by their number of points."""


def scheme_of(names: Sequence[str], place: str | Path) -> Scheme:
    """The scheme of points that have these names and no other information.

    Kaggle's, if the names are Kaggle's. If they are nothing but numbers, and there are 68, 98 or 106 of them, they are
    taken for the benchmark's points. Otherwise the pairs and the eyes are those that the names tell.

    Args:
        names: in the order of the arrays' second axis.
        place: a new scheme bears the name of this folder or file.
    """
    if sorted(names) == sorted(KAGGLE.names):
        return KAGGLE
    ready = SCHEMES.get(len(names))
    if ready and ready.eyes and numbered(names):
        to = dict(zip(ready.names, names, strict=True))
        return Scheme(ready.name, tuple(names), tuple((to[a], to[b]) for a, b in ready.pairs),
                      tuple(tuple(to[n] for n in line) for line in ready.lines),
                      (to[ready.eyes[0]], to[ready.eyes[1]]))
    pairs = pairs_by_name(names)
    eyes = KAGGLE.eyes if set(KAGGLE.eyes or ()) <= set(names) else eyes_of(pairs)
    return Scheme(Path(place).resolve().name, tuple(names), pairs, eyes=eyes)


def numbered(names: Sequence[str]) -> bool:
    """Whether the names of 68 points or more count up by one, with the same letters before the number, if any."""
    parts = [re.fullmatch("(.*?)([0-9]+)", name) for name in names]
    if len(names) < len(POINTS_68) or not all(parts):
        return False
    first = int(parts[0][2])  # type: ignore[index]  # all of them match
    return (len({part[1] for part in parts if part}) == 1
            and [int(part[2]) for part in parts if part] == list(range(first, first + len(names))))
