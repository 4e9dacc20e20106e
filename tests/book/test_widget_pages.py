"""The widgets on the pages of the built book: moved with pointer, touch and keys, at the sizes of phone and desktop.

Needs ``make html`` and Chromium; the last test Firefox. Each skips, and says so, without them.
"""

import time
from pathlib import Path

import pytest
from chromium import CHROMIUM, NONE, chromium
from firefox import firefox

HTML = Path(__file__).parents[2] / "_build" / "html"
WIDGETS = {  # page, which widget on it, by module
    "heatmap_lab": ("book/heatmaps.html", 'data-module="heatmap_lab"'),
    "augmentation_playground": ("book/coordinates.html", 'data-module="augmentation_playground"'),
    "viewer": ("book/results.html", 'data-module="viewer"'),
    "training_replay": ("book/training.html", 'data-module="training_replay"'),
    "regression_and_heatmap": ("book/heatmaps.html", 'data-module="regression_and_heatmap"'),
}
SIZES = {"phone": {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True},
         "desktop": {"viewport": {"width": 1280, "height": 900}}}

pytestmark = [
    pytest.mark.skipif(not (HTML / "book").is_dir(), reason="the book is not built: make html"),
    pytest.mark.skipif(CHROMIUM is None, reason=NONE),
    pytest.mark.xdist_group("widget pages"),
]


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


def opened(browser, module: str, size: str = "desktop", **options):
    """(tab, the widget's place, what went wrong): the page with the widget in sight and running."""
    page, mark = WIDGETS[module]
    if mark not in (HTML / page).read_text():
        pytest.skip(f"{page} was built without the widget: make html")
    tab = browser.new_context(**SIZES[size], **options).new_page()
    tab.set_default_timeout(120_000)
    problems: list[str] = []
    tab.on("pageerror", lambda e: problems.append(str(e)))
    tab.on("console", lambda m: problems.append(m.text) if m.type == "error" and "ERR_FAILED" not in m.text else None)
    tab.on("request", lambda r: problems.append(r.url) if not r.url.startswith(("file:", "data:", "blob:")) else None)
    tab.route("**/mathjax/**", lambda r: r.abort())  # takes longer than all the rest
    tab.goto((HTML / page).as_uri())
    place = tab.locator(f".widget-place[{mark}]").first
    place.scroll_into_view_if_needed()
    if place.get_attribute("data-wait") == "true":
        place.get_by_role("button", name="Start it").click()
    place.locator(".fk").wait_for()
    until(tab, f"document.querySelector('.widget-place[{mark}]').dataset.ready")
    return tab, place, problems


def until(tab, condition: str) -> None:
    """Wait until a condition holds in the page. (Playwright's own way to wait needs the eval that pages forbid.)"""
    for _ in range(2400):
        if tab.evaluate(f"Boolean({condition})"):
            return
        time.sleep(0.05)
    raise AssertionError(f"After two minutes still not: {condition}")


CANVASES = """async (place) => {
    for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
    await new Promise((done) => setTimeout(done, 50));
    return [...place.querySelectorAll("canvas")].map((c) => c.toDataURL()).join();
}"""
SMALL = """(place) => [...place.querySelectorAll("button, select, summary, input")].filter((e) => {
    const box = e.getBoundingClientRect();
    return e.offsetParent && (box.height < 44 || box.width < 44);
}).map((e) => e.outerHTML)"""
UNNAMED = """(place) => [...place.querySelectorAll("button, select, input, canvas")].filter((e) =>
    !(e.ariaLabel || e.innerText || e.labels?.[0]?.innerText || "").trim()).map((e) => e.outerHTML)"""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("module", WIDGETS)
def test_it_runs_fits_the_page_and_can_be_named_and_pressed(browser, module, size):
    tab, place, problems = opened(browser, module, size)
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        until(tab, f"document.documentElement.dataset.theme === '{scheme}'")
        wide = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (wide, place.evaluate(SMALL), place.evaluate(UNNAMED)) == (0, [], [])
    cell = place.locator("xpath=..")
    assert cell.locator("img").count() and not cell.locator("img").first.is_visible()
    tab.emulate_media(media="print")
    assert cell.locator("img").first.is_visible() and not place.is_visible()
    said = tab.evaluate("fetch('https://example.com/?secret').then(() => 'sent', (e) => e.name)")
    tab.context.close()
    assert said == "TypeError"
    assert [p for p in problems if "Content Security Policy" not in p] == []


@pytest.mark.parametrize("module", WIDGETS)
def test_every_control_changes_the_drawing(browser, module):
    tab, place, _ = opened(browser, module)
    sliders = place.get_by_role("slider")
    assert sliders.count()
    for i in range(sliders.count()):
        before = place.evaluate(CANVASES)
        sliders.nth(i).focus()
        tab.keyboard.press("Home")
        lowest = place.evaluate(CANVASES)
        tab.keyboard.press("End")
        assert len({before, lowest, place.evaluate(CANVASES)}) > 1, sliders.nth(i).get_attribute("id")
    tab.context.close()


def test_the_true_point_of_the_lab_moves_with_pointer_touch_and_keys(browser):
    tab, place, _ = opened(browser, "heatmap_lab", "phone")
    whole = place.get_by_role("application").first
    box, rows = whole.bounding_box(), place.locator("tbody")
    x, y = box["x"] + box["width"] / 4, box["y"] + box["height"] / 2
    tab.mouse.click(x, y)
    place.evaluate(CANVASES)
    dark = place.locator("tr", has_text="dark").locator("td")
    assert abs(float(dark.nth(0).inner_text()) - 23.5) < 0.5 and float(dark.nth(2).inner_text()) < 0.1
    whole.focus()
    for key in ("ArrowRight", "Shift+ArrowDown"):
        before = rows.inner_text()
        tab.keyboard.press(key)
        place.evaluate(CANVASES)
        assert rows.inner_text() != before, key
    before, finger = rows.inner_text(), tab.context.new_cdp_session(tab)
    for kind, points in (("Start", [{"x": x, "y": y}]), ("Move", [{"x": x + 60, "y": y - 30}]), ("End", [])):
        finger.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    place.evaluate(CANVASES)
    moved = float(dark.nth(0).inner_text())
    assert rows.inner_text() != before and abs(moved - (23.5 + 60 * 96 / box["width"])) < 1
    until(tab, "document.querySelector('.fk-said').textContent.includes('True point at')")
    place.get_by_role("button", name="Reset").click()
    place.evaluate(CANVASES)
    assert place.locator("tr", has_text="argmax").first.locator("td").nth(2).inner_text() == "1.50"
    tab.context.close()


def test_a_random_augmentation_can_be_taken_back_and_the_image_dragged(browser):
    tab, place, _ = opened(browser, "augmentation_playground")
    place.get_by_role("button", name="Reset").click()
    plain = place.evaluate(CANVASES)
    place.get_by_role("button", name="Random").click()
    assert place.evaluate(CANVASES) != plain
    place.get_by_role("button", name="Reset").click()
    assert place.evaluate(CANVASES) == plain
    box = place.get_by_role("application").bounding_box()
    tab.mouse.move(box["x"] + 100, box["y"] + 100)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 100 + box["width"] * 10 / 96, box["y"] + 100, steps=3)
    tab.mouse.up()
    place.evaluate(CANVASES)
    assert place.locator(".fk-slider", has_text="shift right").locator("output").inner_text() == "10.0 px"
    place.get_by_label("flip").select_option("forgotten")
    place.evaluate(CANVASES)
    assert "off by 0.0" not in place.locator(".fk-hint").first.inner_text()
    tab.context.close()


def test_the_viewer_sorts_overlays_heatmaps_and_lists_errors(browser):
    tab, place, _ = opened(browser, "viewer")
    worst = [float(text.split("RMSE ")[1].split()[0]) for text in place.locator(".fk-card p").all_inner_texts()]
    plain = place.evaluate(CANVASES)
    place.get_by_label("heatmap").select_option("nose tip")
    assert place.evaluate(CANVASES) != plain
    place.get_by_role("slider").focus()
    tab.keyboard.press("End")
    place.evaluate(CANVASES)
    best = [float(text.split("RMSE ")[1].split()[0]) for text in place.locator(".fk-card p").all_inner_texts()]
    assert sum(best) < sum(worst)
    place.locator("summary").click()
    place.locator("tbody tr").nth(14).wait_for()
    tab.context.close()


def test_a_replay_plays_and_pauses_and_takes_its_time_where_motion_is_not_wanted(browser):
    for motion, most in (("no-preference", 99), ("reduce", 2)):
        tab, place, _ = opened(browser, "training_replay", reduced_motion=motion)
        place.get_by_role("button", name="Play").click()
        tab.wait_for_timeout(1800)
        epoch = int(place.get_by_role("slider").input_value())
        assert 1 < epoch <= most or motion == "reduce", motion
        assert epoch <= most
        tab.context.close()


def test_rotation_hurts_both_networks(browser):
    tab, place, _ = opened(browser, "regression_and_heatmap")

    def errors():
        place.evaluate(CANVASES)
        return [float(text.split("RMSE ")[1].split()[0]) for text in place.locator(".fk-card p").all_inner_texts()]

    upright = errors()
    place.get_by_role("slider").focus()
    tab.keyboard.press("End")
    assert all(a > b for a, b in zip(errors(), upright, strict=True))
    place.get_by_role("button", name="Blur").click()
    assert errors() == upright and place.get_by_role("button", name="Blur", pressed=True).count() == 1
    tab.context.close()


@pytest.mark.parametrize("module", WIDGETS)
def test_without_javascript_there_is_an_image_with_a_text(browser, module):
    page, mark = WIDGETS[module]
    if mark not in (HTML / page).read_text():
        pytest.skip(f"{page} was built without the widget: make html")
    tab = browser.new_context(java_script_enabled=False).new_page()
    tab.goto((HTML / page).as_uri())
    image = tab.locator(f".cell_output:has(> .widget-place[{mark}]) img").first
    image.scroll_into_view_if_needed()
    assert image.is_visible() and len(image.get_attribute("alt")) > 80
    tab.context.close()


@pytest.mark.parametrize("width", [500, 1280])
def test_firefox_runs_them_too(width):
    with firefox(width, 900) as tab:
        for module, (page, mark) in WIDGETS.items():
            if mark not in (HTML / page).read_text():
                continue
            tab.open((HTML / page).as_uri())
            changed = tab.run("""
                const place = document.querySelector(`.widget-place[data-module="${args[0]}"]`);
                place.scrollIntoView();
                place.querySelector(".widget-start")?.click();
                const drawing = () => [...place.querySelectorAll("canvas")].map((c) => c.toDataURL()).join();
                const wait = () => new Promise((done) => setTimeout(done, 100));
                for (let i = 0; i < 300 && !place.dataset.ready; i++) await wait();
                await wait();
                const before = drawing(), slider = place.querySelector("input[type=range]");
                slider.value = slider.value === slider.max ? slider.min : slider.max;
                slider.dispatchEvent(new Event("input", { bubbles: true }));
                for (let i = 0; i < 20 && drawing() === before; i++) await wait();
                return [Boolean(place.dataset.ready), drawing() !== before,
                    document.documentElement.scrollWidth - document.documentElement.clientWidth];
            """, module)
            assert changed == [True, True, 0], module
