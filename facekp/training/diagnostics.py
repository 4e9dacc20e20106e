"""Two checks before a long run: does the network overfit a few faces, and at which learning rate?"""

import copy
from dataclasses import replace
from itertools import count, islice

import numpy as np
import torch

from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.metrics import mean_face
from facekp.models import KeypointModel
from facekp.predict import check_fit
from facekp.show import bar as progress_bar
from facekp.training.config import TrainConfig
from facekp.training.loader import Loader
from facekp.training.loop import evaluate, shuffled_batches, start, train_step
from facekp.training.optim import set_rate


def overfit(model: KeypointModel, faces: Faces, config: TrainConfig | None = None, steps: int = 200,
            progress: bool = True) -> dict:
    """Train on a few faces only, always the same, without augmentation: the error must go to almost nothing.

    If it does not, the error is in the labels, the head, the loss or the learning rate, and no amount of data will fix
    it. (If it does, that says nothing about faces the network has not seen.)

    Args:
        model: a fresh model; it is trained.
        faces: all are taken as one batch: 8 or so.
        config: whose learning rate and optimizer are used; no augmentation, no averaging, no decay, no schedule.
        steps: training steps.
        progress: show a bar.

    Returns:
        ``losses``, one per step; ``rmse`` on these same faces, in pixels; ``mean_face_rmse``.

    Raises:
        InputError: fewer than two faces, or faces that do not fit the model.
    """
    check_fit(model, faces)
    if len(faces) < 2:
        raise InputError(f"Expected at least 2 faces to overfit; found {len(faces)}.")
    config = replace(config or TrainConfig(), epochs=steps, batch_size=len(faces), augment=None, ema=0.0,
                     weight_decay=0.0, schedule="linear", warmup=0.05)
    run = start(model, config, len(faces))
    loader, losses = Loader(faces, run.losses.device), []
    batch = next(loader.batches([torch.arange(len(faces))]))
    for done in progress_bar(progress, iterable=range(steps), unit="step"):
        set_rate(run.optimizer, done, steps, config)
        losses.append(train_step(run, *batch, config))
    scores = evaluate(model, faces, mean_face(faces.keypoints))
    return {"losses": torch.stack(losses).tolist(), "rmse": scores["rmse"], "mean_face_rmse": scores["mean_face_rmse"]}


def find_lr(model: KeypointModel, faces: Faces, config: TrainConfig | None = None, low: float = 1e-5, high: float = 1.0,
            steps: int = 100, progress: bool = True) -> dict:
    """The learning-rate range test (Smith 2017): the learning rate grows with every step until the loss explodes.

    Where the loss stops falling, the learning rate is too high. A third of that is a good peak for a schedule with
    warm-up: a rule of thumb, to be read off the curve rather than to the digit.

    Args:
        model: fresh; a copy is trained, the model stays as it is.
        faces: what to train on.
        config: batch size, augmentation, optimizer; its rate is not used.
        low, high: first and last rate; the steps between are even on a logarithmic scale.
        steps: how many.
        progress: show a bar.

    Returns:
        ``lr`` and ``loss``, one number per step until the smoothed loss was four times its best; ``smooth``, the
        smoothed loss; ``end``, the rate at which its first long descent ended; ``suggestion``, a third of that.

    Raises:
        InputError: faces that do not fit the model, or a loss that was not a number before the third step.
    """
    check_fit(model, faces)
    config = replace(config or TrainConfig(), epochs=1, warmup=0.0, schedule="constant", ema=0.0)
    run = start(copy.deepcopy(model), config, len(faces))
    loader = Loader(faces, run.losses.device)
    rates = np.geomspace(low, high, steps)
    losses, smooth, average = [], [], 0.0
    batches = (index for _ in count() for index in shuffled_batches(len(faces), config.batch_size, run.shuffle))
    shown = progress_bar(progress, iterable=loader.batches(islice(batches, steps)), total=steps, unit="step")
    for i, (images, points) in enumerate(shown):
        for group in run.optimizer.param_groups:
            group["lr"] = rates[i]
        loss = train_step(run, images, points, config).item()
        average = 0.9 * average + 0.1 * loss
        losses.append(loss)
        smooth.append(average / (1 - 0.9 ** (i + 1)))
        if not np.isfinite(loss) or smooth[-1] > 4 * min(smooth):
            break
    n = len(losses) if np.isfinite(losses[-1]) else len(losses) - 1
    if n < 2:
        raise InputError(f"Expected a loss that is a number for at least two steps, to see where it falls; found {n}. "
                         "Begin at a lower rate, or take more steps.")
    end = rates[end_of_descent(np.array(smooth[:n]))]
    return {"lr": rates[:n].tolist(), "loss": losses[:n], "smooth": smooth[:n],
            "end": float(end), "suggestion": float(end / 3)}


def end_of_descent(smooth: np.ndarray) -> int:
    """The step with the lowest loss before the curve turns: before it first rises by 2 % over its best so far.

    Rises in the first half of the fall do not count: as long as the learning rate is too small to matter, batches alone
    move the loss.

    Args:
        smooth: (n,) the smoothed loss.
    """
    start = int(np.argmax(smooth <= (smooth[0] + smooth.min()) / 2))
    risen = np.flatnonzero(smooth[start:] > 1.02 * np.minimum.accumulate(smooth[start:]))
    return start + int(np.argmin(smooth[start : start + risen[0]] if len(risen) else smooth[start:]))
