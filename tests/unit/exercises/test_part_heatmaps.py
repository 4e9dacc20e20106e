"""The exercises on part heatmaps: solutions pass, typical wrong answers get the right hint."""

import numpy as np
import pytest
import torch

from facekp.exercises import check


def freeze(network):
    network.requires_grad_(False)
    network.eval()
    network.train = lambda mode=True: network


def auc(visible, hidden):
    a = visible[:, None]
    return (a > hidden).mean() + 0.5 * (a == hidden).mean()


def best_logit(radius, size):
    fraction = np.pi * radius**2 / size**2
    return np.log(fraction / (1 - fraction))


SOLUTIONS = {"gradient": lambda z, d, r: (z.sigmoid() - d) / (torch.pi * r**2), "best_logit": best_logit,
             "freeze": freeze, "separation": auc}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_solution_is_correct(name):
    verdict = check(f"part-heatmaps.{name}", SOLUTIONS[name])
    assert verdict.right, verdict


@pytest.mark.parametrize(("name", "answer", "hint"), [
    ("gradient", lambda z, d, r: (d - z.sigmoid()) / (torch.pi * r**2), "the sign is not"),
    ("gradient", lambda z, d, r: z.sigmoid() - d, "right up to the factor"),
    ("gradient", lambda z, d, r: z - d, "autograd finds other values"),
    ("gradient", lambda z, d, r: 0.0, "expected a tensor"),
    ("best_logit", lambda r, s: np.pi * r**2 / s**2, "this is the probability"),
    ("best_logit", lambda r, s: -best_logit(r, s), "the sign is wrong"),
    ("best_logit", lambda r, s: -4.0, "elsewhere"),
    ("freeze", lambda network: None, "still get gradients"),
    ("freeze", lambda network: network.requires_grad_(False), "computes something else"),
    ("separation", lambda v, h: (v[:, None] < h).mean(), "a hidden point has the higher peak"),
    ("separation", lambda v, h: (v[:, None] > h).mean(), "Count a tie as one half"),
    ("separation", lambda v, h: v.mean() - h.mean(), "Compare every visible with every hidden"),
])
def test_a_wrong_answer_gets_its_hint(name, answer, hint):
    verdict = check(f"part-heatmaps.{name}", answer)
    assert not verdict.right and hint in verdict.text, verdict
