"""Write the tables of book/tested.md from book/results/status.json, or measure that record.

    python book/tools/status.py              write the tables
    python book/tools/status.py --check      only say whether they agree (exit code 1 if not)
    python book/tools/status.py --run        first run and time every notebook, as the tests do; some minutes
    python book/tools/status.py --run data   first run and time this one, and keep what is known of the others

Times are worth something only on a machine that does nothing else.
"""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
PAGE = ROOT / "book" / "tested.md"
RECORD = ROOT / "book" / "results" / "status.json"
PACKAGES = ("torch", "torchvision", "numpy", "pandas", "matplotlib", "safetensors", "jupyter-book", "sphinx", "myst-nb",
            "nbval", "pytest", "hypothesis", "ruff")
EXEMPT = {"nbval-ignore-output", "nbval-skip", "raises-exception"}


def counted(path: Path) -> dict:
    """A notebook's title, how many code cells it has, and how many of them are exempt from comparison."""
    all_cells = nbformat.read(path, as_version=4).cells
    code = [c for c in all_cells if c.cell_type == "code" and c.source.strip()]
    exempt = [c for c in code if EXEMPT & set(c.metadata.get("tags", [])) or "# NBVAL_" in c.source]
    title = all_cells[0].source.splitlines()[0].lstrip("# ").split(":")[0]
    return {"title": title, "cells": len(code), "exempt": len(exempt)}


def pytest(*arguments: str) -> tuple[int, str, float]:
    """Exit code, output and seconds of a pytest of its own, without Kaggle's files and progress bars."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, capture_output=True, text=True,
                          env=os.environ | {"TQDM_DISABLE": "1", "FACEKP_KAGGLE": "", "FACEKP_TESTS": "all"},
                          check=False)
    return done.returncode, done.stdout + done.stderr, time.perf_counter() - began


def run_notebook(path: Path) -> dict:
    """Run a notebook and compare its outputs with the stored ones, as ``make notebooks`` does."""
    options = re.search(r"^NBVAL := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    code, told, seconds = pytest(*shlex.split(options), "-q", str(path))
    if code:
        print(told, file=sys.stderr)
    return {**counted(path), "date": today(), "seconds": round(seconds, 1), "agrees": code == 0}


def count_tests() -> int:
    """The library's tests, those of a night included; not those of the rendered pages, as what is built varies."""
    _, told, _ = pytest("tests", "--ignore", "tests/book/test_rendered.py", "--collect-only", "-q")
    found = re.search(r"^(\d+) tests collected", told, re.MULTILINE)
    if found is None:
        sys.exit(f"The tests cannot be collected:\n{told[-2000:]}")
    return int(found[1])


def measure(names: list[str]) -> dict:
    """The record, with the notebooks called ``names`` (none = all in the table of contents) run now."""
    from facekp.files import write_json
    from facekp.results import environment

    paths = [ROOT / "book" / f"{Path(name).stem}.ipynb" for name in names] or chapters()
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        sys.exit(f"There is no {', '.join(missing)} in book/.")
    before = json.loads(RECORD.read_text())["notebooks"] if RECORD.is_file() and names else {}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()  # macOS has none
    record = {"format": 1, "date": today(), "cores": cores, "environment": environment(),
              "packages": {name: version(name) for name in PACKAGES}, "tests": count_tests(), "notebooks": before}
    for path in paths:
        row = run_notebook(path)
        record["notebooks"][path.stem] = row
        print(f"{path.name}: {row['seconds']} s, {'agrees' if row['agrees'] else 'DIFFERS'}", flush=True)
        write_json(RECORD, record)  # after each: what was measured is kept
    return record


def today() -> str:
    """The date in Greenwich, e.g. ``2026-11-23``."""
    return datetime.now(UTC).date().isoformat()


def chapters() -> list[Path]:
    """The notebooks in the order of the table of contents."""
    named = re.findall(r"(?:root|file): (book/\S+)", (ROOT / "_toc.yml").read_text())
    return [path for name in named if (path := ROOT / f"{name}.ipynb").is_file()]


def tables(record: dict | None) -> str:
    """What stands between the marks of the page."""
    if record is None:
        return "Nothing has been measured yet."
    rows, packages, env = record["notebooks"], record["packages"], record["environment"]
    lines = [f"Measured on {record['date']} on {record['cores']} CPU core{'s' if record['cores'] > 1 else ''}, "
             f"{'with ' + env['gpu'] if env['gpu'] else 'without a GPU'}: {record['tests']} tests besides those of the "
             "rendered pages, and these notebooks.", "",
             "| chapter | code cells | exempt | seconds | outputs agree | date |", "|---|---|---|---|---|---|"]
    lines += [f"| [{r['title']}]({name}.ipynb) | {r['cells']} | {r['exempt']} | {r['seconds']:.0f} | "
              f"{'yes' if r['agrees'] else '**no**'} | {r['date']} |" for name, r in rows.items()]
    total = {key: sum(r[key] for r in rows.values()) for key in ("cells", "exempt", "seconds")}
    lines += [f"| together | {total['cells']} | {total['exempt']} | {total['seconds']:.0f} | | |", "",
              "With these versions:", "", "| package | version |", "|---|---|",
              f"| Python | {env['python']} |", f"| `facekp` | {env['facekp']} |"]
    lines += [f"| `{name}` | {number} |" for name, number in packages.items()]
    return "\n".join(lines)


def filled(text: str) -> str:
    """The page with what stands between its marks made anew."""
    record = json.loads(RECORD.read_text()) if RECORD.is_file() else None
    pattern = r"(<!-- status: begin -->\n).*?(\n<!-- status: end -->)"
    return re.sub(pattern, lambda m: f"{m[1]}\n{tables(record)}\n{m[2]}", text, count=1, flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", nargs="*", metavar="NOTEBOOK", help="measure first; all notebooks if none is named")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    if options.run is not None:
        measure(options.run)
    before = PAGE.read_text()
    after = filled(before)
    if options.check:
        sys.exit(before != after and "book/tested.md: its tables are not those of the record; run book/tools/status.py")
    PAGE.write_text(after)
    if options.run is not None and not all(r["agrees"] for r in json.loads(RECORD.read_text())["notebooks"].values()):
        sys.exit("Some notebook's outputs differ from the stored ones; see above.")


if __name__ == "__main__":
    main()
