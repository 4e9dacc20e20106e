"""The book's diagrams: as the code makes them now, whole, described, legible, and true to the networks."""

import re
import sys
import xml.etree.ElementTree as ET
from functools import cache, partial
from pathlib import Path

import pytest
import torch
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from facekp import heatmaps
from facekp.models import MODELS, create_model
from facekp.models.vgg import vgg16

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book" / "tools" / "diagrams"))

import draw as tool  # noqa: E402
import ladders  # noqa: E402
import sheet  # noqa: E402
import traced  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"


made = cache(tool.made)


def drawn(name: str) -> str:
    """The text of the diagram ``name``."""
    return made()[tool.FOLDER / f"{name}.svg"]


def texts(name: str) -> list[str]:
    """The words in a diagram, without its title and description."""
    return [element.text for element in ET.fromstring(drawn(name)).iter(f"{SVG}text")]


def test_the_files_are_what_the_code_makes_now():
    assert {path.name for path in tool.FOLDER.glob("*")} == {path.name for path in made()}
    for path, text in made().items():
        assert path.read_text() == text, f"{path.name} is out of date: run python book/tools/diagrams/draw.py"


def test_check_names_what_is_out_of_date_and_changes_nothing(tmp_path, monkeypatch):
    files = {tmp_path / "a.svg": "new", tmp_path / "b.svg": "same", tmp_path / "c.svg": "missing"}
    (tmp_path / "a.svg").write_text("old")
    (tmp_path / "b.svg").write_text("same")
    monkeypatch.setattr(tool, "made", lambda: files)
    assert tool.write(check=True) == ["a.svg", "c.svg"]
    assert (tmp_path / "a.svg").read_text() == "old" and not (tmp_path / "c.svg").exists()
    assert tool.write() == ["a.svg", "c.svg"] and tool.write(check=True) == []


@pytest.mark.parametrize("name", tool.DIAGRAMS)
class TestDiagram:
    def test_is_small_needs_nothing_else_and_says_what_it_shows(self, name):
        text = drawn(name)
        root = ET.fromstring(text)
        title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
        assert len(title.text) > 10 and len(description.text) > 200 and "[" not in description.text
        assert root.get("aria-labelledby").split() == [title.get("id"), description.get("id")]
        assert root.tag == f"{SVG}svg" and root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
        assert len(text.encode()) < 40_000
        assert not re.search(r"<script|href|@import|@font-face|url\(|<image", text)

    def test_shows_the_shapes_that_it_describes(self, name):
        shapes = re.findall(r"\d+ x \d+(?: x \d+)*|\d+ numbers", ET.fromstring(drawn(name)).find(f"{SVG}desc").text)
        assert len(shapes) > 2
        assert [shape for shape in shapes if shape not in "\n".join(texts(name))] == []

    def test_no_word_is_cut_and_no_two_overlap(self, name):
        """Measured with DejaVu Sans, wider than what most readers have."""
        root = ET.fromstring(drawn(name))
        width, height = float(root.get("width")), float(root.get("height"))
        boxes = [extent(element) for element in root.iter(f"{SVG}text")]
        for i, (x0, y0, x1, y1, text) in enumerate(boxes):
            assert x0 > 8 and x1 < width - 8 and y0 > 8 and y1 < height - 6, text
            over = [b[4] for b in boxes[i + 1:] if x0 < b[2] and b[0] < x1 and y0 < b[3] and b[1] < y1]
            assert over == [], f"'{text}' lies over {over}"


def extent(element: ET.Element) -> tuple[float, float, float, float, str]:
    """Left, top, right and bottom of a text, and the text."""
    style = element.get("class") or ""
    size, weight = {"head": (18, "bold"), "shape": (14.5, "bold")}.get(style, (13.5, "normal"))
    family = "DejaVu Sans Mono" if style == "code" else "DejaVu Sans"
    font = FontProperties(family=family, size=size, weight=weight)
    w = TextToPath().get_text_width_height_descent(element.text, font, ismath=False)[0]
    x, y = float(element.get("x")), float(element.get("y"))
    left = x - {"middle": w / 2, "end": w, None: 0}[element.get("text-anchor")]
    return left, y - 0.72 * size, left + w, y + 0.12 * size, element.text


def test_every_network_that_a_chapter_trains_is_in_exactly_one_diagram():
    shown = [name for names in traced.FAMILIES.values() for name in names]
    calls = [call for path in (ROOT / "book").glob("*.ipynb")
             for call in re.findall(r'plan_training\(paper=\\"([\w-]+)\\", compact=\\"([\w-]+)\\"', path.read_text())]
    assert len(calls) >= 8 and {name for call in calls for name in call} <= set(shown)
    assert len(set(shown)) == len(shown) and set(shown) <= set(MODELS)
    assert set(tool.DIAGRAMS) == {"pipeline", "heads", *traced.FAMILIES}
    for family, names in traced.FAMILIES.items():
        assert set(names) <= set(texts(family))


@pytest.mark.parametrize("family", traced.FAMILIES)
def test_a_diagram_shows_what_goes_into_its_networks_and_what_comes_out(family):
    names = set(traced.FAMILIES[family])
    for name in names & traced.DRAWN or names:
        with torch.device("meta"):
            raw = create_model(name).eval()(torch.zeros(1, 1, 96, 96))
        shape = tuple((raw[-1] if isinstance(raw, list) else raw).shape[1:])
        assert "1 x 96 x 96" in texts(family)
        assert (" x ".join(map(str, shape)) if len(shape) > 1 else f"{shape[0]} numbers") in texts(family)


def test_the_diagrams_show_what_makes_each_network_itself():
    with torch.device("meta"):
        scores = create_model("fcn8").network.score5.in_channels
        first = create_model("vgg16").network[4].in_features
    side = heatmaps.kernel_rows().shape[1]
    assert f"256 x {48 // 2**4} x {48 // 2**4}" in texts("hourglass")
    assert f"fixed kernel {side} x {side}" in texts("lgcn") and "a pixel sees 141 x 141" in texts("lgcn")
    assert f"{first} numbers" in texts("vgg16") and f"{scores} x 3 x 3" in texts("fcn8")
    assert f"{64 * 2**4} x {96 // 2**4} x {96 // 2**4}" in texts("unet") and "upsample, 512 + 512," in texts("unet")
    assert "2048 x 24 x 24" in texts("parts") and "16 x 96 x 96" in texts("parts")
    assert "2048 x 3 x 3" in texts("resnet") and "conv 24x24" in texts("reference")


def test_a_changed_network_changes_its_diagram(monkeypatch):
    monkeypatch.setitem(MODELS, "vgg16", partial(vgg16, hidden=77))
    traced.trace.cache_clear()
    try:
        changed = ladders.vgg16()
    finally:
        traced.trace.cache_clear()
    assert "77 numbers" in changed and "77 numbers" not in drawn("vgg16")


def test_words_stand_out_from_what_lies_under_them():
    grounds = [sheet.CARD, "#FFFFFF", *(paint[1] for paint in sheet.PAINT.values())]
    for ink in (sheet.INK, sheet.SOFT):
        assert min(contrast(ink, ground) for ground in grounds) > 4.5
    assert contrast(sheet.SKIP, sheet.CARD) > 4.5
    assert min(contrast(paint[3], sheet.CARD) for paint in sheet.PAINT.values()) > 4.5  # the edges of what is drawn


def contrast(one: str, other: str) -> float:
    """WCAG's ratio of two colours."""
    def light(colour: str) -> float:
        parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)
