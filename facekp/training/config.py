"""What decides how a training run goes, in one frozen dataclass that is saved with the run."""

import os
from dataclasses import dataclass, field, fields

import torch

from facekp.augment import Augment
from facekp.errors import InputError

CHOICES = {
    "optimizer": ("adamw", "adam", "sgd", "rmsprop"),
    "schedule": ("cosine", "linear", "step", "onecycle", "constant"),
    "precision": ("auto", "fp32", "bf16", "fp16"),
    "feed": ("auto", "resident", "stream"),
}


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides how a training run goes.

    Attributes:
        epochs: how often each face is seen.
        batch_size: faces per step, over all processes together.
        optimizer: "adamw" (Loshchilov and Hutter 2019), "adam", "sgd" (with Nesterov's momentum), "rmsprop".
        lr: peak learning rate.
        weight_decay: of the weight matrices; biases and batch-norm parameters have none.
        momentum: of "sgd" and "rmsprop"; it moves evenly to ``final_momentum`` where that is given.
        schedule: the rate over the steps; see :mod:`facekp.training.optimizers`.
        warmup: share of all steps in which the rate climbs to its peak.
        ema: decay of the exponential moving average of the weights. The average is what is
            evaluated and kept; 0 turns it off.
        clip: largest norm of the whole gradient.
        augment: the views' ranges, or None for the bare images.
        seed: of the shuffling and the augmentation.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "mps".
        precision: "auto" (bf16 on a GPU that has it, fp16 on one that has not, fp32 on a CPU), "fp32", "bf16", "fp16".
        compile: let ``torch.compile`` make the network's kernels; pays off in long runs on a GPU.
        feed: "resident" (all images lie on the device), "stream" (batch by batch), or "auto": what fits.
        save_every: seconds between two resume files.

    Raises:
        InputError: a value that makes no sense; says which were expected.
    """

    epochs: int = 40
    batch_size: int = 32
    optimizer: str = "adamw"
    lr: float = 2e-3
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
    compile: bool = False
    feed: str = "auto"
    save_every: float = 30.0

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise InputError(f"Expected {name} to be one of {', '.join(known)}; found '{getattr(self, name)}'.")
        if not isinstance(self.compile, bool):
            raise InputError(f"Expected true or false for compile; found {self.compile!r}.")
        for f in fields(self):
            value = getattr(self, f.name)
            wants_whole = f.name in ("epochs", "batch_size", "seed")
            if wants_whole and (isinstance(value, bool) or not isinstance(value, int)):
                raise InputError(f"Expected a whole number for {f.name}; found {value!r}.")
            if isinstance(f.default, float) and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise InputError(f"Expected a number for {f.name}; found {value!r}.")
        if not isinstance(self.augment, Augment | None):
            raise InputError(f"Expected an Augment or None for augment; found {self.augment!r}. "
                             "On the command line: --views none, or --set augment.rotation=30.")
        if self.epochs < 1 or self.batch_size < 2:
            raise InputError(
                f"Expected at least 1 epoch and batches of at least 2; found {self.epochs} and {self.batch_size}."
            )
        shares = {"warmup": self.warmup, "ema": self.ema, "momentum": self.momentum}
        for name, value in shares.items():
            if not 0 <= value < 1:
                raise InputError(f"Expected {name} from 0 to below 1; found {value}.")
        if not (self.lr > 0 and self.clip > 0 and self.weight_decay >= 0):
            raise InputError("Expected lr and clip above 0, and weight_decay not below; found "
                             f"{self.lr}, {self.clip} and {self.weight_decay}.")


def pick_device(name: str = "auto") -> torch.device:
    """The device called ``name``; "auto" takes a GPU where there is one.

    A process of a team (``torchrun``) takes the GPU that bears its number on its machine.

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
    if name == "cuda" and "LOCAL_RANK" in os.environ:
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    return torch.device(name)


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """The number type of the forward pass; see ``TrainConfig.precision``."""
    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[name]
