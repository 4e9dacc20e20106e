"""What a stored notebook keeps of a widget: its state, for the book's pages, and a still image, for everyone else.

``execute.py`` calls :func:`keep` after running a notebook. The still is a photograph of the widget in Chromium, as it
looks before anyone has touched it. Without Chromium the earlier still stays.
"""

import base64
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
WIDTH = 800  # CSS pixels, the book's column

PAGE = """<!doctype html><meta charset="utf-8"><style>{style} body {{ margin: 0; background: #fff; color: #1a1a1a }}
.fk {{ padding: 4px; margin: 0 }}</style><div id="widget"></div><script type="module">
{module}
globalThis.widget = {{ render }};
</script>"""


def keep(notebook: nbformat.NotebookNode, earlier: nbformat.NotebookNode | None = None) -> None:
    """Turn each widget view among the outputs into ``metadata["widget"]`` = {module, data} and an ``image/png``.

    Args:
        notebook: just executed, with the state of its widgets in its metadata; the state is taken out.
        earlier: the same notebook as it was stored, whose stills are kept where there is no Chromium.
    """
    states = notebook.metadata.pop("widgets", {}).get(STATE, {}).get("state", {})
    before = {cell.id: cell for cell in (earlier or notebook).cells}
    for cell in notebook.cells:
        for index, output in enumerate(cell.get("outputs", [])):
            view = output.get("data", {}).pop(VIEW, None)
            state = states.get(view["model_id"], {}).get("state", {}) if view else {}
            if "module" in state:
                data = state["data"] | state.get("live", {})
                output.metadata["widget"] = {"module": state["module"], "data": data}
                png = photograph(state["module"], data)
                old = before[cell.id].get("outputs", []) if cell.id in before else []
                if png is None and index < len(old) and "image/png" in old[index].get("data", {}):
                    output.data["image/png"] = old[index].data["image/png"]
                elif png is not None:
                    output.data["image/png"] = base64.b64encode(png).decode()
                    output.metadata["image/png"] = {"width": WIDTH}


def photograph(module: str, data: dict) -> bytes | None:
    """A PNG file of a widget that has just been opened, ``WIDTH`` pixels wide; None without Chromium.

    In the book's pages the widget itself takes its place, so it is no sharper than print needs.
    """
    sys.path.insert(0, str(ROOT / "tests" / "helpers"))
    from chromium import CHROMIUM
    from playwright.sync_api import sync_playwright

    from facekp.widgets import front

    if CHROMIUM is None:
        print(f"No Chromium: the still of {module} stays as it was.", file=sys.stderr)
        return None
    code = front.source(module).replace("export default { render };", "")
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page(viewport={"width": WIDTH, "height": 900})
        tab.set_content(PAGE.format(style=front.style(), module=code))
        tab.wait_for_function("globalThis.widget")
        tab.evaluate("""async (data) => {
            const el = document.getElementById("widget");
            const nothing = () => {}, get = (key) => (key === "data" ? data : {});
            const model = { get, set: nothing, save_changes: nothing, on: nothing, off: nothing };
            await widget.render({ el, model });
            await el.finished; // a widget that computes for longer says so
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        }""", data)
        png = tab.locator("#widget").screenshot()
        browser.close()
    return png
