"""The exercises of the chapter on choosing a network."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from facekp.exercises import expect
from facekp.models import count


def macs(answer: Callable) -> str:
    """``answer(kernel, c_in, c_out, height, width)``: the MACs of a convolution with an output of that size."""
    for kernel, c_in, c_out, height, width in ((3, 1, 8, 96, 96), (1, 64, 15, 48, 48), (5, 16, 32, 24, 20)):
        layer = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, bias=False)
        parameters = count.parameters(layer)
        wanted, found = parameters * height * width, answer(kernel, c_in, c_out, height, width)
        expect(found != parameters, "these are the parameters. How often is each of them used?")
        expect(found == wanted, f"a {kernel}x{kernel} convolution from {c_in} to {c_out} channels with an output of "
                                f"{height} x {width} has {wanted:,} MACs; found {found:,}.")
    return "Tried on three convolutions."


def front(answer: Callable) -> str:
    """``answer(networks)``: the names on the Pareto front of {name: (MACs, error)}."""
    rng = np.random.default_rng(0)
    for n in (3, 12, 30):
        networks = {f"n{i}": (float(c), float(e)) for i, (c, e) in enumerate(rng.uniform(1, 9, (n, 2)))}
        wanted = {a for a, (c, e) in networks.items()
                  if not any(c2 <= c and e2 <= e and (c2, e2) != (c, e) for c2, e2 in networks.values())}
        found = set(answer(networks))
        extra, missing = sorted(found - wanted), sorted(wanted - found)
        expect(not extra, f"{', '.join(extra)} should not be there: another network is cheaper and better.")
        expect(not missing, f"{', '.join(missing)} is missing: no network is both cheaper and better.")
    return "Tried on random costs and errors of 3, 12 and 30 networks."


def way(answer: Callable) -> str:
    """``answer(error, mean_face, noise)``: the fraction of the way from the mean face to the labels' noise."""
    generator = torch.Generator().manual_seed(0)
    for mean_face, noise in ((4.0, 0.5), (3.0, 1.0)):
        expect(abs(answer(mean_face, mean_face, noise)) < 1e-6, "the mean face itself has gone no part of the way: 0.")
        expect(abs(answer(noise, mean_face, noise) - 1) < 1e-6, "at the labels' own noise the way has ended: 1.")
        error = noise + (mean_face - noise) * torch.rand(1, generator=generator).item()
        wanted = (mean_face - error) / (mean_face - noise)
        expect(abs(answer(error, mean_face, noise) - wanted) < 1e-6,
               "both ends are right, but between them it should be proportional to the pixels gained.")
    return "Both ends and the values between are right."
