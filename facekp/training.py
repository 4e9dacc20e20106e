"""Training: one loop for every network, from a laptop to a GPU.

Read it from the bottom up: ``fit`` runs epochs, ``train_epoch`` runs steps, a step is eight lines.
The images lie on the device as bytes from the beginning, so a step does nothing but index,
augment, forward, backward.
"""

import copy
import json
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facekp import metrics, results
from facekp.augment import Augment, augment
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import replacing, write_json
from facekp.models import KeypointModel, save_model
from facekp.predict import as_tensor, predict, to_float
from facekp.show import bar as progress_bar


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides how a training run goes.

    Attributes:
        epochs: how often each face is seen.
        batch_size: faces per step.
        lr: peak learning rate of AdamW (Loshchilov and Hutter 2019).
        weight_decay: of the weight matrices; biases and batch-norm parameters have none.
        warmup: share of all steps in which the rate climbs to its peak; then a half cosine to zero.
        ema: decay of the exponential moving average of the weights. The average is what is
            evaluated and kept; 0 turns it off.
        clip: largest norm of the whole gradient.
        augment: the views' ranges, or None for the bare images.
        seed: of the shuffling and the augmentation.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "mps".
        precision: "auto" (bf16 or fp16 on a GPU, fp32 on a CPU), "fp32", "bf16", "fp16".
    """

    epochs: int = 40
    batch_size: int = 32
    lr: float = 2e-3
    weight_decay: float = 0.01
    warmup: float = 0.05
    ema: float = 0.99
    clip: float = 5.0
    augment: Augment | None = field(default_factory=Augment)
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch_size < 2:
            raise InputError(
                f"Expected at least 1 epoch and batches of at least 2; found {self.epochs} and {self.batch_size}."
            )
        if self.precision not in ("auto", "fp32", "bf16", "fp16"):
            raise InputError(f"Expected precision auto, fp32, bf16 or fp16; found '{self.precision}'.")


def pick_device(name: str = "auto") -> torch.device:
    """The device called ``name``; "auto" takes a GPU where there is one.

    Raises:
        InputError: a device that this machine does not have.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(name.split(":")[0]):
        raise InputError(
            f"There is no device '{name}' here. Take one of: {', '.join(n for n, ok in there.items() if ok)}."
        )
    return torch.device(name)


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """The number type of the forward pass; see ``TrainConfig.precision``."""
    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]


class EMA:
    """An exponential moving average of a model's weights and batch-norm statistics.

    After step t the decay is ``min(decay, (1 + t) / (10 + t))``: young averages forget faster.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay, self.steps = decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average a little towards ``model``."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        mine, new = list(self.model.state_dict().values()), list(model.state_dict().values())
        floats = [i for i, v in enumerate(mine) if v.is_floating_point()]
        torch._foreach_lerp_([mine[i] for i in floats], [new[i] for i in floats], 1 - decay)


@dataclass
class Run:
    """What changes while a model trains; :meth:`state` is all that a resumed run needs."""

    model: KeypointModel
    optimizer: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler
    scaler: torch.amp.GradScaler
    ema: EMA
    generator: torch.Generator
    dtype: torch.dtype
    curve: list[dict] = field(default_factory=list)

    def state(self) -> dict:
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.model.state_dict(),
            "ema_steps": self.ema.steps,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict(),
            "generator": self.generator.get_state(),
            "torch": torch.get_rng_state(),
            "curve": self.curve,
        }

    def load_state(self, state: dict) -> None:
        self.model.load_state_dict(state["model"])
        self.ema.model.load_state_dict(state["ema"])
        self.ema.steps = state["ema_steps"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["scaler"])
        self.generator.set_state(state["generator"].cpu())
        torch.set_rng_state(state["torch"].cpu())
        self.curve = state["curve"]


def start(model: KeypointModel, config: TrainConfig, steps: int) -> Run:
    """Optimizer, learning-rate schedule and the rest for ``steps`` training steps; moves the model to its device."""
    device = pick_device(config.device)
    dtype = pick_precision(config.precision, device)
    model = model.to(device, memory_format=torch.channels_last)
    matrices = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    vectors = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}],
        lr=config.lr,
    )
    warmup = max(1, round(config.warmup * steps))

    def rate(step: int) -> float:
        if step < warmup:
            return (step + 1) / (warmup + 1)
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

    return Run(
        model,
        optimizer,
        torch.optim.lr_scheduler.LambdaLR(optimizer, rate),
        torch.amp.GradScaler(device.type, enabled=dtype == torch.float16),
        EMA(model, config.ema),
        torch.Generator(device).manual_seed(config.seed),
        dtype,
    )


def to_device(faces: Faces, device: torch.device) -> tuple[Tensor, Tensor]:
    """All images (N, H, W) uint8 and keypoints (N, K, 2) on the device: 9 kB a face, 65 MB for all 7049."""
    return as_tensor(faces.images).to(device), as_tensor(faces.keypoints).to(device)


def train_epoch(run: Run, images: Tensor, keypoints: Tensor, config: TrainConfig, bar=None) -> float:
    """Show every face once, in a new order; the mean loss of the epoch.

    Args:
        run: the model and all that trains it.
        images: (N, H, W) uint8, on the device.
        keypoints: (N, K, 2), on the device.
        config: batch size, augmentation, clipping.
        bar: a tqdm bar to move on by one per step.

    Raises:
        FloatingPointError: the loss is no number any more.
    """
    model, device = run.model.train(), images.device
    swap = torch.from_numpy(model.scheme.swap).to(device)
    total = torch.zeros((), device=device)
    batches = shuffled_batches(len(images), config.batch_size, run.generator)
    for index in batches:
        x, points = to_float(images[index]), keypoints[index]
        if config.augment is not None:
            x, points = augment(x, points, swap, config.augment, run.generator)
        with autocast(device, run.dtype):
            raw = model(x.contiguous(memory_format=torch.channels_last))
        loss = model.head.loss(raw, points)
        run.optimizer.zero_grad(set_to_none=True)
        run.scaler.scale(loss).backward()
        run.scaler.unscale_(run.optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), config.clip)
        run.scaler.step(run.optimizer)
        run.scaler.update()
        run.schedule.step()
        run.ema.update(model)
        total += loss.detach()
        if bar is not None:
            bar.update()
    mean = total.item() / len(batches)  # the only wait for the device in an epoch
    if not math.isfinite(mean):
        raise FloatingPointError(
            f"The loss became {mean} in epoch {len(run.curve) + 1} at learning rate "
            f"{run.optimizer.param_groups[0]['lr']:.2g}. Try a smaller one."
        )
    return mean


def shuffled_batches(n: int, batch_size: int, generator: torch.Generator) -> list[Tensor]:
    """Positions 0..n-1 in random order, cut into whole batches; the few left over wait for the next epoch."""
    order = torch.randperm(n, generator=generator, device=generator.device)
    batch_size = min(batch_size, n)
    return list(order[: n // batch_size * batch_size].split(batch_size))


def autocast(device: torch.device, dtype: torch.dtype):
    """Mixed precision for the forward pass, or nothing at all in float32."""
    return nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)


def evaluate(model: KeypointModel, faces: Faces, mean_face: np.ndarray) -> dict:
    """The metrics of a model on ``faces``, with the mean face beside them.

    Args:
        model: a trained model.
        faces: what to test on.
        mean_face: (K, 2), from the *training* faces: ``metrics.mean_face(train.keypoints)``.
    """
    points, _ = predict(model, faces.images)
    return results.scores(points, faces, mean_face)


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
) -> dict:
    """Train ``model`` on ``train`` and watch it on ``val``.

    The model ends on its device, in eval mode, with the averaged weights of the last epoch. No
    epoch is picked by its score on ``val``: that would make the score too good.

    Args:
        model: from ``create_model``; trained in place.
        train, val: see ``Faces.split``.
        config: how; default ``TrainConfig()``.
        folder: where to write ``model.safetensors``, ``record.json``, ``log.jsonl`` and, after each
            epoch, ``resume.pt``. None writes nothing.
        resume: go on from ``folder/resume.pt`` if it is there. On a CPU the end is bit for bit that
            of an undisturbed run.
        progress: show a bar.
        on_epoch: called with each epoch's line of the curve.
        notes: further entries for the record, e.g. how the data were split.

    Returns:
        The record of the run: a dictionary of plain JSON values, see :mod:`facekp.results`.
    """
    config = config or TrainConfig()
    folder = Path(folder) if folder else None
    steps = len(train) // min(config.batch_size, len(train))
    run = start(model, config, steps * config.epochs)
    identity = {"config": asdict(config), "model": model.config()}
    identity |= {"train": train.fingerprint(), "val": val.fingerprint()}
    if resume and folder and (folder / "resume.pt").exists():
        load_resume(run, folder / "resume.pt", identity)
    images, keypoints = to_device(train, pick_device(config.device))
    mean = metrics.mean_face(train.keypoints)

    with progress_bar(progress, total=config.epochs * steps, initial=len(run.curve) * steps, unit="step") as bar:
        for _ in range(len(run.curve), config.epochs):
            began = time.perf_counter()
            loss = train_epoch(run, images, keypoints, config, bar)
            trained = time.perf_counter() - began
            line = {"loss": loss, "images_per_second": steps * min(config.batch_size, len(train)) / trained}
            line |= watch(run, val, mean, began)
            told = "loss {loss:.3f}, val RMSE {val_rmse:.2f} px (mean face {mean_face_rmse:.2f})"
            bar.set_postfix_str(told.format(**line))
            run.curve.append(line)
            if folder:
                save_resume(run, folder, identity)
            if on_epoch:
                on_epoch(line)

    model.load_state_dict(run.ema.model.state_dict())
    model.eval()
    record = results.record(model, train, val, asdict(config), run.curve, evaluate(model, val, mean))
    record |= notes or {}
    if folder:
        save_model(model, folder / "model.safetensors")
        write_json(folder / "record.json", record)
        (folder / "resume.pt").unlink(missing_ok=True)
    return record


def watch(run: Run, val: Faces, mean_face: np.ndarray, began: float) -> dict:
    """How the averaged model does on ``val`` after an epoch that began at the clock's ``began``."""
    scores = evaluate(run.ema.model, val, mean_face)
    earlier = run.curve[-1]["seconds"] if run.curve else 0.0
    return {
        "epoch": len(run.curve) + 1,
        "val_rmse": scores["rmse"],
        "mean_face_rmse": scores["mean_face_rmse"],
        "lr": run.optimizer.param_groups[0]["lr"],
        "seconds": earlier + time.perf_counter() - began,
    }


def epochs_for(seconds: float, model: KeypointModel, train: Faces, config: TrainConfig) -> int:
    """How many epochs on ``train`` fit into ``seconds`` on this machine; 0 if not even one does.

    Four steps tell: two to warm up, two to measure, on a copy of the model, which itself stays as it is.
    """
    few = train.select(slice(2 * config.batch_size))
    trial = fit(copy.deepcopy(model), few, few.select(slice(2)), replace(config, epochs=2), progress=False)
    return int(seconds * trial["curve"][-1]["images_per_second"] / len(train))


def save_resume(run: Run, folder: Path, identity: dict) -> None:
    """Write what a resumed run needs, and the curve so far as one JSON line per epoch."""
    with replacing(folder / "resume.pt") as temporary:
        torch.save({"identity": json.dumps(identity), "state": run.state()}, temporary)
    with replacing(folder / "log.jsonl") as temporary:
        temporary.write_text("".join(json.dumps(line) + "\n" for line in run.curve))


def load_resume(run: Run, path: Path, identity: dict) -> None:
    """Continue from ``path``; raises InputError if it belongs to other data, another model or config."""
    try:
        saved = torch.load(path, map_location=run.generator.device, weights_only=True)
        before, state = json.loads(saved["identity"]), saved["state"]
    except Exception as e:  # a cut file can fail in zip, pickle or torch
        raise InputError(
            f"{path}: expected the resume file of a training run; found something else "
            f"({type(e).__name__}). Train without --resume, into a new folder."
        ) from None
    now = json.loads(json.dumps(identity))
    changed = [k for k in now if now[k] != before.get(k)]
    if changed:
        raise InputError(
            f"{path}: this run was started with another {' and '.join(changed)}. "
            "Resume with the same data and options, or train into a new folder."
        )
    run.load_state(state)
