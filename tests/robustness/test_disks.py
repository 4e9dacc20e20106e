"""Full disks, folders that cannot be written to, names that cannot be: one message, and what was there stays."""

import ctypes
import os
import resource
import struct
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from blobs import blob_faces
from test_kills import PLAN, TRAINING

# What writes, and the name of what it writes in {out}; those with an ending are files that may be there already.
WRITERS = {
    "faces": "extract faces.npz {out}",
    "drawn": "generate 2 {out}",
    "new-run": f"train faces.npz {{out}} --device cpu {' '.join(TRAINING)}",
    "records": "run_plan --plan plan.toml --faces faces.npz --out {out} --work runs --device cpu",
    "work": "run_plan --plan plan.toml --faces faces.npz --out records --work {out} --device cpu",
    "points.csv": "predict run faces.npz {out}",
    "predicted.png": "predict run faces.npz points.csv --out {out}",
    "worst.png": "evaluate run faces.npz --picture {out}",
    "sheet.png": "inspect faces.npz --picture {out}",
    "rates.png": "find-lr faces.npz {out} --option channels=16 --option depth=1 --set batch_size=2",
    "errors.json": "results analyse run faces.npz {out}",
    "model.onnx": "export run {out}",
}
pytestmark = pytest.mark.exhaustive  # commands times troubles
BRIEFLY = [name for name in WRITERS if name not in ("predicted.png", "worst.png", "rates.png")]  # as sheet.png


@dataclass(frozen=True)
class Inside:
    """In the child: goes to a folder; allows files of so many bytes only; makes permissions count for root too."""

    folder: str
    largest: int | None = None
    bound: bool = False

    def __call__(self) -> None:
        os.chdir(self.folder)
        if self.largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.largest, resource.RLIM_INFINITY))
        if self.bound and os.getuid() == 0:
            libc, header = ctypes.CDLL(None), struct.pack("Ii", 0x20080522, 0)  # capabilities, version 3
            sets = ctypes.create_string_buffer(24)
            assert libc.capget(header, sets) == 0
            effective, *rest = struct.unpack("6I", sets.raw)
            without = effective & ~0b110  # CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH
            assert libc.capset(header, struct.pack("6I", without, *rest)) == 0


@pytest.fixture(scope="module")
def work(server, tmp_path_factory):
    """A folder with faces, a plan and a finished run."""
    folder = tmp_path_factory.mktemp("disks")
    blob_faces(9, size=32).save(folder / "faces.npz")
    (folder / "plan.toml").write_text(PLAN)
    child = server.facekp("train", "faces.npz", "run", "--device", "cpu", *TRAINING, prepare=Inside(str(folder)))
    assert child.end() == 0, child.text
    # The record of the row that is not trained is there: what the plan's command writes first is then in "work".
    once = ("run_plan", "--plan", "plan.toml", "--faces", "faces.npz", "--out", "records", "--only", "mean face")
    child = server.facekp(*once, prepare=Inside(str(folder)))
    assert child.end() == 0, child.text
    return folder


@contextmanager
def mounted(folder: Path):
    """A disk of its own in ``folder``: ``change("ro")`` makes it read-only, ``change("rw,size=64k")`` small."""
    def mount(*arguments: str) -> bool:
        try:
            return subprocess.run(["mount", *arguments, str(folder)], capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            return False

    folder.mkdir(exist_ok=True)
    if os.getuid() != 0 or not mount("-t", "tmpfs", "-o", "size=4m", "tmpfs"):
        pytest.skip("a disk of one's own needs root, and leave to mount")
    try:
        yield lambda options: mount("-o", f"remount,{options}")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def filled(folder: Path, room: int) -> None:
    """Leave so many bytes free on the disk of ``folder``."""
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    (folder / "filler").write_bytes(bytes(max(0, free - room)))


def refused(server, work: Path, name: str, out: Path, reason: str, **limits) -> None:
    """The command fails with one message that gives the reason and a name the user knows; what was there is there."""
    before = {p: p.read_bytes() for p in out.parent.glob("*") if p.is_file()} if out.parent.is_dir() else {}
    child = server.facekp(*WRITERS[name].format(out=out).split(), prepare=Inside(str(work), **limits))
    code, lines = child.end(), child.text.splitlines()
    assert code == 2 and "Traceback" not in child.text, child.text
    assert lines[-1].startswith("facekp: ") and reason in lines[-1] and ".partial" not in lines[-1], child.text
    assert str(out.parent) in lines[-1] and sum(line.startswith("facekp: ") for line in lines) == 1, child.text
    after = {p: p.read_bytes() for p in out.parent.rglob("*") if p.is_file()} if out.parent.is_dir() else {}
    assert not [p for p in after if ".partial" in p.name]
    assert {p: after.get(p) for p in before} == before
    if out.suffix == "" and name not in ("new-run", "work", "records"):
        assert not os.path.exists(out)  # a folder is there whole or not at all


def old(out: Path) -> Path:
    """With something there already, if it is a file."""
    if out.suffix:
        out.write_bytes(b"old")
    return out


@pytest.mark.tried("every command that writes", "a full disk (a small one of its own)",
                   "exit code 2, one message with the reason; the old file stays, nothing half-written")
@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk(server, work, tmp_path, name):
    with mounted(tmp_path / "disk"):
        out = old(tmp_path / "disk" / name)
        filled(tmp_path / "disk", 0)
        refused(server, work, name, out, "No space left on device")


@pytest.mark.tried("train", "a disk that fills up in the middle, then has room again",
                   "exit code 2, one message; with --resume the undisturbed weights")
@pytest.mark.parametrize("room", [1 << 14, 1 << 15, 1 << 16, 1 << 17, 1 << 18, 3 << 17])
def test_a_disk_that_fills_up_while_training(server, work, tmp_path, room):
    with mounted(tmp_path / "disk"):
        run = tmp_path / "disk" / "new-run"
        filled(tmp_path / "disk", room)
        refused(server, work, "new-run", run, "No space left on device")
        (tmp_path / "disk" / "filler").unlink()
        child = server.facekp(*WRITERS["new-run"].format(out=run).split(), "--resume", prepare=Inside(str(work)))
        assert child.end() == 0, child.text
        assert (run / "model.safetensors").read_bytes() == (work / "run" / "model.safetensors").read_bytes()


@pytest.mark.tried("every command that writes", "files that may not grow beyond some bytes (ulimit -f)",
                   "exit code 2, one message with the reason; the old file stays, nothing half-written")
@pytest.mark.parametrize(("name", "largest"), [(name, 100) for name in BRIEFLY if name != "model.onnx"]
                         + [("new-run", size) for size in (1000, 10_000, 50_000)])
def test_files_that_may_not_grow(server, work, tmp_path, name, largest):
    refused(server, work, name, old(tmp_path / name), "File too large", largest=largest)


@pytest.mark.tried("every command that writes", "a read-only disk",
                   "exit code 2, one message with the reason; the old file stays, nothing half-written")
@pytest.mark.parametrize("name", BRIEFLY)
def test_a_read_only_disk(server, work, tmp_path, name):
    with mounted(tmp_path / "disk") as change:
        out = old(tmp_path / "disk" / name)
        assert change("ro")
        refused(server, work, name, out, "Read-only file system")


def mode_bits() -> None:
    """Skip where nothing makes them count for root."""
    if os.getuid() == 0 and sys.platform != "linux":
        pytest.skip("root may do everything here")


@pytest.mark.tried("every command that writes", "a folder without the permission to write",
                   "exit code 2, one message with the reason; the old file stays, nothing half-written")
@pytest.mark.parametrize("name", BRIEFLY)
def test_a_folder_without_permission(server, work, tmp_path, name):
    mode_bits()
    (tmp_path / "closed").mkdir()
    out = old(tmp_path / "closed" / name)
    (tmp_path / "closed").chmod(0o555)
    refused(server, work, name, out, "Permission denied", bound=True)


READERS = {
    "training.csv": "inspect {file}",
    "faces.npz": "inspect {file}",
    "keypoints.csv": "inspect {folder}",
    "manifest.json": "inspect {folder}",
    "images/00003.png": "inspect {folder}",
    "model.safetensors": "predict {file} faces.npz points.csv",
    "plan.toml": "run_plan --plan {file} --faces faces.npz --out records --work runs",
    "photo.png": "predict run {file}",
    "resume.pt": "train faces.npz {folder} --resume --device cpu --set save_every=0",
}


@pytest.mark.tried("every file that is read", "no permission to read it", "exit code 2, one message with its name")
@pytest.mark.parametrize("name", READERS)
def test_a_file_without_permission(server, work, tmp_path, name):
    mode_bits()
    path = tmp_path / name
    if READERS[name] == "inspect {folder}":
        child = server.facekp("extract", work / "faces.npz", tmp_path, prepare=Inside(str(work)))
        assert child.end() == 0, child.text
    else:
        path.write_text("whatever")
    path.chmod(0)
    arguments = READERS[name].format(file=path, folder=tmp_path).split()
    child = server.facekp(*arguments, prepare=Inside(str(work), bound=True))
    assert child.end() == 2 and "Traceback" not in child.text, child.text
    message = child.text.splitlines()[-1]
    assert message.startswith("facekp: ") and path.name in message and "ermission" in message, child.text


@pytest.mark.tried("every command that writes", "an output below a file, as if that were a folder",
                   "exit code 2, one message with the reason; the file stays")
@pytest.mark.parametrize("name", BRIEFLY)
def test_an_output_below_a_file(server, work, tmp_path, name):
    (tmp_path / "file").write_text("mine")
    refused(server, work, name, tmp_path / "file" / name, "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.tried("every command that writes", "an output that is a folder already, or a file for a folder",
                   "exit code 2, one message with the reason; what has the name stays")
@pytest.mark.parametrize("name", BRIEFLY)
def test_an_output_whose_name_is_taken(server, work, tmp_path, name):
    out = tmp_path / name
    if out.suffix:
        out.mkdir()
        refused(server, work, name, out, "directory" if name != "model.onnx" else "file")
    else:
        out.write_text("mine")
        child = server.facekp(*WRITERS[name].format(out=out).split(), prepare=Inside(str(work)))
        assert child.end() == 2 and "found a file" in child.text and out.read_text() == "mine", child.text


@pytest.mark.tried("every command that writes", "an output with a name of 300 letters",
                   "exit code 2, one message with the reason")
@pytest.mark.parametrize("name", BRIEFLY)
def test_a_name_that_is_too_long(server, work, tmp_path, name):
    refused(server, work, name, tmp_path / ("x" * 300 + name), "ile name too long")


@pytest.mark.tried("predict, extract", "an output with a name of 255 letters, the longest there is", "it is written")
@pytest.mark.parametrize("name", ["faces", "points.csv"])
def test_the_longest_name_there_is(server, work, tmp_path, name):
    out = tmp_path / (name.rjust(255, "x") if "." in name else name.ljust(255, "x"))
    child = server.facekp(*WRITERS[name].format(out=out).split(), prepare=Inside(str(work)))
    assert child.end() == 0 and [p.name for p in tmp_path.iterdir()] == [out.name], child.text
