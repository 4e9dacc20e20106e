"""A Sphinx extension that mends the finished pages where the theme leaves something to be desired.

* The theme opens and closes a section of the table of contents with a ``<summary>`` that holds nothing but an icon:
  a screen reader has no word for it.
* The bibliography is marked as a list, but has anchors between its items.
* One page for the whole book (``make single``) is another builder: some extensions know it only half, and it looks for
  pictures beside the page, which lies in a folder of its own.
* All icons come twice, as a font and as a script of 1.5 MB that draws over the font. The font is enough.
"""

import re
from pathlib import Path

MENDED = [
    (re.compile(r"<summary><span"), '<summary aria-label="Show or hide the pages below"><span'),
    (re.compile(r'<div role="list" class="citation-list">'), '<div class="citation-list">'),
    (re.compile(r'<script[^>]*/scripts/fontawesome\.js[^>]*></script>'), ""),
]


def mend(app, error) -> None:
    """Change these places in every finished page."""
    if error is not None or app.builder.format != "html":
        return
    single = [(re.compile(r'(src|href)="(_images|_downloads|_static)/'), r'\1="../\2/')]
    mended = MENDED + (single if app.builder.name == "singlehtml" else [])
    for page in Path(app.outdir).rglob("*.html"):
        text = old = page.read_text(encoding="utf-8")
        for found, instead in mended:
            text = found.sub(instead, text)
        if text != old:
            page.write_text(text, encoding="utf-8")


def one_page(app) -> None:
    """Let the builder of a single page write whatever the usual one can."""
    handlers = app.registry.translation_handlers
    handlers["singlehtml"] = {**handlers.get("html", {}), **handlers.get("singlehtml", {})}


def setup(app) -> dict:
    app.connect("builder-inited", one_page)
    app.connect("build-finished", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
