"""check() says whether an answer is right, and why not."""

import sys
from types import ModuleType

import numpy as np
import pytest

from facekp.errors import InputError
from facekp.exercises import check, expect, expect_close


@pytest.fixture(autouse=True)
def chapter(monkeypatch):
    module = ModuleType("facekp.exercises.made_up")

    def double(answer):
        numbers = np.arange(4.0)
        expect_close(answer(numbers), 2 * numbers, "it does not double every number.")
        return "Tried on four numbers."

    def positive(answer):
        expect(answer > 0, "the number should be positive.")
        return "It is positive."

    module.double, module.positive = double, positive
    monkeypatch.setitem(sys.modules, "facekp.exercises.made_up", module)


@pytest.mark.parametrize(("name", "answer", "text"), [
    ("made-up.positive", 3, "Correct. It is positive."),
    ("made-up.positive", -3, "Not yet: the number should be positive."),
    ("made-up.positive", None, "Not answered yet: replace the ... in the cell above."),
    ("made-up.positive", ..., "Not answered yet: replace the ... in the cell above."),
    ("made-up.double", lambda x: 2 * x, "Correct. Tried on four numbers."),
    ("made-up.double", lambda x: x, "Not yet: it does not double every number."),
    ("made-up.double", lambda x: x[:2], "Not yet: expected the shape (4,), found (2,)."),
    ("made-up.double", lambda x: x / None, "Not yet: your answer stopped with TypeError"),
])
def test_the_verdict_names_what_is_wrong(name, answer, text):
    verdict = check(name, answer)
    assert repr(verdict).startswith(text) and verdict.right == text.startswith("Correct")


@pytest.mark.parametrize("name", ["made-up.triple", "nowhere.double", "made-up", ""])
def test_an_unknown_exercise_is_one_message(name):
    with pytest.raises(InputError, match="There is no exercise"):
        check(name, 1)
