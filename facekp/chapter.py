"""What a chapter trains on this machine, the eight faces that every chapter shows, and the table that grows with them.

::

    run = plan_training(paper="unet", compact="unet-s")
    print(run)                     # what is here, what will be trained, on what
    model, record = run.fit()

With a GPU and Kaggle's files, the paper's network trains on the 2140 complete faces with the split, the held-out
fraction, the pixel offset and the recipe of the book's records, so that the reader can compare a number with them.
With a GPU alone it trains on 2,000 synthetic faces. Without a GPU the compact network trains on 480 of them.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from facekp import metrics, results
from facekp.data import find_kaggle, load
from facekp.data.faces import Faces
from facekp.errors import InputError, check_choice
from facekp.models import KeypointModel, create_model
from facekp.predict import predict
from facekp.synthetic import cached, draw_face
from facekp.training import TrainConfig, fit
from facekp.training.pace import seconds_per_epoch
from facekp.training.recipes import recipe

MODES = ("full", "synthetic", "short")
LIKE = "protocol-a/hourglass-s-0"
"""The record that gives a full run its split, its pixel offset and its number of epochs."""
RUNS = "facekp-runs"
"""The folder, beside the notebook, that keeps a reader's own records."""
EIGHT = (77, (1, 17, 13, 4, 25, 35, 31, 21))  # a seed that no shipped network was trained on; the last two are hard


@dataclass(frozen=True)
class ChapterRun:
    """A training run that a chapter is about to start; printed, it says what is here and what will run.

    Attributes:
        mode: "full" (GPU and Kaggle's files), "synthetic" (GPU alone) or "short".
        name: the network.
        train, test: the faces; ``test`` is the held-out part.
        config: how it is trained.
        pixel_offset: what the labels call the centre of the first pixel.
        paper: the network of the full run.
        folder: where the reader's own record is kept; None for the short run.
    """

    mode: str
    name: str
    train: Faces
    test: Faces
    config: TrainConfig
    pixel_offset: float
    paper: str
    folder: Path | None

    def network(self) -> KeypointModel:
        """A fresh network: the same one each time."""
        torch.manual_seed(self.config.seed)
        return create_model(self.name, self.train.scheme, pixel_offset=self.pixel_offset)

    def fit(self, callback: Callable | None = None) -> tuple[KeypointModel, dict]:
        """Train it: (the trained network, its record). An interrupted full run goes on where it was.

        Raises:
            InputError: the GPU was taken away; says what is kept.
        """
        model = self.network()
        resume = self.folder is not None and (self.folder / "resume.pt").is_file()
        name = f"yours: {self.name}" + (", synthetic faces" if self.mode == "synthetic" else "")
        notes = {"name": name, "split": results.load_record(LIKE)["split"]}
        try:
            record = fit(model, self.train, self.test, self.config, self.folder, resume, score=results.scores,
                         callback=callback, notes=notes)
        except RuntimeError as e:
            if "CUDA error" not in str(e):
                raise
            kept = self.folder is not None and (self.folder / "resume.pt").is_file()
            on = f"it continues from {self.folder}" if kept else "it begins anew"
            raise InputError(f"The GPU stopped in the middle of the run ({str(e).splitlines()[0]}). Restart the "
                             f"runtime and run the chapter again: {on}.") from None
        return model, record

    def __str__(self) -> str:
        gpu = (torch.cuda.get_device_name() if torch.cuda.is_available() else "none" if torch.version.cuda else
               "none (this PyTorch is built without CUDA)")
        kaggle = "found" if find_kaggle() else "not found"
        model = self.network()
        parameters = sum(p.numel() for p in model.parameters()) / 1e6
        faces = "Kaggle's complete faces" if self.mode == "full" else "synthetic faces"
        seconds = self.config.epochs * seconds_per_epoch(model, self.train, self.config)
        lines = [f"GPU: {gpu}. Kaggle's files: {kaggle}.",
                 f"{self.name} ({parameters:.2f} M parameters) trains on {len(self.train)} {faces} and is tested on "
                 f"{len(self.test)} others: {self.config.epochs} epochs, about {duration(seconds)} here."]
        if self.mode != "full":
            complete = sum(part["faces"] for part in results.load_record(LIKE)["data"].values())
            lines.append(f"With a GPU and Kaggle's files: {self.paper} on the {complete} complete faces, as in "
                         "Results.")
        return "\n".join(lines)


def plan_training(paper: str, compact: str, epochs: int = 5, **changes) -> ChapterRun:
    """What this chapter trains on this machine.

    The environment variable ``FACEKP_CHAPTER`` chooses a mode by name (without a GPU, a full run takes hours), and
    ``FACEKP_EPOCHS`` limits the number of epochs.

    Args:
        paper: the network of the paper's size, for a GPU.
        compact: the network for a CPU.
        epochs: of the short run; the others train for 30, as the book's records.
        changes: other settings of ``TrainConfig``, for every mode.

    Raises:
        InputError: ``FACEKP_CHAPTER`` is not one of ``MODES``, or Kaggle's files are not found in the full mode.
    """
    place = find_kaggle()
    wanted = os.environ.get("FACEKP_CHAPTER") or (
        "short" if not torch.cuda.is_available() else "full" if place else "synthetic")
    check_choice("mode of a chapter called", wanted, MODES)
    if wanted == "full" and place is None:
        raise InputError("Expected Kaggle's files for the full run; found none. Put them into data/kaggle, or name "
                         "their folder in the environment variable FACEKP_KAGGLE.")
    like = results.load_record(LIKE)
    offset = like["model"]["pixel_offset"] if wanted == "full" else 0.0
    faces = (load(str(place), pixel_offset=offset).complete() if wanted == "full" else
             cached(2000 if wanted == "synthetic" else 480))
    train, test = faces.split(like["split"]["held_out"], like["split"]["seed"])
    name = compact if wanted == "short" else paper
    config = recipe(name, epochs=epochs if wanted == "short" else like["config"]["epochs"], **changes)
    if wanted == "short":
        config = replace(config, batch_size=min(config.batch_size, 16))
    if limit := os.environ.get("FACEKP_EPOCHS"):
        if not limit.isdecimal() or int(limit) < 1:
            raise InputError(f"Expected a number of epochs in FACEKP_EPOCHS, 1 or more; found '{limit}'.")
        config = replace(config, epochs=min(config.epochs, int(limit)))
    folder = None if wanted == "short" else Path(RUNS) / f"{name}-{wanted}"
    return ChapterRun(wanted, name, train, test, config, offset, paper, folder)


def duration(seconds: float) -> str:
    """``"40 seconds"``, ``"3 minutes"`` or ``"2.5 hours"``."""
    if seconds < 90:
        return f"{max(10, 10 * round(seconds / 10))} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def eight_faces() -> Faces:
    """The eight synthetic faces that every chapter shows, with exact labels: (8, 96, 96) and (8, 15, 2)."""
    seed, numbers = EIGHT
    drawn = [draw_face(seed, i) for i in numbers]
    points = np.stack([p[:15] for _, p in drawn]).astype(np.float32)
    return Faces(np.stack([image for image, _ in drawn]), points)


def errors_on(models: dict[str, KeypointModel], faces: Faces) -> pd.DataFrame:
    """RMSE in pixels of each network on each face, as a table of one row per network."""
    rows = {name: metrics.rmse(predict(m, faces)[0], faces.keypoints, axis=(1, 2)) for name, m in models.items()}
    return pd.DataFrame(rows, index=[f"face {i + 1}" for i in range(len(faces))]).T.round(2)


def own_records() -> dict[str, list[dict]]:
    """The reader's own records under ``RUNS``, by name, as :func:`facekp.results.records` gives the book's."""
    found: dict[str, list[dict]] = {}
    for path in sorted(Path(RUNS).glob("*/record.json")):
        record = results.read_record(path)
        found.setdefault(record.get("name", path.parent.name), []).append(record)
    return found


def growing_table(names: Sequence[str], folder: str = "protocol-a") -> pd.DataFrame:
    """The book's rows called ``names``, as far as the book has come, and the reader's own runs under them.

    Args:
        names: rows of the records in ``folder``, in the order of the chapters.
        folder: of records, in :func:`facekp.results.records_folder`.

    Returns:
        A table indexed by name: parameters, RMSE in pixels, the fraction of the mean face's error, epochs, seeds.
        A reader's run on synthetic faces was tested on other faces than the book's rows; its line says so.
    """
    book = results.frame(results.records_folder() / folder, list(names), order=list(names))
    rows = []
    for name, runs in own_records().items():
        m = runs[0]["metrics"]
        rows.append({"network": name, "parameters": f"{runs[0]['parameters'] / 1e6:.2f} M",
                     "RMSE (px)": f"{m['rmse']:.3f}", "of the mean face": f"{m['rmse'] / m['mean_face_rmse']:.2f}",
                     "epochs": str(runs[0]["config"]["epochs"]), "seeds": "1"})
    return pd.concat([book, pd.DataFrame(rows).set_index("network")]).fillna("") if rows else book
