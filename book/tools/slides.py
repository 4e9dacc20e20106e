"""Slides of three chapters, from their notebooks:

    python book/tools/slides.py OUT_DIR

A heading begins a slide. It keeps what a chapter marks (**Idea**, **Formula**, **Shape**, **Check**), formulas, lists,
tables, short code, figures, questions and exercises. The rest of the text goes into the speaker's notes, as do answers
and the code of figures. ``reveal`` fetches reveal.js; without it the slides are one long page. Formulas are set by the
book's own MathJax.
"""

import html
import re
import shutil
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import nbformat
import reveal
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

BOOK = Path(__file__).parents[1]
CHAPTERS = ("coordinates", "heatmaps", "hourglass")
LEAD = re.compile(r"\*\*(Idea|Formula|Shape|Check|Code|Intermediate|A learning rate|The loss|In the library)[^*]*\*\*")
LEFT_OUT = ("Further reading", "Appendix", "Exercises")
SENTENCES = re.compile(r"(?<=[.?!:])\s+(?=[A-Z$*`])")
HIDDEN = {"hide-input", "hide-cell", "remove-cell", "remove-input"}
CODE, ROOM = 14, 12.5  # lines of code that are shown; lines of text on a slide


def tex(content: str, options: dict) -> str:
    """A formula as MathJax finds it."""
    text = html.escape(content)
    return f"\\[{text}\\]" if options["display_mode"] else f"\\({text}\\)"


MARKDOWN = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, renderer=tex, allow_space=True)


@dataclass
class Slide:
    """Title, what is shown (HTML), and the notes (Markdown)."""

    title: str
    level: int
    shown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plain(text: str) -> str:
    """Markdown without what only the book knows: roles become their text, links to chapters go to the book."""
    text = re.sub(r"\{cite[^}]*\}`([a-z]+)(\d{4})[^`]*`", lambda m: f"({m[1].capitalize()} {m[2]})", text)
    text = re.sub(r"\{(?:numref|ref|eq|doc|term)\}`([^`<]*?)(?:\s*<[^>]*>)?`", r"\1", text)
    return re.sub(r"\]\((?:\./)?([\w-]+)\.(?:ipynb|md)(#[\w-]+)?\)", r"](../../book/\1.html\2)", text)


def blocks(source: str) -> list[str]:
    """Paragraphs, lists, fences and formulas of a text cell."""
    found: list[str] = []
    fence = None
    for line in source.splitlines():
        mark = re.match(r"(:{3,}|`{3,}|\$\$)", line)
        if found and (fence or line.strip()) and found[-1]:
            found[-1] += f"\n{line}"
        elif line.strip():
            found.append(line)
        elif found and not fence:
            found.append("")
        if fence:
            fence = None if line.rstrip().endswith(fence) else fence
        elif mark and not (mark[1] == "$$" and line.count("$$") > 1):
            fence = mark[1]
    return [block for block in found if block]


def directive(block: str) -> tuple[str, str, str]:
    """(name, argument, body) of a fenced block; ("", "", block) of any other."""
    match = re.match(r"[:`]{3,}\{([\w-]+)\}[ ]*(.*)\n((?:.|\n)*?)\n?[:`]{3,}\s*$", block)
    if not match:
        return "", "", block
    return match[1], match[2], re.sub(r"\A(?::[\w-]+:.*\n?)*", "", match[3]).strip()


def figure(block: str, file: str, caption: str) -> str:
    """An SVG of the book, with its text alternative."""
    alt = re.search(r"^:alt: (.*)$", block, re.MULTILINE)
    figure = (BOOK / file).read_text(encoding="utf-8")
    label = html.escape(alt[1] if alt else caption, quote=True)
    return f'<figure role="img" aria-label="{label}">{figure[figure.index("<svg"):]}</figure>'


def add_text(slide: Slide, source: str) -> list[Slide]:
    """Share a text cell out to ``slide`` and to the slides that it begins; all of them."""
    made = [slide]
    for block in blocks(source):
        name, argument, body = directive(block)
        heading = re.match(r"(#{1,3}) (.+)", block)
        if heading:
            made.append(Slide(heading[2], len(heading[1])))
        elif name == "figure":
            made[-1].shown.append(figure(block, argument, body))
        elif name == "exercise":
            text = re.split(r"^[:`]{3,}", body, maxsplit=1, flags=re.MULTILINE)[0]
            made.append(Slide(f"Your turn: {argument}", 3, [MARKDOWN.render(plain(text))]))
        elif name == "admonition" and argument == "Question":
            question, _, answer = body.partition(":::{dropdown} Answer")
            made.append(Slide("Question", 3, [MARKDOWN.render(plain(question))], [f"Answer: {answer.strip(' :')}"]))
        elif name or block.startswith(":") or block == "**Code.**":
            continue
        elif made[-1].level == 1 and not made[-1].shown:
            made[-1].shown.append(MARKDOWN.render(plain(block.strip("*"))))
        elif block.startswith(("$$", "- ", "| ", "1. ")):
            made[-1].shown.append(MARKDOWN.render(plain(block)))
        elif LEAD.match(block):
            sentences = SENTENCES.split(block)
            made[-1].shown.append(MARKDOWN.render(plain(" ".join(sentences[:3]))))
            made[-1].notes += [" ".join(sentences[3:])] if sentences[3:] else []
        else:
            made[-1].notes.append(block)
    return made


def outputs(cell: nbformat.NotebookNode) -> list[str]:
    """What a cell shows: figures with their captions, tables, short texts, the library's source."""
    found, meta = [], cell.metadata.get("mystnb", {})
    alt, caption = meta.get("image", {}).get("alt", ""), meta.get("figure", {}).get("caption", "")
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            found.append(f'<figure><img alt="{html.escape(alt, quote=True)}" src="data:image/png;base64,'
                         f'{data["image/png"].strip()}"><figcaption>{MARKDOWN.renderInline(plain(caption))}'
                         "</figcaption></figure>")
        elif "text/html" in data and "<table" in data["text/html"]:
            found.append(re.sub(r"<style.*?</style>", "", data["text/html"], flags=re.DOTALL))
        elif "text/markdown" in data and data["text/markdown"].count("\n") <= 2 * CODE:
            code = re.sub(r'\n    (r?""")(.*?)""".*?(?=\n)', "", data["text/markdown"], flags=re.DOTALL)
            found.append(MARKDOWN.render(code))
        elif (text := output.get("text", "")) and text.count("\n") <= CODE:
            found.append(f"<pre class=output>{html.escape(text.rstrip())}</pre>")
    return found


def add_code(slide: Slide, cell: nbformat.NotebookNode) -> None:
    """A code cell: its source where it is short and not folded in the book, and what it shows."""
    tags, shown = set(cell.metadata.get("tags", [])), outputs(cell)
    if tags & {"hide-cell", "remove-cell"} or "check(" in cell.source or cell.source.startswith("# Colab"):
        return
    code = f"<pre><code>{html.escape(cell.source)}</code></pre>"
    if any("<figure" in part or "<table" in part for part in shown):
        slide.notes.append(f"```\n{cell.source}\n```")
    elif not tags & HIDDEN and 1 < len(cell.source.splitlines()) <= CODE:
        shown = [code + "".join(shown)]  # what it prints stays under it
    slide.shown += shown


def slides(notebook: nbformat.NotebookNode) -> list[Slide]:
    """The slides of a chapter, none of them empty or overfull."""
    made = [Slide("", 9)]
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            made += add_text(made.pop(), cell.source)
        else:
            add_code(made[-1], cell)
    kept, out = [], ""
    for slide in made:
        out = slide.title if slide.level <= 2 else out
        if slide.title and not (out.startswith(LEFT_OUT) and not slide.title.startswith("Your turn")):
            kept += split(slide)
    return kept


def height(part: str) -> float:
    """About how many lines of text a part of a slide is high."""
    if "<figure" in part:
        return ROOM
    if "<pre" in part:
        return 1 + 0.65 * part.count("\n")
    if "<table" in part:
        return 1 + 0.9 * part.count("<tr")
    return 0.4 + len(re.sub(r"<[^>]*>", "", part)) / 72 + 0.4 * part.count("<li>") + 2.5 * part.count("\\[")


def split(slide: Slide) -> list[Slide]:
    """A slide as one or several: what does not fit goes on the next, with the same title."""
    if not slide.shown and slide.notes:
        slide.shown.append(MARKDOWN.render(plain(SENTENCES.split(slide.notes[0])[0])))
    pages: list[list[str]] = [[]]
    for part in slide.shown:
        if pages[-1] and sum(map(height, pages[-1])) + height(part) > ROOM:
            pages.append([])
        pages[-1].append(part)
    notes = [slide.notes, *([] for _ in pages[1:])]
    return [Slide(slide.title, slide.level, page, note) for page, note in zip(pages, notes, strict=True)]


def section(slide: Slide) -> str:
    """A slide as HTML."""
    heading = MARKDOWN.renderInline(plain(slide.title))
    said = MARKDOWN.render(plain("\n\n".join(slide.notes)))
    notes = f'<aside class="notes">{said}</aside>' if said else ""
    kind = "title" if slide.level == 1 else "content"
    size = "figure" if any("<figure" in part for part in slide.shown) else ""
    rank = 1 if slide.level == 1 else 2
    return (f'<section class="{kind} {size}">\n<h{rank}>{heading}</h{rank}>\n' + "\n".join(slide.shown)
            + f"\n{notes}</section>")


def write(folder: Path) -> list[Path]:
    """Write the slides of all ``CHAPTERS``, with all they need, into ``folder``; their files."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    reveal.put(folder / "reveal")
    mathjax = Path(find_spec("sphinx-mathjax-offline").submodule_search_locations[0]) / "static" / "mathjax"
    shutil.copytree(mathjax / "output" / "chtml" / "fonts", folder / "mathjax" / "output" / "chtml" / "fonts")
    shutil.copy(mathjax / "tex-chtml.js", folder / "mathjax")
    template = (BOOK / "tools" / "slides.html").read_text(encoding="utf-8")
    written = []
    for name in CHAPTERS:
        made = slides(nbformat.read(BOOK / f"{name}.ipynb", as_version=4))
        page = template.replace("{{ title }}", made[0].title).replace("{{ slides }}", "\n".join(map(section, made)))
        written.append(folder / f"{name}.html")
        written[-1].write_text(page, encoding="utf-8")
    return written


if __name__ == "__main__":
    for path in write(Path(sys.argv[1])):
        print(f"Wrote {path}")
