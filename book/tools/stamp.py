"""Write the repository's address, which stands in pyproject.toml, wherever else it is needed.

    python book/tools/stamp.py          stamp it
    python book/tools/stamp.py --check  only say which files disagree (exit code 1 if any)

What _config.yml holds is taken for the old address; each copy of it in the book and the README
becomes the new one.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def address() -> str:
    """The address in pyproject.toml, e.g. ``https://github.com/owner/name``."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]


def forms(url: str) -> dict[str, str]:
    """The shapes in which an address appears: the repository itself, and its GitHub Pages site."""
    owner, name = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+)", url).groups()
    return {"repository": f"github.com/{owner}/{name}", "colab": f"research.google.com/github/{owner}/{name}",
            "pages": f"https://{owner}.github.io/{name}/"}


def files() -> list[Path]:
    """Everything that may carry the address."""
    return [ROOT / "_config.yml", ROOT / "README.md", ROOT / "CITATION.cff", *sorted((ROOT / "book").glob("*.md")),
            *sorted((ROOT / "book").glob("*.ipynb"))]


def stamp(check: bool = False) -> list[str]:
    """Stamp, or with ``check`` only look; gives the names of the files that were or would be changed."""
    old = re.search(r"^  url: (\S+)$", (ROOT / "_config.yml").read_text(), re.MULTILINE)[1]
    changed = []
    for path in files():
        before = after = path.read_text()
        for was, now in zip(forms(old).values(), forms(address()).values(), strict=True):
            after = re.sub(re.escape(was) + r"(?![\w-])", now, after)
        if after != before:
            changed.append(str(path.relative_to(ROOT)))
            if not check:
                path.write_text(after)
    return changed


if __name__ == "__main__":
    changed = stamp("--check" in sys.argv)
    print("\n".join(changed) or f"Every file agrees with {address()}")
    sys.exit(1 if changed and "--check" in sys.argv else 0)
