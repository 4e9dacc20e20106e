"""resume.pt in every condition: the training goes on as it was, or one clear message; no code is run."""

import copy
import io
import math
import sys
import zipfile

import pytest
import torch
from blobs import blob_faces
from damage import EDITS, Refused, damaged, refused_or
from hypothesis import given
from hypothesis import strategies as st
from mutations import cases
from traps import Trap, pickled, works, zipped

from facekp import cli
from facekp.data import folder
from facekp.errors import InputError
from facekp.models import create_model
from facekp.training import TrainConfig, checkpoint, fit

CONFIG = TrainConfig(epochs=2, batch_size=4, device="cpu", save_every=0.0)
SMALL = {"size": 48, "channels": 8, "hidden": 8}


class Stop(Exception):
    """Ends a training after its first epoch."""


def stop(_) -> None:
    raise Stop


def network():
    torch.manual_seed(0)
    return create_model("cnn3", **SMALL)


@pytest.fixture(scope="module")
def faces():
    return blob_faces(12, size=48).split(0.25)


@pytest.fixture(scope="module")
def whole(faces, tmp_path_factory):
    """The bytes of a resume file, after the first of two epochs."""
    place = tmp_path_factory.mktemp("run")
    with pytest.raises(Stop):
        fit(network(), *faces, CONFIG, place, progress=False, on_epoch=stop)
    return (place / "resume.pt").read_bytes()


def same(a, b) -> bool:
    """Whether two nested values are equal, tensors bit for bit."""
    if isinstance(a, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.tried("resume.pt", "bits flipped, bytes lost, doubled, set, the end cut off",
                   "the very same state, or one message; the file stays as it is")
@cases(1000)
@given(edits=EDITS)
def test_damaged(whole, tmp_path_factory, edits):
    path = tmp_path_factory.getbasetemp() / "resume.pt"
    path.write_bytes(damaged(whole, edits))
    found = refused_or(lambda: checkpoint.read(path))
    assert isinstance(found, Refused) or same(found["state"], torch.load(io.BytesIO(whole), weights_only=True)["state"])
    assert path.read_bytes() == damaged(whole, edits)


@pytest.mark.tried("resume.pt", "one bit flipped in a weight", "one message: PyTorch alone would not notice")
@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_of_a_weight_is_noticed(whole, tmp_path, bit):
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        entry = max(archive.infolist(), key=lambda e: e.file_size)
        content = archive.read(entry)
    data = bytearray(whole)
    data[whole.index(content) + len(content) // 2] ^= 1 << bit
    path = tmp_path / "resume.pt"
    path.write_bytes(data)
    torch.load(path, weights_only=True)
    with pytest.raises(InputError, match=r"expected the resume file"):
        checkpoint.read(path)


ODD = [None, -1, 0, 1.5, 10**9, math.nan, "x", [], {}, [{}], torch.zeros(0), torch.full((3,), math.nan),
       torch.full((2, 4), 10**6), torch.full((2, 4), -1), torch.zeros(2, 2, 2)]
KEYS = ["model", "ema", "ema_steps", "optimizer", "scaler", "shuffle", "views", "torch", "curve", "order", "done",
        "losses", "seconds"]


@pytest.mark.tried("resume.pt", "a whole file with odd values in it, or entries gone",
                   "the training goes on to its end, or one message; the file stays as it is")
@cases(250)
@given(keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=2), odd=st.sampled_from(range(len(ODD) + 1)))
def test_odd_values(whole, faces, tmp_path_factory, keys, odd):
    saved = torch.load(io.BytesIO(whole), weights_only=True)
    for key in keys:
        if odd < len(ODD):
            saved["state"][key] = copy.deepcopy(ODD[odd])
        else:
            saved["state"].pop(key, None)
    place = tmp_path_factory.mktemp("odd")
    torch.save(saved, place / "resume.pt")
    before = (place / "resume.pt").read_bytes()
    found = refused_or(lambda: fit(network(), *faces, CONFIG, place, resume=True, progress=False))
    there = sorted(p.name for p in place.iterdir())
    if isinstance(found, Refused):
        assert there == ["resume.pt"] and (place / "resume.pt").read_bytes() == before
    else:
        assert there == ["log.jsonl", "model.safetensors", "record.json"] and len(found["curve"]) == 2


def packed(whole: bytes) -> bytes:
    """The same entries, compressed, and one more that unpacks to 200 MB."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))
        new.writestr("resume/data/999", bytes(200_000_000))
    return out.getvalue()


FILES = {
    "empty": lambda whole, sprung: b"",
    "a text": lambda whole, sprung: b"Dear Sir",
    "another zip": lambda whole, sprung: _zip({"a": b"b"}),
    "compressed": lambda whole, sprung: packed(whole),
    "other weights": lambda whole, sprung: _saved({"a": torch.zeros(3)}),
    "brackets in brackets": lambda whole, sprung: _saved({"identity": "[" * 100_000, "state": {}}),
    "a pickle that runs code": lambda whole, sprung: pickled(sprung),
    "torch's zip, with a pickle that runs code": lambda whole, sprung: zipped(sprung, whole),
    "torch's old format, with a pickle that runs code": lambda whole, sprung: _saved({"state": Trap(sprung)}, False),
    "a state with a value that runs code": lambda whole, sprung: _saved({"identity": "{}", "state": Trap(sprung)}),
}


def _zip(entries: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return out.getvalue()


def _saved(value: dict, new: bool = True) -> bytes:
    out = io.BytesIO()
    torch.save(value, out, _use_new_zipfile_serialization=new)
    return out.getvalue()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return folder.extract(blob_faces(12), tmp_path_factory.mktemp("data") / "faces")


@pytest.mark.tried("facekp train --resume", "files that are none; pickles that would run code",
                   "exit code 2, one line; nothing is run, nothing is overwritten")
@pytest.mark.parametrize("what", FILES)
def test_files_that_are_none(whole, data, tmp_path, capsys, monkeypatch, what):
    run, sprung = tmp_path / "run", tmp_path / "sprung"
    run.mkdir()
    content = FILES[what](whole, sprung)
    (run / "resume.pt").write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["facekp", "train", str(data), str(run), "--resume", "--model", "cnn3", "--option",
                                      "channels=8", "--option", "hidden=8", "--epochs", "1", "--device", "cpu"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    lines = capsys.readouterr().err.splitlines()
    assert left.value.code == 2 and len(lines) == 1 and "resume.pt: expected the resume file" in lines[0]
    assert not sprung.exists() and [p.name for p in run.iterdir()] == ["resume.pt"]
    assert (run / "resume.pt").read_bytes() == content


def test_the_trap_would_snap(tmp_path):
    """Or the tests above would prove nothing."""
    assert works(pickled(tmp_path / "sprung"), tmp_path / "sprung")
    data = _saved({"state": Trap(tmp_path / "sprung")})
    torch.load(io.BytesIO(data), weights_only=False)
    assert (tmp_path / "sprung").is_dir()
