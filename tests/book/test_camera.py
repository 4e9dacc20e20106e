"""A photo from the camera, in a real browser whose camera shows a synthetic face, up to the points that Python finds.

Only the way between the two differs from a notebook's: the test carries the messages, where there anywidget does.
"""

import base64
import io
import json

import numpy as np
import pytest
from chromium import CHROMIUM, NONE, chromium
from PIL import Image

from facekp.pretrained import load_pretrained
from facekp.synthetic.group import group
from facekp.widgets import camera, front

pytest.importorskip("anywidget")
URL = "http://localhost/camera"  # answered by the test: a page at localhost may use the camera
PAGE = """<!doctype html><html lang="en"><title>camera</title><div id="widget"></div><script type="module">
{module}
let data = {data}, changed = () => {{}};
window.put = (new_data) => {{ data = new_data; changed(); }};
const send = async (content, callbacks, buffers) => {{
  const bytes = new Uint8Array(buffers[0]);
  await window.toPython(content, btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join("")));
}};
const model = {{ get: () => data, on: (name, f) => {{ changed = f; }}{send} }};
window.stop = render({{ model, el: document.getElementById("widget") }});
</script></html>"""


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """A file of ten frames, 640 x 480, of one synthetic person, and their face's middle."""
    pixels, points = group(1, 1, seed=43)  # 384 x 384
    frame = np.full((480, 640), 128, np.uint8)
    frame[48:432, 128:512] = pixels
    file = tmp_path_factory.mktemp("camera") / "face.y4m"
    grey = np.full(480 * 640 // 2, 128, np.uint8).tobytes()  # no colour
    file.write_bytes(b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420jpeg\n" + 10 * (b"FRAME\n" + frame.tobytes() + grey))
    return file, points[0].mean(0) + np.array([128, 48])


def opened(browser, widget, sent, send=", send"):
    """The widget's page; what it sends goes into ``sent`` and to the widget, whose answer goes back."""
    page = browser.new_page()
    html = PAGE.format(module=front.source("camera"), data=json.dumps(widget.data), send=send)
    page.route(URL, lambda route: route.fulfill(body=html, content_type="text/html; charset=utf-8"))

    def to_python(content, buffer):
        sent.append(base64.b64decode(buffer))
        widget._handle_custom_msg(content, [memoryview(sent[-1])])
    page.expose_function("toPython", to_python)
    page.goto(URL)
    return page


@pytest.mark.skipif(CHROMIUM is None, reason=NONE)
def test_a_photo_is_taken_found_and_drawn(video):
    file, middle = video
    widget, sent = camera(load_pretrained("hourglass-s-synthetic")), []
    with chromium("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                  f"--use-file-for-fake-video-capture={file}") as browser:
        page = opened(browser, widget, sent)
        before = page.locator("img").get_attribute("src")
        assert page.get_by_role("button", name="Take a photo").is_disabled()
        page.get_by_role("button", name="Start the camera").click()
        page.wait_for_function("document.querySelector('video').videoWidth === 640", timeout=120_000)
        page.get_by_role("button", name="Take a photo").click(timeout=120_000)
        for _ in range(600):
            page.wait_for_timeout(100)
            if sent and widget.pixels.shape == (480, 640, 3):
                break
        page.evaluate("(data) => window.put(data)", widget.data)
        assert page.get_by_role("status").inner_text() == "One face was found."
        assert page.locator("img").get_attribute("src") != before
        page.evaluate("window.stop()")
        assert page.get_by_role("button", name="Take a photo").is_disabled()
    assert sent[0][:2] == b"\xff\xd8"  # a JPEG
    face, = widget.faces
    assert np.abs(face.points.mean(0) - middle).max() < 10  # pixels of the camera's 640


@pytest.mark.skipif(CHROMIUM is None, reason=NONE)
def test_without_a_camera_or_without_a_kernel_the_page_says_so():
    widget = camera(load_pretrained("hourglass-s-synthetic"))
    with chromium("--deny-permission-prompts") as browser:
        page = opened(browser, widget, [])
        page.get_by_role("button", name="Start the camera").click()
        page.get_by_text("The camera could not be started").wait_for(timeout=60_000)
        page = opened(browser, widget, [], send="")
        assert "Run the notebook to take a photo" in page.get_by_role("status").inner_text()
        assert not page.get_by_role("button", name="Start the camera").is_visible()


def test_bytes_that_are_not_an_image_and_a_photo_without_a_face_are_reported():
    widget = camera(load_pretrained("hourglass-s-synthetic"))
    assert len(widget.faces) == 2 and base64.b64decode(widget.data["png"])[:4] == b"\x89PNG"
    drawn = widget.data["png"]
    for buffers in ([b"not an image"], []):
        widget._handle_custom_msg({"kind": "photo"}, buffers)
        assert "could not be used" in widget.data["words"] and widget.data["png"] == drawn
    file = io.BytesIO()
    Image.new("RGB", (320, 240), "grey").save(file, "JPEG")
    widget._handle_custom_msg({"kind": "photo"}, [file.getvalue()])
    assert widget.data["words"].startswith("No face was found.") and widget.faces == []
