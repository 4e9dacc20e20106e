"""The shell commands and Python snippets that the pages show, found in their sources."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^(?P<indent>[ ]*)(?P<marks>`{3,})(?P<language>[^\n`]*)\n(?P<text>.*?)^[ ]*(?P=marks)[ ]*$",
                   re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
SHELL = {"bash", "sh", "shell", "console"}
PROGRAMS = {"facekp", "make", "git", "cd", "python", "python3", "pip", "torchrun", "npm", "jupyter",
            "jupyter-book", "source", "sudo", "apt-get", "export", "df", "brew", "wsl", "chromium"}


@dataclass(frozen=True)
class Command:
    """One command as a page shows it."""

    words: tuple[str, ...]
    page: str
    inline: bool  # in a sentence, where it may be only the beginning of a command

    def __str__(self) -> str:
        return shlex.join(self.words)


def pages() -> Iterator[tuple[str, str]]:
    """(name, Markdown) of every page; a notebook gives its text cells, and its ``!`` and ``%`` lines as fences."""
    markdown = [ROOT / "README.md", ROOT / "data" / "README.md", ROOT / "tests" / "README.md",
                *sorted((ROOT / "book").rglob("*.md"))]
    for path in markdown:
        yield path.relative_to(ROOT).as_posix(), path.read_text()
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            magic = re.findall(r"^\s*[!%](\w[^\n]*)", cell.source, re.MULTILINE) if cell.cell_type == "code" else []
            text = "```bash\n" + "\n".join(magic) + "\n```" if magic else cell.source
            if magic or cell.cell_type == "markdown":
                yield path.relative_to(ROOT).as_posix(), text
    for path in sorted((ROOT / "book" / "plans").glob("*.toml")):
        comments = re.findall(r"^# +(.*)$", path.read_text(), re.MULTILINE)
        yield path.relative_to(ROOT).as_posix(), "```\n" + "\n".join(comments) + "\n```"


def starts_a_command(line: str) -> bool:
    """Is this line a command, and not a word of prose or a name of Python?"""
    first, _, rest = line.strip().partition(" ")
    return bool(rest) and first.removeprefix(".venv/bin/") in PROGRAMS


def split(line: str) -> list[tuple[str, ...]]:
    """``$ a b && c  # why`` -> ``[("a", "b"), ("c",)]``."""
    words = shlex.split(line.strip().removeprefix("$ "), comments=True)
    found: list[list[str]] = [[]]
    for word in words:
        if word in ("&&", ";"):
            found.append([])
        else:
            found[-1].append(word)
    return [(words[0].removeprefix(".venv/bin/"), *words[1:]) for words in found if words]


def commands_in(page: str, text: str) -> Iterator[Command]:
    """The commands of a page's fences, and those in its sentences."""
    for fence in FENCE.finditer(text):
        language = fence["language"].strip()
        if language in SHELL or not language:
            for line in fence["text"].splitlines():
                if language in SHELL or starts_a_command(line):
                    yield from (Command(words, page, False) for words in split(line))
    for code in INLINE.findall(FENCE.sub("", text)):
        if starts_a_command(code):
            yield from (Command(words, page, True) for words in split(code))


def commands(tour: str = "") -> list[Command]:
    """Every command once, as first shown; ``tour``: the output of ``facekp --help``, whose examples count too."""
    found: dict[tuple[str, ...], Command] = {}
    examples = "\n".join(re.findall(r"^ +(facekp .*?)(?:  .*)?$", tour, re.MULTILINE))
    for page, text in [*pages(), ("facekp --help", f"```bash\n{examples}\n```")]:
        for command in commands_in(page, text):
            if command.words not in found or found[command.words].inline:
                found[command.words] = command
    return list(found.values())


def snippets(page: str) -> list[str]:
    """The Python of a page's fences, in order."""
    return [fence["text"] for fence in FENCE.finditer((ROOT / page).read_text()) if fence["language"] == "python"]
