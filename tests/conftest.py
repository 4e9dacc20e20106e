"""One thread for torch, the helpers for every test and its processes, and which cases of the large grids are tried.

Networks in tests are tiny, and two threads of one process wait for each other where another process is busy.
"""

import os
import sys
from pathlib import Path

TESTS = Path(__file__).parent
PLACES = [str(TESTS / "helpers"), str(TESTS.parent)]  # and the checkout, from which book.experiments runs

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded
os.environ["PYTHONPATH"] = os.pathsep.join([*PLACES, *filter(None, [os.environ.get("PYTHONPATH")])])
sys.path[:0] = PLACES

import profile_of_run
import pytest
import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("facekp", deadline=None)  # how long an example takes says only how busy the machine is
settings.load_profile("facekp")


def pytest_report_header() -> str:
    """What pytest prints first."""
    return profile_of_run.HEADER


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The same at the end, where a failure is looked at, and where -q shows no header."""
    terminalreporter.write_line(profile_of_run.HEADER)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a run does not try that does not try everything. What is asked for by its name is tried."""
    if profile_of_run.ALL or any("[" in argument for argument in config.args):
        return
    out = profile_of_run.left_out(items)
    if out:
        config.hook.pytest_deselected(items=out)
        gone = set(map(id, out))
        items[:] = [item for item in items if id(item) not in gone]
