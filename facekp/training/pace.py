"""How fast this machine trains: how many epochs fit into a minute, and with how many threads."""

import copy
import time
from dataclasses import replace

import torch

from facekp.data.faces import Faces
from facekp.models import KeypointModel
from facekp.training.config import TrainConfig
from facekp.training.loader import Loader
from facekp.training.loop import start, train_epoch


def epochs_for(seconds: float, model: KeypointModel, train: Faces, config: TrainConfig) -> int:
    """How many epochs on ``train`` fit into ``seconds`` on this machine; 0 if not even one does.

    A copy of the model tells, in pairs of steps: one pair to warm up, then the fastest of three (other
    programs can only slow a step down). The model itself stays as it is.
    """
    return int(seconds / seconds_per_epoch(model, train, config, pairs=3))


def seconds_per_epoch(model: KeypointModel, train: Faces, config: TrainConfig, pairs: int = 1) -> float:
    """How long the training steps of one epoch take here, measured on a few of them."""
    return seconds_per_step(model, train, config, pairs) * (len(train) // min(config.batch_size, len(train)))


def quickest_threads(model: KeypointModel, train: Faces, config: TrainConfig) -> int:
    """With how many of the CPU's threads a training step takes least time: 1, half of PyTorch's, or all.

    The threads of one process wait for each other. Where other programs keep some of the cores busy, all wait for the
    slowest, and one thread alone can be ten times as fast. More are tried only as long as they help.
    """
    usual = torch.get_num_threads()
    best, least = 1, float("inf")
    try:
        for threads in sorted({1, max(1, usual // 2), usual}):
            torch.set_num_threads(threads)
            took = seconds_per_step(model, train, config, pairs=1)
            if took > least:
                break
            best, least = threads, took
    finally:
        torch.set_num_threads(usual)
    return best


def seconds_per_step(model: KeypointModel, train: Faces, config: TrainConfig, pairs: int) -> float:
    """The fastest of ``pairs`` pairs of training steps, after one pair to warm up, on a copy of the model."""
    few = train.select(slice(2 * config.batch_size))
    config = replace(config, epochs=pairs + 1)
    run = start(copy.deepcopy(model), config, len(few))
    loader, times = Loader(few, run.losses.device), []
    for _ in range(pairs + 1):
        began = time.perf_counter()
        train_epoch(run, loader, config)
        run.losses.sum().item()
        times.append(time.perf_counter() - began)
        run.order = None
    return min(times[1:]) / run.steps
