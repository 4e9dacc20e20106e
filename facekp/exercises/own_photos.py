"""The exercises of the chapter on photos of your own."""

from typing import Any

import numpy as np

from facekp import photo
from facekp.exercises import expect, expect_close
from facekp.images import EYES_APART, EYES_DOWN
from facekp.photo import face_maps


def by_hand(answer: Any) -> str:
    """(x, y, width, height) of the crop for eyes at (700, 500) and (510, 500)."""
    found = np.asarray(answer, dtype=float).ravel()
    expect(found.shape == (4,), f"expected four numbers, x, y, width, height; found {found.size}.")
    side = found[2]
    expect(side == found[3], "the crop is a square: width and height are equal.")
    expect(abs(side - 190 * EYES_APART) > 0.5, "the eyes are 0.380 of the side apart, so the side is larger than "
                                               "their distance.")
    expect(abs(side - 500) < 1, "the side is wrong. Which side has 190 px as 0.380 of it?")
    expect(np.abs(found[:2] - (605.5, 500.5)).max() > 1, "this is the point between the eyes, not the crop's corner.")
    expect(np.abs(found[:2] - (355, 250)).max() > 1, "the eyes are not in the middle of the crop from top to bottom.")
    right = photo.square_of_eyes(np.array([700, 500]), np.array([510, 500])).as_tuple()
    expect_close(found, right, "the corner is wrong.", 0.75)
    return "Compared with `square_of_eyes`."


def back(answer: Any) -> str:
    """``answer(points, corner, side, size)``: points of the crop in pixels of the photo."""
    rng = np.random.default_rng(0)
    for size in (96, 64):
        points, corner, side = rng.uniform(0, size, (15, 2)), rng.uniform(-20, 300, 2), rng.uniform(150, 900)
        found = np.asarray(answer(points, corner, side, size), dtype=float)
        box = photo.Box(float(corner[0]), float(corner[1]), side, side)
        right, forth = photo.to_photo(points, box, size), photo.to_crop(points, box, size)
        if found.shape == right.shape:
            expect(not np.allclose(found, points * side / size + corner), "the half pixels are missing: whole numbers "
                                                                          "are pixel centres, not edges.")
            expect(not np.allclose(found + corner, right), "the crop's corner is missing.")
            expect(not np.allclose(found, forth), "this goes from the photo to the crop.")
            off = found - right
            expect(not (np.ptp(off) < 1e-6 and np.abs(off).max() > 1e-3),
                   f"all points are off by {off.flat[0]:.2f} px. Look at the half pixels again.")
        expect_close(found, right, "the points are wrong: check the scale and the order of the steps.", 1e-3)
    return "Compared with `to_photo` for two random crops."


def convert(answer: Any) -> str:
    """``answer(x, y, w, apart, down)``: (x, y, side) of the network's crop for a detector's box."""
    rng = np.random.default_rng(1)
    for _ in range(5):
        x, y, w = rng.uniform((0, 0, 60), 300)
        apart, down = rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.6)
        side = apart * w / EYES_APART
        found = np.asarray(answer(x, y, w, apart, down), dtype=float)
        expect(found.shape == (3,), f"expected (x, y, side); found the shape {found.shape}.")
        expect(not np.isclose(found[2], EYES_APART * w / apart), "the ratio is upside down: a box in which the eyes "
                                                                 "are far apart is too small.")
        expect(not np.isclose(found[0], x) or np.isclose(side, w), "the crop keeps the box's left edge. Its middle "
                                                                   "should stay instead.")
        expect(not np.isclose(found[1], y + (w - side) / 2), "the crop is centred on the box from top to bottom. Put "
                                                             "the eyes at their height instead.")
        right = x + (w - side) / 2, y + down * w - EYES_DOWN * side, side
        expect_close(found, right, "the eyes are not where the crop rule wants them.", 1e-3)
    return "Tried with five random boxes and detectors."


def threshold(answer: Any) -> str:
    """``answer(faces, others)``: the threshold with the fewest mistakes."""
    rng = np.random.default_rng(2)
    for overlap in (-0.1, 0.15, 0.4):
        faces, others = rng.uniform(0.5 - overlap, 0.9, 30), rng.uniform(0.1, 0.5, 20)
        t = float(answer(faces, others))

        def mistakes(t, faces=faces, others=others):
            return int((faces < t).sum() + (others >= t).sum())

        best = min(mistakes(v) for v in [*faces, *others, np.inf])
        expect(mistakes(t) != 50 - best or best == 25, "this threshold has the *most* mistakes.")
        expect(mistakes(t) == best, f"your threshold {t:.2f} makes {mistakes(t)} mistakes; {best} are possible.")
    return "Tried on three random sets of confidences, with and without a gap."


def suppress(answer: Any) -> str:
    """``answer(boxes, scores, most)``: the numbers of the boxes that non-maximum suppression keeps."""
    rng = np.random.default_rng(3)
    chain = np.array([[0, 0, 40, 40], [15, 0, 40, 40], [30, 0, 40, 40]], float)  # each overlaps with the next
    cases = [(chain, np.array([0.9, 0.8, 0.7]), 0.3)]
    for most in (0.1, 0.3, 0.6):
        boxes = np.column_stack([rng.uniform(0, 120, (25, 2)), rng.uniform(20, 60, (25, 2))])
        cases.append((boxes, rng.permutation(25) / 25, most))
    for boxes, scores, most in cases:
        found = [int(i) for i in answer(boxes, scores, most)]
        order = np.argsort(-scores)
        squares = [(photo.Box(*map(float, boxes[i])), float(scores[i])) for i in order]
        right = [int(order[squares.index(kept)]) for kept in face_maps.suppress(squares, most)]
        expect(sorted(found) != list(range(len(boxes))), "every box is kept.")
        expect(found[0] == right[0], "the box with the highest score comes first.")
        expect(not (boxes is chain and found == [0]), "a box that was removed must not remove others.")
        expect(found == right, f"with most = {most} these boxes stay: {right}; you kept {found}.")
    return "Compared with `face_maps.suppress` on three random sets of boxes."
