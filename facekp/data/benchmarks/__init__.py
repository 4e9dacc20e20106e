"""300-W, COFW, WFLW and AFLW-19 from the folders that their authors ship, with their splits, divisors and metrics.

    wflw = benchmarks.read("wflw", "data/WFLW", size=128)
    fit(model, wflw.train.faces, wflw.test.faces)
    points, _ = predict(model, wflw.test.faces)
    benchmarks.score(wflw.test, points)

How to get each, its licence, and published figures: the page "Benchmarks" of the book.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np

from facekp import metrics
from facekp.data.benchmarks.part import Part
from facekp.errors import InputError, check_choice

READERS = {"300w": "w300", "cofw": "cofw", "wflw": "wflw", "aflw19": "aflw19"}


@dataclass(frozen=True, eq=False)
class Benchmark:
    """The two parts of the benchmark called ``name``."""

    name: str
    train: Part
    test: Part


def read(name: str, folder: str | Path, size: int = 96, widen: float = 1.25, colour: bool = False,
         progress: bool = False) -> Benchmark:
    """The training and test faces of a benchmark, cropped by the boxes that come with it.

    Args:
        name: a key of ``READERS``.
        folder: as the authors ship it; each reader's file shows the layout.
        size: height and width of the crops.
        widen: the crop's side over the box's longer side, about the same centre.
        colour: keep the colours.
        progress: show a bar.

    Raises:
        InputError: an unknown name, a folder of another layout, or a package that its files need is not installed.
    """
    check_choice("benchmark", name, READERS)
    if not Path(folder).expanduser().is_dir():
        raise InputError(f"{folder}: expected the folder of {name}; there is none. The page \"Benchmarks\" says how to "
                         "get it.")
    reader = import_module(f"facekp.data.benchmarks.{READERS[name]}")
    train, test = (reader.read(Path(folder).expanduser(), split, size, widen, colour, progress)
                   for split in ("train", "test"))
    return Benchmark(name, train, test)


def score(part: Part, points: np.ndarray, limit: float = 0.1) -> dict[str, dict[str, float]]:
    """What papers report, for all faces ("full") and for each subset.

    Args:
        part: the faces with their divisors.
        points: (N, K, 2) predictions in the grid of ``part.faces``.
        limit: of failure rate and AUC: 0.1 in most papers, 0.08 in some on COFW and 300-W.

    Returns:
        By subset: ``faces``, how many; ``nme``, the mean over faces of each face's mean error over its divisor, in
        percent; ``failure_rate``, the percentage of faces whose error is above ``limit``; ``auc``, the area under the
        cumulative error curve up to it, in percent.
    """
    errors = np.nanmean(metrics.distances(points, part.faces.keypoints), axis=1) / part.units
    table = {}
    for name, chosen in {"full": np.ones(len(errors), bool), **part.subsets}.items():
        e = errors[chosen]
        if len(e):
            table[name] = {"faces": len(e), "nme": 100 * float(e.mean()),
                           "failure_rate": 100 * (1 - metrics.pck(e, limit)), "auc": 100 * metrics.auc(e, limit)}
    return table
