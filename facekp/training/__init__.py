"""Training: one loop for every network, from a laptop to several GPUs.

    config.py       what decides how a run goes: ``TrainConfig``, device, precision
    optimizers.py   optimizers, and the learning rate over the steps
    ema.py          the moving average of the weights
    feed.py         how the faces get to the device: all at once, or batch by batch
    loop.py         train_epoch, evaluate, fit: begin here
    state.py        what a resumed run needs, on disk
    resumable.py    is this file such a state, and whole?
    compiled.py     torch.compile, or the reason why not
    team.py         several processes, one model
    folds.py        k models on k folds, and their mean
    checks.py       one batch by heart; which learning rate?
    pace.py         how many epochs in a minute? with how many threads?
    board.py        TensorBoard
"""

from facekp.locks import Busy
from facekp.training.board import board
from facekp.training.checks import find_lr, overfit
from facekp.training.config import TrainConfig, pick_device, pick_precision
from facekp.training.ema import EMA
from facekp.training.folds import Ensemble, fit_folds
from facekp.training.loop import evaluate, fit, shuffled_batches, train_epoch
from facekp.training.pace import epochs_for, quickest_threads
from facekp.training.state import Interrupted

__all__ = ["EMA", "Busy", "Ensemble", "Interrupted", "TrainConfig", "board", "epochs_for", "evaluate", "find_lr", "fit",
           "fit_folds", "overfit", "pick_device", "pick_precision", "quickest_threads", "shuffled_batches",
           "train_epoch"]
