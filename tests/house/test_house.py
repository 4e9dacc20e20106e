"""The house: nothing flows back up the way of the data, files can be held in the head, versions agree."""

import ast
import re
from pathlib import Path

import pytest
import yaml

import facekp

ROOT = Path(__file__).parents[2]
LIBRARY = sorted((ROOT / "facekp").rglob("*.py"))
TOOLS = sorted((ROOT / "book" / "tools").rglob("*.py"))
EXPERIMENTS = sorted((ROOT / "book" / "experiments").rglob("*.py"))
# Each room uses only those before it: from what everything stands on, along the way of the data, to the commands.
ROOMS = ["errors", "files", "show", "images", "keypoints", "data.npz", "data.image_files", "data.faces",
         "synthetic", "data", "augment", "heatmaps", "losses", "heads", "models", "predict", "metrics", "calibration",
         "training", "results", "plots", "pretrained", "runs", "photo", "export",
         "chapter", "exercises", "widgets", "cli", "__main__"]


def name_of(path: Path) -> str:
    """``facekp/data/kaggle.py`` -> ``data.kaggle``."""
    return ".".join(path.relative_to(ROOT / "facekp").with_suffix("").parts).removesuffix("__init__").rstrip(".")


def room(module: str) -> str:
    """The longest of the rooms that a module is, or is in."""
    return max((r for r in ROOMS if module == r or module.startswith(r + ".")), key=len)


def rooms_used(path: Path) -> set[str]:
    """The rooms that a file imports from, inside functions too."""
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "facekp":
            inner = node.module.partition(".")[2]
            modules |= {inner} if inner else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            modules |= {a.name.removeprefix("facekp.") for a in node.names if a.name.startswith("facekp.")}
    return {room(m) for m in modules}


@pytest.mark.parametrize("path", [p for p in LIBRARY if name_of(p)], ids=name_of)
def test_nothing_flows_back_up(path):
    place = ROOMS.index(room(name_of(path)))
    later = rooms_used(path) & set(ROOMS[place + 1:])
    assert later == set(), f"{name_of(path)} uses {later}, which come after it"


@pytest.mark.parametrize("path", [*LIBRARY, *TOOLS, *EXPERIMENTS], ids=lambda p: p.stem)
def test_a_file_can_be_held_in_the_head(path):
    assert len(path.read_text().splitlines()) <= 300


def test_no_block_is_long():
    long = {}
    for path in LIBRARY:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                words = node.body[0].end_lineno - node.body[0].lineno + 1 if ast.get_docstring(node) else 0
                lines = node.end_lineno - node.lineno + 1 - words
                if lines > 40:
                    long[f"{name_of(path)}.{node.name}"] = lines
    # The loop is shown whole in its chapter; the options of ``facekp train`` are a list.
    assert set(long) <= {"training.loop.fit", "cli.networks.train"}


def test_the_version_is_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    newest = re.search(r"^## (\S+) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert facekp.__version__ == citation["version"] == newest[1]
    assert str(citation["date-released"]) == newest[2]


def test_the_library_never_imports_the_book():
    for path in LIBRARY:
        imported = {alias.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import)
                    for alias in node.names}
        imported |= {node.module or "" for node in ast.walk(ast.parse(path.read_text()))
                     if isinstance(node, ast.ImportFrom)}
        assert not [name for name in imported if name.split(".")[0] == "book"], path


def prints(path: Path) -> list[int]:
    """The lines at which a file calls ``print``."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    return [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]


def test_only_commands_print():
    outside = {name_of(path) for path in LIBRARY if prints(path)}
    outside = {name for name in outside if name.split(".")[0] != "cli" and not name.endswith("__main__")}
    assert outside <= {"widgets.training_replay"}  # into its own output area in the notebook
    assert any(prints(path) for path in (ROOT / "facekp" / "cli").glob("*.py"))


def test_data_and_images_need_no_torch():
    for name in ("images", "keypoints", "data", "synthetic"):
        files = sorted((ROOT / "facekp" / name).rglob("*.py")) or [ROOT / "facekp" / f"{name}.py"]
        for path in files:
            modules = {alias.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import)
                       for alias in node.names}
            modules |= {node.module or "" for node in ast.walk(ast.parse(path.read_text()))
                        if isinstance(node, ast.ImportFrom)}
            assert not [m for m in modules if m.split(".")[0] in ("torch", "torchvision")], path
