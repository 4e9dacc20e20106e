"""How long the parts of ``make test`` take: book/results/test-times.json, and its table in book/tested.md.

    python book/tools/test_times.py                      write the table
    python book/tools/test_times.py --check              only say whether it agrees (exit code 1 if not)
    python book/tools/test_times.py unit trust           first run and time these targets of the Makefile
    python book/tools/test_times.py unit --label before --checkout ../older   time those of another checkout

CPU seconds hardly depend on what else the machine does, wall seconds do: the record says how busy it was. The CPU
seconds of each test file, which ``make check`` goes by, are kept too.

While a target runs, pytest loads this file as a plugin: the functions below whose names begin with ``pytest_``.
"""

import argparse
import ctypes
import json
import os
import platform
import re
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "book" / "tested.md"
RECORD = ROOT / "book" / "results" / "test-times.json"
FOLDER = "FACEKP_TEST_TIMES"  # the environment variable that names where the plugin writes
TARGETS = ("check", "unit", "trust", "notebooks", "html", "rendered")

# ---- in pytest ----------------------------------------------------------------------------------

seconds: dict[str, float] = {}
tests: list[str] = []


def cpu() -> float:
    """CPU seconds of this process and of its children that ended."""
    return sum(os.times()[:4])


def pytest_runtest_protocol(item) -> None:
    """Before a test: what ran since the last one belongs to that one's file."""
    note(item.path.resolve())
    tests.append(item.nodeid)


def note(path: Path) -> None:
    """Count the CPU seconds since the last call for the file of the last call."""
    now, (last, before) = cpu(), note.__dict__.get("last", (None, 0.0))
    if last is not None:
        seconds[last] = seconds.get(last, 0.0) + now - before
    note.last = (path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name), now


def pytest_sessionfinish() -> None:
    """One file per process, so that xdist's workers do not meet; the process that hands out the tests has none."""
    note(Path("end"))
    if FOLDER in os.environ:
        part = {"seconds": seconds, "tests": len(tests)}
        (Path(os.environ[FOLDER]) / f"{os.getpid()}.json").write_text(json.dumps(part))


# ---- measuring ----------------------------------------------------------------------------------


def adopt_orphans() -> None:
    """On Linux: processes whose parent ends become children of this one, so that their CPU seconds count here."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def wait_for_orphans() -> None:
    try:
        while True:
            os.wait()
    except ChildProcessError:
        return


def measure(target: str, checkout: Path) -> dict:
    """Run ``make target`` in the checkout: its wall and CPU seconds, its tests, and those of each file."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        paths = os.pathsep.join(filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]))
        options = f"{os.environ.get('PYTEST_ADDOPTS', '')} -p test_times"
        environment = os.environ | {FOLDER: folder, "PYTEST_ADDOPTS": options, "PYTHONPATH": paths}
        load, began = os.getloadavg()[0], time.perf_counter()
        done = subprocess.run(["make", target], cwd=checkout, env=environment, check=False)
        wall = time.perf_counter() - began
        wait_for_orphans()
        parts = [json.loads(path.read_text()) for path in Path(folder).glob("*.json")]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    files: dict[str, float] = {}
    for part in parts:
        for name, value in part["seconds"].items():
            files[name] = files.get(name, 0.0) + value
    cpu_s = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return {"row": {"wall_s": round(wall), "cpu_s": round(cpu_s),
                    "tests": sum(part["tests"] for part in parts), "passed": done.returncode == 0,
                    "load_before": round(load, 1), **where(checkout)},
            "files": {name: round(value, 1) for name, value in files.items()}}


def where(checkout: Path) -> dict:
    """Day, commit and machine."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=checkout, capture_output=True, text=True,
                            check=False).stdout.strip()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()  # macOS has none
    return {"date": datetime.now(UTC).date().isoformat(), "commit": commit, "cores": cores,
            "machine": f"{platform.system()} {platform.machine()}", "python": platform.python_version()}


def keep(target: str, label: str, measured: dict) -> None:
    """Put it into the record; what is known of other targets and labels stays."""
    sys.path.insert(0, str(ROOT))
    from facekp.files import write_json

    record = read()
    record["targets"].setdefault(target, {})[label] = measured["row"]
    if label != "before":
        record["files"] |= {name: value for name, value in measured["files"].items() if name.startswith("tests/")}
    record["targets"] = {name: record["targets"][name] for name in TARGETS if name in record["targets"]}
    record["files"] = dict(sorted(record["files"].items()))
    write_json(RECORD, record)


def read() -> dict:
    return json.loads(RECORD.read_text()) if RECORD.is_file() else {"format": 1, "targets": {}, "files": {}}


# ---- the table ----------------------------------------------------------------------------------


def table(record: dict) -> str:
    """What stands between the marks of the page: a line per target."""
    if not record["targets"]:
        return "Nothing has been measured yet."
    lines = ["| | tests | CPU seconds | wall-clock seconds | date |", "|---|---|---|---|---|"]
    for name, rows in record["targets"].items():
        if row := rows.get("now"):
            lines.append(f"| `make {name}` | {row['tests'] or ''} | {row['cpu_s']} | "
                         f"{row['wall_s']} (load {row['load_before']:.0f}) | {row['date']} |")
    return "\n".join(lines)


def filled(text: str) -> str:
    """The page with what stands between its marks made anew."""
    pattern = r"(<!-- times: begin -->\n).*?(\n<!-- times: end -->)"
    return re.sub(pattern, lambda m: f"{m[1]}\n{table(read())}\n{m[2]}", text, count=1, flags=re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--label", default="now", choices=["before", "now"])
    parser.add_argument("--checkout", type=Path, default=ROOT, help="whose Makefile is run; default: this one")
    parser.add_argument("--check", action="store_true", help="run and write nothing")
    options = parser.parse_args()
    adopt_orphans()
    failed = []
    for target in options.targets:
        measured = measure(target, options.checkout.resolve())
        keep(target, options.label, measured)
        print(f"make {target}: {measured['row']}", flush=True)
        failed += [] if measured["row"]["passed"] else [target]
    before = PAGE.read_text()
    after = filled(before)
    if options.check:
        sys.exit(before != after and "book/tested.md: its times are not the record's; run book/tools/test_times.py")
    PAGE.write_text(after)
    sys.exit(f"Did not pass: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
