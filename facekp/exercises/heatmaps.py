"""The exercises of the chapter on heatmaps. NumPy alone: the book's page runs them too."""

import json
from typing import Any

import numpy as np

from facekp.exercises import expect, expect_close


def gaussian(x: float, y: float, size: tuple[int, int], sigma: float) -> np.ndarray:
    """(h, w): :func:`facekp.heatmaps.gaussian` of one point, in heatmap pixels."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


def encode(answer: Any) -> str:
    """``answer(x, y, size, sigma)``: one Gaussian (h, w) around an image point, on maps of stride 2."""
    rng = np.random.default_rng(0)
    for size in ((48, 48), (20, 30)):
        x, y = rng.uniform(8, 30, 2)
        sigma = rng.uniform(1, 3)
        u, v = (x + 0.5) / 2 - 0.5, (y + 0.5) / 2 - 0.5
        found = np.asarray(answer(x, y, size, sigma), dtype=float)
        right = gaussian(u, v, size, sigma)
        expect(found.shape == size, f"expected a map of shape {size}; found {found.shape}.")
        naive = gaussian(x / 2, y / 2, size, sigma)
        rounded = gaussian(round(u), round(v), size, sigma)
        swapped = gaussian(v, u, size, sigma)
        expect(not np.allclose(found, naive, atol=1e-4), "the map is half a pixel of the image off: x / 2 is not the "
                                                         "position on the small grid.")
        expect(not np.allclose(found, rounded, atol=1e-4), "the centre was rounded to a whole pixel.")
        expect(not np.allclose(found, swapped, atol=1e-4), "x and y are swapped: rows are y.")
        expect_close(found, right, "the values are wrong. The peak's height would be 1 at the point itself.")
    return "Tried on two random points, on maps of 48x48 and of 20x30."


def quarter(answer: Any) -> str:
    """``answer(values)``: the quarter-offset position (x, y) of one map (h, w) whose peak is not on the border."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        values = rng.uniform(0, 0.5, (12, 16))
        row = rng.integers(1, 11)
        column = row + 3  # never equal: a swap would not be seen
        values[row, column] = 1
        found = np.asarray(answer(values), dtype=float)
        step = np.sign([values[row, column + 1] - values[row, column - 1],
                        values[row + 1, column] - values[row - 1, column]])
        right = np.array([column, row]) + 0.25 * step
        expect(found.shape == (2,), f"expected (x, y); found the shape {found.shape}.")
        expect(not np.allclose(found, [column, row]), "this is the brightest pixel, without the move.")
        expect(not np.allclose(found, right[::-1]), "x and y are swapped: the first index of an array is y.")
        expect(not np.allclose(found, 2 * np.array([column, row]) - right), "it moves towards the darker "
                                                                                    "neighbour.")
        expect_close(found, right, "the position is wrong. Each axis moves by 0.25 towards its brighter neighbour.")
    return "Tried on twenty random maps."


def background(answer: Any) -> str:
    """``answer(point, background, sigma, size)``: where the centroid is, in pixels of a square map of ``size``."""
    for level, sigma, point in ((0.0, 3.0, (40.0, 55.0)), (0.003, 5.0, (30.0, 60.0)), (0.01, 3.0, (60.0, 35.0))):
        values = gaussian(*point, (96, 96), sigma) + level
        rows, columns = np.mgrid[:96, :96]
        measured = np.array([(columns * values).sum(), (rows * values).sum()]) / values.sum()
        found = np.asarray(answer(np.array(point), level, sigma, 96), dtype=float)
        expect(found.shape == (2,), f"expected (x, y); found the shape {found.shape}.")
        towards_48 = measured + 0.5 * level * 96**2 / (level * 96**2 + 2 * np.pi * sigma**2)
        if level:
            expect(not np.allclose(found, point), "the background has a weight, too: its level times its pixels.")
            expect(not np.allclose(found, towards_48, atol=1e-3), "the middle of 96 pixels is 47.5, not 48.")
        expect_close(found, measured, "compare the two weights: all pixels of the background, and the Gaussian's "
                                      "integral.", 0.02)
    return "Compared with the centroids of three maps."


def lost(answer: Any) -> str:
    """``answer(per_keypoint)``: names whose error is more than four times the median one."""
    rng = np.random.default_rng(2)
    for count in (0, 1, 2):
        errors = {f"point {i}": float(e) for i, e in enumerate(rng.uniform(1, 2, 15))}
        gone = [f"point {i}" for i in rng.choice(15, count, replace=False)]
        errors |= dict.fromkeys(gone, 9.0)
        found = answer(dict(errors))
        expect(set(found) <= set(errors), "it should return names of keypoints.")
        expect(set(found) >= set(gone), f"with {count} of 15 points lost, it does not name all of them. The mean error "
                                        "grows with each lost point; the median does not.")
        expect(set(found) == set(gone), f"with {count} of 15 points lost, it also names points that are only hard.")
    from facekp import results  # pandas, which only this one needs

    folder = results.records_folder() / "protocol-a"
    record = json.loads((folder / "unet-s-photometric-1.json").read_text())
    expect(set(answer(record["metrics"]["rmse_per_keypoint"])) == {"nose_tip"}, "for the U-Net's record of seed 1 it "
                                                                               "should name the tip of the nose.")
    return "Tried with no, one and two lost points, and on a record."
