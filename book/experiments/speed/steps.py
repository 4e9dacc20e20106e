"""How much of the bare network's speed does training keep, and how much does the usual way?"""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from book.experiments.speed.baseline_loader import usual_epoch, usual_loader
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.models import KeypointModel, create_model
from facekp.models.count import macs
from facekp.training import TrainConfig, fit, pick_device, pick_precision
from facekp.training.loop import autocast
from facekp.training.optim import make_optimizer
from facekp.training.recipes import recipe

# Multiplications and additions per second that the makers name for dense bf16 (fp16 on a T4) tensor cores.
PEAK = {"H200": 989e12, "H100": 989e12, "A100": 312e12, "L4": 121e12, "T4": 65e12}


def wait(device: torch.device) -> None:
    """Until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def bare_step(model: KeypointModel, config: TrainConfig) -> Callable[[], None]:
    """A function that does one step on random tensors that lie on the device: forward, backward, optimizer.

    No data, no augmentation, no targets to make, no clipping, no averaging, no schedule: the least that a training
    step with this network, batch size, number type and optimizer can be.
    """
    device = pick_device(config.device)
    dtype = pick_precision(config.precision, device)
    model = model.to(device).to(memory_format=torch.channels_last).train()
    optimizer = make_optimizer(model, config)
    scaler = torch.amp.GradScaler(device.type, enabled=dtype == torch.float16)
    images = torch.rand(config.batch_size, 1, model.size, model.size, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    with torch.no_grad(), autocast(device, dtype):
        raw = model(images)
    targets = [torch.rand_like(r) for r in (raw if isinstance(raw, list) else [raw])]

    def step() -> None:
        with autocast(device, dtype):
            raw = model(images)
        outputs = raw if isinstance(raw, list) else [raw]
        loss = sum(nn.functional.mse_loss(r.float(), t.float()) for r, t in zip(outputs, targets, strict=True))
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()  # type: ignore[arg-type]  # 0 only if there were no outputs
        scaler.step(optimizer)
        scaler.update()

    return step


def training(name: str, faces: Faces, rounds: int = 5, **changes) -> dict:
    """``fit`` and the bare network in turns, an epoch of the one, as many steps of the other.

    Args:
        name: a network.
        faces: to train on; a tenth of them is held out.
        rounds: how often; one more goes before, uncounted.
        changes: of the recipe's config.

    Returns:
        Medians: ``fit``, images/s of its training steps; ``with_evaluation``, images/s of all that fit does in an
        epoch; ``bare``, images/s of the bare network; ``ratio``, fit over bare;
        on a GPU whose peak is known, ``share_of_peak``.
    """
    config = recipe(name, epochs=rounds + 1, **changes)
    device = pick_device(config.device)
    train, val = faces.split(0.1)
    batch = min(config.batch_size, len(train))
    steps = len(train) // batch
    torch.manual_seed(0)
    step = bare_step(create_model(name, faces.scheme), recipe(name, **changes | {"batch_size": batch}))
    for _ in range(2):
        step()
    bare, ends, pauses = [], [time.perf_counter()], []

    def compare(line: dict) -> None:
        ends.append(time.perf_counter())
        wait(device)
        began = time.perf_counter()
        for _ in range(steps):
            step()
        wait(device)
        bare.append(steps * batch / (time.perf_counter() - began))
        pauses.append(time.perf_counter() - ends[-1])

    curve = fit(create_model(name, faces.scheme), train, val, config, progress=False, on_epoch=compare)["curve"]
    own = [line["images_per_second"] for line in curve]
    whole = [steps * batch / (ends[i + 1] - ends[i] - pauses[i - 1]) for i in range(1, rounds + 1)]
    precision = str(pick_precision(config.precision, device)).split(".")[-1]
    row: dict = {"network": name, "batch": batch, "precision": precision,
                 "fit": float(np.median(own[1:])), "bare": float(np.median(bare[1:])),
                 "with_evaluation": float(np.median(whole)),
                 "ratio": float(np.median(np.array(own[1:]) / np.array(bare[1:])))}
    peak = next((p for n, p in PEAK.items() if device.type == "cuda" and n in torch.cuda.get_device_name()), None)
    if peak:  # a backward pass does twice the work of a forward pass; a multiplication comes with an addition
        row["share_of_peak"] = row["fit"] * 3 * 2 * macs(create_model(name, faces.scheme)) / peak
    return row


def against_usual(name: str, faces: Faces, workers: int, rounds: int = 3, **changes) -> dict:
    """``fit`` and the usual way (see usual.py) in turns, an epoch of each.

    Returns:
        Medians: ``usual`` and ``fit`` in images/s; ``ratio``, how many times faster fit is; ``workers``.

    Raises:
        InputError: a recipe without augmentation.
    """
    config = recipe(name, epochs=rounds + 1, **changes)
    if config.augment is None:
        raise InputError("Expected augmentation, which the usual way always does; found none. Leave augment as it is.")
    device = pick_device(config.device)
    torch.manual_seed(0)
    model = create_model(name, faces.scheme).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr)
    loader = usual_loader(faces, model, config.augment, config.batch_size, workers)
    usual = []

    def compare(line: dict) -> None:
        began = time.perf_counter()
        shown = usual_epoch(model, loader, optimizer, device)
        wait(device)
        usual.append(shown / (time.perf_counter() - began))

    few = faces.select(slice(8))
    curve = fit(create_model(name, faces.scheme), faces, few, config, progress=False, on_epoch=compare)["curve"]
    own = [line["images_per_second"] for line in curve]
    return {"network": name, "workers": workers, "fit": float(np.median(own[1:])), "usual": float(np.median(usual[1:])),
            "ratio": float(np.median(np.array(own[1:]) / np.array(usual[1:])))}
