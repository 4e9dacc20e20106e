"""Write the README's tables of measured figures from the records in book/results.

    python book/tools/tables.py          write them
    python book/tools/tables.py --check  only say whether they agree (exit code 1 if not)
"""

import json
import re
import sys
from pathlib import Path

from facekp import results as records

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "book" / "results"


def results() -> str:
    """One line per network of protocol A, best first, and the mean face."""
    return records.table(RESULTS / "protocol-a")


def reader() -> str:
    """Seconds and memory of each way to read training.csv."""
    bench = json.loads((RESULTS / "bench-reader.json").read_text())
    ways = {"usual": "pandas, and `np.fromstring(text, sep=\" \")` per row",
            "usual_uint8": "the same with `dtype=np.uint8`", "cold": "`facekp`, first time",
            "cached": "`facekp`, again"}
    lines = ["| way | seconds | peak memory |", "|---|---|---|"]
    lines += [f"| {name} | {bench[way]['seconds']:.2f} | {bench[way]['peak_mb']} MB |" for way, name in ways.items()]
    return "\n".join(lines)


def speed() -> str:
    """Images per second in training: the bare network and ours; how many times as fast as the usual way."""
    bench = json.loads((RESULTS / "bench-speed.json").read_text())
    usual = {row["network"]: row for row in bench["usual"]}
    lines = ["| network | bare | `fit` | kept | `fit` against the usual way |", "|---|---|---|---|---|"]
    lines += [f"| `{r['network']}` | {r['bare']:.1f} | {r['fit']:.1f} | {100 * r['ratio']:.0f} % | "
              f"{usual[r['network']]['ratio']:.2f} times |" for r in bench["training"]]
    return "\n".join(lines)


def demo() -> str:
    """What the demo's picture shows, in a sentence."""
    r = json.loads((RESULTS / "demo.json").read_text())
    m = r["metrics"]
    learn, test = r["data"]["train"]["faces"], r["data"]["val"]["faces"]
    return (
        f"*What `make book` trains on the way, in {r['duration_s']:.0f} seconds on two CPU cores: a network of "
        f"{r['parameters']:,} weights, on\n{learn} faces that the library drew itself. Its error on {test} faces that "
        f"it never saw is {m['rmse']:.2f} px;\nalways answering with the mean face is "
        f"{m['mean_face_rmse']:.2f} px off.*"
    )


def filled(text: str) -> str:
    """The README with its tables made anew, each between its mark and the next empty line after the table."""
    for name, make in (("results", results), ("reader", reader), ("speed", speed)):
        pattern = rf"(<!-- {name} -->\n)(\n\|.*?\n(?=\n))?"
        table = make()
        text = re.sub(pattern, lambda m, t=table: f"{m[1]}\n{t}\n", text, count=1, flags=re.DOTALL)
    return re.sub(r"\*What `make book` trains.*?\*\n", lambda m: demo() + "\n", text, count=1, flags=re.DOTALL)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    before = readme.read_text()
    after = filled(before)
    if "--check" in sys.argv:
        sys.exit(before != after and "README.md: its tables are not those of book/results; run make stamp")
    readme.write_text(after)
