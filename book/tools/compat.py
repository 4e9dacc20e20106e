"""Test the library with the oldest and the newest versions it allows, and the notebooks with what Colab has.

    python book/tools/compat.py                     all environments, one after the other: make, test, throw away
    python book/tools/compat.py oldest              only this one; what is known of the others is kept
    python book/tools/compat.py --keep ENVS oldest  make the environment in the folder ENVS, or use what is there
    python book/tools/compat.py --check             only: is the table of book/tested.md that of the record?

Needs uv (pip install uv), which finds Python itself, or fetches it, and can choose the lowest versions. Everything that
was run is in book/results/compatibility.json; the table is written from there.
"""

import argparse
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "book" / "tested.md"
RECORD = ROOT / "book" / "results" / "compatibility.json"
HOSTED = tomllib.loads((Path(__file__).parent / "environments.toml").read_text())
EXTRAS = "benchmarks,kaggle,onnx,photo,tensorboard,test,widgets"
SHOWN = ("torch", "torchvision", "numpy", "pandas", "pillow", "matplotlib", "tqdm", "safetensors", "typer", "kagglehub",
         "tensorboard", "onnx", "onnxscript", "onnxruntime", "opencv-python-headless", "opencv-contrib-python",
         "opencv-python", "ipywidgets", "ipython", "pytest")


@dataclass(frozen=True)
class Case:
    """One environment and what is run in it."""

    name: str
    python: str
    resolution: str = "highest"  # or lowest-direct: the lower bounds of pyproject.toml, to the letter
    packages: tuple[str, ...] = ()  # those of a hosted notebook; then the notebooks alone run, far from the repository
    last: tuple[str, ...] = ()  # installed after them


CASES = (Case("oldest", "3.11", "lowest-direct"), Case("newest", "3.12"), Case("newest, 3.13", "3.13"),
         *(Case(name, e["python"], packages=tuple(e["packages"]), last=tuple(e["last"])) for name, e in HOSTED.items()))


def uv(*arguments: str | Path) -> None:
    """Run uv; what it says goes to the terminal."""
    done = subprocess.run([sys.executable, "-m", "uv", *map(str, arguments)], check=False)
    if done.returncode:
        sys.exit(f"uv {arguments[0]} did not succeed; see above. Without uv: python -m pip install uv")


def install(case: Case, folder: Path) -> Path:
    """The environment's Python, with the library and its packages; made in ``folder`` unless it is there."""
    python = folder / "bin" / "python"
    if not python.is_file():
        uv("venv", "--quiet", "--python", case.python, folder)
    what = [ROOT, "nbval", *case.packages] if case.packages else ["--editable", f"{ROOT}[{EXTRAS}]"]
    uv("pip", "install", "--quiet", "--python", python, "--resolution", case.resolution, *what)
    for package in case.last:  # writes over files of others, as there
        uv("pip", "install", "--quiet", "--python", python, "--no-deps", "--reinstall", package)
    return python


def versions(python: Path) -> dict[str, str]:
    """Every package of the environment, by its name in small letters."""
    code = ("import importlib.metadata as m, json; "
            "print(json.dumps({d.metadata['Name'].lower(): d.version for d in m.distributions()}))")
    return json.loads(subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout)


def notebooks(away: Path) -> tuple[list[str], Path]:
    """Copies of the notebooks alone in ``away``; pytest's arguments and folder, those of ``make notebooks``."""
    (away / "tests").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "nbval.cfg", away / "tests")
    for path in (ROOT / "book").glob("*.ipynb"):
        shutil.copy(path, away)
    options = re.search(r"^NBVAL := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    return [*shlex.split(options), "."], away


def unit() -> tuple[list[str], Path]:
    """pytest's arguments and folder for the tests of ``make unit``."""
    browser = re.search(r"^BROWSER := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    left_out = [f"--ignore={path}" for path in [*browser.split(), "tests/robustness"]]
    return ["tests", *left_out, "-n", str(cores()), "--dist", "loadfile"], ROOT


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def measure(case: Case, folder: Path) -> dict:
    """Make the environment in ``folder``, run its tests, say what came of them."""
    python = install(case, folder / "env")
    with tempfile.TemporaryDirectory() as scratch:
        arguments, where = notebooks(Path(scratch) / "away") if case.packages else unit()
        report = Path(scratch) / "report.xml"
        began = time.perf_counter()
        subprocess.run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *arguments],
                       cwd=where, check=False,
                       env=os.environ | {"OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1", "FACEKP_KAGGLE": ""})
        seconds = round(time.perf_counter() - began)
        if not report.is_file():
            sys.exit(f"{case.name}: pytest left no report; see above.")
        return outcome(report) | {"ran": "notebooks" if case.packages else "tests", "seconds": seconds,
                                  "date": datetime.now(UTC).date().isoformat(),
                                  **({"list": {k: str(HOSTED[case.name][k]) for k in ("date", "source")}}
                                     if case.name in HOSTED else {}),
                                  "machine": f"{platform.system()} {platform.machine()}",
                                  "python": python_version(python), "packages": versions(python)}


def python_version(python: Path) -> str:
    code = "import platform; print(platform.python_version())"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def outcome(report: Path) -> dict:
    """How many passed, failed and were skipped, and the names of those that failed, from pytest's JUnit report."""
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
    skipped = sum(c.find("skipped") is not None for c in cases)
    return {"passed": len(cases) - len(failed) - skipped, "failed": len(failed), "skipped": skipped,
            "failures": [f"{c.get('classname')}::{c.get('name')}" for c in failed]}


def table(record: dict) -> str:
    """What stands between the marks of the page: one column per environment."""
    rows = record["environments"]
    if not rows:
        return "Nothing has been run yet."
    lines = ["| | " + " | ".join(rows) + " |", "|---|" + "---|" * len(rows)]
    lines += ["| Python | " + " | ".join(r["python"] for r in rows.values()) + " |"]
    for name in SHOWN:
        lines.append(f"| `{name}` | " + " | ".join(r["packages"].get(name, "") for r in rows.values()) + " |")
    what = {"tests": "tests", "notebooks": "cells"}
    for key in ("passed", "failed", "skipped"):
        lines.append(f"| **{key}** | " + " | ".join(f"{r[key]} {what[r['ran']]}" for r in rows.values()) + " |")
    lines.append("| run on | " + " | ".join(r["date"] for r in rows.values()) + " |")
    known = [f"`{name}` is the list of {r['list']['date']}: {r['list']['source']}" for name, r in rows.items()
             if "list" in r]
    return "\n".join([*lines, *(["", *known] if known else [])])


def read() -> dict:
    return json.loads(RECORD.read_text()) if RECORD.is_file() else {"format": 1, "environments": {}}


def filled(text: str) -> str:
    """The page with what stands between its marks made anew."""
    pattern = r"(<!-- compat: begin -->\n).*?(\n<!-- compat: end -->)"
    return re.sub(pattern, lambda m: f"{m[1]}\n{table(read())}\n{m[2]}", text, count=1, flags=re.DOTALL)


def run(names: list[str], keep: Path | None) -> None:
    """Measure the environments called ``names`` (none = all); keep the record after each."""
    unknown = set(names) - {c.name for c in CASES}
    if unknown:
        sys.exit(f"There is no environment {', '.join(unknown)}. There are: {', '.join(c.name for c in CASES)}.")
    sys.path.insert(0, str(ROOT))
    from facekp.files import write_json

    for case in [c for c in CASES if c.name in names or not names]:
        print(f"{case.name}: Python {case.python}", flush=True)
        with tempfile.TemporaryDirectory() as thrown_away:
            folder = keep.resolve() / re.sub(r"\W+", "-", case.name) if keep else Path(thrown_away)
            row = measure(case, folder)
        known = read()["environments"] | {case.name: row}
        write_json(RECORD, {"format": 1, "environments": {c.name: known[c.name] for c in CASES if c.name in known}})
        print(f"{case.name}: {row['passed']} passed, {row['failed']} failed, {row['skipped']} skipped", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="; ".join(c.name for c in CASES))
    parser.add_argument("--keep", type=Path, metavar="ENVS", help="a folder where the environments stay")
    parser.add_argument("--check", action="store_true", help="run and write nothing")
    options = parser.parse_args()
    if not options.check:
        run(options.names, options.keep)
    before = PAGE.read_text()
    after = filled(before)
    if options.check:
        sys.exit(before != after and "book/tested.md: its versions are not the record's; run book/tools/compat.py")
    PAGE.write_text(after)
    if any(row["failed"] for row in read()["environments"].values()):
        sys.exit("Not everything passed; see above.")


if __name__ == "__main__":
    main()
