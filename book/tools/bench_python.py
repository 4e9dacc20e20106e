"""Measure in Chromium what a page's first cell costs until it prints, and write book/results/python-here.json.

    make html && python book/tools/bench_python.py

Opens the built chapter on metrics as a reader would, from a disk, and runs its first cell: loading, starting Python,
importing NumPy, the cell. The median of three visits, each in a fresh browser context. What is measured are the CPU
seconds of all the browser's processes: on a busy machine the clock says how busy it is.
"""

import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]
PAGE = ROOT / "_build" / "html" / "book" / "metrics.html"


def used() -> float:
    """CPU seconds that the processes started from here have used so far."""
    import psutil

    times = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return sum(t.user + t.system for t in times)


def seconds(browser) -> float:
    """CPU seconds from the click to the first output, in a page opened anew."""
    context = browser.new_context()
    tab = context.new_page()
    tab.set_default_timeout(300_000)
    tab.goto(PAGE.as_uri())
    place = tab.locator(".python-here").first
    began = used()
    place.get_by_role("button", name="Run it in this page").click()
    place.get_by_role("button", name="Run", exact=True).wait_for()
    took = used() - began
    assert "RMSE 3.536" in place.get_by_role("status").inner_text()
    context.close()
    return took


def main() -> None:
    """Measure and write the record."""
    from chromium import chromium

    from facekp.files import write_json
    from facekp.results import environment

    with chromium() as browser:
        runs = [round(seconds(browser), 2) for _ in range(3)]
        write_json(ROOT / "book" / "results" / "python-here.json", {
            "cpu_seconds_to_first_output": statistics.median(runs), "runs": runs, "browser": browser.version,
            "environment": environment()})
    print(runs)


if __name__ == "__main__":
    main()
