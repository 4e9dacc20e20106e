"""The exercises of Photos of your own: the solution passes, typical mistakes get their hint."""

import numpy as np
import pytest

from facekp.exercises import check
from facekp.images import Box
from facekp.photo.face_maps import iou

SIDE = 190 / 0.380


def back(points, corner, side, size, half=0.5, other=0.5):
    return (points + half) * side / size - other + np.asarray(corner)


def convert(x, y, w, apart, down):
    side = apart * w / 0.380
    return x + (w - side) / 2, y + down * w - 0.391 * side, side


def threshold(faces, others, pick=np.argmin):
    candidates = [*faces, *others, np.inf]
    return candidates[pick([(faces < t).sum() + (others >= t).sum() for t in candidates])]


def suppress(boxes, scores, most, of_all=False):
    """With ``of_all`` the mistake: a box that was removed removes others."""
    order = [int(i) for i in np.argsort(-scores)]
    squares = [Box(*map(float, boxes[i])) for i in order]
    kept = []
    for i, square in enumerate(squares):
        if all(iou(square, squares[j]) <= most for j in (range(i) if of_all else kept)):
            kept.append(i)
    return [order[i] for i in kept]


@pytest.mark.parametrize(("name", "answer", "text"), [
    ("by-hand", (605.5 - SIDE / 2, 500.5 - 0.391 * SIDE, SIDE, SIDE), "Correct."),
    ("by-hand", (355, 305, 500, 500), "Correct."),
    ("by-hand", (605.5, 500.5, SIDE, SIDE), "Not yet: this is the point between the eyes"),
    ("by-hand", (355.5, 250.5, SIDE, SIDE), "Not yet: the eyes are not in the middle"),
    ("by-hand", (355.5, 305, 72.2, 72.2), "Not yet: the eyes are 0.380"),
    ("by-hand", (355.5, 305, 500), "Not yet: expected four numbers"),
    ("by-hand", (355.5, 320, 500, 500), "Not yet: the corner is wrong"),
    ("back", back, "Correct."),
    ("back", lambda p, c, s, n: p * s / n + c, "Not yet: the half pixels are missing"),
    ("back", lambda p, c, s, n: back(p, 0, s, n), "Not yet: the crop's corner is missing"),
    ("back", lambda p, c, s, n: back(p, c, s, n, other=0), "Not yet: all points are off by 0.50 px"),
    ("back", lambda p, c, s, n: back(p, c, n, s), "Not yet: the points are wrong"),
    ("back", lambda p, c, s, n: (p - c + 0.5) * n / s - 0.5, "Not yet: this goes from the photo"),
    ("convert", convert, "Correct."),
    ("convert", lambda x, y, w, a, d: (x, *convert(x, y, w, a, d)[1:]), "Not yet: the crop keeps the box's left"),
    ("convert", lambda x, y, w, a, d: (x, y, 0.380 * w / a), "Not yet: the ratio is upside down"),
    ("convert", lambda x, y, w, a, d: (x + (w - a * w / 0.38) / 2, y + (w - a * w / 0.38) / 2, a * w / 0.38),
     "Not yet: the crop is centred on the box"),
    ("threshold", threshold, "Correct."),
    ("threshold", lambda f, o: threshold(f, o, np.argmax), "Not yet: "),
    ("threshold", lambda f, o: 0.3, "Not yet: your threshold 0.30 makes"),
    ("suppress", suppress, "Correct."),
    ("suppress", lambda b, s, m: list(range(len(b))), "Not yet: every box is kept."),
    ("suppress", lambda b, s, m: suppress(b, -s, m), "Not yet: the box with the highest score comes first."),
    ("suppress", lambda b, s, m: suppress(b, s, m, of_all=True), "Not yet: a box that was removed must not"),
    ("suppress", lambda b, s, m: suppress(b, s, 0.3), "Not yet: with most = 0.1 these boxes stay"),
])
def test_the_verdict(name, answer, text):
    assert repr(check(f"own-photos.{name}", answer)).startswith(text), check(f"own-photos.{name}", answer)
