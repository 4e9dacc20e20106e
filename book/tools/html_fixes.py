"""A Sphinx extension that fixes the finished pages where the theme leaves something to be desired.

* The theme opens and closes a section of the table of contents with a ``<summary>`` that holds nothing but an icon:
  a screen reader has no word for it.
* The bibliography is marked as a list, but has anchors between its items.
* One page for the whole book (``make single``) is another builder: some extensions know it only half, and it looks for
  figures beside the page, which is in a folder of its own.
* All icons come twice, as a font and as a script of 1.5 MB that draws over the font. The font is enough.

Each page also gets a content security policy: it may load the book's own files and run the scripts that were in it when
it was built, named by their hashes, and nothing else. What a reader does on a page stays there.
"""

import base64
import hashlib
import re
from html import unescape
from pathlib import Path

FIXES = [
    (re.compile(r"<summary><span"), '<summary aria-label="Show or hide the pages below"><span'),
    (re.compile(r'<div role="list" class="citation-list">'), '<div class="citation-list">'),
    (re.compile(r'<script[^>]*/scripts/fontawesome\.js[^>]*></script>'), ""),
]


SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
HANDLER = re.compile(r'\son\w+="([^"]*)"')  # 'unsafe-hashes' lets those run whose hash is named
POLICY = ("default-src 'none'; script-src 'self' 'wasm-unsafe-eval' 'unsafe-hashes' {hashes}; "
          "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
          "frame-src 'self'; worker-src 'self' blob:; form-action 'self'; base-uri 'none'")


def guarded(page: str) -> str:
    """The HTML with its content security policy; a page that has one is left alone."""
    if "Content-Security-Policy" in page or "<head>" not in page:
        return page
    inline = SCRIPT.findall(page) + [unescape(text) for text in HANDLER.findall(page)]
    digests = sorted({base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in inline})
    policy = POLICY.format(hashes=" ".join(f"'sha256-{digest}'" for digest in digests))
    return page.replace("<head>", f'<head>\n<meta http-equiv="Content-Security-Policy" content="{policy}">', 1)


def fix_pages(app, error) -> None:
    """Apply the fixes to every finished page."""
    if error is not None or app.builder.format != "html":
        return
    single = [(re.compile(r'(src|href)="(_images|_downloads|_static)/'), r'\1="../\2/')]
    fixes = FIXES + (single if app.builder.name == "singlehtml" else [])
    for page in Path(app.outdir).rglob("*.html"):
        text = old = page.read_text(encoding="utf-8")
        for found, instead in fixes:
            text = found.sub(instead, text)
        text = guarded(text)
        if text != old:
            page.write_text(text, encoding="utf-8")


def one_page(app) -> None:
    """Let the builder of a single page write what the usual one can."""
    handlers = app.registry.translation_handlers
    handlers["singlehtml"] = {**handlers.get("html", {}), **handlers.get("singlehtml", {})}


def setup(app) -> dict:
    app.connect("builder-inited", one_page)
    app.connect("build-finished", fix_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
