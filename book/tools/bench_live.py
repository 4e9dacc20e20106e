"""Measure the live page in Chromium and write book/results/bench-live.json.

    make html && python book/tools/bench_live.py

Opens ``_build/html/live`` (or the folder given) as a reader would, presses the button, and lets the page itself take
the time until the first point and of 100 faces, and try what its text tells readers to try. Then it opens the chapters
beside it and moves the first slider of each widget, frame after frame.
"""

import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np

from facekp import results
from facekp.files import write_json

ROOT = Path(__file__).parents[2]
RUNS = 100

# What the page's text says of the synthetic faces on it: error and mean confidence of each face in a changed frame.
WATCH = """async () => {
  const faces = (await loadFile(CARD.faces)).slice(), out = {};
  const look = async (i, change, blur = 0, cover = null) => {
    const grey = faces.subarray(i * SIZE * SIZE, (i + 1) * SIZE * SIZE);
    state.source = makeSource("drawn", SIZE, SIZE, grey, null, CARD.faces.truth[i]);
    state.frame = { ...middleFrame(state.source), ...change };
    answer = await find(state.network, blurred(crop(state.source, state.frame, cover), blur));
    const truth = truthInFrame(), away = [...answer.points].map((p, j) => p - truth[j]);
    return { error: rmse(answer.points, truth), sure: mean([...answer.confidence]), confidence: [...answer.confidence],
             away: CARD.keypoints.map((_, k) => Math.hypot(away[2 * k], away[2 * k + 1])) };
  };
  const all = async (...change) => {
    const found = [];
    for (let i = 0; i < CARD.faces.truth.length; i++) found.push(await look(i, ...change));
    return found;
  };
  for (const degrees of [0, 20, 40, 60, 90]) out[`turn ${degrees}`] = await all({ turn: degrees * Math.PI / 180 });
  for (const sigma of [2, 4]) out[`blur ${sigma}`] = await all({}, sigma);
  out.mirror = await all({ mirror: true });
  out.cover = [];
  for (let i = 0; i < CARD.faces.truth.length; i++) {
    await look(i, {});
    out.cover.push(await look(i, {}, 0, eyePatch()));
  }
  return out;
}"""


def watched(found: dict) -> dict:
    """Medians over the faces: error in px and mean confidence in each frame; what an eye patch or a mirror changes."""
    from facekp.keypoints import KAGGLE

    def median(name: str, key: str, *points: str) -> float:
        rows = np.array([face[key] for face in found[name]])
        return round(float(np.median(rows[:, KAGGLE.index(*points)] if points else rows)), 2)

    changes = [abs(a["error"] - b["error"]) for a, b in zip(found["mirror"], found["turn 0"], strict=True)]
    return {
        "error": {name: median(name, "error") for name in found},
        "confidence": {name: median(name, "sure") for name in found},
        "covered_eye": [median(name, "confidence", "right_eye_center") for name in ("turn 0", "cover")],
        "other_eye": [median(name, "confidence", "left_eye_center") for name in ("turn 0", "cover")],
        "blurred_eyes_px": median("blur 4", "away", "left_eye_center", "right_eye_center"),
        "blurred_mouth_px": median("blur 4", "away", "mouth_left_corner", "mouth_right_corner"),
        "mirror_px": round(max(changes), 2),
    }


# A widget draws in a frame of its own: two callbacks around its own give the time that its drawing takes.
FRAMES = """async ([module, seconds]) => {
  const place = document.querySelector(`.widget-place[data-module="${module}"]`);
  place.scrollIntoView();
  place.querySelector(".widget-start")?.click();
  for (let waited = 0; !place.dataset.ready; waited += 50) {
    if (waited > 60000) throw new Error(`${module} is not ready after a minute`);
    await new Promise((done) => setTimeout(done, 50));
  }
  const slider = place.querySelector("input[type=range]"), times = [], began = performance.now();
  if (!slider) return null; // a camera, say
  for (let i = 0; performance.now() - began < 1000 * seconds; i++) {
    let start;
    requestAnimationFrame(() => { start = performance.now(); });
    slider.value = +slider.min + (i * slider.step) % (slider.max - slider.min);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    times.push(await new Promise((done) => requestAnimationFrame(() => done(performance.now() - start))));
  }
  times.sort((a, b) => a - b);
  return { draw_ms: times[Math.floor(times.length / 2)], frames_per_second: times.length / seconds };
}"""


def widgets(book: Path, browser) -> dict:
    """By module: median milliseconds of a drawing, and frames a second while the first slider moves."""
    found = {}
    for page in sorted(book.glob("*.html")):
        for module in sorted(set(re.findall(r'class="widget-place" data-module="(\w+)"', page.read_text()))):
            tab = browser.new_page()
            tab.goto(page.as_uri())
            if frames := tab.evaluate(FRAMES, [module, 3]):
                found[module] = {key: round(value, 1) for key, value in frames.items()}
            tab.close()
    return found


def measure(page: Path, chromium: str) -> dict:
    """The record: milliseconds a face (median) and from the click to the first point, bytes before and after it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        tab = browser.new_page()
        tab.goto((page / "index.html").as_uri())
        tab.click("#start")
        tab.wait_for_selector("#app:not([hidden])", timeout=120_000)
        first_point = tab.evaluate("state.firstPoint")
        median = tab.evaluate(f"medianTime(state.network, answer.seen, {RUNS})")
        watch = watched(tab.evaluate(WATCH))
        card = tab.evaluate("CARD")
        version = browser.version
        frames = widgets(page.parent / "book", browser)
        browser.close()
    own = sum(f.stat().st_size for f in page.iterdir() if f.suffix in {".html", ".css", ".js", ".png"})
    network = card["networks"][0]
    return {
        "network": network["name"], "runtime": card["runtime"]["path"].split("/")[1], "threads": 1, "runs": RUNS,
        "median_ms": round(median, 2), "first_point_ms": round(first_point), "widgets": frames,
        "browser": version.split(".")[0],
        "bytes": {"page": own, "runtime": card["runtime"]["bytes"] + (page / card["runtime"]["script"]).stat().st_size,
                  "network": network["bytes"], "detector": card["detector"]["bytes"],
                  "faces": card["faces"]["bytes"]},
        "watch": watch, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1),
        "environment": results.environment(), "commit": results.commit(),
    }


if __name__ == "__main__":
    page = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "html" / "live"
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None or not (page / "index.html").is_file():
        sys.exit("This needs Chromium and the built book: make html")
    record = measure(page, chromium)
    write_json(ROOT / "book" / "results" / "bench-live.json", record)
    print(f"One face takes {record['median_ms']} ms, the first point {record['first_point_ms']} ms; "
          f"{record['widgets']}")
