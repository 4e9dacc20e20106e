"""The exercises of *The data*: answers are functions, tried on made-up labels."""

from collections.abc import Callable

import numpy as np

from facekp.data import kaggle
from facekp.data.faces import Faces
from facekp.exercises import expect, expect_close
from facekp.keypoints import KAGGLE


def labels(rng: np.random.Generator, n: int = 40) -> np.ndarray:
    """(n, 15, 2) made-up labels: a mean face, spread by another amount at each point."""
    spread = rng.uniform(1, 8, (15, 1))
    return (rng.uniform(20, 76, (15, 2)) + spread * rng.standard_normal((n, 15, 2))).astype(np.float32)


def faces_of(keypoints: np.ndarray) -> Faces:
    """Faces with these labels; the images are empty."""
    return Faces(np.zeros((len(keypoints), 8, 8), np.uint8), keypoints)


def spread(answer: Callable[[Faces], str]) -> str:
    """``answer(faces)`` names the keypoint whose position varies most."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        points = labels(rng)
        points[rng.random(points.shape[:2]) < 0.2] = np.nan
        widths = np.hypot(*np.nanstd(points.astype(float), axis=0).T)
        found = answer(faces_of(points))
        expect(found in KAGGLE.names, f"expected the name of a keypoint, found {found!r}.")
        least = KAGGLE.names[int(widths.argmin())]
        expect(found != least, "this is the keypoint that varies least.")
        expect(found == KAGGLE.names[int(widths.argmax())],
               "another keypoint varies more: both coordinates count, and x and y may differ.")
    return "Tried on five sets of labels with gaps."


def sources(answer: Callable[[np.ndarray], np.ndarray]) -> str:
    """``answer(keypoints)`` gives 0 for rows of the fifteen-point source, 1 for the four-point source."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        points = labels(rng)
        for row, k in zip(range(30), rng.integers(0, 11, 30), strict=True):  # at least five are left
            points[row, rng.permutation(15)[:k]] = np.nan
        points[15:][:, [k for k in range(15) if k not in (0, 1, 10, 14)]] = np.nan
        points[15:18, 14] = np.nan  # three points are left, as in ten rows of Kaggle's file
        points = points[rng.permutation(len(points))]
        found = np.asarray(answer(points))
        expect(found.shape == (len(points),), f"expected one number per face, ({len(points)},), found {found.shape}.")
        wanted = kaggle.sources(faces_of(points))
        count = (~np.isnan(points[..., 0])).sum(1)
        expect((found[count == 4] == 1).all(), "a face with exactly four points is of the second source (1).")
        expect((found[count > 4] == 0).all(),
               "a face with five points or more is of the first source (0), even where some are missing.")
        expect_close(found, wanted, "some rows of the second source have fewer than four points.")
    return "Tried on five sets of labels with gaps in both sources."


def grouped_split(answer: Callable[[np.ndarray, float, int], np.ndarray]) -> str:
    """``answer(groups, held_out, seed)`` marks the held-out faces, whole groups at a time."""
    masks = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        groups = rng.permutation(np.repeat(np.arange(60), rng.integers(1, 4, 60)))
        held = np.asarray(answer(groups, 0.2, seed))
        expect(held.shape == groups.shape and held.dtype == bool,
               f"expected {len(groups)} times True (held out) or False, found {held.dtype} {held.shape}.")
        both = set(groups[held]) & set(groups[~held])
        expect(not both, f"{len(both)} groups have faces on both sides.")
        expect(0.1 <= held.mean() <= 0.3, f"expected about 20 % held out, found {100 * held.mean():.0f} %.")
        again = np.asarray(answer(groups, 0.2, seed))
        expect((again == held).all(), "the same seed gave another split.")
        masks.append(frozenset(set(answer_groups(answer, 60, seed))))
    expect(len(set(masks)) > 1, "every seed gives the same split.")
    return "Tried with six seeds: no group is on both sides."


def answer_groups(answer: Callable[[np.ndarray, float, int], np.ndarray], n: int, seed: int) -> list[int]:
    """Which of ``n`` groups of two faces are held out."""
    groups = np.repeat(np.arange(n), 2)
    return groups[np.asarray(answer(groups, 0.2, seed))].tolist()


def unusual(answer: Callable[[np.ndarray], np.ndarray]) -> str:
    """``answer(keypoints)`` scores how unusual a face's shape is, whatever its position and size."""
    rng = np.random.default_rng(0)
    mean = rng.uniform(20, 76, (15, 2))
    points = mean + rng.normal(0, 1, (30, 15, 2))
    points[7] = mean[KAGGLE.swap]  # left and right exchanged
    found = np.asarray(answer(points), float)
    expect(found.shape == (30,), f"expected one number per face, (30,), found {found.shape}.")
    moved = points.copy()
    moved[3] += (12, -5)
    expect_close(answer(moved), found, "a face that was shifted has another score.", 1e-6)
    larger = points.copy()
    larger[4] = (larger[4] - larger[4].mean(0)) * 1.5 + larger[4].mean(0)
    expect_close(answer(larger), found, "a face that was enlarged has another score.", 1e-6)
    expect(int(found.argmax()) == 7, "the face whose left and right were exchanged should have the highest score.")
    return "Position and size do not count, and a label with its sides exchanged comes first."
