"""The exercises of *The stacked hourglass*."""

from collections.abc import Callable

import numpy as np
import torch

from facekp.exercises import expect, expect_close
from facekp.models import KeypointModel, count, create_model
from facekp.models.hourglass import Hourglass


def parameters(answer: Callable[[int, int], int]) -> str:
    """The number of parameters of one hourglass: (depth, channels) -> int."""
    for depth, channels in ((4, 64), (1, 8), (2, 32), (4, 256), (7, 16)):
        with torch.device("meta"):
            wanted = count.parameters(Hourglass(depth, channels))
        found = float(answer(depth, channels))
        blocks = 3 * depth + 1
        where = f"for depth {depth} and {channels} channels"
        expect(found != blocks * 3.25 * channels**2, f"{where} the kernels are right; biases and batch normalisation "
               "are missing.")
        expect(found != blocks * (3.25 * channels**2 + 2 * channels), f"{where} kernels and biases are right; batch "
               "normalisation is missing, two parameters per channel of its input.")
        expect(found != wanted // blocks * (blocks - 1), f"{where} one residual block is missing, the innermost.")
        expect(found == wanted, f"{where} expected another number than {found:,.0f}. Does it grow by three blocks with "
               "each level?")
    return "Compared with the library's networks for five pairs of depth and channels."


def rounded(answer: Callable[[float, float], tuple[float, float]]) -> str:
    """The errors that rounding leads to: (RMSE, stride) -> (RMSE with argmax, RMSE with the quarter offset)."""
    generator = np.random.default_rng(0)
    for stride in (1, 2, 4):
        e = generator.uniform(0.3, 3)
        found = np.asarray(answer(e, stride), dtype=float)
        where = f"for an RMSE of {e:.2f} px and stride {stride}"
        expect(found.shape == (2,), "expected the function to return (argmax, quarter offset).")
        wanted = np.sqrt(e**2 + stride**2 / np.array([12, 48]))
        expect(not np.allclose(found, e + stride / np.sqrt([12, 48])), "independent errors add up in squares: the "
               "root of the sum of squares, not the sum.")
        expect(not np.allclose(found, wanted[::-1]), "the two are the wrong way round: argmax comes first.")
        expect(found[0] > found[1] > e, f"{where} rounding should make the error larger, and argmax more than the "
               f"quarter offset; found {found[0]:.2f} and {found[1]:.2f}.")
        expect_close(found[0], wanted[0], f"{where} argmax differs. Its error is uniform over one map pixel, which is "
                     f"{stride} px.", tolerance=1e-3)
        expect_close(found[1], wanted[1], f"{where} the quarter offset differs. It leaves an error that is uniform "
                     "over half of argmax's interval.", tolerance=1e-3)
    return "Tried with strides 1, 2 and 4."


@torch.no_grad()
def first_stacks(answer: Callable[[KeypointModel, int], KeypointModel]) -> str:
    """A model of the first stacks of another: (model, n) -> model."""
    generator = torch.Generator().manual_seed(0)
    model = create_model("hourglass-s", stacks=3, channels=16, depth=2).eval()
    for weight in model.parameters():  # also of the layers that start at zero
        weight.copy_(0.2 * torch.randn(weight.shape, generator=generator))
    images = torch.rand(2, 1, 96, 96, generator=generator)
    before = [maps.clone() for maps in model(images)]
    for n in (1, 2, 3):
        short = answer(model, n)
        expect(isinstance(short, KeypointModel), f"expected a KeypointModel, as create_model gives it; found "
               f"{type(short).__name__}.")
        after = model(images)
        expect(len(after) == 3 and all(map(torch.equal, after, before)),
               "the model that was passed has changed. Work on a new one.")
        maps = short.eval()(images)
        expect(len(maps) == n, f"asked for {n} stacks, the new model returns the maps of {len(maps)}.")
        expect(torch.allclose(maps[-1], before[n - 1], atol=1e-4), f"its maps are not those of stack {n} of the model. "
               "Were all parameters and batch-norm statistics copied?")
    return "Compared with stacks 1, 2 and 3 of a random network."
