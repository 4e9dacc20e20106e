"""A Sphinx extension: autodoc reads the library's docstrings as a person in a terminal does.

What looks well there would not on a page: columns (a term, spaces, what it means) would run together, ``|x|`` would
be taken for a substitution, ``K.`` for the eleventh item of a list, what a property's first line says before a colon
for its type; and a dataclass would show all of a default that has a name.
"""

import re
from collections import Counter

TERM = re.compile(r"\s*\S.*?\s{2,}(?=\S)")
CODE = re.compile(r"(``.*?``)")


def docstring(app, what: str, name: str, obj, options, lines: list[str]) -> None:
    """Change ``lines`` in place; runs before napoleon."""
    if what in ("property", "attribute", "data"):
        lines[:0] = ["..", ""]  # an empty comment: what follows is no type
    lines[:] = [line for paragraph in paragraphs(lines, what == "module") for line in paragraph]


def signature(app, what: str, name: str, obj, options, arguments: str | None, returned: str | None):
    """The arguments with short defaults, and what is returned."""
    from facekp.keypoints import KAGGLE

    if arguments is not None:
        arguments = arguments.replace(repr(KAGGLE), "KAGGLE").replace("<factory>", "...")
    return arguments, returned


def paragraphs(lines: list[str], module: bool):
    """The docstring again, fixed; literal blocks (below ``::``) as they are."""
    paragraph, literal = [], None  # the depth of the text that a literal block hangs below
    for line in [*lines, ""]:
        if line.strip():
            paragraph.append(line)
            continue
        if paragraph and literal is not None and min(map(depth, paragraph)) <= literal:
            literal = None
        if paragraph and literal is None:
            literal = depth(paragraph[-1]) if paragraph[-1].endswith("::") else None
            paragraph = whole(paragraph) if module else [readable(line) for line in paragraph]
        yield [*paragraph, line]
        paragraph = []


def whole(paragraph: list[str]) -> list[str]:
    """A module's paragraph: columns as a list, an indented one as code, another as text."""
    items = listed(paragraph)
    if items == paragraph and depth(paragraph[0]):
        return ["::", "", *paragraph]
    return [readable(line) for line in items]


def listed(paragraph: list[str]) -> list[str]:
    """Columns as a bullet list, with the lines above them; a paragraph without any as it is."""
    starts = [m.end() if (m := TERM.match(line)) else 0 for line in paragraph]
    column, times = Counter(filter(None, starts)).most_common(1)[0] if any(starts) else (0, 0)
    if times < 2:
        return paragraph
    first = starts.index(column)
    out = [*paragraph[:first], ""]
    for line in paragraph[first:]:
        term, text = line[:column].strip(), line[column:].strip()
        if not term:
            out.append(f"  {text}")
        else:  # a line too long for its column is a sentence by itself
            out.append(f"* **{term}**: {text}" if line[column - 1] == " " else f"* {line.strip()}")
    return out


def readable(line: str) -> str:
    """A line whose bars and single letters mean themselves, with arrows for ``->``; code as it is."""
    line = re.sub(r": ([A-Z])\.$", r": \1\\.", line)
    return "".join(p if CODE.match(p) else p.replace("|", r"\|").replace("->", "→") for p in CODE.split(line))


def depth(line: str) -> int:
    """How far a line is indented."""
    return len(line) - len(line.lstrip())


def setup(app) -> dict:
    app.connect("autodoc-process-docstring", docstring, priority=400)
    app.connect("autodoc-process-signature", signature)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
