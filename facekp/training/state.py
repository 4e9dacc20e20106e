"""What a run is while it goes."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor

from facekp.models import KeypointModel
from facekp.training.distributed import Distributed
from facekp.training.optim import EMA


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after the step was finished and the run saved; the message says how to go on."""


@dataclass
class Run:
    """What changes while a model trains; :meth:`state` is all that a resumed run needs.

    Attributes:
        model: the model in training; ``forward`` is the model, or the model in its wrapper for several processes.
        optimizer, scaler, ema: what moves the weights, scales fp16's loss, averages the weights.
        shuffle: draws the order of the faces, on the CPU: the same on every device and in every process.
        views: draws the augmentation, on the device.
        dtype: of the forward pass.
        layout: of images and weights in memory.
        steps: training steps in an epoch.
        distributed: the processes that work together.
        swap: (K,) the scheme's left/right permutation, on the device.
        curve: one dictionary per finished epoch.
        order: (steps, B) positions of the faces of each step of the epoch that has begun, or None between two.
        losses: (steps,) on the device, of the epoch that has begun; ``done`` of them are there.
        seconds: that the begun epoch had taken before it was interrupted; ``clock`` is when it would have begun.
        stop: set by Ctrl-C.
    """

    model: KeypointModel
    forward: Callable[[Tensor], Tensor | list[Tensor]]
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    ema: EMA
    shuffle: torch.Generator
    views: torch.Generator
    dtype: torch.dtype
    layout: torch.memory_format
    steps: int
    distributed: Distributed
    swap: Tensor
    losses: Tensor
    curve: list[dict] = field(default_factory=list)
    order: Tensor | None = None
    done: int = 0
    seconds: float = 0.0
    clock: float = 0.0
    stop: bool = False

    @property
    def step(self) -> int:
        """Training steps so far."""
        return len(self.curve) * self.steps + self.done

    def state(self) -> dict:
        """All that an interrupted training needs to go on bit for bit; the counterpart of :meth:`load_state`."""
        return {
            "model": self.model.state_dict(),
            "ema": self.ema.model.state_dict(),
            "ema_steps": self.ema.steps,
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "shuffle": self.shuffle.get_state(),
            "views": self.views.get_state(),
            "torch": torch.get_rng_state(),
            "curve": self.curve,
            "order": self.order,
            "done": self.done,
            "losses": self.losses,
            "seconds": self.seconds,
        }

    def load_state(self, state: dict) -> None:
        """Put everything back to where :meth:`state` found it."""
        self.model.load_state_dict(state["model"])
        self.ema.model.load_state_dict(state["ema"])
        self.ema.steps = state["ema_steps"]
        self.optimizer.load_state_dict(state["optimizer"])
        if state["scaler"]:  # empty where it was not trained in float16, on another GPU, say
            self.scaler.load_state_dict(state["scaler"])
        self.shuffle.set_state(state["shuffle"].cpu())
        if self.distributed.is_main:
            torch.set_rng_state(state["torch"].cpu())
        # The file holds the leader's random numbers, as its kind of device keeps them; others begin new ones.
        if self.distributed.is_main and len(state["views"]) == len(self.views.get_state()):
            self.views.set_state(state["views"].cpu())
        else:
            self.views.manual_seed(self.views.initial_seed() + 1000 * (1 + len(state["curve"])))
        self.curve = state["curve"]
        self.order = None if state["order"] is None else state["order"].cpu()
        self.done, self.seconds = state["done"], state["seconds"]
        self.losses.copy_(state["losses"])


@contextmanager
def finishing_the_step(run: Run) -> Iterator[None]:
    """Inside, the first Ctrl-C only sets ``run.stop``: the step is finished and the run saved. The second one kills."""
    before = signal.getsignal(signal.SIGINT)
    # Signals belong to the main thread; and a program that ignores Ctrl-C, or handles it itself, goes on doing so.
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield
        return

    def ask(*_) -> None:
        run.stop = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
