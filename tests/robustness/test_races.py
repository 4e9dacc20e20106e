"""Several processes at the same thing, and a clock that goes back: right results, and nothing is lost."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from blobs import blob_faces
from children import Trap
from test_kills import COMMANDS, PLAN, TRAINING, contents

from facekp import files as locks
from facekp.errors import InputError
from facekp.files import new_folder, replacing

# ---- one folder, two runs ----------------------------------------------------------------------


@pytest.fixture
def work(tmp_path):
    blob_faces(9, size=32).save(tmp_path / "faces.npz")
    (tmp_path / "plan.toml").write_text(PLAN.replace('name = "small"', 'name = "small"\nseeds = [0, 1, 2]'))
    return tmp_path


class Stopped:
    """In the child: goes to a folder and stops (as Ctrl-Z does) before the ``nth`` thing it does below ``out``."""

    def __init__(self, folder: Path, nth: int) -> None:
        self.folder, self.trap = str(folder), Trap(str(folder / "out"), nth, with_signal=signal.SIGSTOP)

    def __call__(self) -> None:
        os.chdir(self.folder)
        self.trap()


def until_stopped(child) -> None:
    """Wait until the kernel says that the process is stopped."""
    for _ in range(60_000):  # ten minutes: only a hanging process takes so long
        assert child.process.exitcode is None, child.text
        if Path(f"/proc/{child.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T":
            return
        time.sleep(0.01)
    raise AssertionError("never stopped")


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")


@needs_proc
@pytest.mark.tried("train", "a second process trains into the same folder, at several moments of the first",
                   "the second is refused in one message; the first ends with the undisturbed weights")
@pytest.mark.parametrize("step", [5, 25, 46])
@pytest.mark.parametrize("resume", [(), ("--resume",)])
def test_two_trainings_into_one_folder(server, work, step, resume):
    alone = server.facekp("train", "faces.npz", "alone", "--device", "cpu", *TRAINING, prepare=Stopped(work, 0))
    first = server.facekp(*COMMANDS["train"], prepare=Stopped(work, step))
    until_stopped(first)
    second = server.facekp(*COMMANDS["train"], *resume, "--set", "seed=5", prepare=Stopped(work, 0))
    assert second.end() == 2 and second.text.splitlines()[-1].startswith("facekp: out/run: "), second.text
    assert "another process" in second.text or "not finished" in second.text or "is finished" in second.text
    os.kill(first.process.pid, signal.SIGCONT)
    assert first.end() == 0 and alone.end() == 0, first.text
    assert contents(work / "out" / "run") == contents(work / "alone")


@needs_proc
@pytest.mark.tried("run_plan", "a second process runs the same plan at the same time",
                   "they share the runs; every record is the undisturbed one")
@pytest.mark.parametrize("step", [3, 12, 30, 60])
def test_two_processes_share_a_plan(server, work, step):
    first = server.facekp(*COMMANDS["run_plan"], prepare=Stopped(work, step))
    until_stopped(first)
    second = server.facekp(*COMMANDS["run_plan"], prepare=Stopped(work, 0))
    assert second.end() == 0, second.text
    os.kill(first.process.pid, signal.SIGCONT)
    assert first.end() == 0, first.text
    alone = [a.replace("out/", "alone/") for a in COMMANDS["run_plan"]]
    assert server.facekp(*alone, prepare=Stopped(work, 0)).end() == 0
    assert contents(work / "out") == contents(work / "alone")
    assert len(list((work / "out" / "records").iterdir())) == 4


@pytest.mark.tried("extract", "two processes write to the same folder at once",
                   "the folder is whole, of one of them; the other ends in one message")
@pytest.mark.parametrize("turn", range(5))
def test_two_extractions_into_one_folder(server, work, turn):
    children = [server.facekp(*COMMANDS["extract"], prepare=Stopped(work, 0)) for _ in range(3)]
    codes = sorted(child.end() for child in children)
    assert codes == [0, 2, 2] and not any("Traceback" in child.text for child in children)
    assert server.facekp("extract", "faces.npz", "alone", prepare=Stopped(work, 0)).end() == 0
    assert contents(work / "out" / "faces") == contents(work / "alone")
    assert [p.name for p in (work / "out").iterdir()] == ["faces"]


# ---- locks and what is left behind --------------------------------------------------------------------


@pytest.mark.tried("files and folders that are being written", "another process writes to the same name, and clears",
                   "what a living process writes stays; what a dead one left goes; files of others stay")
@pytest.mark.parametrize("kind", [replacing, new_folder])
def test_only_what_the_dead_left_is_cleared(tmp_path, kind):
    dead, others = tmp_path / ".out.abcdefg1.partial", [tmp_path / n for n in (".out.partial", "out.abcdefg1.partial")]
    for path in (dead, *others):
        path.write_text("x")
    (tmp_path / ".out.abcdefg2.partial").mkdir()
    with kind(tmp_path / "out") as living:
        living.joinpath("x").write_text("mine") if kind is new_folder else living.write_text("mine")
        assert not dead.exists() and living.exists()
        locks.clear_partials(tmp_path)
        locks.clear_partials(tmp_path, "out")
        assert living.exists()
    assert sorted(tmp_path.iterdir()) == sorted([*others, tmp_path / "out"])


@pytest.mark.tried("files and folders that are being written", "a file system without locks",
                   "everything is written; nothing is cleared that may belong to another process")
def test_without_locks_nothing_is_cleared_or_refused(tmp_path, monkeypatch):
    left = tmp_path / ".out.abcdefg1.partial"
    left.write_text("x")
    monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError(95, "not supported")))
    with locks.locked_folder(tmp_path), replacing(tmp_path / "out") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "out").read_text() == "new" and left.exists()


@pytest.mark.tried("folders in which one process works", "the lock is asked for twice; the folder is a file",
                   "the second is refused; free again afterwards; an empty folder is not left")
def test_a_folder_is_for_one(tmp_path):
    with locks.locked_folder(tmp_path / "run"):
        with pytest.raises(locks.Busy, match="another process"), locks.locked_folder(tmp_path / "run"):
            pass
        assert (tmp_path / "run").is_dir()
    assert not (tmp_path / "run").exists()
    (tmp_path / "file").write_text("x")
    for name in ("file", "file/below"):
        with pytest.raises(InputError, match="found a file"), locks.locked_folder(tmp_path / name):
            pass


# ---- the clock ------------------------------------------------------------------------------------------


class ClockGoesBack:
    """In the child: goes to a folder; each look at the clock finds it an hour earlier than the last."""

    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __call__(self) -> None:
        import tqdm.std

        now = iter(range(2_000_000_000, 0, -3600))
        time.time = tqdm.std.time = lambda: float(next(now))
        os.chdir(self.folder)


@pytest.mark.tried("train, run_plan, generate", "a clock that goes back by an hour at each look",
                   "no duration below zero; everything else as ever")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_clock_that_goes_back(server, work, name):
    child = server.facekp(*COMMANDS[name], prepare=ClockGoesBack(work))
    assert child.end() == 0, child.text
    for path in (work / "out").rglob("*.json"):
        record = json.loads(path.read_text())
        times = [record.get("duration_s", 0), *(v for line in record.get("curve", [])
                                                for v in (line["seconds"], line["images_per_second"]))]
        assert min(times) >= 0 and max(times) < 1e6
