"""What a run is while it goes, how it is written down, and how it goes on."""

import io
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from facekp.errors import InputError
from facekp.files import replacing
from facekp.locks import alone_in
from facekp.models import KeypointModel, save_model
from facekp.training import resumable
from facekp.training.ema import EMA
from facekp.training.team import Team


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after the step was finished and the run saved; the message says how to go on."""


@dataclass
class Run:
    """What changes while a model trains; :meth:`state` is all that a resumed run needs.

    Attributes:
        model: the model in training; ``forward`` is the model too, compiled or wrapped for a team.
        optimizer, scaler, ema: what moves the weights, scales fp16's loss, averages the weights.
        shuffle: draws the order of the faces, on the CPU: the same on every device and in every process.
        views: draws the augmentation, on the device.
        dtype: of the forward pass.
        steps: training steps in an epoch.
        team: the processes that work together.
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
    steps: int
    team: Team
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
        if self.team.leads:
            torch.set_rng_state(state["torch"].cpu())
        # The file holds the leader's random numbers, as its kind of device keeps them; others begin new ones.
        if self.team.leads and len(state["views"]) == len(self.views.get_state()):
            self.views.set_state(state["views"].cpu())
        else:
            self.views.manual_seed(self.views.initial_seed() + 1000 * (1 + len(state["curve"])))
        self.curve = state["curve"]
        self.order = None if state["order"] is None else state["order"].cpu()
        self.done, self.seconds = state["done"], state["seconds"]
        self.losses.copy_(state["losses"])


@dataclass
class Keeper:
    """Writes a run's files: ``resume.pt`` now and then, ``log.jsonl`` after each epoch. Without a folder, nothing."""

    folder: Path | None
    identity: dict
    every: float
    saved: float = field(default_factory=time.monotonic)

    @property
    def file(self) -> Path:
        """The resume file; asked for only where there is a folder."""
        assert self.folder is not None
        return self.folder / "resume.pt"

    def epoch(self, run: Run) -> None:
        """After an epoch: its line in the log, and a resume file if the last one is old."""
        if self.folder is None or not run.team.leads:
            return
        with replacing(self.folder / "log.jsonl") as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in run.curve))
        if time.monotonic() - self.saved >= self.every:
            self.save(run)

    def step(self, run: Run) -> None:
        """After a step of a long epoch: a resume file if the last one is old. (A team writes between epochs only.)

        Not if something is no number any more: the last good weights must not be written over.
        """
        if self.folder is None or run.team.size > 1 or time.monotonic() - self.saved < self.every:
            return
        numbers = [run.losses[: run.done], *run.model.parameters()]
        if all(bool(t.isfinite().all()) for t in numbers):
            run.seconds = time.perf_counter() - run.clock
            self.save(run)

    def save(self, run: Run) -> None:
        """Write what a resumed run needs."""
        if self.folder is None or not run.team.leads:
            return
        whole = io.BytesIO()  # written by Python: PyTorch's own writer does not say that the disk is full
        torch.save({"identity": json.dumps(self.identity), "state": run.state()}, whole)
        with replacing(self.file) as temporary:
            temporary.write_bytes(whole.getbuffer())
        self.saved = time.monotonic()

    def load(self, run: Run, faces: int) -> None:
        """Continue from the resume file, if there is one, on so many faces.

        Raises:
            InputError: it is damaged, or belongs to other data, another model or config.
        """
        if self.folder is None or not self.file.exists():
            return
        saved = resumable.read(self.file)
        before, now = saved["identity"], json.loads(json.dumps(self.identity))
        changed = [difference(k, before.get(k), now[k]) for k in now if now[k] != before.get(k)]
        if changed:
            raise InputError(
                f"{self.file}: this run was started with another {' and another '.join(changed)}. "
                "Resume with the same data and options, or train into a new folder."
            )
        try:
            run.load_state(saved["state"])
            if run.order is not None and not 0 <= run.order.min() <= run.order.max() < faces:
                raise IndexError("no such face")
        except Exception as e:  # noqa: BLE001  # a state that was put together by hand: torch's errors are many
            raise InputError(f"{self.file}: expected the state of this very training; found one that does not fit it "
                             f"({type(e).__name__}). {resumable.ADVICE}.") from None

    def how_to_go_on(self, run: Run) -> str:
        """For the message after Ctrl-C."""
        where = f"after step {run.done} of epoch {len(run.curve) + 1}" if run.done else f"after epoch {len(run.curve)}"
        if self.folder is None:
            return f"Interrupted {where}. Nothing was saved: fit was given no folder."
        return f"Interrupted {where}; saved in {self.file}. The same command with --resume (resume=True) goes on."

    def rescue(self, model: KeypointModel) -> str:
        """After a loss that is no number: write the last saved weights as a model of their own; says where they are."""
        if self.folder is None or not self.file.is_file():
            return "No earlier state was saved."
        try:
            state = resumable.read(self.file)["state"]
        except InputError as e:
            return str(e)
        model.load_state_dict(state["ema"])
        path = save_model(model.eval(), self.folder / "last-good.safetensors")
        return f"The weights after epoch {len(state['curve'])}, the last that were saved, are in {path}."


def difference(name: str, before: object, now: object) -> str:
    """What of a run's identity changed: its name, and of a dictionary each entry, as it was and as it is."""
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return {"train": "set of training faces", "val": "set of held-out faces"}.get(name, name)
    keys = [k for k in now | before if now.get(k) != before.get(k)]
    return f"{name} ({', '.join(f'{k}: {before.get(k)!r} then, {now.get(k)!r} now' for k in keys)})"


def finished(folder: Path) -> bool:
    """Whether the run in ``folder`` has come to its end: its record is written last.

    A resume file that is there all the same, as the process was killed right then, is removed.
    """
    if not (folder / "record.json").is_file():
        return False
    with suppress(InputError, OSError), alone_in(folder):
        (folder / "resume.pt").unlink(missing_ok=True)
    return True


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


def or_precision(dtype: torch.dtype) -> str:
    """What else to try after a loss that is no number."""
    return ", or 32 bits (--set precision=fp32): float16 ends at 65504" if dtype == torch.float16 else ""


def check_losses(run: Run, keeper: Keeper, learning_rate: Callable[[int], float]) -> float:
    """The mean loss of a finished epoch; FloatingPointError, with all that is known, if one was no number.

    Args:
        run: with ``losses`` complete.
        keeper: knows the last good weights.
        learning_rate: of the step after so many steps of the run.
    """
    losses = run.team.mean(run.losses).tolist()  # the only wait for the device in an epoch
    bad = [i for i, loss in enumerate(losses) if not abs(loss) < float("inf")]
    if bad:
        epoch = len(run.curve) + 1
        rate = learning_rate((epoch - 1) * run.steps + bad[0])
        raise FloatingPointError(
            f"The loss became {losses[bad[0]]} in epoch {epoch}, step {bad[0] + 1} of {run.steps}, at learning rate "
            f"{rate:.2g}. {keeper.rescue(run.ema.model)} Try a smaller rate{or_precision(run.dtype)}."
        )
    return sum(losses) / len(losses)
