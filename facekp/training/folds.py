"""k models, each trained without one of k folds; and many models as one, by the mean of their answers."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import write_json
from facekp.metrics import mean_face, rmse, scores
from facekp.models import KeypointModel, load_model
from facekp.predict import predict
from facekp.training.checkpoint import finished
from facekp.training.config import TrainConfig, completed, pick_device
from facekp.training.loop import Score, fit
from facekp.training.record import read_record


class MeanHead:
    """Reads what an :class:`Ensemble` puts out."""

    def decode(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        """raw (M, B, K, 3), x, y and confidence from M models -> points (B, K, 2) and confidence (B, K): the means.

        A model that gives no confidence has no say in the mean one.
        """
        return raw[..., :2].mean(0), raw[..., 2].nanmean(0)


class Ensemble(KeypointModel):
    """Several models that look at the same image; the answer is the mean of theirs.

    It can be used wherever one model can: ``predict``, ``evaluate``, the submission.

    Args:
        models: with the same points and image size; they need not be the same network.

    Raises:
        InputError: no models, or models that find different points or have different pixel offsets.
    """

    def __init__(self, models: list[KeypointModel]) -> None:
        if not models:
            raise InputError("Expected at least one model to take the mean of; found none.")
        for model in models[1:]:
            _check_alike(models[0], model)
        first, name = models[0], f"mean of {len(models)} models"
        options = {"in_channels": first.channels}
        super().__init__(nn.ModuleList(models), MeanHead(), first.scheme, name, first.size, options, first.pixel_offset)

    @property
    def models(self) -> Iterable[KeypointModel]:
        """The models themselves."""
        return self.network  # type: ignore[return-value]  # torch: a ModuleList does not say what it holds

    def forward(self, images: Tensor) -> Tensor:
        """(B, 1, H, W) in [0, 1] -> (M, B, K, 3): x, y, confidence."""
        answers = []
        for model in self.models:
            points, confidence = model.head.decode(model(images))
            answers.append(torch.cat([points, confidence[..., None]], -1))
        return torch.stack(answers)


def _check_alike(first: KeypointModel, other: KeypointModel) -> None:
    """InputError, which says where two models differ, unless the mean of their answers makes sense."""
    ours, theirs = first.scheme.names, other.scheme.names
    if len(ours) != len(theirs):
        differ = f"{len(ours)} and {len(theirs)} points"
    elif ours != theirs:
        pair = next((a, b) for a, b in zip(ours, theirs, strict=True) if a != b)
        differ = "points of other names or in another order, '{}' and '{}'".format(*pair)
    elif first.size != other.size:
        differ = f"images of {first.size} and {other.size} pixels"
    elif first.channels != other.channels:
        differ = f"images of {first.channels} and {other.channels} channels"
    elif first.pixel_offset != other.pixel_offset:
        differ = f"pixel offsets {first.pixel_offset} and {other.pixel_offset}"
    else:
        return
    raise InputError(f"Expected models with the same points, image size and pixel offset; found {first.name} and "
                     f"{other.name} with {differ}. Give only models that agree.")


def fit_folds(
    create: Callable[[], KeypointModel],
    faces: Faces,
    k: int,
    config: TrainConfig,
    folder: str | Path,
    groups: np.ndarray | None = None,
    progress: bool = True,
    notes: dict | None = None,
    on_epoch: Callable[[int, dict], None] | None = None,
    score: Score = scores,
) -> dict:
    """Train ``k`` models, each on all folds but one, and test each on the fold that it never saw.

    Every face is predicted once, by the model that did not learn from it: an error over *all* faces.
    Folds that are finished in ``folder`` are kept, and a begun one goes on, so an interrupted call can be repeated.

    Args:
        create: gives a new model with fresh weights.
        faces: all of them; copies of an image share a fold (see ``Faces.folds``).
        k: number of folds.
        config: of each training; fold i trains with seed ``config.seed + i``.
        folder: gets one run folder per fold, ``fold-0`` and so on, and ``folds.json``.
        groups: (N,) what must stay together, where more is known than the exact copies.
        progress: show bars.
        notes: further entries for ``folds.json``.
        on_epoch: called with the fold's number and each epoch's line of its curve.
        score: makes the ``metrics``, of each fold and of all faces together.

    Returns:
        A dictionary: ``folds``, ``faces``, ``fingerprint``, ``metrics`` of all faces together (see ``metrics.scores``;
        the mean face is each fold's own), ``rmse_of_folds``.

    Raises:
        InputError: ``folder`` holds folds of other data or another config.
    """

    folder, config_of = Path(folder), lambda i: replace(config, seed=config.seed + i)
    points, baseline = np.full_like(faces.keypoints, np.nan), np.full_like(faces.keypoints, np.nan)
    numbered = replace(faces, rows=np.arange(len(faces)))  # row numbers of files that were joined may repeat
    each = []
    for i, (train, test) in enumerate(numbered.folds(k, config.seed, groups)):
        run = folder / f"fold-{i}"
        if finished(run):
            check_fold(run, train, test, config_of(i))
        else:
            torch.manual_seed(config.seed + i)
            on_fold_epoch = partial(on_epoch, i) if on_epoch else None
            fit(create(), train, test, config_of(i), run, resume=True, progress=progress, on_epoch=on_fold_epoch,
                score=score)
        model, here = load_model(run / "model.safetensors", pick_device(config.device)), test.rows
        points[here], _ = predict(model, test)
        baseline[here] = mean_face(train.keypoints)
        each.append(rmse(points[here], test.keypoints))
    record = {"folds": k, "faces": len(faces), "fingerprint": faces.fingerprint(model.pixel_offset),
              "rmse_of_folds": each, "metrics": score(points, faces, baseline)} | (notes or {})
    write_json(folder / "folds.json", record)
    return record


def check_fold(run: Path, train: Faces, test: Faces, config: TrainConfig) -> None:
    """Raise InputError unless the finished run is of these faces and this config."""
    record = read_record(run / "record.json", "data.train.fingerprint", "data.val.fingerprint", "config")
    offset = record.get("model", {}).get("pixel_offset", 0.0)
    same_faces = record["data"]["val"]["fingerprint"] == test.fingerprint(offset)
    same_config = completed(record["config"]) == json.loads(json.dumps(asdict(config)))
    if not same_faces or not same_config or record["data"]["train"]["fingerprint"] != train.fingerprint(offset):
        what = "config" if same_faces else "data"
        raise InputError(f"{run}: this fold was trained with another {what}. Take the same, or a new folder.")


def load_ensemble(folder: str | Path, device: str | torch.device = "cpu") -> Ensemble:
    """The models of all ``fold-*`` runs in ``folder``, as one.

    Raises:
        InputError: there is none, or one is not finished.
    """
    runs = sorted(Path(folder).glob("fold-*"))
    if not runs:
        raise InputError(f"{folder}: expected the folds that 'facekp train --folds' wrote; found none.")
    return Ensemble([load_model(run / "model.safetensors", device) for run in runs]).eval()
