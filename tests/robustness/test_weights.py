"""Weights, cards and records in every condition: the model as it was saved, or one clear message; no code is run."""

import functools
import json
import struct
import sys
import time

import numpy as np
import pytest
import safetensors.torch
import torch
from damage import EDITS, Refused, changed, damaged, refused_or
from hypothesis import given
from mutations import cases
from traps import pickled, works

from facekp import cli
from facekp.data import load
from facekp.errors import InputError
from facekp.models import create_model, load_model, save_model, stored
from facekp.predict import predict
from facekp.runs import held_out, read_record
from facekp.training import TrainConfig, fit

SMALL = {"channels": 16, "depth": 2}
QUICK = {"size": 32, "channels": 16, "kernel": 8}  # fcn24: a heatmap head, and built in milliseconds
IMAGE = np.full((1, 32, 32), 128, np.uint8)


def model(seed: int = 0, name: str = "hourglass-s", **options):
    torch.manual_seed(seed)
    return create_model(name, **(options or SMALL)).eval()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


@pytest.fixture(scope="module")
def whole(place):
    """The bytes of a file of weights."""
    return save_model(model(), place / "whole.safetensors").read_bytes()


def plain(path, tensors, config):
    """Weights as they were written before there was a checksum."""
    safetensors.torch.save_file(tensors, path, metadata={"facekp": json.dumps(config)})
    return path


def same(found, wanted) -> bool:
    pairs = zip(found.state_dict().items(), wanted.state_dict().items(), strict=True)
    return found.config() == wanted.config() and all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


@functools.cache
def first():
    return model()


@functools.cache
def quick():
    return model(name="fcn24", **QUICK)


@pytest.mark.tried("model.safetensors", "bits flipped, bytes lost, doubled, set, the end cut off",
                   "the very same weights, or one message; the file stays as it is")
@cases(1000)
@given(edits=EDITS)
def test_damaged(place, whole, edits):
    path = place / "damaged.safetensors"
    path.write_bytes(damaged(whole, edits))
    found = refused_or(lambda: load_model(path))
    assert isinstance(found, Refused) or same(found, first())
    assert path.read_bytes() == damaged(whole, edits)


@pytest.mark.tried("model.safetensors", "each bit of one weight flipped", "one message that names the checksum")
@pytest.mark.parametrize("bit", range(32))
def test_a_flipped_bit_of_a_weight_is_noticed(tmp_path, whole, bit):
    data = bytearray(whole)
    data[-4 + bit // 8] ^= 1 << bit % 8
    (tmp_path / "a.safetensors").write_bytes(data)
    with pytest.raises(InputError, match="SHA-256"):
        load_model(tmp_path / "a.safetensors")


@pytest.mark.tried("model.safetensors without a checksum", "the same damage", "finite weights, or one message")
@cases(400)
@given(edits=EDITS)
def test_damaged_before_there_was_a_checksum(place, edits):
    path = plain(place / "old.safetensors", first().state_dict(), first().config())
    path.write_bytes(damaged(path.read_bytes(), edits))
    found = refused_or(lambda: load_model(path))
    assert isinstance(found, Refused) or all(v.isfinite().all() for v in found.state_dict().values())


def test_weights_without_a_checksum_load_as_they_did(tmp_path):
    assert same(load_model(plain(tmp_path / "old.safetensors", first().state_dict(), first().config())), first())


@pytest.mark.tried("the config in model.safetensors", "entries replaced by odd values, or gone",
                   "a model that finds finite or no points, or one message; in seconds, in little memory")
@cases(600)
@given(config=changed(quick().config()))
def test_changed_configs(place, config):
    path = plain(place / "config.safetensors", quick().state_dict(), config)
    began = time.process_time()  # not the clock on the wall: other processes may take long
    found = refused_or(lambda: predict(load_model(path), IMAGE))
    assert time.process_time() - began < 10
    assert isinstance(found, Refused) or found[0].shape[0] == 1


FAR = torch.full((15,), 1e300, dtype=torch.float64)
TENSORS = {
    "NaN": lambda t: t | {"network.heads.0.bias": torch.full((15,), torch.nan)},
    "an infinity": lambda t: t | {"network.heads.0.bias": torch.full((15,), -torch.inf)},
    "numbers that float32 cannot hold": lambda t: t | {"network.heads.0.bias": FAR},
    "whole numbers": lambda t: {k: v.to(torch.int8) for k, v in t.items()},
    "another shape": lambda t: t | {"network.heads.0.bias": torch.zeros(16)},
    "one less": lambda t: {k: v for k, v in t.items() if k != "network.heads.0.bias"},
    "one more": lambda t: t | {"network.more": torch.zeros(3)},
    "none at all": lambda t: {},
    "another network's": lambda t: model(name="cnn3", channels=8, hidden=8).state_dict(),
    "those of a larger network": lambda t: model(channels=24, depth=2).state_dict(),
}


@pytest.mark.tried("model.safetensors", "weights that do not fit, are not finite, or are of another type",
                   "one message that says what was expected and found")
@pytest.mark.parametrize("what", TENSORS)
def test_wrong_weights(tmp_path, what):
    path = stored.write(tmp_path / "a.safetensors", TENSORS[what](first().state_dict()), first().config())
    with pytest.raises(InputError, match=r"a\.safetensors: expected weights that .*; found .*train again") as error:
        load_model(path)
    assert "\n" not in str(error.value)


@pytest.mark.tried("model.safetensors", "half precision, double precision, another order", "the same weights")
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_taken(tmp_path, kind):
    tensors = {k: v.to(kind) if v.is_floating_point() else v for k, v in reversed(first().state_dict().items())}
    found = load_model(stored.write(tmp_path / "a.safetensors", tensors, first().config())).state_dict()
    assert all(torch.equal(found[k], v.to(found[k].dtype)) for k, v in tensors.items())


def header(text: bytes, claimed: int | None = None) -> bytes:
    return struct.pack("<Q", len(text) if claimed is None else claimed) + text


FILES = {
    "empty": b"",
    "seven bytes": b"1234567",
    "a header that claims 10 GB": header(b"{}", 10 * 10**9),
    "a header that claims all of 64 bits": header(b"{}", 2**64 - 1),
    "a header of no JSON": header(b"{not json}"),
    "a header of brackets in brackets": header(b'{"__metadata__":' + b"[" * 100_000),
    "a table without facekp": header(b"{}"),
    "a tensor that claims 10 GB": header(b'{"a":{"dtype":"F32","shape":[2500000000],"data_offsets":[0,10000000000]}}'),
    "a tensor before the beginning": header(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}'),
    "a shape that overflows": header(b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}'),
    "a config in brackets": header(json.dumps({"__metadata__": {"facekp": "[" * 100_000}}).encode()),
    "a config that is a list": header(json.dumps({"__metadata__": {"facekp": "[1, 2]"}}).encode()),
    "a network of 10^9 channels": header(json.dumps({"__metadata__": {"facekp": json.dumps(
        create_model("hourglass-s", **SMALL).config() | {"options": {"channels": 10**9}})}}).encode()),
    "a network of 10^9 stacks": header(json.dumps({"__metadata__": {"facekp": json.dumps(
        create_model("hourglass-s", **SMALL).config() | {"options": {"stacks": 10**9}})}}).encode()),
}


def command(*arguments) -> int:
    """The exit code of ``facekp ...``, run in this process."""
    before, sys.argv = sys.argv, ["facekp", *map(str, arguments)]
    try:
        with pytest.raises(SystemExit) as left:
            cli.main()
        return left.value.code or 0
    finally:
        sys.argv = before


@pytest.mark.tried("facekp predict, facekp evaluate", "files of weights that are none; tables that claim 10 GB",
                   "exit code 2, one line, nothing written")
@pytest.mark.parametrize("name", ["predict", "evaluate"])
@pytest.mark.parametrize("what", FILES)
def test_files_that_are_not_weights(tmp_path, capsys, name, what):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "model.safetensors").write_bytes(FILES[what])
    began = time.process_time()
    assert command(name, tmp_path / "run", "sample", *[tmp_path / "out.csv"] * (name == "predict")) == 2
    printed = capsys.readouterr()
    assert len(printed.err.splitlines()) == 1 and "model.safetensors: expected" in printed.err and printed.out == ""
    assert [p.name for p in tmp_path.rglob("*")] == ["run", "model.safetensors"] and time.process_time() - began < 10


@pytest.mark.tried("model.safetensors", "a pickle under that name, plain or as torch saves it, that would run code",
                   "one message, nothing is run")
@pytest.mark.parametrize("kind", ["plain", "torch", "torch old"])
def test_pickles_are_not_run(tmp_path, kind):
    sprung = tmp_path / "sprung"
    path = tmp_path / "a.safetensors"
    path.write_bytes(pickled(sprung))
    assert works(path.read_bytes(), sprung)
    if kind != "plain":
        from traps import Trap

        torch.save({"state": Trap(sprung)}, path, _use_new_zipfile_serialization=kind == "torch")
    with pytest.raises(InputError, match="expected a model written by 'facekp train'"):
        load_model(path)
    assert not sprung.exists()


# ---- the record beside the weights ---------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(place):
    """A finished run on 30 faces of the sample, and these."""
    faces = load("sample").complete().select(slice(30))
    train, test = faces.split(0.2, 0)
    notes = {"split": {"keypoints": "15", "held_out": 0.2, "seed": 0}}
    fit(model(), train, test, TrainConfig(epochs=1, batch_size=12, device="cpu"), place / "run", progress=False,
        notes=notes)
    return place / "run", faces


@functools.cache
def record() -> dict:
    """What a record has, without the long lists."""
    faces = {"fingerprint": "0123456789abcdef", "faces": 24}
    return {"format": 1, "model": first().config(), "seed": 0, "config": {"epochs": 1},
            "data": {"train": faces, "val": faces}, "metrics": {"rmse": 3.5},
            "split": {"keypoints": "15", "held_out": 0.2, "seed": 0}}


@pytest.mark.tried("record.json beside weights", "entries replaced by odd values, or gone",
                   "the held-out faces, or one message")
@cases(1000)
@given(value=changed(record()))
def test_changed_records(trained, value):
    run, faces = trained
    before = (run / "record.json").read_text()
    real = json.loads(before)
    value = value if not isinstance(value, dict) else {
        k: real[k] if v == record().get(k) else v for k, v in value.items()}
    try:
        (run / "record.json").write_text(json.dumps(value))
        found = refused_or(lambda: held_out(faces, read_record(run / "record.json")))
    finally:
        (run / "record.json").write_text(before)
    assert isinstance(found, Refused) or len(found[0]) + len(found[1]) == len(faces)


@pytest.mark.tried("folds.json, record.json", "JSON of another kind, brackets in brackets, other bytes",
                   "exit code 2, one line")
@pytest.mark.parametrize("text", ["[]", "3", "null", "[" * 100_000, "\xff\xfe", '{"data": 3}', '{"split": []}',
                                  '{"rmse_of_folds": [], "folds": "x", "metrics": {}}'])
def test_records_that_are_none(trained, tmp_path, capsys, text):
    run, _ = trained
    (tmp_path / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes())
    (tmp_path / "record.json").write_bytes(text.encode("latin-1"))
    assert command("evaluate", tmp_path, "sample") == 2
    printed = capsys.readouterr()
    assert len(printed.err.splitlines()) == 1 and "record.json: expected" in printed.err
