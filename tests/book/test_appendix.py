"""The appendix: the library's reference, the glossary, and the page about the tests."""

import importlib
import importlib.util
import json
import pkgutil
import re
import sys
from pathlib import Path

import nbformat
import pytest

import facekp

ROOT = Path(__file__).parents[2]
API = [ROOT / "book" / "api.md", *sorted((ROOT / "book" / "api").glob("*.md"))]
DIRECTIVE = re.compile(r"^\.\. (?:auto(\w+)|py:(data)):: (\S+)$\n?((?:   :.*\n)*)", re.MULTILINE)


# ---- the library's reference ------------------------------------------------------------------


def documented() -> list[tuple[str, str]]:
    """(kind, name) of every entry on the pages, e.g. ("function", "facekp.data.load")."""
    found = []
    for page in API:
        for kind, data, name, options in DIRECTIVE.findall(page.read_text()):
            module = re.search(r":module: (\S+)", options)
            found.append((kind or data, f"{module[1]}.{name}" if module else name))
    return found


def look_up(name: str):
    """The module, class, function or value of that name."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, last = name.rpartition(".")
        return getattr(importlib.import_module(module), last)


def left_out() -> dict[str, str]:
    """Module -> the reason that api.md gives for leaving it out."""
    text = API[0].read_text().partition("## What is not here")[2]
    return dict(re.findall(r"^\| `(facekp[\w.]*)` \| (.+) \|$", text, re.MULTILINE))


def modules() -> set[str]:
    """All modules of the library."""
    return {"facekp"} | {m.name for m in pkgutil.walk_packages(facekp.__path__, "facekp.")}


def test_every_module_is_in_the_reference_or_has_a_reason_not_to_be():
    shown = {"facekp"}
    for _, name in documented():
        shown |= {name if name in modules() else getattr(look_up(name), "__module__", name.rpartition(".")[0])}
    reasons = left_out()
    missing = {m for m in modules() - shown if not any(m == r or m.startswith(r + ".") for r in reasons)}
    assert missing == set()
    assert set(reasons) <= modules() and all(reasons.values())


def test_every_entry_of_the_reference_exists_and_says_something():
    names = [name for _, name in documented()]
    assert len(names) > 100 and len(set(names)) == len(names)
    for kind, name in documented():
        thing = look_up(name)
        assert kind == "data" or (thing.__doc__ or "").strip(), name


@pytest.mark.parametrize("room", ["facekp.data", "facekp.training"])
def test_what_a_room_offers_is_in_the_reference(room):
    names = {name for _, name in documented()}
    assert {f"{room}.{name}" for name in importlib.import_module(room).__all__} <= names


def test_every_page_of_the_reference_is_reached_from_its_first():
    first = API[0].read_text()
    assert len(API) > 2 and all(f"](api/{page.name})" in first for page in API[1:])


# ---- the glossary -----------------------------------------------------------------------------


def glossary() -> list[tuple[str, str]]:
    """(term, definition), in the order of the page."""
    block = re.search(r"```\{glossary\}\n(.*?)\n```", (ROOT / "book" / "notation.md").read_text(), re.DOTALL)[1]
    entries = [entry.splitlines() for entry in block.split("\n\n")]
    assert all(len(lines) == 2 and lines[1].startswith("  ") for lines in entries)
    return [(term, definition.strip()) for term, definition in entries]


def test_the_terms_are_unique_and_in_alphabetical_order():
    terms = [term.casefold() for term, _ in glossary()]
    assert len(terms) >= 40 and terms == sorted(set(terms))


def test_a_definition_ends_with_its_chapter():
    for term, definition in glossary():
        link = re.search(r"; see \[[^\]]+\]\(([\w-]+\.ipynb)\)\.$", definition)
        assert link and (ROOT / "book" / link[1]).is_file(), term


# ---- how the book is tested -------------------------------------------------------------------


@pytest.fixture
def status():
    spec = importlib.util.spec_from_file_location("status", ROOT / "book" / "tools" / "status.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def elsewhere(status, tmp_path, monkeypatch):
    """The tool on a book of its own: two chapters in the table of contents and a draft."""
    monkeypatch.setattr(status, "ROOT", tmp_path)
    monkeypatch.setattr(status, "RECORD", tmp_path / "status.json")
    monkeypatch.setattr(status, "PACKAGES", ("pytest", "numpy"))  # the others need not be there for the tests
    (tmp_path / "book").mkdir()
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "nbval.cfg").write_text((ROOT / "tests" / "nbval.cfg").read_text())
    (tmp_path / "_toc.yml").write_text("root: book/welcome\nchapters:\n  - file: book/two\n  - file: book/one\n")
    for name in ("one", "two", "draft"):
        write_notebook(tmp_path / "book" / f"{name}.ipynb", f"# Chapter {name}: a beginning", "print(1 + 1)")
    return status


def write_notebook(path: Path, title: str, *sources: str, tags: tuple[str, ...] = ()) -> None:
    """A notebook whose every cell is said to print 2; ``tags`` are the last cell's."""
    v4 = nbformat.v4
    output = v4.new_output("stream", name="stdout", text="2\n")
    cells = [v4.new_code_cell(s, execution_count=i, outputs=[output]) for i, s in enumerate(sources, 1)]
    cells[-1].metadata["tags"] = list(tags)
    nbformat.write(v4.new_notebook(cells=[v4.new_markdown_cell(title), *cells],
                                   metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}}), path)


def test_the_page_shows_the_record(status):
    page = status.PAGE.read_text()
    assert status.filled(page) == page and page.count("<!-- status:") == 2


def test_without_a_record_nothing_is_claimed(elsewhere):
    assert elsewhere.filled("a\n<!-- status: begin -->\nold\n<!-- status: end -->\nb") == (
        "a\n<!-- status: begin -->\n\nNothing has been measured yet.\n\n<!-- status: end -->\nb")


def test_empty_cells_do_not_count_and_exempt_ones_do(status, tmp_path):
    path = tmp_path / "some.ipynb"
    write_notebook(path, "# Some cells", "1", "", "# NBVAL_SKIP\n2", "3", tags=("nbval-ignore-output",))
    assert status.counted(path) == {"title": "Some cells", "cells": 3, "exempt": 2}


def test_a_run_measures_what_is_in_the_book_and_keeps_the_rest(elsewhere, monkeypatch):
    calls = []

    def pytest_(*arguments):
        calls.append(arguments)
        return int(arguments[-1].endswith("one.ipynb")), "7 tests collected in 1.00s", 2.7

    monkeypatch.setattr(elsewhere, "pytest", pytest_)
    record = elsewhere.measure([])
    assert json.loads(elsewhere.RECORD.read_text()) == record and record["tests"] == 7
    assert [Path(c[-1]).name for c in calls[1:]] == ["two.ipynb", "one.ipynb"]  # as in the table of contents
    assert all("--nbval-sanitize-with" in c for c in calls[1:])
    lines = elsewhere.tables(record).splitlines()
    day = record["date"]
    assert f"| [Chapter two](two.ipynb) | 1 | 0 | 3 | yes | {day} |" in lines
    assert f"| [Chapter one](one.ipynb) | 1 | 0 | 3 | **no** | {day} |" in lines
    assert "| together | 2 | 0 | 5 | | |" in lines

    monkeypatch.setattr(elsewhere, "pytest", lambda *_: (0, "8 tests collected in 1.00s", 9.0))
    again = elsewhere.measure(["one"])
    assert again["tests"] == 8 and again["notebooks"]["one"]["agrees"]
    assert again["notebooks"]["two"] == record["notebooks"]["two"]
    with pytest.raises(SystemExit, match=r"no three\.ipynb"):
        elsewhere.measure(["three"])


def test_a_notebook_that_says_something_else_does_not_agree(elsewhere, capsys):
    path = elsewhere.ROOT / "book" / "one.ipynb"
    write_notebook(path, "# One", "print(1 + 2)")
    row = elsewhere.run_notebook(path)
    assert (row["agrees"], row["cells"]) == (False, 1) and row["seconds"] > 0
    assert "print(1 + 2)" in capsys.readouterr().err


def test_the_first_page_names_every_chapter_and_promises_no_less_time_than_was_measured(status):
    page = "\n".join(c.source for c in nbformat.read(ROOT / "book" / "welcome.ipynb", as_version=4).cells)
    promised = {name: int(seconds) for name, seconds in
                re.findall(r"^\| \[[^\]]+\]\(([\w-]+)\.ipynb\) \|.*\| (\d+)\ss \|$", page, re.MULTILINE)}
    assert set(promised) == {path.stem for path in status.chapters()} - {"welcome"}
    measured = json.loads(status.RECORD.read_text())["notebooks"]
    short = {name: (seconds, measured[name]["seconds"]) for name, seconds in promised.items()
             if name in measured and measured[name]["seconds"] > seconds}
    assert short == {}, "(promised, measured) seconds: write more into the table of welcome.ipynb"


# ---- how long it takes --------------------------------------------------------------------------


@pytest.fixture
def times(tmp_path, monkeypatch):
    """The tool, with a record of its own."""
    spec = importlib.util.spec_from_file_location("test_times", ROOT / "book" / "tools" / "test_times.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_the_times_of_the_record(times):
    page = times.PAGE.read_text()
    assert times.filled(page) == page and page.count("<!-- times:") == 2


def test_a_target_is_timed_with_its_processes_and_its_tests(times, tmp_path, monkeypatch):
    (tmp_path / "test_some.py").write_text("""
def test_one():
    sum(range(10**7))
def test_two():
    import subprocess, sys
    subprocess.run([sys.executable, "-c", "sum(range(10**7))"], check=True)
""")
    (tmp_path / "Makefile").write_text(f"unit:\n\t{sys.executable} -m pytest -q -p no:cacheprovider test_some.py\n")
    monkeypatch.setattr(times, "RECORD", tmp_path / "record.json")
    assert "Nothing has been measured" in times.table(times.read())
    measured = times.measure("unit", tmp_path)
    assert measured["row"]["passed"] and measured["row"]["tests"] == 2 and set(measured["files"]) == {"test_some.py"}
    assert 0 < measured["files"]["test_some.py"] < measured["row"]["cpu_s"]
    times.keep("unit", "now", measured)
    times.keep("unit", "before", {"row": measured["row"] | {"cpu_s": 977}, "files": {"tests/test_x.py": 1.0}})
    assert times.read()["files"] == {}  # of the tests of this checkout as it is now, and only those
    row = times.table(times.read()).splitlines()[-1]
    assert row.startswith(f"| `make unit` | 2 | {measured['row']['cpu_s']} | ") and "977" not in row


# ---- other versions ---------------------------------------------------------------------------

REPORT = """<testsuites><testsuite><testcase classname="tests.a" name="one"/>
<testcase classname="tests.a" name="two"><failure message="no"/></testcase>
<testcase classname="tests.b" name="three"><skipped message="later"/></testcase>
<testcase classname="tests.b" name="four"><error message="no"/></testcase></testsuite></testsuites>"""


@pytest.fixture
def compat(tmp_path, monkeypatch):
    """The tool, with a page and a record of its own."""
    spec = importlib.util.spec_from_file_location("compat", ROOT / "book" / "tools" / "compat.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "compat", module)  # where its dataclass looks for itself
    spec.loader.exec_module(module)
    return module


def test_the_page_shows_the_versions_of_the_record(compat):
    page = compat.PAGE.read_text()
    assert compat.filled(page) == page and page.count("<!-- compat:") == 2


def test_what_pytest_reports_is_counted(compat, tmp_path):
    (tmp_path / "report.xml").write_text(REPORT)
    assert compat.outcome(tmp_path / "report.xml") == {
        "passed": 1, "failed": 2, "skipped": 1, "failures": ["tests.a::two", "tests.b::four"]}


def test_an_environment_measured_again_takes_its_place_and_failures_show(compat, tmp_path, monkeypatch):
    monkeypatch.setattr(compat, "RECORD", tmp_path / "record.json")
    (tmp_path / "report.xml").write_text(REPORT)
    environment = {"ran": "tests", "date": "2026-01-02", "python": "3.99", "packages": {"torch": "7.0"}}
    monkeypatch.setattr(compat, "measure", lambda case, folder: compat.outcome(tmp_path / "report.xml") | environment)
    assert "Nothing has been run" in compat.table(compat.read())
    for name in ("newest", "oldest", "newest"):
        compat.run([name], None)
    shown = compat.table(compat.read()).splitlines()
    assert shown[0] == "| | oldest | newest |" and "| `torch` | 7.0 | 7.0 |" in shown
    assert "| **failed** | 2 tests | 2 tests |" in shown and "| `numpy` |  |  |" in shown
    with pytest.raises(SystemExit, match="no environment ancient"):
        compat.run(["ancient"], None)


def test_both_ways_to_run_are_those_of_the_makefile(compat, tmp_path):
    arguments, folder = compat.unit()
    assert folder == ROOT
    assert {"--ignore=tests/book/test_rendered.py", "--ignore=tests/robustness"} <= set(arguments)
    arguments, folder = compat.notebooks(tmp_path / "away")
    assert "--nbval" in arguments and (folder / "tests" / "nbval.cfg").is_file()
    assert {p.name for p in folder.glob("*.ipynb")} == {p.name for p in (ROOT / "book").glob("*.ipynb")}
