"""The exercises of *Coordinates*."""

from collections.abc import Callable

import numpy as np

from facekp.exercises import expect, expect_close
from facekp.keypoints import KAGGLE


def to_photo(answer: Callable[[np.ndarray, float, int], np.ndarray]) -> str:
    """``answer(p, stride, side)``: a point of a heatmap in the photograph of ``side`` pixels, shrunk to 96."""
    rng = np.random.default_rng(0)
    for stride, side in ((2, 640), (4, 481), (1, 1000)):
        p = rng.uniform(0, 96 / stride - 1, (5, 2))
        factor = stride * side / 96
        wanted, found = (p + 0.5) * factor - 0.5, np.asarray(answer(p, stride, side), float)
        expect(found.shape == p.shape, f"expected the shape {p.shape} of the points, found {found.shape}.")
        expect(not np.allclose(found, p * factor), "the half pixels are missing: distances from the edge scale.")
        half = (p + 0.5) * factor
        expect(not np.allclose(found, half), "add the half pixel on the way in, and take it off at the end.")
        expect(not np.allclose(found, (p + 0.5) * stride - 0.5), "this is still in the 96-pixel image.")
        expect_close(found, wanted, f"stride {stride}, {side} pixels: off by {np.abs(found - wanted).max():.2f} px.")
    return "Tried with three strides and sizes."


def align_corners(answer: Callable[[np.ndarray], np.ndarray]) -> str:
    """``answer(x)``: the error in pixels of an image doubled with ``align_corners=True``, taken back by our rule."""
    x = np.array([0.0, 20.0, 47.5, 75.0, 95.0])
    found, wanted = np.asarray(answer(x), float), x / 190 - 0.25
    expect(found.shape == x.shape, f"expected one error per position, {x.shape}, found {found.shape}.")
    expect(not np.allclose(found, -wanted), "the sign is the wrong way round: position found minus true position.")
    expect(not np.allclose(found, 2 * wanted, atol=1e-3), "this is in pixels of the doubled image.")
    expect_close(found, wanted, f"at x = 0 it should be {wanted[0]:.2f} px, and 0 in the middle of the image.")
    return "It is a stretch about the middle: a quarter of a pixel at either border."


def matrix(answer: Callable[[float, float], np.ndarray]) -> str:
    """``answer(degrees, scale)``: (2, 3), turning and scaling about the centre of a 96 x 96 image."""
    rng = np.random.default_rng(0)
    centre = np.array([47.5, 47.5])
    for degrees, scale in ((0.0, 1.0), (90.0, 1.0), (30.0, 1.0), (-20.0, 0.8), (7.0, 1.3)):
        found = np.asarray(answer(degrees, scale), float)
        expect(found.shape == (2, 3), f"expected a matrix (2, 3), found {found.shape}.")
        moved = found[:, :2] @ centre + found[:, 2]
        expect(np.abs(moved - centre).max() < 1e-4,
               f"the centre (47.5, 47.5) should stay where it is; it moves to {moved.round(2).tolist()}.")
        phi = np.radians(degrees)
        A = scale * np.array([[np.cos(phi), -np.sin(phi)], [np.sin(phi), np.cos(phi)]])
        expect(degrees == 0 or not np.allclose(found[:, :2], A.T), "it turns the other way: y grows downwards here.")
        expect(np.isclose(np.linalg.det(found[:, :2]), scale**2),
               f"lengths should grow by {scale}; they grow by {abs(np.linalg.det(found[:, :2])) ** 0.5:.2f}.")
        points = rng.uniform(0, 95, (4, 2))
        expect_close(points @ found[:, :2].T + found[:, 2], (points - centre) @ A.T + centre,
                     f"points are misplaced at {degrees:g} degrees: is the angle in radians?")
    return "Tried with five angles and scales."


def flip_tta(answer: Callable[[Callable, np.ndarray], np.ndarray]) -> str:
    """``answer(network, images)``: the mean of the predictions for the images and, flipped back, for their flips."""
    rng = np.random.default_rng(0)
    images = rng.random((6, 96, 96))
    truth = rng.uniform(10, 85, (6, 15, 2))
    flipped = (truth * [-1, 1] + [95, 0])[:, KAGGLE.swap]
    known = {image.tobytes(): p for image, p in zip(images, truth, strict=True)}
    known |= {np.ascontiguousarray(image[:, ::-1]).tobytes(): p for image, p in zip(images, flipped, strict=True)}

    def network(batch: np.ndarray) -> np.ndarray:
        if any(np.ascontiguousarray(image).tobytes() not in known for image in batch):
            raise ValueError("the network was given images that are neither the originals nor their flips")
        points = np.stack([known[np.ascontiguousarray(image).tobytes()] for image in batch])
        return points + np.array([0.4, 0.3])

    off = np.asarray(answer(network, images), float) - truth
    expect(off.shape == truth.shape, f"expected predictions {truth.shape}, found {off.shape}.")
    expect(not np.allclose(off, [0.4, 0.3]), "this is the prediction for the images alone.")
    expect(np.abs(off).max() < 5, "the predictions for the flips name left and right the other way: swap them back.")
    expect_close(off[..., 1], np.full((6, 15), 0.3), "y is not touched by a flip.", 1e-3)
    expect_close(off[..., 0], np.zeros((6, 15)), "the flip of x is W - 1 - x.", 1e-3)
    return "The error in x cancels, that in y stays."
