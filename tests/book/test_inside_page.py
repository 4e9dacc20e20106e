"""*Look inside a network* in a real browser: with the strictest policy, from a disk, by mouse, touch and keys."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from chromium import chromium, opened

from facekp import metrics
from facekp.chapter import eight_faces
from facekp.models import load_model
from facekp.predict import predict
from facekp.pretrained import load_pretrained

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "book" / "tools"))
pytestmark = pytest.mark.xdist_group("inside")  # one browser

POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Look inside</title>
<meta http-equiv="Content-Security-Policy" content="{policy}"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><link rel="stylesheet" href="widgets.css"><script defer src="host.js"></script></head>
<body>
<main><div class="widget-place" data-module="inside" data-name="inside-data" data-folder="" data-sent="1000000"
data-wait="true"></div></main></body></html>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page and what it loads."""
    import json

    import inside_page
    import widget_pages

    from facekp.widgets import front

    out = tmp_path_factory.mktemp("inside")
    (out / "index.html").write_text(PAGE.format(policy=POLICY))
    (out / "widgets.css").write_text(front.style())
    (out / "host.js").write_text((ROOT / "book" / "tools" / "host.js").read_text())
    widget_pages.write(out, "inside.js", widget_pages.module_script("inside"))
    widget_pages.write(out, "inside-data.js", f'widgetHost.data("inside-data", {json.dumps(inside_page.data())});')
    return out


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


def started(browser, folder, **options):
    """A tab in which the widget has been started."""
    tab = opened(browser, (folder / "index.html").as_uri(),
                 **({"viewport": {"width": 820, "height": 1000}} | options))
    tab.get_by_role("button", name="Start it").click()
    tab.locator(".fk-diagram").wait_for()
    return tab


@pytest.fixture(scope="module")
def shared(browser, folder):
    tab = started(browser, folder)
    yield tab
    assert tab.problems == []
    tab.context.close()


@pytest.fixture
def tab(shared):
    """The tab with the first network on the first face, all of it computed, nothing cut, no gradient."""
    if shared.get_by_role("button", name="Gradient", pressed=True).count():
        shared.get_by_role("button", name="Gradient").click()
    choose(shared, "Network", 0)
    finished(shared)
    return shared


def choose(tab, menu: str, value) -> None:
    tab.get_by_label(menu, exact=True).select_option(str(value))


def finished(tab) -> list[list[str]]:
    """Wait for the table of errors; its rows."""
    tab.locator(".fk-table tbody tr").first.wait_for()
    return [row.inner_text().split("\t") for row in tab.locator(".fk-table tbody tr").all()]


def captions(tab) -> list[str]:
    """What stands below the face and below the enlarged stage, once it has been drawn."""
    tab.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return tab.locator("figcaption").all_inner_texts()


def error(model, face: int = 0) -> float:
    faces = eight_faces().select([face])
    return metrics.rmse(predict(model, faces)[0], faces.keypoints)


# ---- what is computed ----------------------------------------------------------------------------


@pytest.mark.parametrize(("network", "face"), [(0, 0), (0, 6), (1, 7), (2, 3)])
def test_the_error_on_a_face_is_that_of_pytorch(tab, network, face):
    choose(tab, "Network", network)
    choose(tab, "Face", face)
    files = [None, "hourglass-two-stacks", "cnn3-small"]
    model = (load_model(ROOT / "book" / "inside" / "networks" / f"{files[network]}.safetensors") if network
             else load_pretrained("hourglass-s-synthetic"))
    rows = [row for row in finished(tab) if row[0].startswith("all keypoints")]
    assert len(rows) == (2 if network == 1 else 1)
    assert float(rows[-1][1]) == pytest.approx(error(model, face), abs=0.006)
    choose(tab, "Face", 0)


def test_stages_come_one_after_the_other_and_one_step_shows_one_more(tab):
    tab.get_by_role("button", name="One step").click()
    waiting = tab.get_by_role("button", name=re.compile("not computed yet"))
    total = tab.locator(".fk-tile").count()
    assert waiting.count() == total - 1
    tab.get_by_role("button", name="One step").click()
    assert waiting.count() == total - 2 and tab.locator(".fk-table tbody tr").count() == 0
    seen = tab.evaluate("""async () => {
        const seen = new Set(), left = () => document.querySelectorAll(".fk-tile[aria-label*='not computed']").length;
        [...document.querySelectorAll("button")].find((b) => b.textContent === "Run again").click();
        for (let n = 0; n < 3000 && !(n > 5 && left() === 0); n++) {
            seen.add(left());
            await new Promise((done) => setTimeout(done, 5));
        }
        return [...seen];
    }""")
    assert len(seen) > total / 2  # not all at once
    finished(tab)


def test_a_cut_branch_costs_what_it_costs_in_pytorch(tab):
    model = load_pretrained("hourglass-s-synthetic")
    level = model.network.hourglasses[0][0].inner
    hook = level.skip.register_forward_hook(lambda m, i, out: torch.zeros_like(out))
    expected = error(model)
    hook.remove()
    before = finished(tab)
    assert before[0][2] == "–" and tab.get_by_role("button", name="Cut this branch").is_disabled()
    tab.get_by_role("button", name=re.compile("^skip, 64 channels of 24 by 24")).click()
    tab.get_by_role("button", name="Cut this branch").click()
    tab.locator(".fk-table td:nth-child(3)", has_text=".").first.wait_for()
    after = finished(tab)
    assert after[0][1] == before[0][1] and float(after[0][2]) == pytest.approx(expected, abs=0.006)
    assert float(after[0][2]) > float(after[0][1]) + 0.1
    assert captions(tab)[0] == "Nothing of the image reaches this cell."
    assert tab.get_by_role("button", name="skip, 64 channels of 24 by 24, cut").count() == 1
    tab.get_by_role("button", name="Cut this branch").click()
    tab.locator(".fk-table td:nth-child(3)", has_text="–").first.wait_for()
    assert finished(tab) == before


# ---- what is asked -------------------------------------------------------------------------------


def test_a_cell_is_chosen_by_mouse_and_keys_and_says_what_it_sees(tab):
    tab.get_by_role("button", name=re.compile("^in, 64 channels of 48 by 48")).click()
    face, enlarged = tab.get_by_role("application").all()
    box = enlarged.bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 24.5 / 48, box["y"] + box["height"] * 20.5 / 48)
    sees, value = captions(tab)
    assert sees == "Sees 19 × 19 pixels: x 39 to 57, y 31 to 49." and "48 × 48, channel 1 of 64" in value
    enlarged.focus()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("ArrowDown")
    assert captions(tab)[0] == "Sees 19 × 19 pixels: x 41 to 59, y 33 to 51." and captions(tab)[1] != value
    box = face.bounding_box()
    face.click(position={"x": box["width"] * 0.01, "y": box["height"] * 0.01})
    assert captions(tab)[0] == "Sees 10 × 10 pixels: x 0 to 9, y 0 to 9."
    tab.get_by_role("slider", name="Channel").fill("7")
    assert "channel 7 of 64" in captions(tab)[1]
    tab.get_by_text("All channels of the selected stage").click()
    sheet = tab.locator(".fk-mosaic")
    box = sheet.bounding_box()
    sheet.click(position={"x": box["width"] * 0.95, "y": box["height"] * 0.05})  # the eighth of eight in a row
    assert "channel 8 of 64" in captions(tab)[1] and tab.get_by_role("slider", name="Channel").input_value() == "8"
    tab.get_by_text("All channels of the selected stage").click()


def test_the_gradient_takes_the_place_of_the_face(tab):
    drawing = "canvas => canvas.toDataURL()"
    face = tab.get_by_role("application").first
    box = face.bounding_box()
    face.click(position={"x": box["width"] * 0.34, "y": box["height"] * 0.38})  # the eye
    captions(tab)
    before = face.evaluate(drawing)
    tab.get_by_role("button", name="Gradient").click()
    found = re.fullmatch(r"Sees 96 × 96 .* Half of the gradient is within (\d+) px\.", captions(tab)[0])
    assert found and 5 < int(found[1]) < 40 and face.evaluate(drawing) != before
    tab.get_by_role("button", name="Gradient").click()
    captions(tab)


def test_two_stacks_are_shown_one_at_a_time(tab):
    assert tab.get_by_role("button", name="Stack 2").is_hidden()
    choose(tab, "Network", 1)
    finished(tab)
    assert tab.get_by_role("button", name="Stack 2", pressed=True).is_visible()
    assert tab.get_by_role("button", name="Stack 3").is_hidden()
    assert tab.get_by_role("button", name=re.compile("^maps fed back")).count() == 0
    tab.get_by_role("button", name="Stack 1").click()
    tab.get_by_role("button", name=re.compile("^maps fed back, 24 channels of 48 by 48")).click()
    assert tab.get_by_role("button", name="Cut this branch").is_enabled()
    assert "what the maps add to the input of the next stack" in captions(tab)[1]


def test_a_unit_without_a_place_sees_all_of_the_image(tab):
    choose(tab, "Network", 2)
    finished(tab)
    assert "30 units, right eye center" in captions(tab)[1]
    tab.get_by_role("button", name="hidden units, 64 units").first.click()
    assert captions(tab)[0] == "Sees 96 × 96 pixels: x 0 to 95, y 0 to 95."


# ---- whom it serves ------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_is_used_by_touch(browser, folder, scheme):
    tab = started(browser, folder, viewport={"width": 390, "height": 844}, has_touch=True, color_scheme=scheme,
                 reduced_motion="reduce")
    finished(tab)
    for network in range(3):
        choose(tab, "Network", network)
        finished(tab)
        assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    small = tab.evaluate("""[...document.querySelectorAll("button, select, input, summary")].filter((e) => {
        const { width, height } = e.getBoundingClientRect();
        return e.checkVisibility() && (width < 44 || height < 44);
    }).map((e) => e.outerHTML)""")
    assert small == []
    choose(tab, "Network", 0)
    finished(tab)
    tab.get_by_role("button", name=re.compile("^skip, 64 channels of 12 by 12")).tap()
    box = tab.get_by_role("application").last.bounding_box()
    before = captions(tab)
    tab.touchscreen.tap(box["x"] + box["width"] * 0.8, box["y"] + box["height"] * 0.8)
    assert captions(tab) != before and "Sees" in captions(tab)[0]
    assert tab.problems == []
    tab.context.close()


def test_everything_has_a_name_and_news_is_read_out(tab):
    unnamed = tab.evaluate("""[...document.querySelectorAll("button, input, select, canvas")].filter((e) =>
        e.checkVisibility() && e.ariaHidden !== "true" && !(e.ariaLabel || e.textContent.trim() || e.labels?.length)
    ).map((e) => e.outerHTML)""")
    assert unnamed == []
    tab.get_by_role("button", name="Run again").click()
    finished(tab)
    tab.get_by_role("status").filter(has_text=re.compile(r"Computed in .* seconds\. Error \d")).wait_for()
    tab.get_by_role("button", name=re.compile("^bottleneck")).focus()
    tab.keyboard.press("Enter")
    tab.get_by_role("status").filter(has_text="the innermost block").wait_for()


def test_it_weighs_little(folder):
    import gzip

    sent = {f.name: len(gzip.compress(f.read_bytes(), 6)) for f in folder.iterdir()}
    assert sent.pop("inside-data.js") < 1_500_000 and sum(sent.values()) < 40_000


def test_the_page_s_figures_are_those_of_the_widget(folder):
    """Receptive fields in the record against the widget's."""
    import json

    from javascript import run

    record = json.loads((ROOT / "book" / "results" / "inside.json").read_text())
    script = """const it = new Inside(input); for (const i of it.steps());
        return [0, 1, 2].map((level) => {
            const i = it.stages.find((j) => it.stage(j).role === "in" && it.stage(j).level === level);
            const n = it.values[i].w, f = receptiveField(it.graph, it.image, it.values, i, n >> 1, n >> 1);
            return f.right - f.left + 1; });"""
    import inside_page

    assert run("inside_state", script, inside_page.data()) == [record["sees"][size] for size in ("48", "24", "12")]
    assert np.isfinite(list(record["cut"].values())).all()


def test_its_files_are_written_in_every_build(tmp_path):
    """Also where Sphinx has read the page before and only its output was deleted."""
    import inside_page

    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(name="html"))
    inside_page.prepare(app)
    assert {path.name for path in tmp_path.rglob("*.js")} == {"inside.js", "inside-data.js"}
    app = SimpleNamespace(outdir=tmp_path / "pdf", builder=SimpleNamespace(name="singlehtml"))
    inside_page.prepare(app)
    assert not (tmp_path / "pdf").exists()
