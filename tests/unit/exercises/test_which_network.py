"""The exercises on choosing a network: solutions pass, typical wrong answers get the right hint."""

import numpy as np
import pytest

from facekp.exercises import check


def front(networks):
    best, kept = np.inf, []
    for name, (_, error) in sorted(networks.items(), key=lambda item: item[1]):
        if error < best:
            best, kept = error, [*kept, name]
    return kept


SOLUTIONS = {"macs": lambda k, i, o, h, w: k * k * i * o * h * w, "front": front,
             "way": lambda error, mean_face, noise: (mean_face - error) / (mean_face - noise)}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_solution_is_correct(name):
    verdict = check(f"which-network.{name}", SOLUTIONS[name])
    assert verdict.right, verdict


@pytest.mark.parametrize(("name", "answer", "hint"), [
    ("macs", lambda k, i, o, h, w: k * k * i * o, "How often is each of them used"),
    ("macs", lambda k, i, o, h, w: k * i * o * h * w, "MACs; found"),
    ("front", list, "should not be there"),
    ("front", lambda networks: front(networks)[:1], "is missing"),
    ("way", lambda e, m, n: e / m, "gone no part of the way"),
    ("way", lambda e, m, n: (m - e) / m, "the way has ended"),
    ("way", lambda e, m, n: ((m - e) / (m - n)) ** 2, "proportional"),
])
def test_a_wrong_answer_gets_its_hint(name, answer, hint):
    verdict = check(f"which-network.{name}", answer)
    assert not verdict.right and hint in verdict.text, verdict
