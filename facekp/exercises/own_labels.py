"""The exercises of the chapter on labels of your own."""

from typing import Any

import numpy as np

from facekp.exercises import expect, expect_close
from facekp.synthetic.beetles import BEETLE


def swap(answer: Any) -> str:
    """``answer(names)``: the permutation (K,) that exchanges ``left_...`` and ``right_...``."""
    rng = np.random.default_rng(0)
    for order in (np.arange(len(BEETLE)), rng.permutation(len(BEETLE))):
        names = [BEETLE.names[i] for i in order]
        partner = [n.replace("left_", "*").replace("right_", "left_").replace("*", "right_") for n in names]
        right = np.array([names.index(n) for n in partner])
        found = np.asarray(answer(names))
        expect(found.shape == right.shape, f"expected {len(names)} positions; found the shape {found.shape}.")
        expect(not (found == np.arange(len(names))).all(), "nothing is swapped.")
        unpaired = [i for i, n in enumerate(names) if n in ("head", "waist", "tail")]
        expect(list(found[unpaired]) == unpaired, "head, waist and tail have no side and stay where they are.")
        expect((found[found] == np.arange(len(names))).all(), "swapping twice has to change nothing.")
        expect_close(found, right, "a point goes to one of another name.")
    return "Tried on the beetle's names, in two orders."


def farthest(answer: Any) -> str:
    """``answer(distances, labelled)``: the position of the image that is farthest from all labelled ones."""
    rng = np.random.default_rng(1)
    for n in (20, 35, 50):
        places = rng.normal(size=(n, 3))
        distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
        labelled = np.zeros(n, bool)
        labelled[rng.choice(n, n // 4 + 1, replace=False)] = True
        nearest = distances[:, labelled].min(1)
        found = int(answer(distances, labelled))
        expect(not labelled[found], "this image has a label already.")
        expect(found != int(np.where(labelled, np.inf, nearest).argmin()),
               "this is the image that is most like a labelled one.")
        mean = int(np.where(labelled, -1, distances[:, labelled].mean(1)).argmax())
        expect(found == int(nearest.argmax()) or found != mean,
               "you took the mean distance to the labelled images. An image beside one of them is no news, however far "
               "the others are.")
        expect(found == int(nearest.argmax()), "another image is farther from its nearest labelled one.")
    return "Tried on three random sets."


def measured(answer: Any) -> str:
    """``answer(error, noise)``: the RMSE that is measured against labels with noise."""
    for error, noise in ((3.0, 4.0), (1.0, 0.0), (0.5, 1.2)):
        found = float(answer(error, noise))
        expect(not np.isclose(found, error + noise) or noise == 0,
               "independent errors do not add up: their squares do.")
        expect(not np.isclose(found, error) or noise == 0, "the labels' noise is measured too.")
        expect_close(found, np.hypot(error, noise), "the measured error is wrong.", 1e-6)
    return "Compared with noise added to three sets of labels."
