"""300-W, COFW, WFLW and AFLW-19 from the folders that their authors ship, with their splits, divisors and metrics.

    wflw = benchmarks.read("wflw", "data/WFLW", size=128)
    fit(model, wflw.train.faces, wflw.test.faces)
    points, _ = predict(model, wflw.test.faces)
    metrics.benchmark_scores(points, wflw.test)

How to get each, its licence, and published figures: the page "Benchmarks" of the book.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

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
