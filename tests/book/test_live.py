"""The page in which the network runs, in a real browser: made anew here, served from this machine.

Needs Chromium, and npm or a connection for ONNX Runtime Web; skips, and says so, without them.
"""

import base64
import functools
import http.server
import importlib.util
import json
import re
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from blobs import blob
from chromium import chromium
from PIL import Image

from facekp.data import load
from facekp.photo import crop, face_maps, read, whole
from facekp.predict import predict
from facekp.pretrained import load_pretrained
from facekp.synthetic import generate
from facekp.synthetic.group import group

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.xdist_group("live")  # one export, one server, one browser
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]  # a moving disc


def tool():
    spec = importlib.util.spec_from_file_location("live_page", ROOT / "book" / "tools" / "live_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The folder of the whole page."""
    pytest.importorskip("onnxscript")
    out = tmp_path_factory.mktemp("live") / "live"
    card = tool().write(out)
    if not card["runtime"]:
        pytest.skip(card["missing"])
    return out


@pytest.fixture(scope="module")
def address(page):
    """Where a plain web server serves the page."""
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=page))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with chromium(*CAMERA) as browser:
        yield browser


def opened(browser, url, **options):
    """A tab with the page; what went wrong, and what was asked for, is kept as ``tab.problems`` and ``tab.asked``."""
    tab = browser.new_context(**options).new_page()
    tab.problems, tab.asked = [], []
    tab.on("pageerror", lambda e: tab.problems.append(str(e)))
    tab.on("console", lambda m: tab.problems.append(m.text) if m.type in ("error", "warning") else None)
    tab.on("request", lambda r: tab.asked.append(r.url))
    tab.goto(url)
    return tab


def start(tab):
    tab.get_by_role("button", name="Start the network").click()
    tab.locator("#app").wait_for(timeout=300_000)
    still(tab)


def until(tab, condition):
    """Wait until a condition holds in the page. (Playwright's own way to wait needs the eval that the page forbids.)"""
    for _ in range(6000):
        if tab.evaluate(condition):
            return
        time.sleep(0.05)
    raise AssertionError(f"After five minutes still not: {condition}")


def still(tab):
    """Wait until the network has looked at all there is."""
    until(tab, "answer && !wanted && !busy")


@pytest.fixture(scope="module")
def started(browser, address):
    """A tab in which the network runs."""
    tab = opened(browser, address)
    start(tab)
    yield tab
    assert tab.problems == []
    tab.context.close()


@pytest.fixture
def running(started):
    """That tab with the network of synthetic faces; tests leave what they like in it and begin with ``put``."""
    chosen = started.get_by_label("Network", exact=True)
    if chosen.input_value() != "hourglass-s-synthetic":
        chosen.select_option("hourglass-s-synthetic")
        still(started)
    return started


def in_page(tab, function, pixels, *more):
    """``function(bytes, ...more)`` of the page."""
    script = f"([text, more]) => ({function})(Uint8Array.from(atob(text), c => c.charCodeAt(0)), ...more)"
    return tab.evaluate(script, [base64.b64encode(np.ascontiguousarray(pixels).tobytes()).decode(), list(more)])


def photo(path, pixels):
    Image.fromarray(pixels).save(path)
    return path


def put_photo(tab, path):
    tab.get_by_role("button", name="Synthetic face 1").click()
    tab.get_by_label("Your photo").set_input_files(path)
    until(tab, "state.source.kind === 'photo' && !state.searching")
    still(tab)


# ---- the network ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["hourglass-s", "hourglass-s-synthetic"])
def test_points_and_confidence_are_those_of_pytorch(running, name):
    running.get_by_label("Network", exact=True).select_option(name)
    until(running, f"state.name === '{name}' && document.getElementById('loading').hidden")
    images = load("sample").images[40:60]
    found = in_page(running, """async (bytes) => {
        const a = await find(state.network, bytes);
        return { points: [...a.points], confidence: [...a.confidence] };
    }""", images)
    points, confidence = predict(load_pretrained(name), images)
    assert np.abs(np.reshape(found["points"], points.shape) - points).max() < 0.05
    assert np.abs(np.reshape(found["confidence"], confidence.shape) - confidence).max() < 1e-3
    assert ("research" in running.locator("#terms").inner_text()) == (name == "hourglass-s")


def test_the_synthetic_faces_arrive_as_they_were_rendered_and_are_found(running):
    images, truth = tool().drawn_faces()
    for i, button in enumerate(running.get_by_role("group", name="Synthetic faces").get_by_role("button").all()):
        button.click()
        still(running)
        assert np.array_equal(running.evaluate("[...answer.seen]"), images[i].ravel())
        found = np.reshape(running.evaluate("[...answer.points]"), (-1, 2))
        error = np.sqrt(((found - truth[i]) ** 2).mean())
        assert error < 1.5 and running.locator("#error").inner_text() == f"{error:.2f} px"
    assert i == len(images) - 1


def test_the_shown_heatmap_and_confidence_are_of_the_chosen_point(running):
    running.get_by_role("button", name="Synthetic face 1").click()
    still(running)
    running.get_by_label("mouth left corner", exact=True).check()
    still(running)
    assert running.locator("#map-name").inner_text() == "heatmap: mouth left corner"
    rgba = running.evaluate("[...at('map').getContext('2d').getImageData(0, 0, 48, 48).data]")
    y, x = np.unravel_index(np.reshape(rgba, (48, 48, 4))[..., :2].sum(-1).argmax(), (48, 48))
    point = running.evaluate("[...answer.points]")[2 * 11 : 2 * 11 + 2]
    assert np.abs(2 * np.array([x, y]) + 0.5 - point).max() < 2


# ---- the image ---------------------------------------------------------------------------------


def blobs(width, height, places, sigma):
    """(height, width) uint8: grey with a bright Gaussian at each place (x, y)."""
    side = max(width, height)
    return (40 + 200 * sum(blob(p, side, sigma) for p in places))[:height, :width].clip(0, 255).astype(np.uint8)


def centroid(image, near, radius):
    """The centre of mass of what is brighter than the ground in a window around ``near`` (x, y)."""
    x0, y0 = (max(0, round(v) - radius) for v in near)
    window = image[y0 : y0 + 2 * radius + 1, x0 : x0 + 2 * radius + 1].astype(float)
    window = (window - window.min()).clip(0)
    y, x = np.mgrid[: window.shape[0], : window.shape[1]]
    return np.array([x0 + (x * window).sum() / window.sum(), y0 + (y * window).sum() / window.sum()])


@pytest.mark.parametrize("frame", [
    {"x": 149.5, "y": 99.5, "side": 200, "turn": 0, "mirror": False},
    {"x": 140.0, "y": 95.0, "side": 180, "turn": 0.5, "mirror": False},
    {"x": 150.0, "y": 90.0, "side": 96, "turn": -1.2, "mirror": True},
    {"x": 149.0, "y": 101.0, "side": 60, "turn": 3.0, "mirror": True},
])
def test_image_and_points_stay_together(running, tmp_path, frame):
    """A blob drawn at a known place of a photo is in the frame where the pixel rule says."""
    place = np.array([151.3, 97.8])
    put_photo(running, photo(tmp_path / "blob.png", blobs(300, 200, [place], 6.0)))
    seen = np.reshape(running.evaluate("frame => [...crop(state.source, frame)]", frame), (96, 96))
    expected = running.evaluate("([frame, x, y]) => toFrame(frame, x, y)", [frame, *place])
    assert np.abs(centroid(seen, expected, 18) - expected).max() < 0.1
    back = running.evaluate("([frame, p]) => toImage(frame, ...p)", [frame, expected])
    np.testing.assert_allclose(back, place, atol=1e-9)
    scale = 96 / frame["side"]  # by hand: from the frame's middle, mirrored, turned clockwise, scaled
    u, v = (place - [frame["x"], frame["y"]]) * [-1 if frame["mirror"] else 1, 1] * scale
    c, s = np.cos(frame["turn"]), np.sin(frame["turn"])
    np.testing.assert_allclose(expected, [47.5 + c * u - s * v, 47.5 + s * u + c * v], atol=1e-9)


def test_a_photo_is_reduced_as_the_library_does_it(running, tmp_path):
    """The whole of a colour photo that is not square, padded to one, against ``facekp predict``'s way of opening it."""
    rng = np.random.default_rng(0)
    colours = np.stack([blobs(640, 400, rng.uniform(60, 340, (4, 2)), 25.0) for _ in range(3)], axis=-1)
    path = photo(tmp_path / "photo.png", colours)
    put_photo(running, path)
    frame = {"x": 319.5, "y": 319.5, "side": 640, "turn": 0, "mirror": False}
    seen = np.reshape(running.evaluate("frame => [...crop(state.source, frame)]", frame), (96, 96)).astype(int)
    pixels = read(path).pixels
    expected = crop(pixels, whole(pixels)).astype(int)
    assert np.abs(seen - expected).max() <= 3 and np.abs(seen - expected).mean() < 0.8


def test_a_face_in_a_larger_photo_is_looked_for_and_found(running, tmp_path):
    faces = generate(1, seed=5)
    clouds = Image.fromarray(np.random.default_rng(1).integers(60, 200, (5, 7), dtype=np.uint8))
    scene = np.array(clouds.resize((640, 480)))
    scene[130:400, 300:570] = np.asarray(Image.fromarray(faces.images[0]).resize((270, 270)))
    put_photo(running, photo(tmp_path / "party.png", scene))
    truth = (faces.keypoints[0] + 0.5) * 270 / 96 - 0.5 + [300, 130]
    found = np.array(running.evaluate("CARD.keypoints.map((_, k) => "
                                      "toImage(state.frame, answer.points[2 * k], answer.points[2 * k + 1]))"))
    assert np.sqrt(((found - truth) ** 2).mean()) < 2 * 270 / 96
    assert running.locator("#error").inner_text() == "-"  # the truth of a photo is unknown


def in_source(tab, function, pixels, *more):
    """``function(source, ...more)`` of the page for grey pixels (H, W)."""
    height, width = pixels.shape
    return in_page(tab, f"(bytes, ...more) => ({function})(makeSource('photo', {width}, {height}, bytes), ...more)",
                   pixels, *more)


@pytest.mark.parametrize("size", [(40, 30), (131, 97), (64, 200), (300, 70), (128, 97)])
def test_images_are_resized_as_pillow_does_it(running, size):
    image = blobs(128, 97, [(40.0, 55.0), (90.0, 20.0)], 7.0)
    image[10:14] = 255
    seen = in_source(running, "(source, ...size) => [...resized(source, ...size).grey]", image, *size)
    expected = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(np.reshape(seen, expected.shape) - expected).max() <= 1


def test_the_detector_finds_the_faces_that_the_library_finds(running):
    for rows, columns, seed, enlarge in ((2, 3, 4, 2), (1, 2, 7, 3)):
        scene = np.pad(group(rows, columns, seed=seed, enlarge=enlarge)[0], ((0, 30), (0, 11)), mode="edge")
        found = in_source(running, "async (source) => findFaces(await openDetector(), source)", scene)
        expected = face_maps.find(scene, max(24, 0.05 * max(scene.shape)))
        assert len(found) == len(expected) >= rows * columns - 1
        ours = sorted((f["x"], f["y"], f["side"], f["score"]) for f in found)
        theirs = sorted((b.x + b.width / 2 - 0.5, b.y + b.width / 2 - 0.5, b.width, s) for b, s in expected)
        difference = np.abs(np.array(ours) - np.array(theirs))
        assert difference[:, :3].max() < 0.5 and difference[:, 3].max() < 0.02  # a grey value may be rounded otherwise


def test_each_face_of_a_photo_is_a_button_away(running, tmp_path):
    scene, points = group(1, 3, seed=4, enlarge=2)
    put_photo(running, photo(tmp_path / "three.png", scene))
    following = running.get_by_role("button", name="Next face")
    seen = []
    for i in range(3):
        still(running)
        assert following.inner_text() == f"Next face ({i + 1} of 3)"
        found = np.array(running.evaluate("CARD.keypoints.map((_, k) => "
                                          "toImage(state.frame, answer.points[2 * k], answer.points[2 * k + 1]))"))
        errors = np.sqrt(((found - points) ** 2).mean((1, 2)))
        seen.append(int(errors.argmin()))
        assert errors.min() < 2 * running.evaluate("state.frame.side") / 96
        running.get_by_role("slider", name="Rotate").fill("20")
        running.get_by_role("button", name="Reset").click()
        following.click()
    assert sorted(seen) == [0, 1, 2] and following.inner_text() == "Next face (1 of 3)"
    running.get_by_role("button", name="Synthetic face 1").click()
    assert following.is_hidden()


def test_blur_is_a_gaussian_and_does_not_move_anything(running):
    image = blobs(96, 96, [(40.0, 55.0)], 3.0)
    seen = np.reshape(in_page(running, "(bytes) => [...blurred(bytes, 4)]", image), (96, 96))
    expected = 40 + 200 * 9 / 25 * blob(np.array([40.0, 55.0]), 96, 5.0)  # variances add, 9 + 16
    assert np.abs(seen - expected).max() < 2


def test_the_frame_is_fitted_to_the_points_exactly_where_that_is_possible(running):
    for mirror in (False, True):
        frame = {"x": 210.0, "y": 130.0, "side": 150.0, "turn": 0.7, "mirror": mirror}
        fitted = running.evaluate("""(frame) => {
            const there = [];
            for (let i = 0; i < CARD.mean_face.length; i += 2)
                there.push(...toImage(frame, CARD.mean_face[i], CARD.mean_face[i + 1]));
            return fitted(there, CARD.mean_face, CARD.keypoints.map((_, k) => 1 + k % 3), frame.mirror);
        }""", frame)
        assert fitted.pop("mirror") is mirror
        assert fitted == pytest.approx({k: frame[k] for k in ("x", "y", "side", "turn")})


def test_a_file_that_is_not_an_image_is_refused_in_a_sentence(running, tmp_path):
    (tmp_path / "letter.png").write_text("Dear Sir")
    running.get_by_role("button", name="Synthetic face 2").click()
    running.get_by_label("Your photo").set_input_files(tmp_path / "letter.png")
    until(running, "at('status').textContent.includes('letter.png is not an image')")
    assert running.evaluate("state.source.kind") == "drawn"


# ---- hands and eyes ------------------------------------------------------------------------------


def test_what_to_watch_happens(running):
    running.get_by_role("button", name="Synthetic face 1").click()
    still(running)

    def numbers():
        still(running)
        error, sure = (running.locator(i).inner_text().split()[0] for i in ("#error", "#sure"))
        return float(error), float(sure)

    error, sure = numbers()
    running.get_by_role("slider", name="Rotate").fill("75")
    turned, lost = numbers()
    assert turned > 10 * error and lost < 0.6 * sure and running.locator("output[for=turn]").inner_text() == "75°"
    running.get_by_role("button", name="Reset").click()
    assert numbers() == (error, sure)
    running.get_by_role("button", name="Flip").click()
    assert numbers()[0] < error + 0.3 and running.get_by_role("button", name="Flip", pressed=True).count() == 1
    running.get_by_role("button", name="Reset").click()
    running.get_by_role("button", name="Cover an eye").click()
    still(running)
    eye, other = running.evaluate("[answer.confidence[1], answer.confidence[0]]")
    assert eye < 0.6 < other
    running.get_by_role("button", name="Reset").click()
    running.get_by_role("slider", name="Blur").fill("6")
    assert numbers()[1] < sure - 0.1
    running.get_by_role("button", name="Reset").click()
    assert numbers() == (error, sure)


def test_presets_show_what_the_text_says(running):
    """Those of the book's links, and one that is none."""
    page = (ROOT / "book" / "live.md").read_text().replace("&amp;", "&")
    links = re.findall(r'data-preset="([^"]+)" href="../live/index.html\?([^"]+)"', page)
    assert len(links) >= 6 and all(preset == address for preset, address in links)
    seen = {}
    for preset, _ in links:
        running.evaluate(f"showPreset('{preset}')")
        still(running)
        seen[preset] = running.evaluate("({ turn: state.frame.turn, mirror: state.frame.mirror, cover: !!state.cover, "
                                        "blur: +at('blur').value, error: rmse(answer.points, truthInFrame()) })")
    assert seen["turn=60"]["turn"] == pytest.approx(np.pi / 3) and seen["turn=60"]["error"] > 5
    assert seen["blur=4&point=11"]["blur"] == 4 and seen["mirror=1"]["mirror"] and seen["mirror=1"]["error"] < 2
    assert seen["cover=1&point=1"]["cover"] and running.evaluate("answer.confidence[1]") > 0
    assert not any(s["cover"] for p, s in seen.items() if "cover" not in p)  # a preset begins anew
    before = running.evaluate("state.frame.turn")
    running.evaluate("showPreset('turn=much')")
    still(running)
    assert running.evaluate("state.frame.turn") == before


def test_keys_and_the_mouse_move_the_image(running):
    running.get_by_role("button", name="Synthetic face 1").click()
    still(running)
    before = np.reshape(running.evaluate("[...answer.points]"), (-1, 2))
    view = running.get_by_role("application")
    view.focus()
    for key in ("ArrowRight", "ArrowRight", "Shift+ArrowDown"):
        running.keyboard.press(key)
    still(running)
    moved = np.reshape(running.evaluate("[...answer.points]"), (-1, 2))
    np.testing.assert_allclose(np.median(moved - before, axis=0), [2, 5], atol=0.4)
    for key in ("+", "]", "]", "-", "["):
        running.keyboard.press(key)
    assert running.locator("output[for=turn]").inner_text() == "5°"
    assert running.locator("output[for=size]").inner_text() == "100 %"
    running.get_by_role("button", name="Reset").click()
    box = view.bounding_box()
    running.mouse.move(box["x"] + 100, box["y"] + 100)
    running.mouse.down()
    running.mouse.move(box["x"] + 100 + box["width"] / 12, box["y"] + 100, steps=4)
    running.mouse.up()
    still(running)
    moved = np.reshape(running.evaluate("[...answer.points]"), (-1, 2))
    np.testing.assert_allclose(np.median(moved - before, axis=0), [8, 0], atol=0.5)


def test_the_keyboard_alone_is_enough_and_everything_has_a_name(browser, address):
    tab = opened(browser, address)
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.id") == "start"
    tab.keyboard.press("Enter")
    tab.locator("#app").wait_for(timeout=300_000)
    reached = set()
    for _ in range(40):
        tab.keyboard.press("Tab")
        reached.add(tab.evaluate("document.activeElement.id || document.activeElement.name"))
    assert reached >= {"view", "photo", "camera", "turn", "size", "blur", "mirror", "cover", "fit", "reset", "point",
                       "network", "measure"}
    unnamed = tab.evaluate("""[...document.querySelectorAll('button, input, select, canvas')].filter(e =>
        e.checkVisibility() && !e.closest('button.face > *') &&
        !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML)""")
    assert unnamed == []
    until(tab, "/confidence 0.\\d+, off by/.test(document.querySelector('[role=status]').textContent)")
    tab.context.close()


def test_the_camera_runs_and_is_switched_off_with_the_next_image(browser, address):
    tab = opened(browser, address)
    start(tab)
    tab.get_by_role("button", name="Camera").click()
    tab.get_by_role("button", name="Camera", pressed=True).wait_for()
    until(tab, "state.source.kind === 'camera' && answer")
    until(tab, "at('status').textContent.startsWith('No face was found')")
    track = tab.evaluate_handle("state.camera.stream.getTracks()[0]")
    assert track.evaluate("t => t.readyState") == "live" and tab.get_by_role("button", name="Follow").is_visible()
    tab.get_by_role("button", name="Synthetic face 3").click()
    until(tab, "state.source.kind === 'drawn'")
    assert track.evaluate("t => t.readyState") == "ended" and tab.get_by_role("button", name="Follow").is_hidden()
    assert tab.problems == []
    tab.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_screen_and_theme(browser, address, scheme):
    tab = opened(browser, address, color_scheme=scheme)
    start(tab)
    for width in (340, 390, 700, 1280):
        tab.set_viewport_size({"width": width, "height": 844})
        assert tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        assert tab.locator("#view").bounding_box()["width"] > min(300, width - 30)
    ground = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 18, 18)"}[scheme]
    tab.context.close()


def test_two_fingers_turn_and_enlarge(browser, address):
    tab = opened(browser, address, viewport={"width": 390, "height": 844}, has_touch=True)
    start(tab)
    box = tab.locator("#view").bounding_box()
    x, y, r = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"] / 6
    fingers = tab.context.new_cdp_session(tab)

    def touch(kind, radius=0.0, angle=0.0):
        points = [] if kind == "touchEnd" else [
            {"x": x + s * radius * np.cos(angle), "y": y + s * radius * np.sin(angle), "id": i}
            for i, s in enumerate((-1, 1))]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", r)
    for step in np.linspace(0, 1, 6):
        touch("touchMove", r * (1 + 0.5 * step), np.radians(30) * step)
    touch("touchEnd")
    still(tab)
    frame = tab.evaluate("state.frame")
    assert frame["side"] == pytest.approx(96 / 1.5, rel=0.02)
    assert frame["turn"] == pytest.approx(np.radians(30), abs=0.02)
    assert [frame["x"], frame["y"]] == pytest.approx([47.5, 47.5], abs=1.5)
    tab.context.close()


# ---- what it asks for and what it refuses --------------------------------------------------------


def test_it_asks_for_nothing_but_its_own_files_and_cannot_send_anything(running, address):
    assert all(url.startswith((address, "data:", "blob:")) for url in running.asked)
    said = running.evaluate("fetch('index.html', { method: 'POST', body: 'secret' }).then(() => 'sent', (e) => e.name)")
    assert said == "TypeError"
    assert running.evaluate("new Promise(r => { const i = new Image(); i.onload = () => r('sent'); "
                            "i.onerror = () => r('refused'); i.src = 'https://example.com/?secret'; })") == "refused"
    running.problems[:] = [p for p in running.problems if "Content Security Policy" not in p]


def test_it_runs_from_a_disk_too(browser, page):
    tab = opened(browser, (page / "index.html").as_uri())
    start(tab)
    assert float(tab.locator("#sure").inner_text()) > 0.8 and tab.problems == []
    tab.context.close()


def test_without_javascript_there_is_an_image_and_a_word(browser, address):
    tab = opened(browser, address, java_script_enabled=False)
    assert tab.get_by_text("A still image").is_visible() and not tab.locator("#start").is_visible()
    assert tab.locator("#before img").evaluate("i => i.naturalWidth") == 960
    tab.context.close()


def test_before_the_start_it_is_light_and_the_network_is_small(page):
    card = json.loads((page / "card.js").read_text().split("CARD = ")[1].rstrip(";\n"))
    assert sum(f.stat().st_size for f in page.iterdir() if f.is_file()) < 300_000
    assert all(n["bytes"] < 2e6 for n in card["networks"]) and card["runtime"]["bytes"] < 6e6
    assert not list(page.rglob("*.wasm")) and "://" not in (page / "index.html").read_text()


def test_the_record_is_of_this_page_and_fast_enough(page):
    record = json.loads((ROOT / "book" / "results" / "bench-live.json").read_text())
    assert record["median_ms"] < 60 and record["runs"] >= 100
    assert record["runtime"] == f"onnxruntime-web-{tool().RUNTIME}"


# ---- the build -----------------------------------------------------------------------------------


def test_a_runtime_that_is_not_the_pinned_one_is_not_used(tmp_path, monkeypatch):
    live = tool()
    calls = []

    def wrong(folder):
        calls.append(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in live.RUNTIME_FILES:
            (folder / name).write_bytes(b"something else")

    monkeypatch.setattr(live, "from_npm", wrong)
    monkeypatch.setattr(live, "from_cdn", wrong)
    with pytest.raises(live.Missing, match="could not be fetched"):
        live.runtime(tmp_path)
    assert len(calls) == 2 and not (calls[0] / "ort.wasm.bundle.min.mjs").exists()


def test_without_npm_the_runtime_comes_from_a_cdn(page, tmp_path, monkeypatch):
    live = tool()
    (tmp_path / "cdn").mkdir()
    (tmp_path / "cdn" / live.RUNTIME).symlink_to(live.CACHE / f"onnxruntime-web-{live.RUNTIME}")
    monkeypatch.setattr(live, "CDN", (tmp_path / "cdn").as_uri() + "/{version}/{file}")
    monkeypatch.setenv("PATH", str(tmp_path))
    files = live.runtime(tmp_path / "cache")
    assert files.keys() == live.RUNTIME_FILES.keys() and files["ort-wasm-simd-threaded.wasm"][:4] == b"\0asm"


def test_without_npm_and_network_the_still_image_says_why(browser, tmp_path, monkeypatch, capsys):
    live = tool()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(live.urllib.request, "urlopen", lambda *_, **__: (_ for _ in ()).throw(OSError("no network")))
    card = live.write(tmp_path / "live", tmp_path / "cache")
    assert card["runtime"] is None and "only its still image" in capsys.readouterr().err
    tab = opened(browser, (tmp_path / "live" / "index.html").as_uri())
    assert "could not be fetched" in tab.get_by_role("status").inner_text()
    assert tab.locator("#before img").is_visible() and not tab.locator("#start").is_visible() and tab.problems == []
    tab.context.close()


def test_a_module_of_another_form_is_refused():
    live = tool()
    module = ("/*! MIT */\nvar a=1,b=2,c=import.meta.url;export{a as InferenceSession,b as Tensor,c as env};"
              "\n//# sourceMappingURL=x")
    script = live.as_script(module)
    assert script.startswith("/*! MIT */\n(()=>") and "InferenceSession:a,Tensor:b,env:c" in script
    assert "import.meta" not in script and "export" not in script and "sourceMapping" not in script
    with pytest.raises(live.Missing, match="another form"):
        live.as_script("var a = 1;")
