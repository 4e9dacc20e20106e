"""What is said to teachers and to the journal agrees with the book."""

import json
import re
from pathlib import Path

import nbformat
import pytest
import yaml

import facekp

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book" / "teaching.md").read_text()
PAPER = ROOT / "book" / "paper"
NOTEBOOKS = {p.stem: nbformat.read(p, as_version=4) for p in sorted((ROOT / "book").glob("*.ipynb"))}
EXERCISES = {title for notebook in NOTEBOOKS.values() for cell in notebook.cells
             for title in re.findall(r":::\{exercise\} (.+)", cell.source)}


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_every_chapter_has_learning_objectives():
    rows = re.findall(r"^\| \[[^\]]+\]\(([\w-]+)\.ipynb\) \|", section("Learning objectives"), re.MULTILINE)
    assert set(rows) == NOTEBOOKS.keys() - {"welcome"} and len(rows) == len(set(rows))


@pytest.mark.parametrize("title", ["Plans", "Common misunderstandings"])
def test_the_exercises_that_are_named_exist(title):
    tables = "\n".join(line for line in section(title).splitlines() if line.startswith("|"))
    named = set(re.findall(r"\*([A-Z][^*|]+)\*", tables))
    assert len(named) >= 10 and named - EXERCISES == set()


def test_the_weights_of_the_rubric_add_up():
    weights = re.findall(r"\| (\d+) % \|", section("Assessment"))
    assert len(weights) == 6 and sum(map(int, weights)) == 100


def test_the_paper_cites_what_its_bibliography_has_and_only_that():
    text, bibliography = (PAPER / "paper.md").read_text(), (PAPER / "paper.bib").read_text()
    cited, known = set(re.findall(r"@([a-z]+\d*)", text)), set(re.findall(r"^@\w+\{(\w+),", bibliography, re.MULTILINE))
    assert cited == known and len(known) >= 10
    head = yaml.safe_load(text.split("---")[1])
    assert {"title", "tags", "authors", "affiliations", "date", "bibliography"} <= head.keys()
    body = re.sub(r"```.*?```", "", text.split("---", 2)[2], flags=re.DOTALL)
    assert len(body.split()) <= 1300  # the journal asks for a short one
    for needed in ("Summary", "Statement of need", "Learning objectives", "Content and instructional design",
                   "How to adopt it", "Experience of use", "References"):
        assert f"# {needed}\n" in text


def test_the_archive_is_described_as_the_citation_is():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    archive = json.loads((ROOT / ".zenodo.json").read_text())
    assert archive["title"] == citation["title"] and archive["license"] == citation["license"].lower() == "mit"
    assert [c["name"] for c in archive["creators"]] == [a["name"] for a in citation["authors"]]
    assert citation["version"] == facekp.__version__
