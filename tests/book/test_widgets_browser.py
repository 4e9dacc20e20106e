"""The widgets in a real JupyterLab, in a real browser: a slider moves, and the picture changes.

Needs JupyterLab and Chromium; skips, and says so, without them.
"""

import importlib.util
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from chromium import CHROMIUM, NONE, chromium

ROOT = Path(__file__).parents[2]
TOKEN = "for-this-test-only"

pytestmark = [
    pytest.mark.xdist_group("lab"),  # one JupyterLab
    pytest.mark.skipif(CHROMIUM is None, reason=NONE),
    pytest.mark.skipif(not importlib.util.find_spec("jupyterlab"), reason="no Jupyter server: pip install jupyterlab"),
]

KERNEL = "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"

CELLS = {
    "lab": """
from facekp.widgets import augmentation_playground, heatmap_lab, monitor, viewer
from facekp.data import load
faces = load("sample").complete().select(slice(12))
heatmap_lab()""",
    "playground": "augmentation_playground(faces)",
    "viewer": """
from facekp.pretrained import load_pretrained
viewer({name: load_pretrained(name) for name in ("hourglass-s-synthetic", "lgcn-s")}, faces)""",
    "monitor": """
from facekp.models import create_model
from facekp.training import TrainConfig, fit
tiny = create_model("hourglass-s", channels=8, depth=1)
config = TrainConfig(epochs=4, batch_size=4)
record = fit(tiny, faces, faces, config, progress=False, callback=monitor(faces, config.epochs))""",
}


def notebook(folder: Path) -> Path:
    cells = [nbformat.v4.new_code_cell(source.strip()) for source in CELLS.values()]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = folder / "widgets.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a JupyterLab in a folder of its own, with the notebook in it."""
    folder = tmp_path_factory.mktemp("lab")
    notebook(folder)
    own = {"HOME": folder, "JUPYTER_RUNTIME_DIR": folder / "runtime", "JUPYTER_CONFIG_DIR": folder / "config",
           "JUPYTERLAB_SETTINGS_DIR": folder / "settings", "JUPYTERLAB_WORKSPACES_DIR": folder / "workspaces"}
    env = os.environ | {name: str(path) for name, path in own.items()} | {"OMP_NUM_THREADS": "1"}
    env["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [env.get("PYTHONPATH")])])
    options = [f"--IdentityProvider.token={TOKEN}", "--no-browser", "--allow-root", "--ServerApp.port=0",
               f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True"]
    with open(folder / "server.log", "w") as log:
        process = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options], cwd=folder, env=env, stdout=log,
                                   stderr=subprocess.STDOUT)
        try:
            yield address(folder / "runtime", folder / "server.log", process)
        finally:
            process.terminate()  # takes its kernels along
            process.wait(20)


def address(runtime: Path, log: Path, process: subprocess.Popen) -> str:
    """Wait until the server answers; its address."""
    for _ in range(1500):
        found = [file.read_text() for file in runtime.glob("jpserver-*.json")] if runtime.is_dir() else []
        if found and found[0]:  # empty for a moment, between its making and its writing
            url = json.loads(found[0])["url"]
            urllib.request.urlopen(f"{url}api?token={TOKEN}", timeout=20).close()
            return url
        assert process.poll() is None, log.read_text()
        time.sleep(0.2)
    raise AssertionError(f"no server after five minutes:\n{log.read_text()}")


@pytest.fixture(scope="module")
def page(server):
    """The notebook, open, all its cells run."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1300, "height": 3200})  # all outputs in sight, all drawn
        page.set_default_timeout(300_000)
        page.goto(f"{server}lab/tree/widgets.ipynb?token={TOKEN}&reset")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        run_all(page)
        yield page


def run_all(page) -> None:
    """Run every cell: asked again until it is heard, for Lab drops the order while its kernel is still connecting."""
    page.wait_for_function(f"{KERNEL}?.connectionStatus === 'connected' && {KERNEL}?.status === 'idle'")
    for _ in range(300):
        page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        time.sleep(1)
        if page.locator(".jp-InputPrompt").first.inner_text().strip() not in ("", "[ ]:"):
            return
    raise AssertionError("JupyterLab did not run the cells")


def cell(page, name: str):
    """The output of one cell, with its widget in it."""
    output = page.locator(".jp-CodeCell").nth(list(CELLS).index(name))
    output.locator("img.jupyter-widgets").wait_for()
    return output


def pixels(output) -> str:
    """What the widget's picture holds now."""
    return output.locator("img.jupyter-widgets").evaluate("""async img => {
        const bytes = new Uint8Array(await (await fetch(img.src)).arrayBuffer());
        return img.naturalWidth + ':' + bytes.reduce((sum, b) => (sum * 31 + b) % 4294967291, 7);
    }""")


def settled(output) -> None:
    """Wait until the kernel has answered all that the page sent, and what the page sent upon that, several times."""
    for _ in range(12):
        output.evaluate(f"""async () => {{
            await {KERNEL}.requestKernelInfo();
            for (let i = 0; i < 4; i++) await new Promise(done => requestAnimationFrame(done));
            await new Promise(done => setTimeout(done, 50));
        }}""")


def changed(output, before: str) -> str:
    """Wait until the picture is another one, and stays it; that one."""
    last = before
    for _ in range(1500):
        time.sleep(0.2)
        now = pixels(output)
        if now == last != before and not now.startswith("0:"):
            return now
        last = now
    raise AssertionError("the picture did not change within five minutes")


def move(output, description: str, key: str = "ArrowRight") -> None:
    """Put the keyboard on the slider of that description, and press a key."""
    row = output.locator(".widget-hslider").filter(has_text=description)
    row.locator(".noUi-handle").focus()
    row.page.keyboard.press(key)


def test_a_slider_of_the_heatmap_laboratory_moves_the_picture_and_the_numbers(page):
    output = cell(page, "lab")
    before, words = pixels(output), output.locator("table").inner_text()
    move(output, "true x", "PageUp")
    changed(output, before)
    assert output.locator("table").inner_text() != words


def test_a_menu_changes_the_grid(page):
    output = cell(page, "lab")
    before = pixels(output)
    output.locator("select").select_option("8")
    changed(output, before)


def test_every_control_has_a_description(page):
    for name in ("lab", "playground", "viewer"):
        output = cell(page, name)
        rows = output.locator(".widget-hslider, .widget-dropdown")
        texts = [rows.nth(i).locator(".widget-label").inner_text() for i in range(rows.count())]
        assert len(texts) >= 4 and all(text.strip() for text in texts), name
        assert not output.get_by_text("javascript error").count()


def test_the_face_turns_and_the_button_draws_a_random_view(page):
    output = cell(page, "playground")
    begin = pixels(output)
    output.get_by_role("button", name="As it is").click()
    plain = changed(output, begin)
    move(output, "rotation", "PageUp")
    turned = changed(output, plain)
    output.get_by_role("button", name="Random view").click()
    random = changed(output, turned)
    output.get_by_role("button", name="As it is").click()
    assert changed(output, random) == plain


def test_buttons_pressed_one_after_the_other_leave_no_slider_behind(page):
    """The browser sends back each value that it was given, in its own digits: none may come after the next press."""
    output = cell(page, "playground")
    random, plain = (output.get_by_role("button", name=name) for name in ("Random view", "As it is"))
    plain.click()
    settled(output)
    before = pixels(output)
    for _ in range(4):
        random.click()
        while pixels(output) == before:  # and then at once: what the first press set in motion is under way
            time.sleep(0.05)
        plain.click()
        settled(output)
        assert pixels(output) == before


def test_the_viewer_shows_another_face_and_another_network(page):
    output = cell(page, "viewer")
    first = pixels(output)
    move(output, "face")
    second = changed(output, first)
    output.locator("select").first.select_option("lgcn-s")
    changed(output, second)


def test_the_monitor_ends_with_the_last_epoch(page):
    output = cell(page, "monitor")
    output.get_by_text("epoch 4 of 4, done").wait_for()
    assert pixels(output).split(":")[0] == "720"
    assert output.locator("img").count() == 1  # the still is not shown beside the widget
