"""What decides how a training run goes, in one frozen dataclass that is saved with the run."""

import json
import os
import re
from dataclasses import asdict, dataclass, field, fields

import numpy as np
import torch

from facekp.augment import Augment
from facekp.errors import InputError

CHOICES = {
    "optimizer": ("adamw", "adam", "sgd", "rmsprop"),
    "schedule": ("cosine", "linear", "step", "onecycle", "tenths", "constant"),
    "precision": ("auto", "fp32", "bf16", "fp16"),
}

GONE = {"compile": False, "feed": "auto"}
"""Settings of earlier versions, with their defaults."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides how a training run goes.

    Attributes:
        epochs: how often each face is seen.
        batch_size: faces per step, over all processes together.
        optimizer: "adamw" (Loshchilov and Hutter 2019), "adam", "sgd" (with Nesterov's momentum), "rmsprop".
        lr: peak learning rate.
        final_lr: learning rate instead of 0 in the schedule: "cosine", "linear" and "onecycle" end there.
        weight_decay: of the weight matrices; biases and batch-norm parameters have none.
        momentum: of "sgd" and "rmsprop"; it moves evenly to ``final_momentum`` where that is given.
        schedule: the learning rate over the steps; see :mod:`facekp.training.optim`.
        warmup: fraction of all steps in which the learning rate climbs to its peak.
        ema: decay of the exponential moving average of the weights. The average is what is
            evaluated and kept; 0 turns it off.
        clip: largest norm of the whole gradient.
        augment: the ranges of the augmentation, or None for the bare images.
        seed: of the shuffling and the augmentation.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "mps".
        precision: "auto" (bf16 on a GPU that has it, fp16 on one that has not, fp32 on a CPU), "fp32", "bf16", "fp16".
        save_every: seconds between two resume files, looked at after each step.

    Raises:
        InputError: a value that makes no sense; says which were expected.
    """

    epochs: int = 40
    batch_size: int = 32
    optimizer: str = "adamw"
    lr: float = 2e-3
    final_lr: float = 0.0
    weight_decay: float = 0.01
    momentum: float = 0.9
    final_momentum: float | None = None
    schedule: str = "cosine"
    warmup: float = 0.05
    ema: float = 0.99
    clip: float = 5.0
    augment: Augment | None = field(default_factory=Augment)
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    save_every: float = 30.0

    def __post_init__(self) -> None:
        for f in fields(self):  # a number of numpy's is a number, too; but a resume file holds plain ones
            if isinstance(value := getattr(self, f.name), np.generic):
                object.__setattr__(self, f.name, value.item())
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise InputError(f"Expected {name} to be one of {', '.join(known)}; found '{getattr(self, name)}'.")
        for f in fields(self):
            check_kind(f.name, getattr(self, f.name), 0.0 if f.name == "final_momentum" else f.default)
        if self.seed < 0:
            raise InputError(f"Expected a seed from 0 on; found {self.seed}.")
        if not isinstance(self.augment, Augment | None):
            raise InputError(f"Expected an Augment or None for augment; found {self.augment!r}. "
                             "On the command line: --augment none, or --set augment.rotation=30.")
        if self.epochs < 1 or self.batch_size < 2:
            raise InputError(
                f"Expected at least 1 epoch and batches of at least 2; found {self.epochs} and {self.batch_size}."
            )
        fractions = {"warmup": self.warmup, "ema": self.ema, "momentum": self.momentum,
                  "final_momentum": self.final_momentum or 0}
        for name, value in fractions.items():
            if not 0 <= value < 1:
                raise InputError(f"Expected {name} from 0 to below 1; found {value}.")
        if not 0 <= self.final_lr <= self.lr:
            raise InputError(f"Expected a final_lr from 0 to lr, {self.lr}; found {self.final_lr}.")
        if not (self.lr > 0 and self.clip > 0 and self.weight_decay >= 0):
            raise InputError("Expected lr and clip above 0, and weight_decay not below; found "
                             f"{self.lr}, {self.clip} and {self.weight_decay}.")


def completed(saved: dict) -> dict:
    """The config of a record or a resume file as today's version would have written it, in plain JSON values.

    A setting that came later counts as its default; one that is gone is left out. So an earlier run stays comparable.
    """
    config = json.loads(json.dumps(asdict(TrainConfig()))) | {k: v for k, v in saved.items() if k not in GONE}
    if isinstance(config["augment"], dict):
        config["augment"] = asdict(Augment()) | config["augment"]
    return config


def check_kind(name: str, value: object, default: object) -> None:
    """Raise InputError unless ``value`` is of the kind of the setting's ``default``."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e30  # not 1e400 = inf
    if isinstance(default, bool):
        fits, wanted = isinstance(value, bool), "true or false"
    elif isinstance(default, int):
        fits, wanted = number and isinstance(value, int) and abs(value) < 2**31, "a whole number"
    elif isinstance(default, float):
        fits, wanted = number or (value is None and name == "final_momentum"), "a number"
    else:
        fits, wanted = not isinstance(default, str) or isinstance(value, str), "text"
    if not fits:
        raise InputError(f"Expected {wanted} for {name}; found {value!r}.")


def pick_device(name: str = "auto") -> torch.device:
    """The device called ``name``; "auto" takes a GPU where there is one.

    A process of several (``torchrun``) takes the GPU that bears its number on its machine.

    Raises:
        InputError: a device that this machine does not have.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind, _, index = str(name).partition(":")
    there = {"cpu": 1, "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0,
             "mps": int(torch.backends.mps.is_available())}
    if not re.fullmatch(r"\w+(:[0-9]{1,3})?", str(name), re.ASCII) or int(index or 0) >= there.get(kind, 0):
        raise InputError(
            f"There is no device '{name}' here. Take one of: {', '.join(n for n, count in there.items() if count)}."
        )
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    return torch.device(name)


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """The precision of the forward pass; see ``TrainConfig.precision``."""
    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
