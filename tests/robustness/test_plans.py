"""Plans, settings and records, damaged: as they are written, or one line; never an error an hour later."""

import dataclasses
import json
import os
import tomllib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from mutations import CASES, damaged, little_memory, result_or_one_line

from book.experiments import plan_file as planfile
from facekp import results, runs
from facekp.augment import Augment
from facekp.cli.train_command import Job
from facekp.errors import InputError
from facekp.models import MODELS
from facekp.training import TrainConfig, pick_device
from facekp.training import record as kinds
from facekp.training.recipes import recipe

PLAN = b"""protocol = "test"
[common]
seeds = [0, 1]
held_out = 0.25
set = { epochs = 1, batch_size = 8, augment = { rotation = 5 } }

[[run]]
name = "mean face"
model = "mean face"

[[run]]
name = "small"
model = "hourglass-s"
options = { channels = 16 }
head = { sigma = 2.0 }
faces = 10
seeds = [0]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("plans")


# ---- plans --------------------------------------------------------------------------------------


@pytest.mark.tried("plan.toml", "bytes flipped, cut, doubled, put in; lines swapped, dropped, joined",
                   "the runs that are written there, or one line that says what is wrong")
@CASES
@given(damaged(PLAN))
def test_damaged_plan(folder, content):
    path = folder / "plan.toml"
    path.write_bytes(content)
    found = result_or_one_line(lambda: planfile.read_plan(path), folder, "plan.toml")
    if found is not None:
        written = tomllib.loads(content.decode())
        common = written.get("common", {})
        expected = [(run["name"], seed) for run in ({**common, **run} for run in written["run"])
                    for seed in run.get("seeds", [0])]
        assert sorted((run.name, run.seed) for run in found[1]) == sorted(expected)
        assert found[0] == written.get("protocol", "plan")


scalars = st.sampled_from(["", "x", "15", 0, 1, -1, 2**40, 0.1, -0.5, 1e300, "inf", "nan", True, [], [0], [1, 1], [-1],
                           ["a"], [[0]], {}, {"a": 1}, {"stacks": 2}, {"name": 1}, {"original_recipe": True},
                           {"lr": "x"}])


def toml(value) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + "}"
    return value if value in ("inf", "nan") else json.dumps(value)


@pytest.mark.tried("plan.toml", "values of every kind for every key", "runs, or one line that names the key")
@CASES
@given(st.sampled_from([*planfile.KINDS, "colour"]), scalars,
       st.sampled_from(["common", "run"]), st.sampled_from([*MODELS, "ridge"]))
@example("set", {"name": 1}, "run", "hourglass-s")
@example("set", {"original_recipe": True}, "common", "hourglass-s")
@example("seeds", [-1], "run", "ridge")
@example("options", {"name": 1}, "run", "hourglass-s")
def test_any_value_in_a_plan(folder, key, value, where, model):
    path = folder / "plan.toml"
    parts = {"common": f"[common]\n{'' if where == 'run' else f'{key} = {toml(value)}'}\n", "run": "[[run]]\n"}
    own = {"name": '"x"', "model": f'"{model}"'} | ({key: toml(value)} if where == "run" else {})
    path.write_text(parts["common"] + parts["run"] + "".join(f"{k} = {v}\n" for k, v in own.items()))
    found = result_or_one_line(lambda: planfile.read_plan(path), folder, "plan.toml")
    assert found is None or all(isinstance(run.seed, int) and isinstance(run.name, str) for run in found[1])


@pytest.mark.tried("plan.toml, record.json", "a file of 10 GB, nearly all of it a hole; brackets without end",
                   "one line, in 4 MB of memory")
@pytest.mark.parametrize("content", [PLAN, b"", b"a = " + b"[" * 100_000, b'{"a": ' * 100_000])
@pytest.mark.parametrize("read, name", [(planfile.read_plan, "plan.toml"), (results.read_record, "record.json")])
def test_endless_files(read, name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    if content in (PLAN, b""):
        os.truncate(tmp_path / name, 10 << 30)
    with little_memory(4 << 20):
        assert result_or_one_line(lambda: read(tmp_path / name), tmp_path, name) is None


# ---- settings -----------------------------------------------------------------------------------

anything = st.one_of(
    st.sampled_from([None, True, False, "auto", "x", "", [], [1], {}, {"rotation": 1}, float("nan"), float("inf"),
                     -float("inf"), 1e300, 10**400, -1, 0, 1, 2, 2**31, 2**63, 2**64, "cpu:x", "cuda:999", "cuda:",
                     "1e3"]),
    st.floats(), st.integers(), st.text(max_size=5))
names = st.sampled_from([f.name for f in dataclasses.fields(TrainConfig)]
                        + ["name", "original_recipe", "rate", "", "augment"])
ranges = st.dictionaries(st.sampled_from([f.name for f in dataclasses.fields(Augment)] + ["x"]), anything, max_size=2)


@pytest.mark.tried("--set name=value", "any value for any setting", "settings that work, or one line")
@CASES
@given(st.sampled_from(["hourglass-s", "cnn3"]), st.dictionaries(names, anything | ranges, max_size=3))
@example("hourglass-s", {"name": 1})
@example("hourglass-s", {"original_recipe": 1})
@example("hourglass-s", {"seed": -1})
@example("hourglass-s", {"device": 5})
@example("hourglass-s", {"device": "cuda:999"})
@example("hourglass-s", {"lr": float("inf")})
@example("hourglass-s", {"lr": 10**400})
@example("cnn3", {"final_momentum": "x"})
@example("hourglass-s", {"augment": {"rotation": float("inf")}})
def test_any_setting(folder, model, changes):
    config = result_or_one_line(lambda: recipe(model, **changes), folder)
    if config is not None:
        device = result_or_one_line(lambda: pick_device(config.device), folder)
        assert device is None or device.type in ("cpu", "cuda", "mps")
        np.random.default_rng(config.seed)
        assert 0 < config.lr < 1e31 and config.epochs > 0
        json.dumps(dataclasses.asdict(config), allow_nan=False)


@pytest.mark.tried("--option, --head, --held-out", "any value for any of them", "a training, or one line")
@CASES
@given(st.sampled_from(sorted(MODELS)), anything,
       st.dictionaries(st.sampled_from(["name", "size", "stacks", "channels", "kernel", "x"]), anything, max_size=2))
@example("hourglass-s", 0.1, {"name": 1})
def test_any_job(folder, model, share, options):
    job = result_or_one_line(lambda: Job("sample", model, TrainConfig(), held_out=share, options=options), folder)
    assert job is None or 0 < job.held_out < 1


# ---- records ------------------------------------------------------------------------------------

RECORD = json.dumps({
    "format": 1, "name": "small", "seed": 0, "parameters": 1000, "tested_on": "abc", "face_rmse": [1.0, 2.5],
    "config": {"epochs": 3}, "model": {"model": "hourglass-s", "pixel_offset": 0.5, "head": {"sigma": 2.0}},
    "data": {"train": {"fingerprint": "aa"}, "val": {"fingerprint": "bb"}},
    "split": {"keypoints": "15", "held_out": 0.1, "seed": 0}, "curve": [{"epoch": 1}],
    "metrics": {"rmse": 1.5, "mean_face_rmse": 3.0, "nme_inter_ocular": 0.1}}, indent=1).encode()


@pytest.mark.tried("record.json", "bytes flipped, cut, doubled, put in; lines swapped, dropped, joined",
                   "its numbers in the table, or one line that says what is wrong")
@CASES
@given(damaged(RECORD))
def test_damaged_record(folder, content):
    path = folder / "records" / "small-0.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    table = result_or_one_line(lambda: results.frame(path.parent), path.parent, "small-0.json")
    if table is not None:
        written = json.loads(content)
        assert list(table.index) == [written["name"]]
        assert table["RMSE (px)"].iloc[0] == f"{written['metrics']['rmse']:.3f}"


@pytest.mark.tried("record.json of a run", "bytes flipped, cut, doubled, put in; lines swapped, dropped, joined",
                   "read as it is, or one line that says what is wrong")
@CASES
@given(damaged(RECORD))
def test_damaged_record_of_a_run(folder, content):
    path = folder / "run" / "record.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    record = result_or_one_line(lambda: runs.read_record(path), path.parent, "record.json")
    if record is not None and "split" in record:
        assert isinstance(record["data"]["val"]["fingerprint"], str) and record["split"]["seed"] >= 0


@pytest.mark.tried("record.json", "an entry missing, or of another kind", "one line that names the entry")
@pytest.mark.parametrize("entry", [e for e in kinds.KINDS if "split" not in e and "folds" not in e])
@pytest.mark.parametrize("value", [..., None, True, "x", -1, [1, "x"], {"a": 1}, float("nan"), float("inf")])
def test_wrong_entries(entry, value, tmp_path):
    record = json.loads(RECORD)
    *path, last = entry.split(".")
    at = record
    for key in path:
        at = at[key]
    del at[last]
    if value is not ...:
        at[last] = value
    (tmp_path / "a.json").write_text(json.dumps(record))
    table = result_or_one_line(lambda: results.table(tmp_path), tmp_path, f"'{entry}'", f"'{entry}.")
    if table is not None:  # the entry may be missing, or the value is one that it may have
        assert value is ... or (isinstance(value, str) and kinds.KINDS[entry] == kinds.TEXT) \
            or (isinstance(value, dict) and kinds.KINDS[entry] == kinds.TABLE) \
            or (value == -1 and kinds.KINDS[entry] == kinds.NUMBER)


@pytest.mark.tried("the book's records", "a name that leads elsewhere or does not exist", "one line")
@pytest.mark.parametrize("name", ["", ".", "nothing", "x" * 300, "a\0b", "../../pyproject", "x/" * 3000])
def test_no_such_record(name):
    with pytest.raises(InputError, match="no record"):
        results.load_record(name)
