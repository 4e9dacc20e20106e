"""Measure the live page in Chromium and write book/results/bench-live.json.

    make html && python book/tools/bench_live.py

Opens ``_build/html/live`` (or the folder given) as a reader would, presses the button, and lets the page itself take the time of 100 faces.
"""

import os
import shutil
import sys
from pathlib import Path

from facekp import results
from facekp.files import write_json

ROOT = Path(__file__).parents[2]
RUNS = 100


def measure(page: Path, chromium: str) -> dict:
    """The record: median milliseconds a face, and the bytes that a reader loads before and after the start."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page()
        tab.goto((page / "index.html").as_uri())
        tab.click("#start")
        tab.wait_for_selector("#app:not([hidden])", timeout=120_000)
        median = tab.evaluate(f"medianTime(state.network, answer.seen, {RUNS})")
        card = tab.evaluate("CARD")
        version = browser.version
        browser.close()
    own = sum(f.stat().st_size for f in page.iterdir() if f.suffix in {".html", ".css", ".js", ".png"})
    network = card["networks"][0]
    return {
        "network": network["name"], "runtime": card["runtime"]["path"].split("/")[1], "threads": 1, "runs": RUNS,
        "median_ms": round(median, 2), "browser": version.split(".")[0],
        "bytes": {"page": own, "runtime": card["runtime"]["bytes"] + (page / card["runtime"]["script"]).stat().st_size,
                  "network": network["bytes"], "faces": card["faces"]["bytes"]},
        "cores": os.cpu_count(), "environment": results.environment(), "commit": results.commit(),
    }


if __name__ == "__main__":
    page = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "html" / "live"
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None or not (page / "index.html").is_file():
        sys.exit("This needs Chromium and the built book: make html")
    record = measure(page, chromium)
    write_json(ROOT / "book" / "results" / "bench-live.json", record)
    print(f"One face takes {record['median_ms']} ms")
