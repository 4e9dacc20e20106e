"""The loop. Read it from the bottom up: ``fit`` runs epochs, ``train_epoch`` runs steps, ``train_step`` is
a dozen lines.

The images lie on the device as bytes from the beginning, so a step does nothing but index,
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

from facekp import metrics, results
from facekp.augment import augment
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import write_json
from facekp.locks import alone_in
from facekp.models import KeypointModel, save_model
from facekp.predict import check_fit, predict, to_float
from facekp.show import bar as progress_bar
from facekp.training.compiled import compiled
from facekp.training.config import TrainConfig, pick_device, pick_precision
from facekp.training.ema import EMA
from facekp.training.feed import Resident, Streamed, make_feed
from facekp.training.optimizers import learning_rate, make_optimizer, set_rate
from facekp.training.state import Interrupted, Keeper, Run, check_losses, finishing_the_step
from facekp.training.team import Team, join


def start(model: KeypointModel, config: TrainConfig, faces: int) -> Run:
    """Everything that training on ``faces`` faces needs besides the faces; moves the model to its device."""
    if faces < 1:
        raise InputError("Expected at least one face to train on; found none.")
    device = pick_device(config.device)
    team, dtype = join(device), pick_precision(config.precision, device)
    steps = faces // min(config.batch_size, faces)
    if team.size > min(config.batch_size, faces):
        raise InputError(f"Expected batches of at least one face for each of {team.size} processes; found "
                         f"{min(config.batch_size, faces)}. Take a larger batch or fewer processes.")
    model = model.to(device).to(memory_format=torch.channels_last)
    forward: nn.Module = model.train()
    if config.compile:
        example = torch.zeros(min(config.batch_size, faces) // team.size, 1, model.size, model.size, device=device)
        forward = compiled(model, example.contiguous(memory_format=torch.channels_last), dtype)
    return Run(
        model,
        team.joined(forward),
        make_optimizer(model, config),
        torch.amp.GradScaler(device.type, enabled=dtype == torch.float16),
        EMA(model, config.ema),
        shuffle=torch.Generator().manual_seed(config.seed),
        views=torch.Generator(device).manual_seed(config.seed + 1_000_003 * team.rank),
        dtype=dtype,
        steps=steps,
        team=team,
        swap=torch.from_numpy(model.scheme.swap).to(device),
        losses=torch.zeros(steps, device=device),
    )


def train_step(run: Run, images: Tensor, points: Tensor, config: TrainConfig) -> Tensor:
    """One step on one batch: images (B, H, W) uint8 and points (B, K, 2), on the device -> the loss, a scalar."""
    x = to_float(images)
    if config.augment is not None:
        x, points = augment(x, points, run.swap, config.augment, run.views)
    with autocast(x.device, run.dtype):
        raw = run.forward(x.contiguous(memory_format=torch.channels_last))
    loss = run.model.head.loss(raw, points) * run.team.weight(points)
    run.optimizer.zero_grad(set_to_none=True)
    run.scaler.scale(loss).backward()
    run.scaler.unscale_(run.optimizer)
    nn.utils.clip_grad_norm_(run.model.parameters(), config.clip)
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.ema.update()
    return loss.detach()


def train_epoch(run: Run, feed: Resident | Streamed, config: TrainConfig,
                on_step: Callable[[Run], None] | None = None) -> None:
    """Show every face once, in a new order; each step's loss is left in ``run.losses``.

    Args:
        run: the model and all that trains it.
        feed: the faces; see :mod:`facekp.training.feed`.
        config: batch size, augmentation, clipping.
        on_step: called after each step.

    Raises:
        Interrupted: after Ctrl-C, between two steps. (Several processes finish the epoch, and stop together.)
    """
    run.model.train()
    if run.order is None:
        run.order, run.done = torch.stack(shuffled_batches(len(feed), config.batch_size, run.shuffle)), 0
        run.stop = run.team.any(run.stop)
    mine = run.order[run.done :, run.team.rank :: run.team.size]  # of each batch, this process's share
    for images, points in feed.batches(mine):
        if run.stop and (run.team.size == 1 or run.done == 0):
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


def evaluate(model: KeypointModel, faces: Faces, mean_face: np.ndarray, team: Team | None = None) -> dict:
    """The metrics of a model on ``faces``, with the mean face beside them.

    Args:
        model: a trained model.
        faces: what to test on.
        mean_face: (K, 2), from the *training* faces: ``metrics.mean_face(train.keypoints)``.
        team: processes that share the work.
    """
    team = team or Team()
    mine = faces.select(slice(team.rank, None, team.size))
    points, _ = predict(model, mine)
    return results.scores(team.gather(points), faces, mean_face)


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
    watcher: Callable[[dict, KeypointModel], None] | None = None,
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
        watcher: called with each epoch's line and the averaged model, which it must leave as it is;
            see :func:`facekp.widgets.monitor`.

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
    keeper = Keeper(Path(folder) if folder else None, identity, config.save_every)
    mean = metrics.mean_face(train.keypoints)
    with alone_in(keeper.folder if run.team.leads else None):
        if resume:
            keeper.load(run, len(train))
        feed = make_feed(train, run.losses.device, config.feed)
        train_epochs(run, feed, val, mean, config, keeper, progress, on_epoch, watcher)
        model.load_state_dict(run.ema.model.state_dict())
        model.eval()
        if keeper.folder and run.team.leads:
            (keeper.folder / "record.json").unlink(missing_ok=True)  # of an earlier run: it is not of these weights
            save_model(model, keeper.folder / "model.safetensors")
        record = results.record(model, train, val, asdict(config), run.curve, evaluate(model, val, mean, run.team))
        record |= {"processes": run.team.size} | (notes or {})
        if keeper.folder and run.team.leads:
            write_json(keeper.folder / "record.json", record)
            keeper.file.unlink(missing_ok=True)
    return record


def train_epochs(
    run: Run, feed: Resident | Streamed, val: Faces, mean_face: np.ndarray, config: TrainConfig, keeper: Keeper,
    progress: bool = True, on_epoch: Callable[[dict], None] | None = None,
    watcher: Callable[[dict, KeypointModel], None] | None = None,
) -> None:
    """All epochs that the run has not seen yet, each with its line of the curve; the arguments are those of ``fit``."""
    shown, total = progress and run.team.leads, config.epochs * run.steps

    def after_step(run: Run) -> None:
        bar.update()
        keeper.step(run)

    with progress_bar(shown, total=total, initial=run.step, unit="step") as bar, finishing_the_step(run), quick():
        while len(run.curve) < config.epochs:
            run.clock = time.perf_counter() - run.seconds
            try:
                train_epoch(run, feed, config, after_step)
            except Interrupted:
                run.seconds = time.perf_counter() - run.clock
                keeper.save(run)
                raise Interrupted(keeper.how_to_go_on(run)) from None
            line = watch(run, val, mean_face, config, keeper)
            bar.set_postfix_str(TOLD.format(**line))
            keeper.epoch(run)
            if on_epoch and run.team.leads:
                on_epoch(line)
            if watcher and run.team.leads:
                watcher(line, run.ema.model)


TOLD = "loss {loss:.3f}, val RMSE {val_rmse:.2f} px (mean face {mean_face_rmse:.2f}), {images_per_second:.0f} images/s"


def watch(run: Run, val: Faces, mean_face: np.ndarray, config: TrainConfig, keeper: Keeper) -> dict:
    """Close an epoch: its line of the curve, with the averaged model's error on ``val``."""
    loss = check_losses(run, keeper, partial(learning_rate, steps=config.epochs * run.steps, config=config))
    trained = time.perf_counter() - run.clock
    assert run.order is not None  # an epoch has been shown
    run.team.agree(run.ema.model)
    scores = evaluate(run.ema.model, val, mean_face, run.team)
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
