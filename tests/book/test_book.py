"""The notebooks as they are stored: executed, described, agreeing with each other and with the library."""

import importlib.util
import json
import pkgutil
import re
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

from facekp.show import source

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
EXEMPT = {"nbval-ignore-output", "nbval-skip", "raises-exception"}


def code_cells(path: Path) -> list:
    return [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code" and c.source.strip()]


def stamp_tool():
    spec = importlib.util.spec_from_file_location("stamp", ROOT / "book" / "tools" / "stamp.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_notebooks_and_each_is_in_the_table_of_contents():
    toc = (ROOT / "_toc.yml").read_text()
    assert len(NOTEBOOKS) >= 3
    assert all(f"book/{n.stem}\n" in toc for n in NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
class TestNotebook:
    def test_was_run_from_top_to_bottom_without_an_error(self, path):
        cells = code_cells(path)
        assert [c.execution_count for c in cells] == list(range(1, len(cells) + 1))
        outputs = [o for c in cells for o in c.outputs]
        assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]

    def test_every_figure_has_an_alternative_text(self, path):
        for cell in code_cells(path):
            if any("image/png" in o.get("data", {}) for o in cell.outputs):
                alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
                assert len(alt) > 40, cell.source

    def test_holds_no_path_of_one_machine(self, path):
        assert not re.search(r"(?<![\w.])/(home|root|work|tmp|Users|content/[^d])/?[\w.]", path.read_text())

    def test_needs_no_file_beside_it(self, path):
        """In Colab there is only the installed package: records come from it, not from a folder."""
        assert "results/" not in "".join(c.source for c in code_cells(path))

    def test_cells_are_short(self, path):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                assert len(cell.source.splitlines()) <= 25, cell.source
                lines = [line for line in cell.source.splitlines() if not re.search("git[+]https|^# Colab", line)]
                assert max(map(len, lines)) <= 88, cell.source  # what fits beside the table of contents at 1280 px

    def test_prefers_a_gpu_in_colab_and_installs_without_pins(self, path):
        notebook = nbformat.read(path, as_version=4)
        assert notebook.metadata["accelerator"] == "GPU"
        setup = code_cells(path)[0].source
        assert setup == code_cells(NOTEBOOKS[0])[0].source
        assert f"git+{stamp_tool().address()}@" in setup and "==" not in setup

    def test_ends_with_exercises_whose_solutions_run(self, path):
        if path.stem == "welcome":  # the first page, no chapter
            pytest.skip("the welcome page has no exercises")
        text = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells)
        exercises = set(re.findall(r":::\{exercise\}.*\n:label: (\S+)", text))
        solutions = set(re.findall(r":::\{solution\} (\S+)", text))
        assert 3 <= len(exercises) <= 5 and exercises == solutions
        hidden = [c for c in code_cells(path) if "hide-cell" in c.metadata.get("tags", [])]
        assert len(hidden) == len(exercises)


def test_source_that_a_chapter_shows_is_the_librarys_as_it_is():
    """In a second, what running the notebooks takes minutes to say: which of them to run again after a change."""
    shown = 0
    for path in NOTEBOOKS:
        for data in (o.get("data", {}) for c in code_cells(path) for o in c.outputs):
            if name := re.fullmatch(r"Source of (facekp[\w.]*)", data.get("text/plain", "")):
                thing = pkgutil.resolve_name(name[1])
                thing = getattr(thing, "func", thing)  # of a cached property
                assert data["text/markdown"] == source(thing)._repr_markdown_(), f"{path.name}: {name[1]}"
                shown += 1
    assert shown > 20


def tags(cell) -> set[str]:
    return set(cell.metadata.get("tags", []))


def shown_text(cell) -> str:
    """What a cell printed or returned, as text."""
    return "".join(o.get("text", "") or o.get("data", {}).get("text/plain", "") for o in cell.outputs).strip()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
class TestChapter:
    def test_an_output_that_is_not_compared_is_followed_by_a_hidden_assertion(self, path):
        cells = code_cells(path)
        for cell, following in zip(cells, [*cells[1:], None], strict=True):
            if (EXEMPT & tags(cell) or "# NBVAL_" in cell.source) and not shown_text(cell).startswith("<Figure"):
                held = following is not None and "remove-cell" in tags(following) and "assert" in following.source
                assert held or not cell.outputs, cell.source

    def test_outputs_are_numbers_not_verdicts(self, path):
        for cell in code_cells(path):
            lines = shown_text(cell).splitlines()
            verdicts = [line for line in lines if re.search(r"\b(True|False)\b", line)]
            assert not lines or len(verdicts) < len(lines) or re.search(r"\d", "".join(lines)), cell.source

    def test_imports_are_folded_in_the_book_in_jupyter_and_in_colab(self, path):
        for cell in code_cells(path)[1:]:
            if re.match(r"(import|from) \w", cell.source):
                assert {"hide-input", "hide-cell", "remove-cell"} & tags(cell), cell.source
            if {"hide-input", "hide-cell"} & tags(cell):
                assert cell.metadata.get("jupyter", {}).get("source_hidden"), cell.source
                assert cell.metadata.get("cellView") == "form", cell.source

    def test_a_chapter_has_at_most_3000_words(self, path):
        text = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown")
        text = re.sub(r"```.*?```|\$\$.*?\$\$", "", text, flags=re.DOTALL)
        text = re.sub(r"^:.*$|<[^>]*>|\]\([^)]*\)", "", text, flags=re.MULTILINE)  # line by line
        assert len(re.findall(r"[A-Za-z][\w'-]*", text)) <= 3000

    def test_every_exercise_answers(self, path):
        text = "\n".join(c.source for c in nbformat.read(path, as_version=4).cells)
        exercises = re.findall(r":::\{exercise\}.*\n:label: (\S+)", text)
        answered = [shown_text(c) for c in code_cells(path) if "check(" in c.source]
        assert sum(a.startswith("Not answered yet") for a in answered) == len(exercises)
        assert sum("Correct." in a for a in answered) == len(exercises)


def test_the_address_is_the_same_everywhere():
    tool = stamp_tool()
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert config["repository"]["url"] == tool.address()
    assert tool.forms(tool.address())["pages"] == config["html"]["baseurl"]
    assert tool.stamp(check=True) == []


def test_a_new_address_reaches_every_file(tmp_path, monkeypatch):
    tool = stamp_tool()
    copies = []
    for path in tool.files():
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
        copies.append(copy)
    old = tool.address()
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    text = copies[0].read_text()
    copies[0].write_text(text.replace(f'Repository = "{old}"', 'Repository = "https://github.com/some-body/else"'))
    assert "_config.yml" in tool.stamp()
    assert [c.name for c in copies for form in tool.forms(old).values() if form in c.read_text()] == []
    assert "some-body.github.io/else/" in (tmp_path / "_config.yml").read_text()
    assert "git clone https://github.com/some-body/else && cd else\n" in (tmp_path / "README.md").read_text()
    assert tool.stamp(ref="v9.9.9") != [] and tool.stamp(ref="v9.9.9") == []
    assert all("else@v9.9.9" in c.read_text() for c in copies if c.suffix == ".ipynb")
    assert "  branch: v9.9.9\n" in (tmp_path / "_config.yml").read_text()


def test_no_other_file_names_the_address():
    """What the stamp does not know would keep the old address in a fork."""
    tool = stamp_tool()
    owner, name = re.fullmatch(r"https://github.com/(.+)/(.+)", tool.address()).groups()
    address = re.compile(rf"{re.escape(owner)}/{re.escape(name)}(?![\w-])|{re.escape(owner)}\.github\.io")
    hidden = [ROOT / ".github", ROOT / ".ci", ROOT / ".devcontainer"]
    shown = [p for p in ROOT.iterdir() if not p.name.startswith((".", "_build", "runs", "dist", "build"))]
    files = [f for place in [*hidden, *shown] for f in ([place] if place.is_file() else place.rglob("*"))]
    texts = [f for f in files if f.suffix in {".md", ".py", ".yml", ".toml", ".json", ".cff", ".bib", ".js", ".html",
                                              ".css", ".txt", ".ipynb", ""} and f.is_file()]
    assert len(texts) > 300
    found = {f for f in texts if address.search(f.read_text(encoding="utf-8", errors="ignore"))}
    assert found - set(tool.files()) == set()


def test_a_fork_finds_three_steps_and_the_place_to_begin():
    page = (ROOT / "book" / "fork.md").read_text().partition("\n## ")[0]
    assert len(re.findall(r"^\d\. ", page, re.MULTILINE)) == 3 and "`Repository` under `[project.urls]`" in page


@pytest.mark.parametrize("path", sorted((ROOT / "book" / "results").glob("real-*.json")), ids=lambda p: p.stem)
def test_a_record_is_whole(path):
    record = json.loads(path.read_text())
    assert record["format"] == 1 and len(record["curve"]) == record["config"]["epochs"]
    assert record["metrics"]["rmse"] == pytest.approx(record["curve"][-1]["val_rmse"], abs=1e-3)
    assert record["metrics"]["mean_face_rmse"] == record["curve"][0]["mean_face_rmse"]
    assert {"fingerprint", "faces"} <= record["data"]["train"].keys() and record["environment"]["torch"]


def test_the_readme_shows_the_recorded_figures():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "book" / "tools" / "tables.py")
    tables = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tables)
    readme = (ROOT / "README.md").read_text()
    commands = (ROOT / "book" / "commands.md").read_text()
    assert tables.filled(readme) == readme and tables.filled(commands) == commands
    assert tables.results() in readme and tables.demo() in readme and len(readme.split()) <= 900
    assert tables.reader() in commands and tables.speed() in commands
    test, book = json.loads((ROOT / "book" / "results" / "first-day.json").read_text())["seconds"].values()
    assert f"`make test` {test / 60:.0f} minutes" in readme and f"\n`make book` {book / 60:.0f} minutes" in readme


def test_on_pypi_no_link_of_the_readme_is_relative():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["metadata"]["hooks"]
    text = (ROOT / "README.md").read_text()
    for rule in settings["fancy-pypi-readme"]["substitutions"]:
        text = re.sub(rule["pattern"], rule["replacement"], text)
    targets = re.findall(r"\]\(([^)]+)\)", text)
    assert len(targets) > 10 and all(target.startswith(("https://", "#")) for target in targets)
    picture = f"{re.escape(stamp_tool().address())}/raw/v\\$HFPR_VERSION/book/_static/goal.png"
    assert re.search(rf"!\[[^\]]+\]\({picture}\)", text)
