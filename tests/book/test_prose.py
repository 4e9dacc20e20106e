"""What the chapters say in words agrees with what their cells print."""

import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[2] / "book").glob("*.ipynb"))
DECIMAL = re.compile(r"(?<![\w.§])\d+\.\d+(?!\.?\d)")
FOLLOWS = re.compile(r" ?(px|pixels|%|s\b|ms\b|M\b|G\b|times|against|to|and|,|\.|\)|;|:)")

# Figures that no cell prints: what others reported (cited beside them), and the numbers of a worked example.
EXEMPT = {
    "coordinates": {"59.575", "400.5"},
    "direct-regression": {"3.3"},  # the networks that gave rise to this book
    "limits": {"34.7", "0.8"},  # Buolamwini and Gebru
    "own-photos": {"605.5", "500.5"},
}


def printed(notebook) -> list[float]:
    """Every decimal number in the notebook's text outputs and in its code."""
    texts = []
    for cell in (c for c in notebook.cells if c.cell_type == "code"):
        texts.append(cell.source)
        for output in cell.outputs:
            texts.append(output.get("text", ""))
            texts += [value for kind, value in output.get("data", {}).items() if kind.startswith("text/")]
    return [float(n) for text in texts for n in re.findall(r"(?<![\w.])\d+\.\d+(?:e-?\d+)?", text)]


def claimed(text: str) -> list[str]:
    """The decimal numbers in words: not in formulas, not in code."""
    text = re.sub(r"```.*?```|`[^`]*`|\$[^$]*\$", "", text, flags=re.DOTALL)
    return [m[0] for m in DECIMAL.finditer(text) if FOLLOWS.match(text, m.end())]


def unbacked(notebook, exempt: set[str]) -> list[str]:
    """Numbers in words that, rounded as they are, no cell prints, as a number or as a percentage."""
    known = printed(notebook)
    return [number for cell in notebook.cells if cell.cell_type == "markdown" for number in claimed(cell.source)
            if number not in exempt
            and not any(abs(v * scale - float(number)) <= 0.5001 * 10 ** -len(number.partition(".")[2])
                        for v in known for scale in (1, 100))]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_every_figure_in_words_is_printed_by_a_cell(path):
    exempt = EXEMPT.get(path.stem, set())
    notebook = nbformat.read(path, as_version=4)
    assert unbacked(notebook, exempt) == []
    said = {n for c in notebook.cells if c.cell_type == "markdown" for n in claimed(c.source)}
    assert exempt <= said, "EXEMPT names figures that are no longer there"


def test_a_figure_that_no_cell_prints_is_found():
    v4 = nbformat.v4
    cell = v4.new_code_cell("print(error)", outputs=[v4.new_output("stream", text="1.1772\n")])
    words = v4.new_markdown_cell("It errs by 1.18 px, not 1.19 px; that is 117.72 %. $1.5$ and `2.5` are not read.")
    assert unbacked(v4.new_notebook(cells=[cell, words]), set()) == ["1.19"]
