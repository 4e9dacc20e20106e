"""A Sphinx extension: the table of the community's results, ``{{ community_table }}``, from their records.

A pull request adds one file to ``book/results/community``; nothing else has to be written anew.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "book" / "results" / "community"
sys.path.insert(0, str(ROOT))


def results(folder: Path = FOLDER) -> dict[Path, dict]:
    """The checked results of a folder by their files, best first.

    Raises:
        InputError: a file is not a result, or its metrics are not those of its points.
    """
    from facekp.results import community

    found = {path: community.read_result(path) for path in sorted(folder.glob("*.json")) if path.name != "board.json"}
    return dict(sorted(found.items(), key=lambda item: item[1]["metrics"]["rmse"]))


def table(folder: Path = FOLDER) -> str:
    """The results as a Markdown table, and the mean face as its last row."""
    rows = ["| method | RMSE (px), 95 % interval | median face | NME | parameters | trained on | by |",
            "|---|---|---|---|---|---|---|"]
    found = list(results(folder).values())
    for r in found:
        m, name = r["metrics"], f"[{r['name']}]({r['link']})" if r["link"] else r["name"]
        rows.append(f"| {name} | {m['rmse']:.2f} ({m['rmse_low']:.2f} to {m['rmse_high']:.2f}) | "
                    f"{m['median_face_rmse']:.2f} | {100 * m['nme_inter_ocular']:.1f} % | "
                    f"{r['parameters'] / 1e6:.2f} M | {r['trained_on']} | {r['by']} |")
    rows.append(f"| mean face of the test faces | {found[0]['metrics']['mean_face_rmse']:.2f} |  |  |  |  |  |")
    return "\n".join(rows)


def setup(app) -> dict:
    app.connect("config-inited", lambda app, config: config.myst_substitutions.update(community_table=table()),
                priority=100)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
