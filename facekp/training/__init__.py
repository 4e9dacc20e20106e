"""Training: one loop for every network, from a laptop to several GPUs.

    config.py        what decides how a run goes: ``TrainConfig``, device, precision
    optim.py         optimizers, the learning rate over the steps, the moving average of the weights
    loader.py        the faces on the device
    loop.py          train_epoch, evaluate, fit: begin here
    state.py         what a resumed run needs
    checkpoint.py    the file from which it goes on
    record.py        what a run was and what came of it
    distributed.py   several processes, one model
    folds.py         k models on k folds, and their mean
    diagnostics.py   overfit one batch; which learning rate?
    pace.py          how many epochs in a minute? with how many threads?
    tensorboard.py   TensorBoard

Folds, diagnostics and pace are beside the loop; they are imported when asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from facekp.files import Busy
from facekp.training.config import TrainConfig, pick_device, pick_precision
from facekp.training.loop import evaluate, fit, shuffled_batches, train_epoch
from facekp.training.optim import EMA
from facekp.training.state import Interrupted
from facekp.training.tensorboard import tensorboard

if TYPE_CHECKING:
    from facekp.training.diagnostics import find_lr, overfit
    from facekp.training.folds import Ensemble, fit_folds
    from facekp.training.pace import epochs_for, quickest_threads

__all__ = ["EMA", "Busy", "Ensemble", "Interrupted", "TrainConfig", "epochs_for", "evaluate", "find_lr", "fit",
           "fit_folds", "overfit", "pick_device", "pick_precision", "quickest_threads", "shuffled_batches",
           "tensorboard", "train_epoch"]

LAZY = {"Ensemble": "folds", "fit_folds": "folds", "find_lr": "diagnostics", "overfit": "diagnostics",
        "epochs_for": "pace", "quickest_threads": "pace"}


def __getattr__(name: str) -> object:
    """What is beside the loop, imported when it is asked for."""
    if name not in LAZY:
        raise AttributeError(f"module 'facekp.training' has no attribute '{name}'")
    return getattr(import_module(f"facekp.training.{LAZY[name]}"), name)
