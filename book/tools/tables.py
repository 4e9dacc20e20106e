"""Write the tables of measured figures in the README and the command reference from the records in book/results.

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


SHOWN = ["hourglass-s, photometric", "hourglass-s", "resnet18", "ridge", "mean face"]  # the rows of three seeds


def results() -> str:
    """The networks of protocol A that were trained with three seeds, best first, and the mean face."""
    return records.table(RESULTS / "protocol-a", SHOWN)


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
    lines = ["| network | bare | `fit` | kept | `fit` against the baseline loader |", "|---|---|---|---|---|"]
    lines += [f"| `{r['network']}` | {r['bare']:.1f} | {r['fit']:.1f} | {100 * r['ratio']:.0f} % | "
              f"{usual[r['network']]['ratio']:.2f} times |" for r in bench["training"]]
    return "\n".join(lines)


def demo() -> str:
    """What the demo's figure shows, in a sentence."""
    r = json.loads((RESULTS / "demo.json").read_text())
    m = r["metrics"]
    learn, test = r["data"]["train"]["faces"], r["data"]["val"]["faces"]
    return (
        f"*What `make book` trains, in {r['duration_s']:.0f} seconds on two CPU cores: a network with "
        f"{r['parameters']:,} parameters on {learn} synthetic faces.\nOn {test} other faces its error is "
        f"{m['rmse']:.2f} px; the error of the mean face is {m['mean_face_rmse']:.2f} px.*"
    )


def filled(text: str) -> str:
    """A page with its tables made anew, each between its mark and the next empty line after the table."""
    for name, make in (("results", results), ("reader", reader), ("speed", speed)):
        pattern = rf"(<!-- {name} -->\n)(\n\|.*?\n(?=\n))?"
        table = make()
        text = re.sub(pattern, lambda m, t=table: f"{m[1]}\n{t}\n", text, count=1, flags=re.DOTALL)
    return re.sub(r"\*What `make book` trains.*?\*\n|DEMO\n", lambda m: demo() + "\n", text, count=1, flags=re.DOTALL)


PAGES = (ROOT / "README.md", ROOT / "book" / "commands.md")

if __name__ == "__main__":
    for page in PAGES:
        before = page.read_text()
        after = filled(before)
        if "--check" in sys.argv and after != before:
            sys.exit(f"{page.name}: its tables are not those of book/results; run make stamp")
        page.write_text(after)
