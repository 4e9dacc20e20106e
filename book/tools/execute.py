"""Run notebooks in place and store their outputs.

    python book/tools/execute.py               all of them
    python book/tools/execute.py book/data.ipynb ...

Each runs in a fresh kernel in the folder book/, on the synthetic faces (no Kaggle files, no progress
bars), as the tests run it. A notebook is replaced only after all of it has run.

A widget is stored as its state, which the book's pages load, and a still image (``stills.py``): its view has a new
random name in every run, and is dead without a kernel.

Figures are drawn with two pixels for each pixel of the page, so that they are sharp on a telephone and in print, and
stored with 256 colours, a third of the bytes.
"""

import base64
import io
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from stills import keep

BOOK = Path(__file__).parents[1]
sys.path.insert(0, str(BOOK.parent))


def make_compact(notebook: nbformat.NotebookNode) -> None:
    """Give each figure 256 colours, and its cell the width on the page: half of its own pixels."""
    from PIL import Image

    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            shown = output.get("metadata", {}).get("image/png")
            if not shown:
                continue
            figure = Image.open(io.BytesIO(base64.b64decode(output["data"]["image/png"]))).convert("RGB")
            small = io.BytesIO()
            figure.quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
            output["data"]["image/png"] = base64.b64encode(small.getvalue()).decode()
            look = cell.metadata.setdefault("mystnb", {})
            look["image"] = look.get("image", {}) | {"width": f"{shown['width']}px"}


def execute(path: Path) -> float:
    """Run one notebook; the seconds it took."""
    from facekp.files import replacing

    notebook, earlier = nbformat.read(path, as_version=4), nbformat.read(path, as_version=4)
    began = time.perf_counter()
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(BOOK)}},
                   record_timing=False, store_widget_state=True, coalesce_streams=True,
                   extra_arguments=["--InlineBackend.figure_formats=retina"]).execute()
    keep(notebook, earlier)
    make_compact(notebook)
    # The patch version of Python would change the file on every other machine.
    notebook.metadata.get("language_info", {}).pop("version", None)
    with replacing(path) as temporary:
        nbformat.write(notebook, temporary)
    return time.perf_counter() - began


if __name__ == "__main__":
    os.environ |= {"TQDM_DISABLE": "1", "FACEKP_KAGGLE": ""}
    for name in sys.argv[1:] or sorted(BOOK.glob("*.ipynb")):
        print(f"{Path(name).name}: {execute(Path(name).resolve()):.0f} s", flush=True)
