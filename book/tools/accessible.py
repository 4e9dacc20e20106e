"""A Sphinx extension that mends what screen readers would stumble over in the pages as they come.

The theme opens and closes a section of the table of contents with a ``<summary>`` that holds nothing but an icon, for
which there is no word. The bibliography is marked as a list, but has anchors between its items.
"""

from pathlib import Path

MENDED = {
    "<summary><span": '<summary aria-label="Show or hide the pages below"><span',
    '<div role="list" class="citation-list">': '<div class="citation-list">',
}


def mend(app, error) -> None:
    """Change these places in every finished page."""
    if error is not None or app.builder.format != "html":
        return
    for page in Path(app.outdir).rglob("*.html"):
        text = old = page.read_text(encoding="utf-8")
        for found, instead in MENDED.items():
            text = text.replace(found, instead)
        if text != old:
            page.write_text(text, encoding="utf-8")


def setup(app) -> dict:
    app.connect("build-finished", mend)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
