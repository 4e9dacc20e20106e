"""The chapter's exercises: its solutions pass, and the usual wrong answers get their hint."""

import numpy as np
import pytest

from facekp.exercises import check


def drawn(x, y, size, sigma):
    rows, columns = np.mgrid[: size[0], : size[1]]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


def encode(x, y, size, sigma):
    return drawn((x + 0.5) / 2 - 0.5, (y + 0.5) / 2 - 0.5, size, sigma)


def quarter(values, sign=1):
    y, x = np.unravel_index(values.argmax(), values.shape)
    dx = np.sign(values[y, x + 1] - values[y, x - 1])
    dy = np.sign(values[y + 1, x] - values[y - 1, x])
    return x + sign * 0.25 * dx, y + sign * 0.25 * dy


def background(point, level, sigma, size, middle=None):
    peak, rest = 2 * np.pi * sigma**2, level * size**2
    return (peak * point + rest * ((size - 1) / 2 if middle is None else middle)) / (peak + rest)


def lost(errors, middle=np.median, times=4):
    limit = times * middle(list(errors.values()))
    return [name for name, error in errors.items() if error > limit]


@pytest.mark.parametrize(("name", "answer"), [
    ("encode", encode), ("quarter", quarter), ("background", background), ("lost", lost)])
def test_the_solution_is_right(name, answer):
    verdict = check(f"heatmaps.{name}", answer)
    assert verdict.right, verdict.text


@pytest.mark.parametrize(("name", "answer", "hint"), [
    ("encode", lambda x, y, size, sigma: drawn(x / 2, y / 2, size, sigma), "half a pixel"),
    ("encode", lambda x, y, size, sigma: encode(y, x, size, sigma), "swapped"),
    ("encode", lambda x, y, size, sigma: drawn(round((x - 0.5) / 2), round((y - 0.5) / 2), size, sigma), "rounded"),
    ("encode", lambda x, y, size, sigma: encode(x, y, size, sigma).T, "the shape|expected a map|swapped"),
    ("quarter", lambda values: quarter(values, -1), "darker"),
    ("quarter", lambda values: quarter(values)[::-1], "swapped"),
    ("quarter", lambda values: quarter(values, 0), "without the move"),
    ("background", lambda point, *rest: point, "has a weight"),
    ("background", lambda *given: background(*given, middle=48), "47.5"),
    ("lost", lambda errors: lost(errors, np.mean), "median"),
    ("lost", lambda errors: lost(errors, times=1), "only hard"),
])
def test_a_wrong_answer_gets_its_hint(name, answer, hint):
    verdict = check(f"heatmaps.{name}", answer)
    assert not verdict.right and any(h in verdict.text for h in hint.split("|")), verdict.text


def test_what_is_compared_with_is_the_library():
    """The checks use NumPy alone; the library's functions give the same."""
    import torch

    from facekp import heatmaps
    from facekp.exercises.heatmaps import gaussian

    point = torch.tensor([[[10.3, 20.9]]], dtype=torch.float64)
    expected = heatmaps.gaussian(point, (48, 40), 2.0)[0, 0]
    np.testing.assert_allclose(gaussian(10.3, 20.9, (48, 40), 2.0), expected, atol=1e-12)
    values = np.random.default_rng(0).uniform(0, 0.5, (12, 16))
    values[5, 8] = 1
    expected = heatmaps.quarter_offset(torch.from_numpy(values)[None, None])[0, 0]
    assert quarter(values) == pytest.approx(expected.tolist())
