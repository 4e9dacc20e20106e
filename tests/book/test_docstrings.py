"""What the Sphinx extension in book/tools makes of docstrings."""

import importlib.util
from pathlib import Path

import pytest

from facekp.data import Faces
from facekp.keypoints import KAGGLE

PATH = Path(__file__).parents[2] / "book" / "tools" / "docstrings.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("docstrings", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def made(tool, text: str, what: str = "module") -> str:
    lines = text.splitlines()
    tool.docstring(None, what, "name", None, None, lines)
    return "\n".join(lines).rstrip()


def test_columns_become_a_list_with_the_lines_above_them(tool):
    text = """\
Deviations, and why:
    same padding   the maps keep
                   their size.
    exactly as wide as seven words
    no dropout     not here."""
    assert made(tool, text) == """\
Deviations, and why:

* **same padding**: the maps keep
  their size.
* exactly as wide as seven words
* **no dropout**: not here."""


def test_a_term_that_fills_its_column_is_still_a_term(tool):
    text = "    wide one  a thing\n    wide ones a thing\n    narrow    a thing"
    assert made(tool, text) == "\n* **wide one**: a thing\n* **wide ones**: a thing\n* **narrow**: a thing"


def test_an_indented_paragraph_is_code_and_prose_stays_prose(tool):
    text = "A team:\n\n    torchrun --n 4 |x| -> y\n\nstarts four."
    assert made(tool, text) == "A team:\n\n::\n\n    torchrun --n 4 |x| -> y\n\nstarts four."


def test_literal_blocks_are_left_alone_and_end_where_they_end(tool):
    text = "Drawn::\n\n    | 0 |   | 1 |\n\n    a -> b\n\n|d| -> |e|"
    assert made(tool, text) == "Drawn::\n\n    | 0 |   | 1 |\n\n    a -> b\n\n\\|d\\| → \\|e\\|"


def test_bars_arrows_and_letters_in_a_function_but_not_in_its_code(tool):
    text = "w / (eps + |x|), ``a | b -> c``.\n\nArgs:\n    k: K.\n    size: H and W."
    expected = "w / (eps + \\|x\\|), ``a | b -> c``.\n\nArgs:\n    k: K\\.\n    size: H and W."
    assert made(tool, text, "function") == expected


def test_a_propertys_first_line_is_not_a_type(tool):
    napoleon = pytest.importorskip("sphinx.ext.napoleon")
    lines = "(N, K) bool: which keypoints are there.".splitlines()
    tool.docstring(None, "property", "name", None, None, lines)
    found = napoleon.GoogleDocstring(lines, napoleon.Config(), what="property", name="name").lines()
    assert ":type:" not in "".join(found) and "(N, K) bool: which keypoints are there." in found


def test_defaults_that_have_a_name_are_shown_by_it(tool):
    shown = tool.signature(None, "class", "Faces", Faces, None, f"(scheme={KAGGLE!r}, options=<factory>)", None)
    assert shown == ("(scheme=KAGGLE, options=...)", None)
    assert tool.signature(None, "data", "name", None, None, None, None) == (None, None)
