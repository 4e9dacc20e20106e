"""Write the table of tests/README.md from the tests themselves.

    python tests/tried.py           write it
    python tests/tried.py --check   only say whether it agrees (exit code 1 if not)

A test says what it tries, on what, and what must come of it::

    @pytest.mark.tried("training.csv", "rows cut short", "one error that names the row")

The numbers of cases are counted, not stated: parametrisations, times the examples Hypothesis makes for each. The first
is that of ``make nightly``, the second that of every other run, see helpers/profile_of_run.py.
"""

import argparse
import io
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS / "README.md"
BEGIN, END = "<!-- tried -->\n\n", "\n<!-- /tried -->"


class Collector:
    """A pytest plugin that keeps what was collected."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = session.items


def examples(item: pytest.Item) -> tuple[int, int]:
    """How many cases one collected test is, in a night and in another run: Hypothesis's examples, or one."""
    settings = getattr(item.obj, "_hypothesis_internal_use_settings", None)
    most = settings.max_examples if settings else 1
    return most, getattr(item.obj, "everyday", most)


def collected() -> list[pytest.Item]:
    """Every test that a night tries."""
    os.environ["FACEKP_TESTS"] = "all"
    collector = Collector()
    with redirect_stdout(io.StringIO()):
        code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", str(TESTS)], plugins=[collector])
    if code:
        sys.exit("The tests cannot be collected: run 'python -m pytest tests --collect-only'.")
    return collector.items


def table() -> str:
    """One row per (subject, what was tried, what must come of it), sorted by subject, with its cases and its file."""
    items = collected()
    from profile_of_run import left_out  # in a folder that conftest.py put on the path

    rows: dict[tuple[str, str, str, str], tuple[int, int]] = {}
    only_at_night = set(map(id, left_out(items)))
    for item in items:
        for marker in item.iter_markers("tried"):
            key = (*marker.args, item.path.relative_to(TESTS).as_posix())
            nightly, everyday = examples(item)
            before = rows.get(key, (0, 0))
            rows[key] = before[0] + nightly, before[1] + (0 if id(item) in only_at_night else everyday)
    lines = ["| on what | what is tried | what must come of it | cases | in every run | file |",
             "|---|---|---|---|---|---|"]
    for (subject, what, outcome, path), cases in sorted(rows.items(), key=lambda row: row[0][0].lower()):
        lines.append(f"| {subject} | {what} | {outcome} | {cases[0]} | {cases[1]} | [{path}]({path}) |")
    nightly, everyday = (sum(cases[i] for cases in rows.values()) for i in (0, 1))
    return "\n".join([*lines, "", f"{len(rows)} rows: {nightly:,} cases in `make nightly`; every other run tries "
                      f"{everyday:,} of their kind, chosen at random."]) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    before = PAGE.read_text()
    start, stop = before.index(BEGIN) + len(BEGIN), before.index(END)
    after = before[:start] + table() + before[stop:]
    if check and after != before:
        print("tests/README.md does not agree with the tests: run 'python tests/tried.py'.", file=sys.stderr)
        return 1
    if not check:
        PAGE.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
