"""The widgets in a real JupyterLab, in a real browser: the modules of the book's pages, with data from a kernel.

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
viewer({name: load_pretrained(name) for name in ("hourglass-s-synthetic", "lgcn-s")}, faces.select(slice(4)))""",
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
    output = page.locator(".jp-CodeCell").nth(list(CELLS).index(name)).locator(".fk")
    output.locator("canvas").first.wait_for()
    return output


def drawing(output) -> str:
    """What the widget's canvases hold, once they are drawn."""
    return output.evaluate("""async (widget) => {
        for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame);
        await new Promise((done) => setTimeout(done, 100));
        return [...widget.querySelectorAll("canvas")].map((c) => c.toDataURL()).join();
    }""")


@pytest.mark.parametrize("name", ["lab", "playground", "viewer"])
def test_a_slider_changes_the_drawing_and_no_key_moves_the_notebook(page, name):
    output = cell(page, name)
    before, active = drawing(output), page.locator(".jp-mod-active.jp-CodeCell").count()
    output.get_by_role("slider").first.focus()
    page.keyboard.press("End")
    assert drawing(output) != before
    assert page.locator(".jp-mod-active.jp-CodeCell").count() == active
    assert not page.get_by_text("Javascript Error").count()


def test_keys_move_the_true_point_of_the_lab(page):
    output = cell(page, "lab")
    before = output.locator("tbody").inner_text()
    output.get_by_role("application").first.focus()
    page.keyboard.press("Shift+ArrowDown")
    drawing(output)
    assert output.locator("tbody").inner_text() != before


def test_a_random_augmentation_can_be_taken_back(page):
    output = cell(page, "playground")
    output.get_by_role("button", name="Reset").click()
    plain = drawing(output)
    output.get_by_role("button", name="Random").click()
    assert drawing(output) != plain
    output.get_by_role("button", name="Reset").click()
    assert drawing(output) == plain


def test_the_monitor_ends_with_the_last_epoch_and_can_be_scrubbed_through(page):
    output = cell(page, "monitor")
    output.get_by_text("epoch 4 of 4, done").wait_for()
    last = drawing(output)
    output.get_by_role("slider").focus()
    page.keyboard.press("Home")
    assert drawing(output) != last
