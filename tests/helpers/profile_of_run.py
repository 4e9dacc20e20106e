"""Which cases a run tries: every one of them in ``make nightly``, else a random tenth of each exhaustive test.

    FACEKP_TESTS=all        every case, and where Hypothesis makes them the same ones in every run
    FACEKP_TEST_SEED=123    which tenth; pytest prints the seed of a run, and with it the same tenth runs again

Two kinds of tests are thinned: those that Hypothesis feeds through :func:`mutations.cases`, and those marked
``@pytest.mark.exhaustive``, whose parameters form a grid. All others run whole, always.
"""

import math
import os
import random
from collections.abc import Iterable

import pytest

LEAST = 3
"""Of every grid at least so many cases are tried, unless its mark says ``least=1``: a case that takes a minute."""

ALL = os.environ.get("FACEKP_TESTS") == "all"
# In the environment, so that xdist's workers, which collect the tests for themselves, choose the same ones.
SEED = int(os.environ.setdefault("FACEKP_TEST_SEED", str(random.SystemRandom().randrange(1_000_000))))
HEADER = ("cases: all of them (FACEKP_TESTS=all)" if ALL else
          f"cases: a random tenth of the exhaustive tests; FACEKP_TEST_SEED={SEED} tries the same again")


def everyday(count: int, least: int = LEAST) -> int:
    """How many of ``count`` cases a run tries that does not try them all."""
    return min(count, max(least, math.ceil(count / 10)))


def grids(items: Iterable[pytest.Item]) -> dict[tuple, list[pytest.Item]]:
    """The tests marked exhaustive, by the grid that they belong to: a function, and the values the mark names.

    ``@pytest.mark.exhaustive("name")`` makes one grid of each value of the parameter ``name``.
    """
    found: dict[tuple, list[pytest.Item]] = {}
    for item in items:
        mark = item.get_closest_marker("exhaustive")
        if mark is not None and hasattr(item, "callspec"):
            function = item.nodeid.partition("[")[0]
            found.setdefault((function, *(repr(item.callspec.params[name]) for name in mark.args)), []).append(item)
    return found


def left_out(items: list[pytest.Item], seed: int = SEED) -> list[pytest.Item]:
    """Those tests of ``items`` that a run with this seed does not try. Seen for itself, each grid gives its tenth."""
    out = []
    for grid, members in grids(items).items():
        least = members[0].get_closest_marker("exhaustive").kwargs.get("least", LEAST)
        kept = random.Random(f"{seed} {grid}").sample(range(len(members)), everyday(len(members), least))
        out += [item for i, item in enumerate(members) if i not in kept]
    return out
