"""Labels and images that are likely wrong, found before a network learns them.

:func:`check` asks every question below of a data set and gives the answers as :class:`Finding`; the sentences are
written by the commands. A question is one function; all work on arrays alone:

    labels      a position that stands for "missing", fractions, another scale, points outside the file or the face's
                square, points that no face has or few, names of one side without the other or alike but for capitals
    images      files named twice, turned images, nearly black ones, images unlike all others, copies that disagree
    readings    labels that fit the pixels better when read in another way: y from below, in percent, a line too far
    shapes      exchanged sides, exchanged axes, a point out of place, a face that is elsewhere than the others
"""

from dataclasses import dataclass, field, replace

import numpy as np

from facekp.data.conventions import of_kaggle, split_conventions
from facekp.data.faces import Faces
from facekp.data.similar import closest


@dataclass(frozen=True, eq=False)
class Finding:
    """One answer.

    Attributes:
        kind: which question, e.g. ``"outside"``.
        faces: (M,) positions of the faces it is about, the worst first; empty where it is about the whole set.
        score: (M,) how far each is beyond the limit of that question: 1 is the limit.
        certain: whether it cannot be right, so that training on it makes no sense.
        about: numbers and names for the sentence.
    """

    kind: str
    faces: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    score: np.ndarray = field(default_factory=lambda: np.empty(0))
    certain: bool = False
    about: dict = field(default_factory=dict)


def beyond(values: np.ndarray, floor: float) -> tuple[np.ndarray, np.ndarray]:
    """(positions, scores) of ``values`` (N,) >= 0 that are far larger than the others, the largest first.

    The limit is ``q95 ** 2.2 / q50 ** 1.2``, at least ``floor``, with the median and the 95 % quantile of the values:
    were their logarithms normal, 3.6 standard deviations above the mean, which one value of 6000 reaches. NaN is small.
    """
    values = np.nan_to_num(values)
    some = values[values > 0]
    if not some.size:
        return np.empty(0, np.int64), np.empty(0)
    middle, high = np.quantile(some, (0.5, 0.95))
    limit = max(floor, high * (high / middle) ** 1.2)
    found = np.flatnonzero(values > limit)
    found = found[np.argsort(-values[found], kind="stable")]
    return found, values[found] / limit


def check(faces: Faces, pixel_offset: float = 0.0) -> list[Finding]:
    """All findings, the certain ones first.

    What one question explains is taken out before the next: a point at (-1, -1) is not also an outlier.

    Args:
        faces: of any kind; what concerns files is asked only of faces that have them.
        pixel_offset: what was taken off the labels when they were read, see :func:`facekp.data.load`: places are
            named as the labels have them.
    """
    from facekp.data.checks import images, labels, shapes
    from facekp.data.checks.readings import readings

    if not len(faces) or not faces.annotated.any():
        return []
    found = labels.nowhere(faces) + labels.one_side(faces) + labels.alike(faces) + labels.rare(faces)
    placeholders, points = labels.placeholders(faces, pixel_offset)
    found += placeholders
    whole_set = labels.fractions(faces, points) or labels.upper_left(faces, points)
    if whole_set:  # nothing else can be said of such labels
        return sorted(found + whole_set + images.faint(faces), key=lambda f: not f.certain)
    fractions, points = labels.some_fractions(faces, points)
    turned, points = images.turned(faces, points)
    found += labels.outside(faces, points) + labels.outside_square(faces, points) + turned + fractions
    left = replace(faces, keypoints=points.astype(np.float32))
    left = split_conventions(left) if of_kaggle(faces.scheme) else left
    found += images.faint(faces) + images.twice(left)
    if len(faces) > 1:
        near, alike = closest(faces.images)
        found += images.contradicting(left, near, alike) + images.unlike(alike)
    axes = shapes.axes(left)
    found += axes or readings(faces, points)
    found += shapes.shape_findings(left)
    return sorted(found, key=lambda f: not f.certain)


def look_first(findings: list[Finding]) -> list[tuple[int, float, list[Finding]]]:
    """(position of a face, score, what was found in it), the most suspicious first.

    A face's score is the sum over its findings, none of which counts more than 10.
    """
    by_face: dict[int, tuple[float, list[Finding]]] = {}
    for finding in findings:
        for i, score in zip(finding.faces.tolist(), finding.score.tolist(), strict=True):
            total, why = by_face.get(i, (0.0, []))
            by_face[i] = total + min(score, 10.0), [*why, finding]
    return sorted(((i, total, why) for i, (total, why) in by_face.items()), key=lambda face: (-face[1], face[0]))
