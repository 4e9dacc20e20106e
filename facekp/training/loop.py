"""The loop. Read it from the bottom up: ``fit`` runs epochs, ``train_epoch`` runs steps, ``train_step`` is
a dozen lines.

The images are on the device as bytes from the beginning, so a step does nothing but index,
augment, forward, backward; and nothing in it waits for the device.

The same seed gives the same curve, bit for bit, on the same CPU with the same number of threads. On a GPU it does
not quite: cuDNN picks its kernels by their speed, and some of them add numbers up in the order they happen to arrive.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facekp import metrics
from facekp.augment import augment
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import locked_folder, write_json
from facekp.models import KeypointModel, save_model
from facekp.models.model import to_float
from facekp.predict import check_fit, predict
from facekp.show import bar as progress_bar
from facekp.training.checkpoint import Checkpointer, check_losses
from facekp.training.config import TrainConfig, pick_device, pick_precision
from facekp.training.distributed import Distributed, init_distributed
from facekp.training.loader import Loader
from facekp.training.optim import EMA, learning_rate, make_optimizer, set_rate
from facekp.training.record import make_record
from facekp.training.state import Interrupted, Run, finishing_the_step


def start(model: KeypointModel, config: TrainConfig, faces: int) -> Run:
    """Everything that training on ``faces`` faces needs besides the faces; moves the model to its device."""
    if faces < 1:
        raise InputError("Expected at least one face to train on; found none.")
    device = pick_device(config.device)
    distributed, dtype = init_distributed(device), pick_precision(config.precision, device)
    steps = faces // min(config.batch_size, faces)
    if distributed.size > min(config.batch_size, faces):
        raise InputError(f"Expected batches of at least one face for each of {distributed.size} processes; found "
                         f"{min(config.batch_size, faces)}. Take a larger batch or fewer processes.")
    layout = memory_format(model, device, dtype)
    model = model.to(device).to(memory_format=layout)
    return Run(
        model,
        distributed.wrap(model.train()),
        make_optimizer(model, config),
        torch.amp.GradScaler(device.type, enabled=dtype == torch.float16),
        EMA(model, config.ema),
        shuffle=torch.Generator().manual_seed(config.seed),
        views=torch.Generator(device).manual_seed(config.seed + 1_000_003 * distributed.rank),
        dtype=dtype,
        layout=layout,
        steps=steps,
        distributed=distributed,
        swap=torch.from_numpy(model.scheme.swap).to(device),
        losses=torch.zeros(steps, device=device),
    )


def memory_format(model: nn.Module, device: torch.device, dtype: torch.dtype) -> torch.memory_format:
    """Channels last, the faster one; but not for dilated convolutions in bf16 on a CPU.

    There oneDNN 3.12 computes the gradient of the weights from memory beyond its input where the number of input
    channels is no multiple of 16: NaN, or a crash.
    """
    dilated = any(isinstance(m, nn.Conv2d) and max(m.dilation) > 1 for m in model.modules())
    unsafe = dilated and device.type == "cpu" and dtype == torch.bfloat16
    return torch.contiguous_format if unsafe else torch.channels_last


def train_step(run: Run, images: Tensor, points: Tensor, config: TrainConfig) -> Tensor:
    """One step on one batch: images (B, H, W) uint8 and points (B, K, 2), on the device -> the loss, a scalar."""
    x = to_float(images)
    if config.augment is not None:
        x, points = augment(x, points, run.swap, config.augment, run.views)
    with autocast(x.device, run.dtype):
        raw = run.forward(x.contiguous(memory_format=run.layout))
    loss = run.model.head.loss(raw, points)
    if run.distributed.size > 1:
        loss = loss * run.distributed.weight(points)
    run.optimizer.zero_grad(set_to_none=True)
    run.scaler.scale(loss).backward()
    run.scaler.unscale_(run.optimizer)
    nn.utils.clip_grad_norm_(run.model.parameters(), config.clip)
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.ema.update()
    return loss.detach()


def train_epoch(run: Run, loader: Loader, config: TrainConfig,
                on_step: Callable[[Run], None] | None = None) -> None:
    """Show every face once, in a new order; each step's loss is left in ``run.losses``.

    Args:
        run: the model and all that trains it.
        loader: the faces, on the device.
        config: batch size, augmentation, clipping.
        on_step: called after each step.

    Raises:
        Interrupted: after Ctrl-C, between two steps. (Several processes finish the epoch, and stop together.)
    """
    run.model.train()
    if run.order is None:
        run.order, run.done = torch.stack(shuffled_batches(len(loader), config.batch_size, run.shuffle)), 0
        run.stop = run.distributed.any(run.stop)
    mine = run.order[run.done :, run.distributed.rank :: run.distributed.size]  # of each batch, this process's part
    for images, points in loader.batches(mine):
        if run.stop and (run.distributed.size == 1 or run.done == 0):
            raise Interrupted
        set_rate(run.optimizer, run.step, config.epochs * run.steps, config)
        run.losses[run.done] = train_step(run, images, points, config)
        run.done += 1
        if on_step:
            on_step(run)


def shuffled_batches(n: int, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """Positions 0..n-1 in random order, cut into whole batches; the few left over wait for the next epoch."""
    order = torch.randperm(n, generator=generator, device=generator.device)
    batch_size = min(batch_size, n)
    return list(order[: n // batch_size * batch_size].split(batch_size))


def autocast(device: torch.device, dtype: torch.dtype):
    """Mixed precision for the forward pass, or nothing at all in float32."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


Score = Callable[[np.ndarray, Faces, np.ndarray], dict]  # of points on faces, beside the mean face


def evaluate(model: KeypointModel, faces: Faces, mean_face: np.ndarray, distributed: Distributed | None = None,
             score: Score = metrics.scores) -> dict:
    """The metrics of a model on ``faces``, with the mean face beside them.

    Args:
        model: a trained model.
        faces: what to test on.
        mean_face: (K, 2), from the *training* faces: ``metrics.mean_face(train.keypoints)``.
        distributed: processes that share the work.
        score: what is measured.
    """
    distributed = distributed or Distributed()
    mine = faces.select(slice(distributed.rank, None, distributed.size))
    points, _ = predict(model, mine)
    return score(distributed.gather(points), faces, mean_face)


def fit(
    model: KeypointModel,
    train: Faces,
    val: Faces,
    config: TrainConfig | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    on_epoch: Callable[[dict], None] | None = None,
    notes: dict | None = None,
    callback: Callable[[dict, KeypointModel], None] | None = None,
    score: Score = metrics.scores,
) -> dict:
    """Train ``model`` on ``train`` and watch it on ``val``.

    The model ends on its device, in eval mode, with the averaged weights of the last epoch. No
    epoch is picked by its score on ``val``: that would make the score too good.

    Args:
        model: from ``create_model``; trained in place.
        train, val: see ``Faces.split``.
        config: how; default ``TrainConfig()``.
        folder: where to write ``model.safetensors``, ``record.json``, ``log.jsonl`` and, every
            ``config.save_every`` seconds, ``resume.pt``. None writes nothing.
        resume: go on from ``folder/resume.pt`` if it is there. On a CPU the end is bit for bit that
            of an undisturbed run.
        progress: show a bar.
        on_epoch: called with each epoch's line of the curve.
        notes: further entries for the record, e.g. how the data were split.
        callback: called with each epoch's line and the averaged model, which it must leave as it is;
            see :func:`facekp.widgets.monitor`.
        score: makes the record's ``metrics`` of the held-out faces.

    Returns:
        The record of the run: a dictionary of plain JSON values, see :mod:`facekp.results`.

    Raises:
        InputError: the faces have other points than the model, or another size; or there are none.
        Interrupted: Ctrl-C; the step was finished and the run saved.
        FloatingPointError: the loss became infinite or NaN; says where, and which weights are left.
        Busy: another process trains into ``folder``.
    """
    config = config or TrainConfig()
    for faces in (train, val):
        check_fit(model, faces)
    run = start(model, config, len(train))
    identity = {"config": asdict(config), "model": model.config(),
                "train": train.fingerprint(model.pixel_offset), "val": val.fingerprint(model.pixel_offset)}
    checkpointer = Checkpointer(Path(folder) if folder else None, identity, config.save_every)
    mean = metrics.mean_face(train.keypoints)
    with locked_folder(checkpointer.folder if run.distributed.is_main else None):
        if resume:
            checkpointer.load(run, len(train))
        loader = Loader(train, run.losses.device)
        train_epochs(run, loader, val, mean, config, checkpointer, progress, on_epoch, callback)
        model.load_state_dict(run.ema.model.state_dict())
        model.eval()
        if checkpointer.folder and run.distributed.is_main:
            (checkpointer.folder / "record.json").unlink(missing_ok=True)  # of an earlier run, not of these weights
            save_model(model, checkpointer.folder / "model.safetensors")
        final = evaluate(model, val, mean, run.distributed, score)
        record = make_record(model, train, val, asdict(config), run.curve, final)
        record |= {"processes": run.distributed.size} | (notes or {})
        if checkpointer.folder and run.distributed.is_main:
            write_json(checkpointer.folder / "record.json", record)
            checkpointer.file.unlink(missing_ok=True)
    return record


def train_epochs(
    run: Run, loader: Loader, val: Faces, mean_face: np.ndarray, config: TrainConfig, checkpointer: Checkpointer,
    progress: bool = True, on_epoch: Callable[[dict], None] | None = None,
    callback: Callable[[dict, KeypointModel], None] | None = None,
) -> None:
    """All epochs that the run has not seen yet, each with its line of the curve; the arguments are those of ``fit``."""
    shown, total = progress and run.distributed.is_main, config.epochs * run.steps

    def after_step(run: Run) -> None:
        bar.update()
        checkpointer.step(run)

    with progress_bar(shown, total=total, initial=run.step, unit="step") as bar, finishing_the_step(run), quick():
        while len(run.curve) < config.epochs:
            run.clock = time.perf_counter() - run.seconds
            try:
                train_epoch(run, loader, config, after_step)
            except Interrupted:
                run.seconds = time.perf_counter() - run.clock
                checkpointer.save(run)
                raise Interrupted(checkpointer.resume_hint(run)) from None
            line = finish_epoch(run, val, mean_face, config, checkpointer)
            bar.set_postfix_str(POSTFIX.format(**line))
            checkpointer.epoch(run)
            if on_epoch and run.distributed.is_main:
                on_epoch(line)
            if callback and run.distributed.is_main:
                callback(line, run.ema.model)


POSTFIX = ("loss {loss:.3f}, val RMSE {val_rmse:.2f} px (mean face {mean_face_rmse:.2f}), "
           "{images_per_second:.0f} images/s")


def finish_epoch(run: Run, val: Faces, mean_face: np.ndarray, config: TrainConfig, checkpointer: Checkpointer) -> dict:
    """Close an epoch: its line of the curve, with the averaged model's error on ``val``."""
    loss = check_losses(run, checkpointer, partial(learning_rate, steps=config.epochs * run.steps, config=config))
    trained = time.perf_counter() - run.clock
    assert run.order is not None  # an epoch has been shown
    run.distributed.synchronise(run.ema.model)
    scores = evaluate(run.ema.model, val, mean_face, run.distributed)
    earlier = run.curve[-1]["seconds"] if run.curve else 0.0
    line = {
        "epoch": len(run.curve) + 1,
        "loss": loss,
        "val_rmse": scores["rmse"],
        "mean_face_rmse": scores["mean_face_rmse"],
        "lr": run.optimizer.param_groups[0]["lr"],
        "images_per_second": run.order.numel() / trained,
        "seconds": earlier + time.perf_counter() - run.clock,
    }
    run.curve.append(line)
    run.order, run.done, run.seconds = None, 0, 0.0
    return line


@contextmanager
def quick() -> Iterator[None]:
    """Inside, cuDNN tries its kernels and keeps the fastest for each shape; on a CPU this changes nothing."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before
