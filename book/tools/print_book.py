"""The book as one PDF, from the page that ``make single`` builds:

    python book/tools/print_book.py _build/singlehtml/book/welcome.html OUT.pdf

Chromium prints it, with an outline and with the tags that screen readers use. What is folded on the screen is open on
paper.
"""

import shutil
import sys
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MINUTES = 8  # the formulas of a whole book take one or two of them
OPEN = """async () => {
    document.documentElement.dataset.theme = document.documentElement.dataset.mode = 'light';
    document.querySelectorAll('details').forEach(d => { d.open = true; });
    document.querySelectorAll('a.headerlink, summary.toggle-button').forEach(e => e.remove());  // not in the outline
    document.querySelectorAll('img[loading]').forEach(i => { i.loading = 'eager'; });
    await Promise.all([...document.images].map(i => i.decode().catch(() => null)));
    await window.MathJax?.startup?.promise;
}"""


def print_page(page: Path, out: Path) -> None:
    """Print the HTML file ``page`` to ``out``.

    Raises:
        SystemExit: there is no Chromium, or no such page.
    """
    from playwright.sync_api import sync_playwright

    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit("Expected Chromium, which prints the book; found none. Debian: apt-get install chromium")
    if not page.is_file():
        sys.exit(f"{page}: there is no such page. Build it first: make single")
    out.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        tab = chromium.new_page()
        tab.set_default_timeout(MINUTES * 60_000)
        tab.goto(page.resolve().as_uri())
        tab.evaluate(OPEN)
        tab.pdf(path=out, prefer_css_page_size=True, print_background=True, outline=True, tagged=True,
                display_header_footer=True, header_template="<span></span>", footer_template=FOOTER)
        chromium.close()


FOOTER = """<div style="font-size: 8px; width: 100%; text-align: center; color: #555">
<span class="pageNumber"></span> / <span class="totalPages"></span></div>"""

if __name__ == "__main__":
    print_page(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"Wrote {sys.argv[2]} ({Path(sys.argv[2]).stat().st_size / 1e6:.1f} MB)")
