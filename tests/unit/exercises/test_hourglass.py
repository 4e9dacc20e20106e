"""The exercises of the stacked hourglass: the solution passes, typical wrong answers get the right hint."""

import pytest
from torch import nn

from facekp.exercises import check
from facekp.models import create_model


def first_stacks(model, n):
    short = create_model(model.name, size=model.size, **model.options | {"stacks": n})
    kept = short.state_dict().keys()
    short.load_state_dict({name: value for name, value in model.state_dict().items() if name in kept})
    return short


def cut(model, n):
    """The model itself, shortened."""
    model.network.hourglasses = nn.ModuleList(list(model.network.hourglasses)[:n])
    model.network.heads = nn.ModuleList(list(model.network.heads)[:n])
    return model


SOLUTIONS = {
    "parameters": lambda n, c: (3 * n + 1) * (3.25 * c**2 + 6 * c),
    "rounded": lambda e, s: ((e**2 + s**2 / 12) ** 0.5, (e**2 + s**2 / 48) ** 0.5),
    "first-stacks": first_stacks,
}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_the_solution_is_right(name):
    verdict = check(f"hourglass.{name}", SOLUTIONS[name])
    assert verdict.right, verdict.text


@pytest.mark.parametrize(("name", "answer", "hint"), [
    ("parameters", lambda n, c: (3 * n + 1) * 3.25 * c**2, "biases and batch normalisation are missing"),
    ("parameters", lambda n, c: (3 * n + 1) * (3.25 * c**2 + 2 * c), "batch normalisation is missing"),
    ("parameters", lambda n, c: 3 * n * (3.25 * c**2 + 6 * c), "the innermost"),
    ("parameters", lambda n, c: (2 * n + 1) * (3.25 * c**2 + 6 * c), "three blocks with each level"),
    ("rounded", lambda e, s: (e + s / 12**0.5, e + s / 48**0.5), "root of the sum of squares"),
    ("rounded", lambda e, s: SOLUTIONS["rounded"](e, s)[::-1], "wrong way round"),
    ("rounded", lambda e, s: (e, e), "should make the error larger"),
    ("rounded", lambda e, s: ((e**2 + 1 / 12) ** 0.5, (e**2 + 1 / 48) ** 0.5), "argmax differs"),
    ("rounded", lambda e, s: ((e**2 + s**2 / 12) ** 0.5, (e**2 + s**2 / 24) ** 0.5), "quarter offset differs"),
    ("first-stacks", lambda model, n: model, "the new model returns the maps of 3"),
    ("first-stacks", cut, "has changed"),
    ("first-stacks", lambda model, n: create_model("hourglass-s", channels=16, depth=2, stacks=n), "not those of"),
    ("first-stacks", lambda model, n: model.network, "expected a KeypointModel"),
])
def test_a_wrong_answer_gets_its_hint(name, answer, hint):
    verdict = check(f"hourglass.{name}", answer)
    assert not verdict.right and hint in verdict.text, verdict.text
