"""The labeller in Chromium: pointer, touch and keys, on a desktop's and a telephone's page."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from chromium import CHROMIUM, NONE, chromium
from PIL import Image

from facekp.synthetic import beetles
from facekp.widgets import front
from facekp.widgets.labeller import Session

sys.path.insert(0, str(Path(__file__).parents[2] / "book" / "tools"))
from stills import PAGE

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=NONE)
NAMES = ("head", "left_foot", "right_foot")
START = """async (data) => {
    const el = document.getElementById("widget"), listeners = [];
    globalThis.sent = [];
    const model = { get: () => data, on: (_, heard) => listeners.push(heard), send: (m) => { sent.push(m); } };
    globalThis.answer = (m) => listeners.forEach((heard) => heard(m));
    widget.render({ el, model });
    await new Promise((done) => setTimeout(done, 100));
}"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(params=["desktop", "telephone"])
def opened(request, browser, tmp_path):
    """(page, session): three images of 200 x 100 pixels to label."""
    for i, image in enumerate(beetles.generate(3, seed=8).faces.images):
        Image.fromarray(image).resize((200, 100)).save(tmp_path / f"{i}.png")
    session = Session(tmp_path, NAMES, None)
    phone = request.param == "telephone"
    context = browser.new_context(viewport={"width": 390 if phone else 1280, "height": 844}, has_touch=phone)
    page = context.new_page()
    problems = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: problems.append(str(e)))
    page.set_content(PAGE.format(style=front.style(), module=front.source("labeller").replace(
        "export default { render };", "")))
    page.wait_for_function("globalThis.widget")
    page.evaluate(START, session.data(sorted(session.paths)))
    yield page, session
    assert problems == []
    context.close()


def touch(page, x: float, y: float) -> None:
    """Touch, or click, a place of the image, in pixels of the file of 200 x 100 at zoom 1."""
    box = page.locator("canvas").bounding_box()
    at = box["x"] + (x + 0.5) / 200 * box["width"], box["y"] + (y + 0.5) / 100 * box["height"]
    if page.evaluate("navigator.maxTouchPoints"):
        page.touchscreen.tap(*at)
    else:
        page.mouse.click(*at)


def titled(page, text: str) -> None:
    """Waits until the title says ``text``: it is drawn with the next frame, which a busy machine lets wait."""
    page.wait_for_function("(text) => document.querySelector('.fk-label-title').textContent.includes(text)", arg=text)


def saved(page, session: Session) -> np.ndarray:
    """The points (3, 2) that the last message asks to write, after the session has written them."""
    message = page.evaluate("sent.at(-1)")
    answer = session.save(json.loads(json.dumps(message)))
    page.evaluate("(m) => answer(m)", answer)
    assert answer == {"saved": message["file"]}
    return np.array([p or [np.nan, np.nan] for p in message["points"]], float)


def test_three_touches_place_three_points_and_the_next_image_comes(opened):
    page, session = opened
    for at in ((20, 30), (150, 80), (100, 50)):
        touch(page, *at)
    titled(page, "3 of 3 points")
    page.get_by_role("button", name="Save, next").click()
    titled(page, "2 of 3: 1.png")
    off = 200 / page.locator("canvas").bounding_box()["width"]  # a pixel of the page in pixels of the file
    np.testing.assert_allclose(saved(page, session), [(20, 30), (150, 80), (100, 50)], atol=off)
    columns = [f"{name}_{axis}" for name in NAMES for axis in "xy"]
    assert session.table.read_text().splitlines()[0].split(",") == ["file", *columns]
    page.wait_for_function("document.querySelector('.fk-said').textContent.includes('0.png: saved')")


def test_a_point_is_dragged_and_the_step_is_undone(opened):
    page, session = opened
    touch(page, 40, 40)
    box = page.locator("canvas").bounding_box()

    def at(x, y):
        return box["x"] + (x + 0.5) / 200 * box["width"], box["y"] + (y + 0.5) / 100 * box["height"]

    page.mouse.move(*at(40, 40))
    page.mouse.down()
    page.mouse.move(*at(70, 60), steps=3)
    page.mouse.up()
    page.get_by_role("button", name="Save, next").click()
    np.testing.assert_allclose(saved(page, session)[0], (70, 60), atol=1.1)
    page.get_by_role("button", name="Undo").click()  # back on the first image, where the drag was
    page.get_by_role("button", name="Save, next").click()
    np.testing.assert_allclose(saved(page, session)[0], (40, 40), atol=1.1)
    assert len(session.table.read_text().splitlines()) == 2


def test_everything_by_keys(opened):
    page, session = opened
    page.locator("canvas").focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")  # the first step places the point in the middle
    page.keyboard.press("Shift+ArrowUp")
    page.keyboard.press("n")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Delete")
    page.keyboard.press("Enter")
    points = saved(page, session)
    np.testing.assert_allclose(points[0], (102, 45), atol=0.01)
    assert np.isnan(points[1:]).all()
    page.keyboard.press("s")
    titled(page, "3 of 3: 2.png")
    page.keyboard.press("Enter")
    titled(page, "All 3 images seen, 2 of them saved")
    page.get_by_role("button", name="Back").click()
    titled(page, "3 of 3: 2.png")


def test_enlarged_a_touch_means_the_pixel_that_is_seen(opened):
    page, session = opened
    touch(page, 60, 40)
    page.get_by_role("button", name="head").click()
    for _ in range(2):
        page.get_by_role("button", name="Zoom in").click()  # 50 x 25 pixels around (60, 40)
    page.get_by_role("button", name="left foot").click()  # it has no place: the middle of the image is seen
    page.wait_for_timeout(50)
    touch(page, 0, 0)  # the upper left corner of what is seen: of 50 x 25 pixels around the middle, (75, 37.5)
    page.get_by_role("button", name="Save, next").click()
    points = saved(page, session)
    np.testing.assert_allclose(points[1], (75, 37.5), atol=0.7)


def test_targets_are_large_and_named_and_nothing_is_wider_than_the_page(opened):
    page, _ = opened
    for button in page.get_by_role("button").all():
        box = button.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 44 and button.inner_text().strip()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "Active point: head" in page.locator("canvas").get_attribute("aria-label")
    assert page.locator("[role=status]").count() == 1


def test_an_error_of_the_kernel_is_shown(opened):
    page, _ = opened
    page.evaluate("answer({ error: 'Not saved: No space left on device' })")
    titled(page, "No space left")
    page.get_by_role("button", name="Skip").click()  # it stays until an image is saved
    page.wait_for_timeout(100)
    titled(page, "No space left")


def test_without_a_kernel_the_table_can_be_downloaded(browser, tmp_path):
    Image.fromarray(beetles.generate(1, seed=8).faces.images[0]).save(tmp_path / "0.png")
    session = Session(tmp_path, NAMES, None)
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_content(PAGE.format(style=front.style(), module=front.source("labeller").replace(
        "export default { render };", "")))
    page.wait_for_function("globalThis.widget")
    page.evaluate("""(data) => widget.render({ el: document.getElementById("widget"),
        model: { get: () => data, set() {}, save_changes() {}, on() {}, off() {} } })""", session.data(["0.png"]))
    page.locator("canvas").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Download keypoints.csv").focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert Path(download.value.path()).read_text().splitlines()[1] == "0.png,31.50,32.00,,,,"
    page.close()
