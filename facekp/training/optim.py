"""Optimizers, the learning rate from the first step to the last, and the moving average of the weights."""

import copy
import math
from collections.abc import Callable

import torch
from torch import nn

from facekp.models import KeypointModel
from facekp.training.config import TrainConfig


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer that ``config`` names, over all weights of ``model`` that may change.

    Biases and batch-norm parameters are not decayed: pulling them to zero makes nothing simpler.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    # One kernel for all weights, where torch has one: on two cores half the time of a step of AdamW.
    fused = True if trained[0].device.type in ("cpu", "cuda") else None
    match config.optimizer:
        case "adamw":
            return torch.optim.AdamW(groups, lr=config.lr, fused=fused)
        case "adam":
            return torch.optim.Adam(groups, lr=config.lr, fused=fused)
        case "sgd":
            return torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum, nesterov=config.momentum > 0,
                                   fused=fused)
        case _:
            return torch.optim.RMSprop(groups, lr=config.lr, alpha=0.99, momentum=config.momentum)


def cosine(t: float) -> float:
    """Half a cosine from 1 to 0 (Loshchilov and Hutter 2017)."""
    return 0.5 * (1 + math.cos(math.pi * t))


def linear(t: float) -> float:
    """A straight line from 1 to 0."""
    return 1 - t


def step(t: float) -> float:
    """1, then a tenth of it from half-way on, then a hundredth for the last quarter (as He et al. 2016 do)."""
    return 1.0 if t < 0.5 else 0.1 if t < 0.75 else 0.01


def onecycle(t: float) -> float:
    """Up from 1/25 in the first 30 %, down to almost 0 after it, on cosines (Smith 2018, without the momentum)."""
    return 1 / 25 + (1 - 1 / 25) * (1 - cosine(t / 0.3)) if t < 0.3 else cosine((t - 0.3) / 0.7)


def tenths(t: float) -> float:
    """1, 0.5, 0.2, 0.1 and 0.05 for a tenth of the steps each, then 0.02 (the port of Merget et al. 2018)."""
    return (1.0, 0.5, 0.2, 0.1, 0.05, 0.02)[min(5, int(10 * t + 1e-9))]


def constant(t: float) -> float:
    """1, to the end."""
    return 1.0


SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": cosine, "linear": linear, "step": step, "onecycle": onecycle, "tenths": tenths,
    "constant": constant,
}


def learning_rate(done: int, steps: int, config: TrainConfig) -> float:
    """The learning rate of the step after ``done`` of ``steps`` steps: up in the warm-up, then as the schedule says.

    "onecycle" climbs on its own, and has no other warm-up.
    """
    own = config.warmup == 0 or config.schedule == "onecycle"
    warmup = 0 if own else max(1, round(config.warmup * steps))
    if done < warmup:
        return config.lr * (done + 1) / (warmup + 1)
    factor = SCHEDULES[config.schedule]((done - warmup) / max(1, steps - warmup))
    return config.final_lr + (config.lr - config.final_lr) * factor


def set_rate(optimizer: torch.optim.Optimizer, done: int, steps: int, config: TrainConfig) -> None:
    """Give the optimizer the learning rate, and the momentum, of the step after ``done`` of ``steps``."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(done, steps, config)
        if config.final_momentum is not None and "momentum" in group:
            group["momentum"] = config.momentum + (config.final_momentum - config.momentum) * done / steps


class EMA:
    """An exponential moving average of a model's weights and batch-norm statistics.

    After step t the decay is ``min(decay, (1 + t) / (10 + t))``: young averages forget faster.

    Attributes:
        model: a copy of the model, in eval mode, whose numbers are the averages.
    """

    def __init__(self, model: KeypointModel, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay, self.steps = decay, 0
        pairs = zip(self.model.state_dict().values(), model.state_dict().values(), strict=True)
        # The lists are made once: walking through a model's modules takes longer than the average itself.
        floats = [(mine, new) for mine, new in pairs if mine.is_floating_point()]
        self.mine, self.new = [mine for mine, _ in floats], [new for _, new in floats]

    @torch.no_grad()
    def update(self) -> None:
        """Move the average a little towards the model as it now is."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        torch._foreach_lerp_(self.mine, self.new, 1 - decay)
