"""What the book offers to download: zips of notebooks, slides from the chapters, and a page that links to them."""

import html
import importlib
import io
import re
import shutil
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from chromium import chromium

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "book" / "downloads.md").read_text()
CONFIG = SimpleNamespace(html_baseurl="https://pages.example/", html_theme_options={
    "repository_url": "https://git.example/me", "repository_branch": "v1.2.3"})


@pytest.fixture(scope="module", autouse=True)
def tools():
    sys.path.insert(0, str(ROOT / "book" / "tools"))
    yield
    sys.path.remove(str(ROOT / "book" / "tools"))


def tool(name: str):
    return importlib.import_module(name)


def test_the_zips_hold_every_notebook_with_and_without_solutions():
    found = tool("downloads").archives(CONFIG)
    assert found == tool("downloads").archives(CONFIG) and len(found) == 2
    names = {path.name for path in (ROOT / "book").glob("*.ipynb")}
    for name, data in found.items():
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            texts = {file: archive.read(file).decode() for file in archive.namelist()}
        assert texts.keys() == names | {"README.txt", "FEEDBACK.txt"}
        solutions = sum(text.count(":::{solution}") for text in texts.values())
        assert solutions == 0 if "student" in name else solutions > 40
        assert "git+https://git.example/me@v1.2.3" in texts["README.txt"]
        assert all(nbformat.reads(texts[file], as_version=4).cells for file in names)


def test_the_page_links_to_what_is_there_and_to_the_published_book_otherwise(tmp_path, monkeypatch):
    downloads, (out, made) = tool("downloads"), (tmp_path / "html", tmp_path / "made")
    (out / "book").mkdir(parents=True)
    (made / "slides").mkdir(parents=True)
    (made / "slides" / "heatmaps.html").write_text("slides")
    links = ["facekp-notebooks.zip", "slides/heatmaps.html", "facekp-book.pdf"]
    page = out / "book" / "downloads.html"
    page.write_text("".join(f'<a href="https://pages.example/downloads/{name}">' for name in links))
    monkeypatch.setattr(downloads, "MADE", made)
    downloads.finished(SimpleNamespace(builder=SimpleNamespace(name="html"), outdir=out, config=CONFIG), None)
    assert re.findall(r'href="([^"]+)"', page.read_text()) == [
        "../downloads/facekp-notebooks.zip", "../downloads/slides/heatmaps.html",
        "https://pages.example/downloads/facekp-book.pdf"]
    assert (out / "downloads" / "facekp-student.zip").is_file()


def test_every_link_of_the_page_is_a_file_that_is_made():
    makefile = (ROOT / "Makefile").read_text()
    made = {tool("downloads").NOTEBOOKS, tool("downloads").STUDENT, *re.findall(r"facekp-book\.\w+", makefile),
            *(f"slides/{name}.html" for name in tool("slides").CHAPTERS)}
    assert set(re.findall(r"/downloads/([^)]+)\)", PAGE)) == made


@pytest.mark.parametrize("name", ["coordinates", "heatmaps", "hourglass"])
class TestSlides:
    def test_every_section_of_the_chapter_has_a_slide_and_no_solution_has(self, name):
        slides = tool("slides")
        notebook = nbformat.read(ROOT / "book" / f"{name}.ipynb", as_version=4)
        source = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        made = slides.slides(notebook)
        sections = set(re.findall(r"^## (.+)$", source, re.MULTILINE))
        sections = {s for s in sections if not s.startswith(slides.LEFT_OUT)}
        exercises = {f"Your turn: {e}" for e in re.findall(r":::\{exercise\} (.+)", source)}
        assert sections | exercises <= {slide.title for slide in made} and len(sections) >= 5
        text = "\n".join(map(slides.section, made))
        assert "check(" not in text and "Hint 1" not in text

    def test_slides_are_html_without_the_books_markup_and_with_text_for_every_figure(self, name):
        slides = tool("slides")
        made = slides.slides(nbformat.read(ROOT / "book" / f"{name}.ipynb", as_version=4))
        text = "\n".join(map(slides.section, made))
        assert not re.search(r":::|\{cite|\{numref|\]\(", re.sub(r"<pre.*?</pre>", "", text, flags=re.DOTALL))
        figures = re.findall(r"<img alt=\"([^\"]*)\"|<figure role=\"img\" aria-label=\"([^\"]*)\"", text)
        assert len(figures) >= 5 and all(len(html.unescape(a or b)) > 40 for a, b in figures)
        assert text.count("\\(") == text.count("\\)") > 10 and text.count("\\[") == text.count("\\]") >= 2
        assert all(slide.shown for slide in made)

    @pytest.mark.exhaustive
    def test_no_slide_is_larger_than_the_screen(self, name, tmp_path):
        reveal = tool("reveal")
        try:
            reveal.files()
        except Exception as error:  # noqa: BLE001  # no npm, no network
            pytest.skip(f"reveal.js cannot be had: {error}")
        tool("slides").write(tmp_path / "slides")
        with chromium() as browser:
            tab = browser.new_page(viewport={"width": 1120, "height": 660})
            problems = []
            tab.on("pageerror", lambda e: problems.append(str(e)))
            tab.on("requestfailed", lambda r: problems.append(r.url))
            tab.route("**/*", lambda r: r.continue_() if r.request.url.startswith(("file:", "data:")) else r.abort())
            tab.goto((tmp_path / "slides" / f"{name}.html").as_uri())
            tab.wait_for_function("window.Reveal?.isReady()", timeout=120_000)
            large = tab.evaluate("""[...Array(Reveal.getTotalSlides()).keys()].filter(i => {
                Reveal.slide(i); return Reveal.getCurrentSlide().scrollHeight > 664; })""")
            assert (problems, large) == ([], [])


BOOK_ON_ONE_PAGE = r"""<html><body><nav>menu</nav><article>
<section id="the-book"><h1>The book<a class="headerlink" href="#the-book">#</a></h1>
<p><a href="#document-book/maps">Maps</a> <a href="../live/index.html?turn=90">live</a> <a href="#gone">gone</a></p>
<span id="document-book/maps"></span><section id="maps"><h2>Maps</h2>
<details class="hide"><summary>Show code</summary><p>x = 1</p></details><script>alert(1)</script>
<details class="sd-dropdown"><summary>Solution</summary><p>42 \(\Bigl(x^2\Bigr)\)</p></details>
<dl><dt id="facekp.maps">maps()</dt><dd>Maps.</dd></dl>
<p><a href="book/welcome.html#facekp.maps">maps</a></p>
<section id="summary"><h3>Summary</h3></section></section>
<section id="nets"><h2>Nets</h2><section id="summary"><h3>Summary</h3></section></section>
</section></article></body></html>"""


def test_the_epub_leaves_out_what_needs_a_browser_and_keeps_its_links(tmp_path):
    (tmp_path / "page.html").write_text(BOOK_ON_ONE_PAGE)
    text = tool("epub").article(tmp_path / "page.html", "https://pages.example/")
    words = text.get_text()
    assert all(word in words for word in ("x = 1", "Solution", "42", "gone")) and "alert" not in words
    assert "menu" not in words and "Show code" not in words
    assert [a["href"] for a in text.select("a")] == ["#maps", "https://pages.example/live/index.html?turn=90",
                                                     "#facekp.maps"]
    ids = [element["id"] for element in text.select("[id]")]
    assert ids.count("summary") == 1 and text.select_one('span[id="facekp.maps"]')
    assert not text.select("section, details")


@pytest.mark.skipif(shutil.which("pandoc") is None, reason="needs pandoc")
def test_pandoc_writes_a_chapter_for_each_page(tmp_path):
    (tmp_path / "page.html").write_text(BOOK_ON_ONE_PAGE)
    tool("epub").write_epub(tmp_path / "page.html", tmp_path / "out" / "book.epub")
    with zipfile.ZipFile(tmp_path / "out" / "book.epub") as archive:
        chapters = [archive.read(name).decode() for name in archive.namelist() if "/ch" in name]
    assert [re.search(r"<h[12][^>]*>([^<]+)", chapter)[1] for chapter in chapters] == ["The book", "Maps", "Nets"]
    assert "<math" in chapters[1] and 'href="ch002.xhtml#maps"' in chapters[0]


def test_the_epub_needs_pandoc_and_a_page(tmp_path, monkeypatch):
    epub = tool("epub")
    monkeypatch.setattr(epub.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="apt-get install pandoc"):
        epub.write_epub(tmp_path / "page.html", tmp_path / "book.epub")
    monkeypatch.setattr(epub.shutil, "which", lambda name: "/usr/bin/pandoc")
    with pytest.raises(SystemExit, match="there is no such page"):
        epub.write_epub(tmp_path / "page.html", tmp_path / "book.epub")
    (tmp_path / "page.html").write_text("<html>another</html>")
    with pytest.raises(SystemExit, match="found no article"):
        epub.write_epub(tmp_path / "page.html", tmp_path / "book.epub")
    assert not (tmp_path / "book.epub").exists()
