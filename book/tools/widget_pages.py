"""A Sphinx extension that puts the widgets of the notebooks on the pages, where no kernel runs.

A stored output says which module of ``facekp/widgets/js`` it is and with what data (``stills.py``). Its figure stays on
the page, for readers without JavaScript and for print, and ``host.js`` puts the widget in its place. Modules and data
become plain scripts: a browser loads no ES module from a disk.
"""

import gzip
import json
import sys
from pathlib import Path

import nbformat
from docutils import nodes

ROOT = Path(__file__).parents[2]
FOLDER = "_static/widgets"  # in the built book
HEAVY = 150_000  # bytes; a widget of more, as sent, waits for a click

sys.path.insert(0, str(ROOT))


def module_script(name: str) -> str:
    """The module as a plain script that hands ``render`` to the host."""
    from facekp.widgets import front

    code, end = front.source(name), "export default { render };"
    if code.count(end) != 1:
        raise ValueError(f"facekp/widgets/js/{name}.js must end with: {end}")
    return f'(() => {{ "use strict";\n{code.replace(end, f"widgetHost.define({json.dumps(name)}, render);")}}})();\n'


def states(path: str) -> dict[int, dict]:
    """What :func:`stills.keep` stored in a notebook, by the number of the cell."""
    cells = nbformat.read(path, as_version=4).cells
    return {i: output.metadata["widget"] for i, cell in enumerate(cells) for output in cell.get("outputs", [])
            if "widget" in output.get("metadata", {})}


def write(folder: Path, name: str, text: str) -> int:
    """Write one script; the bytes that a web server sends of it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return len(gzip.compress(text.encode(), 6))


def place(app, doctree, docname: str) -> None:
    """Before each figure that stands for a widget, an empty element that ``host.js`` will fill."""
    source = Path(app.env.doc2path(docname))
    if app.builder.name not in ("html", "dirhtml") or source.suffix != ".ipynb":
        return
    found, folder, up = states(str(source)), Path(app.outdir) / FOLDER, "../" * docname.count("/")
    for cell in doctree.findall(lambda n: isinstance(n, nodes.container) and n.get("nb_element") == "cell_code"):
        if cell.get("cell_index") not in found:
            continue
        state, name = found[cell["cell_index"]], f"{docname.replace('/', '-')}-{cell['cell_index']}"
        sent = write(folder, f"{state['module']}.js", module_script(state["module"]))
        sent += write(folder, f"{name}.js", f"widgetHost.data({json.dumps(name)}, {json.dumps(state['data'])});\n")
        html = (f'<div class="widget-place" data-module="{state["module"]}" data-name="{name}" '
                f'data-folder="{up}{FOLDER}/" data-sent="{sent}" data-wait="{str(sent > HEAVY).lower()}"></div>')
        cell.children[-1].insert(0, nodes.raw("", html, format="html"))
        for image in cell.findall(nodes.image):  # fetched where no widget hides it
            image["loading"] = "lazy"


def load(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """The host and the style sheet, on pages that have a widget."""
    if "widget-place" in context.get("body", ""):
        app.add_js_file("widgets/host.js", loading_method="defer")
        app.add_css_file("widgets/widgets.css")


def shared(app) -> None:
    """The host and the style sheet themselves."""
    if app.builder.name in ("html", "dirhtml"):
        from facekp.widgets import front

        folder = Path(app.outdir) / FOLDER
        write(folder, "widgets.css", front.style())
        write(folder, "host.js", (ROOT / "book" / "tools" / "host.js").read_text(encoding="utf-8"))


def setup(app) -> dict:
    app.connect("doctree-resolved", place)
    app.connect("html-page-context", load)
    app.connect("builder-inited", shared)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
