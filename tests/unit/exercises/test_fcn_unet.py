"""The exercises of FCN-8 and U-Net: the solution passes, typical wrong answers get the right hint."""

import pytest
import torch

from facekp.exercises import check


def energy(targets):
    return torch.linalg.svdvals(targets.transpose(0, 1).flatten(1)) ** 2


def rest(values, features):
    return (values[features:].sum() / values.sum()).item()


SOLUTIONS = {
    "skip-values": (1105920, 2700),
    "undecided": lambda n: (1 / n, 1 - 1 / n),
    "coverage": lambda kernel, stride: [len(range(x, kernel, stride)) for x in range(stride)],
    "least-loss": lambda targets, features: rest(energy(targets), features),
}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_is_right(name):
    verdict = check(f"fcn-unet.{name}", SOLUTIONS[name])
    assert verdict.right, verdict.text


@pytest.mark.parametrize(("name", "answer", "hint"), [
    ("skip-values", (1142784, 2700), "no skip connection"),
    ("skip-values", (1105920, 2835), "only those at 1/16"),
    ("skip-values", (1105920, 110592), "scores, 15 per cell"),
    ("skip-values", 1105920, "two numbers"),
    ("undecided", lambda n: (0.5, 0.5), "not that of the height"),
    ("undecided", lambda n: (0.5, 0.25 + 0.25 * (n - 1)), "smaller loss"),
    ("undecided", lambda n: 1 / n, "return (height, loss)"),
    ("coverage", lambda kernel, stride: [kernel / stride] * stride, "wrong in place"),
    ("coverage", lambda kernel, stride: [kernel // stride] * stride, "should sum to 3"),
    ("coverage", lambda kernel, stride: [1] * kernel, "one per pixel of a period"),
    ("least-loss", lambda targets, features: rest(energy(targets).sqrt(), features), "singular values squared"),
    ("least-loss", lambda targets, features: 1 - features / targets.shape[1], "features that reach a smaller loss"),
    ("least-loss", lambda targets, features: rest(energy(targets[:1]), features), "all faces"),
])
def test_a_wrong_answer_gets_its_hint(name, answer, hint):
    verdict = check(f"fcn-unet.{name}", answer)
    assert not verdict.right and hint in verdict.text, verdict.text
