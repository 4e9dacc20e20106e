"""The exercises of the chapter on part heatmaps."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from facekp import losses
from facekp.exercises import expect, expect_close


def gradient(answer: Callable) -> str:
    """``answer(z, disc, radius)``: the derivative of the detector's loss with respect to each logit."""
    generator = torch.Generator().manual_seed(0)
    for radius in (2.0, 4.0):
        z = torch.randn(2, 3, 24, 24, generator=generator).requires_grad_()
        disc = (torch.rand(2, 3, 24, 24, generator=generator) < 0.1).float()
        loss = losses.disc_cross_entropy(z, disc, radius).sum()
        wanted = torch.autograd.grad(loss, z)[0]
        found = answer(z.detach(), disc, radius)
        expect(torch.is_tensor(found), "expected a tensor, of the shape of z.")
        if found.shape == wanted.shape and torch.allclose(found, -wanted, atol=1e-6):
            expect(False, "the values are right, but the sign is not. What happens to the loss where p is below d?")
        ratio = found / wanted if found.shape == wanted.shape else torch.zeros(1)
        if ratio.isfinite().all() and ratio.std() < 1e-3 * ratio.mean().abs() and abs(ratio.mean() - 1) > 1e-3:
            expect(False, f"right up to the factor {ratio.mean():.3g}. By what is the loss divided?")
        expect_close(found, wanted, "autograd finds other values. Differentiate -log(p) and -log(1 - p) "
                                    "with respect to z, not to p.", tolerance=1e-6)
    return "It agrees with autograd for two radii."


def best_logit(answer: Callable) -> str:
    """``answer(radius, size)``: the constant logit with the smallest loss for a disc in a map."""
    for radius, size in ((2.0, 48), (4.0, 96), (8.0, 96)):
        fraction = np.pi * radius**2 / size**2
        wanted, found = np.log(fraction / (1 - fraction)), float(answer(radius, size))
        expect(abs(found - fraction) > 1e-3, "this is the probability. The question asks for its logit.")
        expect(abs(found + wanted) > 0.1, "the sign is wrong: at z = 0 the probability is 50 %, and the best is lower.")
        expect(abs(found - wanted) < 0.05, f"for radius {radius:g} in {size} x {size} pixels the loss has its minimum "
                                           "elsewhere. Which fraction of the pixels is on the disc?")
    return "Tried for three sizes of disc and map."


def freeze(answer: Callable) -> str:
    """``answer(network)``: afterwards neither a step nor training mode may change what the network computes."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(),
                            nn.Sequential(nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)))
    x = torch.rand(8, 1, 12, 12)
    with torch.no_grad():
        before = network.eval()(x)
    answer(network)
    whole = nn.Sequential(network, nn.Conv2d(4, 1, 1))
    whole.train()
    whole(3 * x + 1).sum().backward()
    expect(all(p.grad is None for p in network.parameters()), "its parameters still get gradients.")
    whole.eval()
    with torch.no_grad():
        after = network(x)
    expect(torch.equal(before, after), "after one forward pass of a model in training mode it computes something else. "
                                       "What does batch normalisation update besides its parameters?")
    return "A training step changed neither its parameters nor its statistics."


def separation(answer: Callable) -> str:
    """``answer(visible, hidden)``: ROC AUC, with ties counted as one half."""
    rng = np.random.default_rng(0)
    for n, m in ((5, 5), (40, 7)):
        visible, hidden = rng.normal(1, 1, n), rng.normal(0, 1, m)
        wanted = (visible[:, None] > hidden).mean()
        found = float(answer(visible, hidden))
        expect(abs(found - (1 - wanted)) > 1e-6 or abs(wanted - 0.5) < 0.05,
               "this is the chance that a hidden point has the higher peak.")
        expect(abs(found - wanted) < 1e-6, f"for {n} visible and {m} hidden points the fraction of pairs is "
                                           f"{wanted:.3f}, not {found:.3f}. Compare every visible with every hidden.")
    found = float(answer(np.ones(4), np.ones(3)))
    expect(abs(found - 0.5) < 1e-6, f"where all peaks are equal they tell nothing, so the result should be 0.5; found "
                                    f"{found:g}. Count a tie as one half.")
    return "Tried on random peaks and on ties."
