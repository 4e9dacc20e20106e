"""Write the table of tests/README.md from the tests themselves.

    python tests/tried.py           write it
    python tests/tried.py --check   only say whether it agrees (exit code 1 if not)

A test says what it tries, on what, and what must come of it::

    @pytest.mark.tried("training.csv", "rows cut short", "one error that names the row")

The number of cases is counted, not told: parametrisations, times the examples Hypothesis makes for each.
"""

import argparse
import io
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


def examples(item: pytest.Item) -> int:
    """How many cases one collected test is: Hypothesis's examples, or one."""
    settings = getattr(item.obj, "_hypothesis_internal_use_settings", None)
    return settings.max_examples if settings else 1


def collected() -> list[pytest.Item]:
    collector = Collector()
    with redirect_stdout(io.StringIO()):
        code = pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", str(TESTS)], plugins=[collector])
    if code:
        sys.exit("The tests cannot be collected: run 'python -m pytest tests --collect-only'.")
    return collector.items


def table() -> str:
    """One row per (subject, what was tried, what must come of it), sorted by subject, with its cases and its file."""
    rows: dict[tuple[str, str, str, str], int] = {}
    for item in collected():
        for marker in item.iter_markers("tried"):
            key = (*marker.args, item.path.relative_to(TESTS).as_posix())
            rows[key] = rows.get(key, 0) + examples(item)
    lines = ["| on what | what is tried | what must come of it | cases | file |", "|---|---|---|---|---|"]
    for (subject, what, outcome, path), cases in sorted(rows.items(), key=lambda row: row[0][0].lower()):
        lines.append(f"| {subject} | {what} | {outcome} | {cases} | [{path}]({path}) |")
    return "\n".join([*lines, "", f"{len(rows)} rows, {sum(rows.values()):,} cases."]) + "\n"


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
