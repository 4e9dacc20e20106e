"""Do what a stranger does, and note how long it takes: a clone in an empty home, then the README's two commands.

    python book/tools/first_day.py           make book, then make test; most of half an hour, on a machine left alone
    python book/tools/first_day.py --check   only: does the README say what the record says? (exit code 1 if not)

Writes book/results/first-day.json and the README's sentence. What is committed is cloned, not what is being edited.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
RECORD = ROOT / "book" / "results" / "first-day.json"
KEPT = re.compile(r"PATH|LANG|.*_proxy|(PIP|NPM_CONFIG|SSL|REQUESTS)_.*", re.IGNORECASE)  # the way to the network
SENTENCE = re.compile(r"`make book` took \d+\s+minutes, the installation included, and `make test` \d+ \([^)]*\)")
sys.path.insert(0, str(ROOT))


def measure() -> dict:
    """Seconds of both commands, one after the other; stops where one does not succeed."""
    with tempfile.TemporaryDirectory() as place:
        clone, home = Path(place) / "facekp", Path(place) / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        environment = {k: v for k, v in os.environ.items() if KEPT.fullmatch(k)} | {"HOME": str(home)}
        seconds = {}
        for target in ("book", "test"):
            began = time.perf_counter()
            subprocess.run(["make", target], cwd=clone, env=environment, check=True)
            seconds[f"make {target}"] = round(time.perf_counter() - began)
    return {"format": 1, "date": datetime.now(UTC).date().isoformat(), "cores": os.cpu_count(), "seconds": seconds}


def filled(text: str) -> str:
    """The README with the sentence that the record gives."""
    from facekp.files import read_json

    record = read_json(RECORD)
    book, test = (round(record["seconds"][f"make {target}"] / 60) for target in ("book", "test"))
    new = (f"`make book` took {book}\nminutes, the installation included, and `make test` {test} "
           f"({record['cores']} cores, a clean clone)")
    return SENTENCE.sub(new, text)


if __name__ == "__main__":
    if "--check" not in sys.argv:
        from facekp.files import write_json

        write_json(RECORD, measure())
        README.write_text(filled(README.read_text()))
    sys.exit(filled(README.read_text()) != README.read_text() and "README.md: not the times of the record")
