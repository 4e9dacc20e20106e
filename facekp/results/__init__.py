"""Records: what a run was and what came of it, as one JSON file that the book's tables read."""

import difflib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import facekp
from facekp import metrics
from facekp.data import kaggle
from facekp.data.conventions import of_kaggle
from facekp.data.faces import Faces
from facekp.errors import InputError, listed
from facekp.files import read_json
from facekp.training.record import commit as commit
from facekp.training.record import environment as environment
from facekp.training.record import read_record as read_record

if TYPE_CHECKING:
    import pandas as pd


def records_folder() -> Path:
    """Where the book's records are: in the installed package, or in the checkout's ``book/results``."""
    package = Path(facekp.__file__).parent
    return package / "records" if (package / "records").is_dir() else package.parent / "book" / "results"


def load_record(name: str) -> dict:
    """The book's record called ``name``, e.g. ``"real-resnet18"`` or ``"protocol-a/unet-s-0"``.

    Raises:
        InputError: there is none of that name; names those that are close, and where all are.
    """
    folder = records_folder()
    path = folder / f"{name}.json"
    if not os.path.isfile(path):  # Path.is_file() fails on a name that is too long
        there = sorted(p.relative_to(folder).with_suffix("").as_posix() for p in folder.rglob("*.json"))
        close = ", ".join(difflib.get_close_matches(name, there)) or "none"
        raise InputError(f"There is no record '{name}'. Close to it: {close}. All are in {folder}.")
    return read_json(path)


def scores(points: np.ndarray, faces: Faces, mean_face: np.ndarray) -> dict:
    """:func:`facekp.metrics.scores`; and, where faces of both of Kaggle's sources are among them,
    ``rmse_per_source``, see :func:`by_source`.
    """
    out = metrics.scores(points, faces, mean_face)
    if of_kaggle(faces.scheme) and len(np.unique(kaggle.sources(faces))) == 2:
        out["rmse_per_source"] = by_source(points, faces.keypoints, kaggle.sources(faces))
    return out


def left_out(per_keypoint: dict[str, float | None], times: float = 4.0) -> dict[str, float]:
    """The points whose error is more than ``times`` that of the middle one: a network may have given them up.

    The mean over all points does not show it. Points that are merely hard stay below the limit: among the book's
    records only the networks are named that drew no map for a point.
    """
    errors = {name: error for name, error in per_keypoint.items() if error is not None}
    limit = times * float(np.median(list(errors.values()))) if errors else np.inf
    return {name: error for name, error in errors.items() if error > limit}


def left_out_line(per_keypoint: dict[str, float | None]) -> list[str]:
    """A line for people about :func:`left_out`; none if there is nothing to say."""
    found = left_out(per_keypoint)
    if not found:
        return []
    points = listed([f"{name} {error:.1f} px" for name, error in found.items()])
    return [f"Far worse than the other points: {points}. The network may have given up drawing them: try more "
            "channels, or another seed."]


ASKED = (17592, 9532)
"""How many values of the competition's lookup table ask for faces of the first source and of the second."""


def by_source(points: np.ndarray, truth: np.ndarray, sources: np.ndarray) -> dict:
    """RMSE on each of Kaggle's two sources, and of both in the proportions in which the competition asks for them.

    Args:
        points, truth: (N, K, 2).
        sources: (N,) of 0 and 1, from :func:`facekp.data.kaggle.sources`.
    """
    first, second = (metrics.rmse(points[sources == r], truth[sources == r]) for r in (0, 1))
    competition = ((ASKED[0] * first**2 + ASKED[1] * second**2) / sum(ASKED)) ** 0.5
    return {"fifteen points": first, "four points": second, "competition": competition}


# ---- the records of a plan, as tables --------------------------------------------------------------

# What a table reads of a record.
IN_A_TABLE = ("name", "seed", "tested_on", "parameters", "face_rmse", "metrics.rmse", "metrics.mean_face_rmse")


def records(folder: str | Path) -> dict[str, list[dict]]:
    """The records of a folder by the name of the run, best first.

    Raises:
        InputError: there are none, one is damaged, or their held-out faces differ for the same seed.
    """
    files = sorted(Path(folder).glob("*.json"))
    other = next((p for p in files if not {"name", "metrics"} & read_json(p).keys()), None)
    if other or not files:
        within = sorted({str(p.parent) for p in Path(folder).glob("*/*.json")})
        advice = f" There are files in {listed(within)}." if within else ""
        raise InputError(f"{folder}: expected records of runs, all of one plan; found "
                         f"{f'{other.name}, which is not one' if other else 'none'}.{advice}")
    found = [read_record(p, *IN_A_TABLE) for p in files]
    by_seed: dict[int, set] = {}
    for record in found:
        by_seed.setdefault(record["seed"], set()).add(record["tested_on"])
    if any(len(prints) > 1 for prints in by_seed.values()):
        raise InputError(f"{folder}: these records were tested on different faces, so they cannot be in one table.")
    named: dict[str, list[dict]] = {}
    for record in found:
        named.setdefault(record["name"], []).append(record)
    return dict(sorted(named.items(), key=lambda item: np.mean([r["metrics"]["rmse"] for r in item[1]])))


def comparable(named: dict[str, list[dict]]) -> dict[str, list[dict]]:
    """Of the records by name only the seeds that all of them have, best first; all seeds where they share none.

    Each seed holds out other faces, and one odd face can move every RMSE by half: means over different seeds say
    nothing about the networks.
    """
    shared = set.intersection(*({r["seed"] for r in runs} for runs in named.values())) if named else set()
    kept = {name: [r for r in runs if r["seed"] in shared or not shared] for name, runs in named.items()}
    return dict(sorted(kept.items(), key=lambda item: np.mean([r["metrics"]["rmse"] for r in item[1]])))


def frame(folder: str | Path, names: list[str] | None = None, order: list[str] | None = None) -> "pd.DataFrame":
    """A line per name, best first: means over the seeds that all lines share, with their standard deviation.

    "median face" is the RMSE of the middle one of the held-out faces, which no single face moves.

    Args:
        folder: of records.
        names: which runs; those without a record are left out. Default: all.
        order: of the lines, instead of best first.
    """
    import pandas as pd

    named = {name: runs for name, runs in records(folder).items() if names is None or name in names}
    lines = []
    shown = comparable(named)
    for name in [n for n in order if n in shown] if order else shown:
        runs = shown[name]
        rmse = np.array([r["metrics"]["rmse"] for r in runs])
        fraction = np.mean([r["metrics"]["rmse"] / r["metrics"]["mean_face_rmse"] for r in runs])
        nme = np.mean([r["metrics"].get("nme_inter_ocular", np.nan) for r in runs])
        middle = np.mean([np.median(r["face_rmse"]) for r in runs])
        spread = f" ± {rmse.std(ddof=1):.3f}" if len(rmse) > 1 else ""
        parameters = "" if name == "mean face" else f"{runs[0]['parameters'] / 1e6:.2f} M"  # it has none that learn
        lines.append({"network": name, "parameters": parameters, "RMSE (px)": f"{rmse.mean():.3f}{spread}",
                      "of the mean face": f"{fraction:.2f}", "median face (px)": f"{middle:.2f}",
                      "NME": f"{100 * nme:.1f} %",
                      "epochs": str(runs[0].get("config", {}).get("epochs", "")), "seeds": str(len(rmse))})
    columns = ["network", "parameters", "RMSE (px)", "of the mean face", "median face (px)", "NME", "epochs", "seeds"]
    return pd.DataFrame(lines, columns=columns).set_index("network")


def table(folder: str | Path, names: list[str] | None = None) -> str:
    """The lines of :func:`frame` as Markdown."""
    rows = frame(folder, names).reset_index()
    lines = [list(rows.columns), *rows.to_numpy().tolist()]
    text = [f"| {' | '.join(cells)} |" for cells in lines]
    return "\n".join([text[0], "|---" * len(rows.columns) + "|", *text[1:]])
