"""Several processes at the same thing, and a clock that goes back: right results, and nothing is lost."""

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from children import Trap
from drawn import blob_faces
from kaggle_files import training_lines, write
from test_kills import COMMANDS, PLAN, TRAINING, contents

from facekp import locks
from facekp.data import cache, kaggle
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import new_folder, replacing

# ---- the cache ------------------------------------------------------------------------------------


def read_often(path: str, folder: str, out: str, times: int, spoil: int) -> None:
    """In a child: read a file through the cache again and again; process number ``spoil`` = 0 spoils what is kept."""
    os.environ["FACEKP_CACHE"] = folder
    prints = set()
    for i in range(times):
        prints.add(kaggle.read_training(path, size=32).fingerprint())
        if spoil == 0:
            for kept in Path(folder).glob("*.npz"):
                kept.write_bytes(b"cut off") if i % 2 else kept.unlink(missing_ok=True)
    Path(out).write_text(json.dumps(sorted(prints)))


def small_csv(path: Path, seed: int = 0) -> Faces:
    """Faces of 32 x 32 pixels as Kaggle's training.csv."""
    faces = blob_faces(6, seed, size=32)
    write(path, training_lines(faces.images.reshape(6, -1), np.round(faces.keypoints, 2)))
    return kaggle.read_training(path, cache=False, size=32)


@pytest.mark.tried("the cache", "six processes read two files through it; one removes and spoils what is kept",
                   "each reads its own file's faces, every time")
@pytest.mark.parametrize("turn", range(5))
def test_many_processes_share_the_cache(server, tmp_path, turn):
    wanted = [small_csv(tmp_path / f"{i}.csv", seed=i).fingerprint() for i in range(2)]
    children = [server.call(read_often, str(tmp_path / f"{i % 2}.csv"), str(tmp_path / "cache"),
                            str(tmp_path / f"{i}.out"), 20, i) for i in range(6)]
    for i, child in enumerate(children):
        assert child.end() == 0, child.text
        assert json.loads((tmp_path / f"{i}.out").read_text()) == [wanted[i % 2]]
    assert not list((tmp_path / "cache").glob(".*"))


@pytest.mark.tried("the cache", "the file is written to while it is hashed, its size and date as before",
                   "the faces are not kept under the other content's name")
@pytest.mark.parametrize("moment", ["before it is read", "after it was read"])
def test_a_file_that_changes_meanwhile_is_not_kept(tmp_path, monkeypatch, moment):
    monkeypatch.setenv("FACEKP_CACHE", str(tmp_path / "cache"))
    path, other = tmp_path / "training.csv", tmp_path / "other.csv"
    first = small_csv(path)
    second = small_csv(other, seed=1)
    before, changed, date = path.read_bytes(), other.read_bytes(), os.stat(path)
    size = max(len(before), len(changed))
    before, changed = (b.rstrip() + b" " * (size - len(b)) + b"\n" for b in (before, changed))
    path.write_bytes(before)

    def change() -> None:
        path.write_bytes(changed)
        os.utime(path, ns=(date.st_atime_ns, date.st_mtime_ns))

    def hashed(file, key=cache.content_key):
        found = key(file)
        if moment == "before it is read":
            change()
        return found

    def read(file, *more, rows=kaggle.read_rows):
        found = rows(file, *more)
        if moment == "after it was read":
            change()
        return found

    os.utime(path, ns=(date.st_atime_ns, date.st_mtime_ns))
    with monkeypatch.context() as m:
        m.setattr(cache, "content_key", hashed)
        m.setattr(kaggle, "read_rows", read)
        kaggle.read_training(path, size=32)
    path.write_bytes(before)
    assert kaggle.read_training(path, size=32).fingerprint() == first.fingerprint()
    path.write_bytes(changed)
    assert kaggle.read_training(path, size=32).fingerprint() == second.fingerprint()


@pytest.mark.tried("the cache", "a clock set back by years between two uses",
                   "the content decides: a changed file is read anew")
@pytest.mark.parametrize("year", [1970, 1980, 2038, 2100])
def test_dates_do_not_matter(tmp_path, monkeypatch, year):
    monkeypatch.setenv("FACEKP_CACHE", str(tmp_path / "cache"))
    path, date = tmp_path / "training.csv", (year - 1970) * 31_556_952
    for seed in (0, 1, 0):
        wanted = small_csv(path, seed)
        os.utime(path, (date, date))
        for _ in range(2):
            assert kaggle.read_training(path, size=32).fingerprint() == wanted.fingerprint()
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.tried("the cache", "more files than there is room for, with dates in any order",
                   "those used last stay, the newest always; other files are left alone")
@pytest.mark.parametrize("clock", ["goes on", "set back"])
def test_the_cache_has_a_bound(tmp_path, monkeypatch, clock):
    folder = tmp_path / "cache"
    monkeypatch.setenv("FACEKP_CACHE", str(folder))
    csv = [tmp_path / f"{i}.csv" for i in range(5)]
    kept = []
    for i, path in enumerate(csv):
        small_csv(path, seed=i)
    kaggle.read_training(csv[0], size=32)
    (folder / "mine.npz").write_bytes(bytes(1 << 16))
    (folder / ".training-x.npz.abcdefg1.partial").write_bytes(b"left behind")
    one = next(folder.glob("training*.npz"))
    monkeypatch.setattr(cache, "ROOM", int(2.5 * one.stat().st_size))
    for i, path in enumerate(csv[:4]):
        before = set(folder.glob("training*.npz")) if i else set()
        kaggle.read_training(path, size=32)
        kept += sorted(set(folder.glob("training*.npz")) - before)
        date = 1000 * (i + 1) if clock == "goes on" else 2_000_000_000 - i
        os.utime(kept[-1], (date, date))
    there = [path.exists() for path in kept]
    assert there == ([False, False, True, True] if clock == "goes on" else [True, False, False, True])
    kaggle.read_training(csv[2 if clock == "goes on" else 0], size=32)  # used now
    kaggle.read_training(csv[4], size=32)
    assert kept[2].exists() == (clock == "goes on") and len(list(folder.glob("training*.npz"))) == 2
    assert (folder / "mine.npz").exists() and not list(folder.glob(".*"))


# ---- one folder, two trainings ----------------------------------------------------------------------


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
    for _ in range(6000):
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
@pytest.mark.tried("results run", "a second process runs the same plan at the same time",
                   "they share the runs; every record is the undisturbed one")
@pytest.mark.parametrize("step", [3, 12, 30, 60])
def test_two_processes_share_a_plan(server, work, step):
    first = server.facekp(*COMMANDS["results run"], prepare=Stopped(work, step))
    until_stopped(first)
    second = server.facekp(*COMMANDS["results run"], prepare=Stopped(work, 0))
    assert second.end() == 0, second.text
    os.kill(first.process.pid, signal.SIGCONT)
    assert first.end() == 0, first.text
    alone = [a.replace("out/", "alone/") for a in COMMANDS["results run"]]
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
                   "everything is written; nothing is cleared that may belong to somebody")
def test_without_locks_nothing_is_cleared_or_refused(tmp_path, monkeypatch):
    left = tmp_path / ".out.abcdefg1.partial"
    left.write_text("x")
    monkeypatch.setattr("fcntl.flock", lambda *_: (_ for _ in ()).throw(OSError(95, "not supported")))
    with locks.alone_in(tmp_path), replacing(tmp_path / "out") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "out").read_text() == "new" and left.exists()


@pytest.mark.tried("folders in which one process works", "the lock is asked for twice; the folder is a file",
                   "the second is refused; free again afterwards; an empty folder is not left")
def test_a_folder_is_for_one(tmp_path):
    with locks.alone_in(tmp_path / "run"):
        with pytest.raises(locks.Busy, match="another process"), locks.alone_in(tmp_path / "run"):
            pass
        assert (tmp_path / "run").is_dir()
    assert not (tmp_path / "run").exists()
    (tmp_path / "file").write_text("x")
    for name in ("file", "file/below"):
        with pytest.raises(InputError, match="found a file"), locks.alone_in(tmp_path / name):
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


@pytest.mark.tried("train, results run, generate", "a clock that goes back by an hour at each look",
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
