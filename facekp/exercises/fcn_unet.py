"""The exercises of *FCN-8 and U-Net*."""

from collections.abc import Callable

import numpy as np
import torch

from facekp.exercises import expect, expect_close


def skip_values(answer: tuple[int, int]) -> str:
    """Values that the skip connections carry for one face: (U-Net, FCN-8), both of full size."""
    found = np.asarray(answer, dtype=float)
    expect(found.shape == (2,), "expected two numbers, (U-Net, FCN-8).")
    unet, fcn = found
    expect(unet != 1105920 + 1024 * 6**2, "the lowest level, `down.4`, has no skip connection: it only goes up.")
    expect(unet == 1105920, "U-Net's number differs. Sum channels times height times width over `down.0` to `down.3`.")
    expect(fcn != 15 * (3**2 + 6**2 + 12**2), "the scores at 1/32 come from the end of the backbone; count only those "
           "at 1/16 and 1/8.")
    expect(fcn == 2700, "FCN-8's number differs. It passes scores, 15 per cell, not features.")
    return "Both numbers agree with the shapes of the networks."


def undecided(answer: Callable[[int], tuple[float, float]]) -> str:
    """The best height of n dots of which one is meant, and the loss: n -> (height, loss)."""
    for n in (2, 3, 5, 15):
        found = np.asarray(answer(n), dtype=float)
        expect(found.shape == (2,), "expected the function to return (height, loss).")
        height, loss = found
        expect(abs(loss - ((1 - height) ** 2 + (n - 1) * height**2)) < 1e-6,
               f"for n = {n} the loss is not that of the height {height:.3f}: one dot lacks 1 - height, the other "
               f"{n - 1} have height too much, and errors are squared.")
        expect(abs(height - 1 / n) < 1e-6, f"for n = {n} another height than {height:.3f} has a smaller loss.")
    return "Tried with 2, 3, 5 and 15 dots."


def coverage(answer: Callable[[int, int], list[int]]) -> str:
    """How many copies of a kernel cover each pixel of one period: (kernel, stride) -> list of ``stride`` counts."""
    for kernel, stride in ((2, 2), (3, 2), (4, 2), (5, 3), (16, 8), (3, 4)):
        wide = torch.nn.functional.conv_transpose1d(torch.ones(1, 1, 40), torch.ones(1, 1, kernel), stride=stride)
        wanted = wide[0, 0, 20 * stride : 21 * stride]
        found = np.asarray(answer(kernel, stride), dtype=float)
        expect(found.shape == (stride,), f"for a kernel of {kernel} and stride {stride} expected {stride} counts, one "
               f"per pixel of a period; found the shape {found.shape}.")
        expect(found.sum() == kernel, f"for a kernel of {kernel} and stride {stride} the counts of a period should sum "
               f"to {kernel}, because every copy has that many pixels.")
        expect_close(found, wanted, f"for a kernel of {kernel} and stride {stride} the counts are right in sum and "
                     "wrong in place. The first pixel of a period is the first pixel of a copy.")
    return "Tried on six pairs of kernel and stride."


def least_loss(answer: Callable[[torch.Tensor, int], float]) -> str:
    """The smallest loss of any maps of limited rank: (targets (B, K, h, w), features) -> fraction of an empty map's."""
    g = torch.Generator().manual_seed(0)
    for faces, maps, size in ((1, 5, 6), (3, 7, 8)):
        targets = torch.rand(faces, maps, size, size, generator=g)
        rows = targets.transpose(0, 1).flatten(1)
        u, s, v = torch.linalg.svd(rows, full_matrices=False)
        for features in (1, 2, maps - 1, maps):
            closest = (u[:, :features] * s[:features]) @ v[:features]
            wanted = ((rows - closest).square().sum() / rows.square().sum()).item()
            found = float(answer(targets, features))
            expect(found < wanted + 1e-3, f"for {maps} maps and {features} features of {faces} faces there are "
                   "features that reach a smaller loss. Are singular values squared, and are all faces in one matrix?")
            expect(found > wanted - 1e-3, f"for {maps} maps and {features} features of {faces} faces no features reach "
                   "so small a loss. One and the same last layer draws the maps of all faces.")
    return "Tried on random targets of one face and of three."
