"""The exercises of the chapter on the local-global context network."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from facekp import heatmaps
from facekp.exercises import expect, expect_close


def receptive_field(answer: Callable) -> str:
    """``answer(layers)``: how many image pixels a pixel sees after layers of (kernel, stride, dilation)."""
    for layers in ([(3, 1, 1)] * 2, [(5, 1, 1), (3, 1, 4)], [(5, 2, 1), (5, 1, 1)] + 4 * [(3, 1, 1)],
                   [(3, 2, 1), (3, 2, 1), (3, 1, 2)]):
        seen, step = 1, 1
        for kernel, stride, dilation in layers:
            seen, step = seen + (kernel - 1) * dilation * step, step * stride
        found = answer(layers)
        expect(found == seen, f"after the layers {layers} a pixel sees {seen} pixels, not {found}. After a stride of "
                              "s, how many image pixels is one step on the map?")
    return "Tried on four stacks of layers, with strides and dilations."


def kernel_sum(answer: Callable) -> str:
    """``answer(sigmas)``: the sum of the fixed kernel, predicted from its Gaussians within 3 %."""
    for sigmas in ((1, 2, 4), heatmaps.LGCN_SIGMAS, (3, 5)):
        wanted = (heatmaps.kernel_rows(tuple(sigmas)).sum(1) ** 2).mean().item()
        found = float(answer(sigmas))
        expect(abs(found / len(sigmas) / wanted - 1) > 0.03 or len(sigmas) == 1,
               "this is the sum of the Gaussians. The kernel is their mean.")
        expect(abs(found / wanted - 1) < 0.03, f"for sigmas {sigmas} the pixels add up to {wanted:.1f}, and the "
                                               f"prediction is {found:.1f}. Each Gaussian is cut at 2.5 sigma, in x "
                                               "and in y.")
    return "Within 3 % of the sum over the pixels for three kernels."


def dilations(answer: Sequence[int]) -> str:
    """Four dilations of 3x3 convolutions that see 57 pixels without holes."""
    chain = [int(d) for d in answer]
    expect(len(chain) == 4, f"expected four dilations; found {len(chain)}.")
    expect(all(d > 0 for d in chain), "expected positive dilations.")
    expect(sum(chain) == 28, f"these see {2 * sum(chain) + 1} pixels, not 57. What do the dilations have to add up to?")
    ways = torch.zeros(1, 1, 1, 57, dtype=torch.float64)
    ways[..., 28] = 1
    for d in chain:
        ways = F.conv2d(ways, torch.ones(1, 1, 1, 3, dtype=torch.float64), padding=(0, d), dilation=d)
    holes = int((ways == 0).sum())
    expect(holes == 0, f"a row of pixels has {holes} holes. Can the sum of some dilations, each with a plus or a "
                       "minus, be 1? And 2?")
    return "Every one of the 57 x 57 pixels is reached."


def shape_coefficients(answer: Callable) -> str:
    """``answer(x, weight, mean, directions)``: the weighted least squares fit of a face."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.linalg.qr(torch.randn(30, 5, generator=generator))[0].T  # (5, 30)
    mean, truth = 96 * torch.rand(30, generator=generator), 10 * torch.randn(5, generator=generator)
    weight = torch.rand(30, generator=generator) + 0.1
    found = answer(mean + truth @ directions, weight, mean, directions)
    expect_close(found, truth, "a face that the model can express exactly does not come back. Is the mean subtracted?",
                 tolerance=1e-2)
    x = mean + truth @ directions + torch.randn(30, generator=generator)
    x[4] += 40
    normal = (directions * weight) @ directions.T
    wanted = torch.linalg.solve(normal, (directions * weight) @ (x - mean))
    expect_close(answer(x, weight, mean, directions), wanted, "it fits an exact face, but not one with noise. Do the "
                 "weights enter on both sides of the normal equations?", tolerance=1e-2)
    weight[4] = 0
    moved = x.clone()
    moved[4] += 100
    same = np.abs(np.asarray(answer(moved, weight, mean, directions)) - np.asarray(answer(x, weight, mean, directions)))
    expect(float(same.max()) < 1e-2, "a coordinate of weight 0 still has an influence.")
    return "It fits exact and noisy faces and ignores what has no weight."
