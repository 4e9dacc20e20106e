"""The book as an EPUB, from the page that ``make single`` builds:

    python book/tools/epub.py _build/singlehtml/book/welcome.html OUT.epub

Pandoc writes it, with formulas as MathML. What only a browser can run (widgets, buttons, scripts) is left out, and what
is folded on the screen is open.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from bs4 import BeautifulSoup, Tag

ROOT = Path(__file__).parents[2]
BROWSER_ONLY = "script, style, button, iframe, noscript, svg, a.headerlink, .widget-place, details.hide > summary"
STYLE = """
pre { white-space: pre-wrap; font-size: 0.8em; }
img { max-width: 100%; height: auto !important; }
table { font-size: 0.8em; border-collapse: collapse; }
th, td { padding: 0.1em 0.4em; text-align: left; }
.admonition { border-left: 3px solid #888; padding-left: 1em; }
.admonition-title, .folded-title { font-weight: bold; }
"""


def article(page: Path, address: str) -> Tag:
    """The text of the whole book, without what needs a browser.

    Args:
        page: the book on one page.
        address: where the book is read online; links to what the EPUB lacks lead there.
    """
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    text = soup.select_one("article")
    if text is None:
        sys.exit(f"{page}: expected the page that 'make single' builds; found no article in it.")
    for element in text.select(BROWSER_ONLY):
        element.decompose()
    for summary in text.select("summary"):
        summary.name, summary["class"] = "p", "folded-title"
    for folded in text.select("details"):
        folded.name = "div"
    for term in text.select("dt[id]"):  # pandoc drops these identifiers
        term.insert(0, soup.new_tag("span", id=term["id"]))
    seen = set()
    for section in text.select("section"):
        heading = section.find(["h1", "h2", "h3", "h4", "h5"], recursive=False)
        if heading and section["id"] not in seen:  # "summary" is in many chapters
            heading["id"] = section["id"]
            seen.add(section["id"])
    for wrapper in text.select("section, .toctree-wrapper"):
        wrapper.unwrap()  # pandoc begins a chapter at a heading that lies in nothing else
    relink(text, address)
    return text


def relink(text: Tag, address: str) -> None:
    """Links within the book lead to a place in the EPUB, those to other files of it to the book online."""
    chapters = {mark["id"]: mark.find_next(["h1", "h2"])["id"] for mark in text.select('span[id^="document-"]')}
    places = {element["id"] for element in text.select("[id]")}
    for link in text.select("a[href]"):
        path, _, place = link["href"].partition("#")
        place = chapters.get(place, place)
        if path.startswith("../"):
            link["href"] = address + link["href"].removeprefix("../")
        elif ":" not in path and place in places:
            link["href"] = f"#{place}"
        elif ":" not in path:
            link.unwrap()


def write_epub(page: Path, out: Path) -> None:
    """Write the book on the HTML file ``page`` to ``out``.

    Raises:
        SystemExit: there is no pandoc, no such page, or a page of another kind.
    """
    if shutil.which("pandoc") is None:
        sys.exit("Expected pandoc, which writes the EPUB; found none. Debian: apt-get install pandoc")
    if not page.is_file():
        sys.exit(f"{page}: there is no such page. Build it first: make single")
    config = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    out.parent.mkdir(parents=True, exist_ok=True)
    # Older pandocs do not know the larger brackets of TeX.
    text = re.sub(r"\\[Bb]ig[lr]?(?![a-z])", "", str(article(page, config["html"]["baseurl"])))
    with tempfile.TemporaryDirectory() as folder:
        style, made = Path(folder, "epub.css"), Path(folder, "book.epub")
        style.write_text(STYLE, encoding="utf-8")
        subprocess.run(
            ["pandoc", "--from=html+tex_math_single_backslash", "--to=epub3", "--mathml", "--toc", "--toc-depth=3",
             "--epub-chapter-level=2", f"--css={style}", f"--resource-path={page.parent}",
             f"--metadata=title:{config['title']}", f"--metadata=author:{config['author']}",
             f"--metadata=rights:{config['html']['extra_footer']}", "--metadata=lang:en", f"--output={made}"],
            input=text, text=True, check=True)
        shutil.move(made, out)


if __name__ == "__main__":
    write_epub(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"Wrote {sys.argv[2]} ({Path(sys.argv[2]).stat().st_size / 1e6:.1f} MB)")
