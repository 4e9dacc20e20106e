"""Notebooks for a class: the chapters without the solutions of their exercises.

    python book/tools/student.py OUT_DIR

Exercises, hints, starter cells and ``check`` stay, so that students still learn whether their answer is right. A
solution is a text cell with ``:::{solution}`` and the folded cells under it: its code, and a hidden assertion about its
output.
"""

import copy
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
FOLDED = {"hide-cell", "remove-cell"}


def solution_cells(notebook: nbformat.NotebookNode) -> list[int]:
    """Positions of the cells that belong to solutions."""
    found, inside = [], False
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            inside = ":::{solution}" in cell.source
        else:
            inside = inside and bool(FOLDED & set(cell.metadata.get("tags", [])))
        found += [i] if inside else []
    return found


def without_solutions(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy without these cells; the code cells that stay are numbered anew."""
    out, gone = copy.deepcopy(notebook), set(solution_cells(notebook))
    out.cells = [cell for i, cell in enumerate(out.cells) if i not in gone]
    for number, cell in enumerate((c for c in out.cells if c.cell_type == "code"), 1):
        cell.execution_count = number
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = number
    return out


def text(path: Path) -> str:
    """The student version of the notebook at ``path``, as the text of a file."""
    return nbformat.writes(without_solutions(nbformat.read(path, as_version=4))) + "\n"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for path in NOTEBOOKS:
        (folder / path.name).write_text(text(path), encoding="utf-8")
    print(f"Wrote {len(NOTEBOOKS)} notebooks without solutions to {folder}")
