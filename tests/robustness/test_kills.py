"""kill -9, at any moment: what is there is whole, the same command ends where the undisturbed one does."""

import json
import os
import random
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from blobs import blob_faces
from children import Trap

PLAN = """
[common]
held_out = 0.25
[[run]]
name = "mean face"
model = "mean face"
[[run]]
name = "small"
model = "hourglass-s"
options = { channels = 16, depth = 1 }
set = { epochs = 2, batch_size = 4, save_every = 0 }
"""
TRAINING = ("--epochs", "2", "--batch-size", "4", "--held-out", "0.25",
            "--option", "channels=16", "--option", "depth=1", "--set", "save_every=0")
COMMANDS = {
    "extract": ("extract", "faces.npz", "out/faces"),
    "generate": ("generate", "2", "out/faces"),
    "train": ("train", "faces.npz", "out/run", "--device", "cpu", *TRAINING),
    "run_plan": ("run_plan", "--plan", "plan.toml", "--faces", "faces.npz", "--out", "out/records",
                    "--work", "out/work", "--device", "cpu"),
}
TIMES = {"seconds", "images_per_second", "duration_s", "peak_memory_mb", "commit"}  # and what git says
MOMENTS = 20
STEPS = {"extract": 24, "generate": 17, "train": 25, "run_plan": 17}  # of 24, 17, 49 and 67 things done on the disk


def without_times(value):
    """A record, or a line of a log, without what the clock put into it."""
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in TIMES}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def contents(folder: Path) -> dict[str, object]:
    """Every file below a folder, hidden ones too: its bytes, or its JSON without times."""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if not p.is_dir()):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".json":
            found[name] = without_times(json.loads(path.read_text()))
        elif path.suffix == ".jsonl":
            found[name] = [without_times(json.loads(line)) for line in path.read_text().splitlines()]
        else:
            found[name] = path.read_bytes()
    return found


@dataclass(frozen=True)
class Undisturbed:
    """How a command runs when it is not killed: how long, in how many steps on the disk, with which end."""

    seconds: float
    events: int
    end: dict


def prepare(folder: Path) -> None:
    """The faces and the plan that the commands work on; everything they write goes to ``out``."""
    blob_faces(9, size=32).save(folder / "faces.npz")
    (folder / "plan.toml").write_text(PLAN)


def start(server, name: str, folder: Path, nth: int = 0, count: str = "", resume: bool = False):
    """The command in a process of its own, in ``folder``."""
    return server.facekp(*COMMANDS[name], *(["--resume"] if resume and name == "train" else []),
                         prepare=Prepared(str(folder), Trap(str(folder / "out"), nth, count)))


@dataclass(frozen=True)
class Prepared:
    """Goes to a folder, then sets the trap."""

    folder: str
    trap: Trap

    def __call__(self) -> None:
        os.chdir(self.folder)
        self.trap()


@pytest.fixture(scope="module")
def undisturbed(server, tmp_path_factory):
    """name -> Undisturbed; each command is run twice, as the first one warms up."""
    known = {}

    def of(name: str) -> Undisturbed:
        if name not in known:
            for _ in range(2):
                folder = tmp_path_factory.mktemp("undisturbed")
                prepare(folder)
                began = time.perf_counter()
                child = start(server, name, folder, count="count")
                assert child.end() == 0, child.text
                seconds = time.perf_counter() - began
            known[name] = Undisturbed(seconds, int((folder / "count").read_text()), contents(folder / "out"))
        return known[name]

    return of


def again(server, name: str, folder: Path, end: dict) -> None:
    """After a kill: what is there is whole; the same command again comes to the same end, and clears up."""
    before = {k: v for k, v in contents(folder / "out").items() if ".partial" not in k}
    for file in before.keys() - {"run/log.jsonl", "run/resume.pt", "work/small-0/log.jsonl", "work/small-0/resume.pt"}:
        assert before[file] == end[file], f"{file} is there, but not whole"
    child = start(server, name, folder, resume=True)
    code = child.end()
    if name == "run_plan":
        assert code == 0, child.text
    elif name == "train":
        assert code == 0 or ("run/record.json" in before and "this run is finished" in child.text), child.text
    else:
        assert code == 0 or (before == end and "expected a new or empty folder" in child.text), child.text
    assert contents(folder / "out") == end


@pytest.mark.tried("extract, generate, train, run_plan", "kill -9 at a random moment, then the same command again",
                   "the undisturbed end, byte for byte except for times; nothing half-written is left")
@pytest.mark.exhaustive("name")
@pytest.mark.parametrize("moment", range(MOMENTS))
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_a_random_moment(server, undisturbed, tmp_path, name, moment):
    whole = undisturbed(name)
    prepare(tmp_path)
    child = start(server, name, tmp_path)
    time.sleep((moment + random.Random(f"{name} {moment}").random()) / MOMENTS * whole.seconds)
    child.kill()
    assert child.end() in (-9, 0)
    again(server, name, tmp_path, whole.end)


@pytest.mark.tried("extract, generate, train, run_plan",
                   "kill -9 right before each thing done on the disk (create, open, rename, remove)",
                   "the undisturbed end, byte for byte except for times; nothing half-written is left")
@pytest.mark.exhaustive("name")
@pytest.mark.parametrize(("name", "step"), [(name, i) for name, count in STEPS.items() for i in range(count)])
def test_killed_before_each_step_on_the_disk(server, undisturbed, tmp_path, name, step):
    whole = undisturbed(name)
    prepare(tmp_path)
    child = start(server, name, tmp_path, nth=1 + step * whole.events // STEPS[name])
    assert child.end() == -9
    again(server, name, tmp_path, whole.end)
