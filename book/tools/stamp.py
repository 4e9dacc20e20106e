"""Write the repository's address, which stands in pyproject.toml, wherever else it is needed.

    python book/tools/stamp.py               stamp it
    python book/tools/stamp.py --check       only say which files disagree (exit code 1 if any)
    python book/tools/stamp.py --ref v0.2.0  notebooks install and open that tag or branch; --ref main goes back

What _config.yml holds is taken for the old address and the old branch; each copy of them in the book and the README
becomes the new one.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
BRANCH = re.compile(r"^  branch: (\S+)$", re.MULTILINE)


def address() -> str:
    """The address in pyproject.toml, e.g. ``https://github.com/owner/name``."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]


def forms(url: str) -> dict[str, str]:
    """The shapes in which an address appears: the repository itself, Colab's path to it, and its Pages site."""
    owner, name = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+)", url).groups()
    pages = f"https://{owner}.github.io/" if name == f"{owner}.github.io" else f"https://{owner}.github.io/{name}/"
    return {"repository": f"github.com/{owner}/{name}", "colab": f"research.google.com/github/{owner}/{name}",
            "pages": pages}


def files() -> list[Path]:
    """Everything that may carry the address; a test holds that nothing else does."""
    book = ROOT / "book"
    return [ROOT / "pyproject.toml", ROOT / "_config.yml", ROOT / "README.md", ROOT / "CITATION.cff",
            ROOT / ".zenodo.json", *sorted(book.glob("*.md")), *sorted(book.glob("paper/*")),
            *sorted(book.glob("*.ipynb"))]


def stamp(check: bool = False, ref: str | None = None) -> list[str]:
    """Stamp the address, and ``ref`` where one is given; with ``check`` only look.

    Returns:
        The names of the files that were or would be changed.
    """
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    old, branch = re.search(r"^  url: (\S+)$", config, re.MULTILINE)[1], BRANCH.search(config)[1]
    new, changed = address(), []
    for path in files():
        before = after = path.read_text(encoding="utf-8")
        for was, now in zip(forms(old).values(), forms(new).values(), strict=True):
            after = re.sub(re.escape(was) + ("" if was.endswith("/") else r"(?![\w-])"), now, after)
        after = after.replace(f"{new} && cd {Path(old).name}", f"{new} && cd {Path(new).name}")  # what git clone makes
        if ref is not None:
            after = after.replace(f"git+{new}@{branch}", f"git+{new}@{ref}")
            after = BRANCH.sub(f"  branch: {ref}", after) if path.name == "_config.yml" else after
        if after != before:
            changed.append(path.relative_to(ROOT).as_posix())
            if not check:
                path.write_text(after, encoding="utf-8")
    return changed


if __name__ == "__main__":
    ref = sys.argv[sys.argv.index("--ref") + 1] if "--ref" in sys.argv else None
    changed = stamp("--check" in sys.argv, ref)
    print("\n".join(changed) or f"Every file agrees with {address()}")
    sys.exit(1 if changed and "--check" in sys.argv else 0)
