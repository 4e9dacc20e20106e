"""Which files can a Python file break? Found by reading: who imports it, who imports those, and so on to the tests."""

import ast
import functools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("", "tests/", "tests/helpers/", "tests/robustness/", "book/tools/", "book/tools/diagrams/")  # of bare names
DOTTED = re.compile(r"(facekp|book)(\.\w+)+")


@functools.cache
def files() -> dict[str, Path]:
    """Every Python file of the project, by its name from the top."""
    found = [path for folder in ("facekp", "book", "tests") for path in sorted((ROOT / folder).rglob("*.py"))]
    return {path.relative_to(ROOT).as_posix(): path for path in found}


def tests() -> list[str]:
    """The files with tests."""
    return [name for name in files() if Path(name).name.startswith("test_")]


def module(dotted: str, near: str) -> Iterator[str]:
    """The file of ``a.b.c`` and those of the packages above it, which are run first; what is no module ends it."""
    for place in (*PLACES, near):
        for end in range(1, dotted.count(".") + 2):
            path = place + "/".join(dotted.split(".")[:end])
            yield from (name for name in (f"{path}.py", f"{path}/__init__.py") if name in files())


def texts_of(tree: ast.AST, name: str) -> Iterator[str]:
    """What a file may load that it names in a text: a module, a script by its path, any of a package, a network."""
    folder = name.rpartition("/")[0]
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or len(node.value) > 20_000:
            continue
        text = node.value
        for found in DOTTED.finditer(text):
            yield from module(found[0], "")
        if text.endswith(".py"):
            yield from (other for other in files() if other.endswith(f"/{text.rpartition('/')[2]}"))
        if text == "facekp":
            yield "facekp/__main__.py"
        if text.endswith(".") and DOTTED.fullmatch(text[:-1]):  # of an f-string: the rest is only known when it runs
            yield from (other for other in files() if other.startswith(text.replace(".", "/")))
        if name.endswith("__init__.py") and f"{folder}/{text.partition('.')[0]}.py" in files():
            yield f"{folder}/{text.partition('.')[0]}.py"
        if "import " in text:  # a program for a process of its own
            for word in re.findall(r"(?:from|import) (\w[\w.]*)", text):
                yield from module(word, f"{folder}/")


@functools.cache
def imports(name: str) -> frozenset[str]:
    """The files that a file imports or names, wherever in it."""
    try:
        tree = ast.parse(files()[name].read_text())
    except SyntaxError:
        return frozenset(files())  # then it may be anything
    near, found = f"{name.rpartition('/')[0]}/", set(texts_of(tree, name))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {m for alias in node.names for m in module(alias.name, near)}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {m for alias in node.names for m in module(f"{node.module}.{alias.name}", near)}
    if name.startswith("tests/"):
        found |= {conftest for conftest in files() if conftest.endswith("/conftest.py")
                  and name.startswith(conftest.removesuffix("conftest.py"))}
    return frozenset(found - {name})


def steps_from(changed: Iterable[str]) -> dict[str, int]:
    """Every file that the changed ones can break: how many imports lead from it to the nearest of them."""
    importers: dict[str, set[str]] = {}
    for name in files():
        for other in imports(name):
            importers.setdefault(other, set()).add(name)
    steps = {name: 0 for name in changed if name in files()}
    front = set(steps)
    while front:
        front = {user for name in front for user in importers.get(name, set())} - steps.keys()
        steps |= dict.fromkeys(front, max(steps.values()) + 1)
    return steps
