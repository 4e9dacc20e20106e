"""The exercises on the local-global context network: solutions pass, typical wrong answers get the right hint."""

import math

import numpy as np
import pytest
import torch

from facekp.exercises import check


def field(layers):
    seen, step = 1, 1
    for kernel, stride, dilation in layers:
        seen, step = seen + (kernel - 1) * dilation * step, step * stride
    return seen


def kernel_sum(sigmas):
    return 2 * math.pi * np.mean(np.square(sigmas)) * math.erf(2.5 / 2**0.5) ** 2


def coefficients(x, weight, mean, directions):
    weighted = directions * weight
    return torch.linalg.solve(weighted @ directions.T, weighted @ (x - mean))


SOLUTIONS = {"receptive_field": field, "kernel_sum": kernel_sum, "dilations": [1, 3, 9, 15],
             "shape_coefficients": coefficients}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_solution_is_correct(name):
    verdict = check(f"local-global.{name}", SOLUTIONS[name])
    assert verdict.right, verdict


@pytest.mark.parametrize(("name", "answer", "hint"), [
    ("receptive_field", lambda layers: 1 + sum((k - 1) * d for k, _, d in layers), "After a stride of s"),
    ("receptive_field", lambda layers: sum(k for k, _, _ in layers), "a pixel sees"),
    ("kernel_sum", lambda s: len(s) * kernel_sum(s), "The kernel is their mean"),
    ("kernel_sum", lambda s: 2 * math.pi * np.mean(s) ** 2, "Each Gaussian is cut"),
    ("dilations", [4] * 7, "expected four dilations"),
    ("dilations", [1, 3, 9, 27], "these see 81 pixels"),
    ("dilations", [4, 8, 8, 8], "holes"),
    ("shape_coefficients", lambda x, w, m, v: v @ x, "Is the mean subtracted"),
    ("shape_coefficients", lambda x, w, m, v: v @ (x - m), "both sides of the normal equations"),
])
def test_a_wrong_answer_gets_its_hint(name, answer, hint):
    verdict = check(f"local-global.{name}", answer)
    assert not verdict.right and hint in verdict.text, verdict
