"""The notebooks for a class: no solution is left, everything else is, and they run from top to bottom."""

import ast
import importlib.util
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))


def tool():
    spec = importlib.util.spec_from_file_location("student", ROOT / "book" / "tools" / "student.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


student = tool()


def both(path: Path) -> tuple:
    """The notebook, and the one without solutions."""
    notebook = nbformat.read(path, as_version=4)
    return notebook, student.without_solutions(notebook)


def names(sources: list[str], kind: type) -> set[str]:
    """The names that these cells set (``ast.Store``) or use (``ast.Load``), functions, classes and imports included."""
    found = set()
    for source in sources:
        for node in ast.walk(ast.parse(source.replace("%pip", "pass  #"))):
            if isinstance(node, ast.Name) and isinstance(node.ctx, kind):
                found.add(node.id)
            elif kind is ast.Store and isinstance(node, ast.arg):
                found.add(node.arg)
            elif kind is ast.Store and isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
            elif kind is ast.Store and isinstance(node, ast.Import | ast.ImportFrom):
                found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
class TestStudentVersion:
    def test_holds_every_exercise_starter_and_check_and_no_solution(self, path):
        notebook, short = both(path)
        count = sum(":::{solution}" in cell.source for cell in notebook.cells)
        text = nbformat.writes(short)
        assert "{solution}" not in text and "Correct." not in text
        assert text.count(":::{exercise}") == nbformat.writes(notebook).count(":::{exercise}") == count
        checks = [c for c in short.cells if c.cell_type == "code" and "check(" in c.source]
        assert len(checks) == count and all("..." in cell.source for cell in checks)

    def test_misses_nothing_but_solutions(self, path):
        notebook, short = both(path)
        kept = {cell.id for cell in short.cells}
        gone = [cell for cell in notebook.cells if cell.id not in kept]
        assert all(cell.cell_type == "markdown" or "check(" in cell.source or "assert" in cell.source for cell in gone)
        assert [c.source for c in short.cells] == [c.source for c in notebook.cells if c.id in kept]
        numbers = [c.execution_count for c in short.cells if c.cell_type == "code"]
        assert numbers == list(range(1, len(numbers) + 1))

    def test_needs_nothing_that_only_a_solution_defines(self, path):
        """Without running it: what a cell that stays uses, some cell that stays defines."""
        notebook, short = both(path)
        kept = {cell.id for cell in short.cells}
        solutions = [c.source for c in notebook.cells if c.cell_type == "code" and c.id not in kept]
        rest = [c.source for c in short.cells if c.cell_type == "code"]
        assert names(solutions, ast.Store) & (names(rest, ast.Load) - names(rest, ast.Store)) == set()

    @pytest.mark.exhaustive(least=1)
    def test_runs_from_top_to_bottom(self, path, tmp_path, monkeypatch):
        monkeypatch.setenv("FACEKP_KAGGLE", "")
        monkeypatch.setenv("TQDM_DISABLE", "1")
        _, short = both(path)
        NotebookClient(short, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
        answers = [o for c in short.cells if c.cell_type == "code" and "check(" in c.source for o in c.outputs]
        assert all(str(o.get("data", {}).get("text/plain", "")).startswith("Not answered yet") for o in answers)
