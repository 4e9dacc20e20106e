"""Run the tests that the changed files can break, nearest first: ``make check``.

    python tests/check.py                 what differs from the main branch, or is not committed
    python tests/check.py --since v0.1.0  what differs from that commit
    python tests/check.py --list          only say what would run, and why

A test file can be broken by the Python files that it imports, directly or through others; ``reach.py`` finds them in
the sources, so a fresh clone needs no record of an earlier run. (pytest-testmon knows more exactly which test runs
which function, but only after a whole run on this machine, and it takes a changed page, table or notebook for nothing.)
For other files ``RULES`` says which tests read them. A file that neither knows runs everything.

Where a change reaches more than two minutes of tests, those files run whose imports lead to it in the fewest steps,
and the others are named at the end: what was not tried is not called good. The seconds come from ``TIMES``.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatch

import reach

ROOT = reach.ROOT
TIMES = ROOT / "book" / "results" / "test-times.json"
BUDGET = 130  # CPU seconds of tests on two cores, beside starting, ruff and mypy: less than two minutes
UNKNOWN = 10.0  # seconds of a test file that was never measured
# The processes of these are children of a fork server, which the record does not count with the test.
UNSEEN = {f"tests/robustness/test_{name}.py": 55.0 for name in ("disks", "kills", "races")}
PAGES = ["tests/book/test_book.py", "tests/book/test_appendix.py", "tests/robustness/test_commands.py"]
NOTEBOOKS = [*PAGES, "tests/book/test_prose.py", "tests/robustness/test_safety.py",
             "tests/unit/widgets/test_widgets.py"]
LIVE = ["tests/book/test_live.py", "tests/robustness/test_safety.py", "tests/robustness/test_downloads.py"]
RULES = [  # the first that fits counts: files, and the tests that read them
    ("book/*.ipynb", NOTEBOOKS),
    ("README.md", [*PAGES, "tests/house/test_house.py"]),
    ("CHANGELOG.md", ["tests/house/test_house.py"]),
    ("CITATION.cff", ["tests/house/test_house.py"]),
    (".zenodo.json", ["tests/book/test_teaching.py"]), ("book/paper/*", [*PAGES, "tests/book/test_teaching.py"]),
    ("book/tools/slides.html", ["tests/book/test_book_downloads.py"]),
    ("*.md", PAGES),
    ("Makefile", ["tests/book/test_appendix.py", "tests/robustness/test_commands.py"]),
    ("_*.yml", ["tests/book/test_book.py", "tests/book/test_appendix.py"]),
    ("tests/nbval.cfg", ["tests/book/test_appendix.py"]),
    ("book/plans/*.toml", ["tests/book/test_plan.py", "tests/robustness/test_commands.py"]),
    ("book/results/*", ["tests/book/*.py", "tests/robustness/test_plans.py", "tests/unit/widgets/test_widgets.py"]),
    ("book/_static/diagrams/*", ["tests/book/test_diagrams.py"]),
    ("book/live/*", LIVE),
    ("facekp/widgets/*.js", ["tests/unit/widgets/*.py"]), ("facekp/widgets/*.css", ["tests/unit/widgets/*.py"]),
    ("book/tools/host.js", ["tests/book/test_widget_pages.py"]),
    ("book/tools/environments.toml", ["tests/book/test_appendix.py"]),
    ("book/python/*", ["tests/book/test_python_here.py"]), ("book/inside/*", ["tests/book/test_inside_page.py"]),
    ("facekp/photo/face-maps.*", ["tests/unit/photo/*.py"]),
    (".ci/*", []), (".github/*", []), (".devcontainer/*", []), (".gitignore", []), ("LICENSE", []),  # read by no test
    ("facekp/py.typed", []),
]
BROWSER = {"tests/book/test_rendered.py", "tests/book/test_live.py", "tests/book/test_widgets_browser.py",
           "tests/book/test_widget_pages.py", "tests/book/test_camera.py"}


@dataclass
class Choice:
    """What is to run, what was left for a longer run, and what is unknown."""

    steps: dict[str, int] = field(default_factory=dict)  # test file: how many imports away, 0 if changed itself
    notebooks: list[str] = field(default_factory=list)  # whose code cells changed
    unknown: list[str] = field(default_factory=list)  # files that neither rules nor imports know
    left: list[str] = field(default_factory=list)

    def add(self, tests: Iterable[str], step: int) -> None:
        for test in tests:
            self.steps[test] = min(step, self.steps.get(test, step))


def git(*arguments: str) -> str:
    """What git prints; "" where it fails."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def base(since: str | None) -> str | None:
    """The commit to compare with: the one named, or where this branch left the main one. None: there is no git."""
    if since is not None:
        return since
    for main in ("origin/HEAD", "origin/main", "main"):
        if found := git("merge-base", "HEAD", main).strip():
            return found
    return git("rev-parse", "HEAD").strip() or None


def changed(since: str) -> list[str]:
    """Every file that differs from that commit, committed or not, and every new one that git does not ignore."""
    if not git("rev-parse", "--verify", f"{since}^{{commit}}"):
        sys.exit(f"git knows no commit '{since}'.")
    names = git("diff", "--name-only", "--no-renames", "-z", since) + git("ls-files", "-zo", "--exclude-standard")
    return sorted(set(filter(None, names.split("\0"))))


def code(notebook: str | bytes) -> list[str]:
    """The sources of the code cells; [] of what is no notebook."""
    try:
        return ["".join(c["source"]) for c in json.loads(notebook)["cells"] if c["cell_type"] == "code"]
    except (ValueError, KeyError):
        return []


def chosen(files: Iterable[str], since: str) -> Choice:
    """Which tests the files can break."""
    choice, tests = Choice(), reach.tests()
    steps = reach.steps_from([f for f in files if f.endswith(".py")])
    choice.add((test for test in tests if test in steps), 0)
    choice.steps |= {test: steps[test] for test in choice.steps}
    for name in files:
        if name.endswith(".py"):
            choice.unknown += [] if reach.steps_from([name]).keys() & set(tests) else [name]
            continue
        patterns = next((patterns for pattern, patterns in RULES if fnmatch(name, pattern)), None)
        if patterns is None:
            choice.unknown.append(name)
        for pattern in patterns or []:
            choice.add((t for t in tests if t == pattern or (fnmatch(t, pattern) and t not in BROWSER)), 0)
        if name.endswith(".ipynb") and (ROOT / name).is_file():
            before, now = git("show", f"{since}:{name}"), (ROOT / name).read_bytes()
            choice.notebooks += [name] if code(now) != code(before) else []
    choice.add((test for test in tests if test.startswith("tests/house/")), 0)
    if choice.unknown:
        choice.add(tests, 99)
    return choice


def within_budget(choice: Choice) -> None:
    """Leave out what does not fit into two minutes, farthest first; nothing where a file is unknown."""
    seconds = (json.loads(TIMES.read_text())["files"] if TIMES.is_file() else {}) | UNSEEN
    live = any(choice.steps.get(test) == 0 for test in BROWSER)
    if not live:
        choice.steps = {test: step for test, step in choice.steps.items() if test not in BROWSER}
    if choice.unknown:
        return
    total = 0.0
    for test, step in sorted(choice.steps.items(), key=lambda item: (item[1], seconds.get(item[0], UNKNOWN))):
        total += seconds.get(test, UNKNOWN)
        if total > BUDGET and step > 0:
            choice.left.append(test)
            del choice.steps[test]


def run(choice: Choice) -> int:
    """The tests, then the notebooks; the exit code of the first that fails."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "FACEKP_KAGGLE": ""}
    pytest = [sys.executable, "-m", "pytest", "-q", "-n", "auto"]
    tests = [*pytest, "--dist", "loadfile", *sorted(choice.steps)]
    done = subprocess.run(tests, cwd=ROOT, env=environment, check=False)
    if done.returncode or not choice.notebooks:
        return done.returncode
    nbval = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/nbval.cfg", "--dist", "loadscope"]
    return subprocess.run([*pytest, *nbval, *choice.notebooks], cwd=ROOT, env=environment, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--since", metavar="COMMIT", help="compare with this commit, not with the main branch")
    parser.add_argument("--list", action="store_true", help="run nothing")
    options = parser.parse_args()
    since = base(options.since)
    if since is None:
        print("No git here, so what changed is unknown: make test runs everything.", file=sys.stderr)
        return 1
    files = changed(since)
    choice = chosen(files, since)
    within_budget(choice)
    print(f"{len(files)} files differ from {since[:9]}: {len(choice.steps)} test files and {len(choice.notebooks)} "
          "notebooks to run.", flush=True)
    if choice.unknown:
        print(f"Everything runs, as it is unknown what these can break: {', '.join(choice.unknown)}")
    if options.list:
        print(*(f"{step:3} {test}" for test, step in sorted(choice.steps.items(), key=lambda i: i[::-1])), sep="\n")
        print(*(f"not {test}" for test in choice.left), sep="\n")
        return 0
    code = run(choice)
    if choice.left:
        print(f"Not run, though the change can reach them: {' '.join(choice.left)}\nmake test runs them.")
    return code


if __name__ == "__main__":
    sys.exit(main())
