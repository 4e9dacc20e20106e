"""The file from which an interrupted training goes on: written now and then, and read with every doubt, as it may be
cut, damaged or not ours.

``resume.pt`` is what ``torch.save`` writes: a zip of plain numbers and of a pickle that says what they are. PyTorch
reads the pickle with a reader that knows tensors and plain values only, so that a file that would run code is refused;
but it does not look at the zip's checksums, and a flipped bit would become a weight. Here they are looked at.
"""

import io
import json
import math
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from facekp.errors import InputError
from facekp.files import locked_folder, replacing
from facekp.models import KeypointModel, save_model
from facekp.training.config import completed
from facekp.training.state import Run

ADVICE = "Train without --resume, into a new folder"
TENSORS = ("shuffle", "views", "torch", "losses")
DICTIONARIES = ("model", "ema", "optimizer", "scaler")


@dataclass
class Checkpointer:
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
        if self.folder is None or not run.distributed.is_main:
            return
        with replacing(self.folder / "log.jsonl") as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in run.curve))
        if time.monotonic() - self.saved >= self.every:
            self.save(run)

    def step(self, run: Run) -> None:
        """After a step of a long epoch: a resume file if the last one is old. (Several write between epochs.)

        Not if something is no longer a number: the last good weights must not be written over.
        """
        if self.folder is None or run.distributed.size > 1 or time.monotonic() - self.saved < self.every:
            return
        numbers = [run.losses[: run.done], *run.model.parameters()]
        if all(bool(t.isfinite().all()) for t in numbers):
            run.seconds = time.perf_counter() - run.clock
            self.save(run)

    def save(self, run: Run) -> None:
        """Write what a resumed run needs."""
        if self.folder is None or not run.distributed.is_main:
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
        saved = read(self.file)
        before, now = saved["identity"], json.loads(json.dumps(self.identity))
        if isinstance(before.get("config"), dict):
            before["config"] = completed(before["config"])
        before["model"] = completed_model(before.get("model"))
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
                             f"({type(e).__name__}). {ADVICE}.") from None

    def resume_hint(self, run: Run) -> str:
        """For the message after Ctrl-C."""
        where = f"after step {run.done} of epoch {len(run.curve) + 1}" if run.done else f"after epoch {len(run.curve)}"
        if self.folder is None:
            return f"Interrupted {where}. Nothing was saved: fit was given no folder."
        return f"Interrupted {where}; saved in {self.file}. The same command with --resume (resume=True) continues."

    def save_last_good(self, model: KeypointModel) -> str:
        """After a loss that is not a number: write the last saved weights as a separate model; says where it is."""
        if self.folder is None or not self.file.is_file():
            return "No earlier state was saved."
        try:
            state = read(self.file)["state"]
        except InputError as e:
            return str(e)
        model.load_state_dict(state["ema"])
        path = save_model(model.eval(), self.folder / "last-good.safetensors")
        return f"The weights after epoch {len(state['curve'])}, the last that were saved, are in {path}."


def completed_model(saved: Any) -> Any:
    """The model's config of a resume file as today's version would have written it: a head's later settings added."""
    from facekp.heads import HEADS

    head = saved.get("head") if isinstance(saved, dict) else None
    if not isinstance(head, dict) or head.get("kind") not in HEADS:
        return saved
    later = {f.name: f.default for f in fields(HEADS[head["kind"]]) if f.default is not MISSING}
    return saved | {"head": json.loads(json.dumps(later)) | head}


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
    with suppress(InputError, OSError), locked_folder(folder):
        (folder / "resume.pt").unlink(missing_ok=True)
    return True


def or_precision(dtype: torch.dtype) -> str:
    """What else to try after a loss that is not a number."""
    return ", or 32 bits (--set precision=fp32): float16 ends at 65504" if dtype == torch.float16 else ""


def check_losses(run: Run, checkpointer: Checkpointer, learning_rate: Callable[[int], float]) -> float:
    """The mean loss of a finished epoch; FloatingPointError, with all that is known, if one was not a number.

    Args:
        run: with ``losses`` complete.
        checkpointer: knows the last good weights.
        learning_rate: of the step after so many steps of the run.
    """
    losses = run.distributed.mean(run.losses).tolist()  # the only wait for the device in an epoch
    bad = [i for i, loss in enumerate(losses) if not abs(loss) < float("inf")]
    if bad:
        epoch = len(run.curve) + 1
        rate = learning_rate((epoch - 1) * run.steps + bad[0])
        raise FloatingPointError(
            f"The loss became {losses[bad[0]]} in epoch {epoch}, step {bad[0] + 1} of {run.steps}, at learning rate "
            f"{rate:.2g}. {checkpointer.save_last_good(run.ema.model)} Try a smaller rate{or_precision(run.dtype)}."
        )
    return sum(losses) / len(losses)


def read(path: Path) -> dict:
    """``identity``, a dictionary, and ``state``, as :meth:`facekp.training.state.Run.state` has it; all on the CPU.

    Raises:
        InputError: this is not a resume file, or a damaged one.
    """
    try:
        check_zip(path)
        saved = torch.load(path, map_location="cpu", weights_only=True)
        identity, state = dict(json.loads(saved["identity"])), dict(saved["state"])
        check_values(state)
        return {"identity": identity, "state": state}
    except Exception as e:  # noqa: BLE001  # a file of any kind can fail in zip, pickle, torch or json
        # What torch says of a pickle that it refuses is long, and tells how to run it all the same.
        why = str(e) if type(e) is ValueError else type(e).__name__
        raise InputError(f"{path}: expected the resume file of a training run; found something else ({why}). "
                         f"{ADVICE}.") from None


def check_zip(path: Path) -> None:
    """Raise ValueError unless the file is a zip of entries as they were written, and no larger than the file.

    (An entry of few bytes may say that it unpacks to many gigabytes; PyTorch packs none.)
    """
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if any(e.compress_type != zipfile.ZIP_STORED for e in entries):
            raise ValueError("packed entries")
        if sum(e.file_size for e in entries) > path.stat().st_size:
            raise ValueError("entries larger than the file")
        if archive.testzip() is not None:
            raise ValueError("an entry does not have its checksum")


def check_values(state: dict) -> None:
    """Raise ValueError unless the values of a state are of the kinds that a training run saves.

    What must fit the training that goes on (shapes, names) is for :meth:`facekp.training.state.Run.load_state`.
    """
    kinds = [isinstance(state[k], Tensor) for k in TENSORS] + [isinstance(state[k], dict) for k in DICTIONARIES]
    order, steps = state["order"], len(state["losses"])
    kinds += [order is None or (order.ndim == 2 and len(order) == steps and order.dtype == torch.int64)]
    kinds += [type(state["done"]) is int and 0 <= state["done"] <= (0 if order is None else steps)]
    kinds += [type(state["ema_steps"]) is int and state["ema_steps"] >= 0]
    kinds += [math.isfinite(state["seconds"]) and state["seconds"] >= 0]
    kinds += [isinstance(state["curve"], list)]
    kinds += [type(line[k]) is float for line in state["curve"] for k in ("loss", "val_rmse", "seconds")]
    if not all(kinds):
        raise ValueError("values that no training saves")
    if not all(v.isfinite().all() for part in ("model", "ema") for v in state[part].values()):
        raise ValueError("weights that are not finite numbers")
