"""What the chapters do on a GPU with Kaggle's files, tried on small files of Kaggle's form, one epoch, this device.

A chapter asks for its training run in one place. Only the cells that depend on it, and those that they need, run here:
the others are the same as in ``make notebooks``.
"""

import ast
import json
import os
from pathlib import Path

import nbformat
import pytest
from kaggle_files import lookup_lines, test_lines, training_lines, write
from nbclient import NotebookClient

from facekp.synthetic import generate

ROOT = Path(__file__).parents[2]
ASKS = ("plan_training(", "find_kaggle(")
CHAPTERS = [p for p in sorted((ROOT / "book").glob("*.ipynb"))
            if any(a in "".join(c.source for c in nbformat.read(p, 4).cells if c.cell_type == "code") for a in ASKS)]


def names(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell uses, and those that it defines for other cells."""
    tree = ast.parse("\n".join("" if line.lstrip().startswith(("%", "!")) else line for line in source.splitlines()))
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    used |= {n.target.id for n in ast.walk(tree) if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)}
    made = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    made |= {a.asname or a.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)
             for a in n.names}
    made |= {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return used, made


def touched(sources: list[str]) -> list[int]:
    """The cells that ask for the run, those that depend on them, and all that these need."""
    known = [names("" if "find_spec" in s else s) for s in sources]
    chosen, tainted = set(), set()
    for i, (used, made) in enumerate(known):
        if any(a in sources[i] for a in ASKS) or used & tainted:
            chosen.add(i)
            tainted |= made
        else:
            tainted -= made  # the same name, of something else
    assert chosen
    needed = set(chosen)
    todo = list(chosen)
    while todo:
        i = todo.pop()
        for name in known[i][0]:
            before = [j for j in range(i) if name in known[j][1]]
            todo += set(before) - needed
            needed |= set(before)
    return sorted(needed)


@pytest.fixture(scope="module")
def kaggle(tmp_path_factory):
    """60 synthetic faces as the competition's files: two sources, gaps, duplicates, swapped sides, noise."""
    folder = tmp_path_factory.mktemp("kaggle")
    faces = generate(60, seed=3, kaggle_shaped=True)
    whole = faces.complete()
    assert 12 < len(whole) < 30 and len(set(faces.duplicates())) < len(faces)
    write(folder / "training.csv", training_lines(faces.images, faces.keypoints))
    write(folder / "test.csv", test_lines(whole.images[:8]))
    write(folder / "IdLookupTable.csv", lookup_lines(8))
    return folder


def run(path: Path, folder: Path) -> nbformat.NotebookNode:
    """The notebook's touched cells, run in ``folder``."""
    notebook = nbformat.read(path, as_version=4)
    cells = [c for c in notebook.cells if c.cell_type == "code"]
    notebook.cells = [cells[i] for i in touched([c.source for c in cells])]
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=1800, kernel_name="python3", resources=where).execute()
    return notebook


@pytest.mark.exhaustive(least=1)  # networks of the papers' sizes: minutes and gigabytes each
@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_the_full_branch_runs(path, kaggle, tmp_path, monkeypatch):
    settings = {"FACEKP_KAGGLE": str(kaggle), "FACEKP_CHAPTER": "full", "FACEKP_EPOCHS": "1", "TQDM_DISABLE": "1",
                "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    notebook = run(path, tmp_path)
    said = "".join(o.get("text", "") for c in notebook.cells for o in c.outputs)
    if path.stem == "data":
        assert str(kaggle) in said and "60" in said
        return
    assert "Kaggle's files: found." in said and "Kaggle's complete faces" in said
    records = [json.loads(p.read_text()) for p in (tmp_path / "facekp-runs").glob("*-full/record.json")]
    assert records and all(r["config"]["epochs"] == 1 and r["data"]["train"]["faces"] > 10 for r in records)
    assert all(r["model"]["pixel_offset"] == 0.5 for r in records)


def test_cells_are_chosen_by_what_they_need():
    cells = ["import torch", "x = 1", "run = plan_training()", "y = x + 1", "print(run, y)", "run = 3", "print(run)"]
    assert touched(cells) == [1, 2, 3, 4]


def test_chapters_with_a_training_run_are_tried():
    assert {"data", "direct-regression", "fcn-unet", "heatmaps", "hourglass", "part-heatmaps", "local-global",
            "training"} <= {p.stem for p in CHAPTERS}
