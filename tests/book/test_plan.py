"""Plans: what is run, what is kept, what is refused, and the table at the end."""

import json

import numpy as np
import pytest
from blobs import blob_faces

from book.experiments import run_plan as plan_module
from book.experiments.plan_file import read_plan
from facekp import plots, results
from facekp.data.faces import Faces
from facekp.data.similar import nearest
from facekp.errors import InputError
from facekp.models import load_model
from facekp.training.folds import load_ensemble
from facekp.training.recipes import recipe

PLAN = """
protocol = "test"
[common]
seeds = [0, 1]
held_out = 0.25
set = { epochs = 1, batch_size = 8, device = "cpu" }

[[run]]
name = "mean face"
model = "mean face"

[[run]]
name = "small hourglass"
model = "hourglass-s"
options = { channels = 16, depth = 2 }

[[run]]
name = "on ten faces"
model = "hourglass-s"
options = { channels = 16, depth = 2 }
faces = 10
seeds = [0]
set = { augment = { rotation = 5 } }
"""


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plan")
    blob_faces(32).save(folder / "faces.npz")
    (folder / "plan.toml").write_text(PLAN)
    plan_module.run_plan(folder / "plan.toml", folder / "faces.npz", folder / "out", folder / "work")
    return folder


def test_every_run_leaves_one_record(work):
    names = sorted(p.stem for p in (work / "out").glob("*.json"))
    assert names == ["mean-face-0", "mean-face-1", "on-ten-faces-0", "small-hourglass-0", "small-hourglass-1"]
    record = json.loads((work / "out" / "on-ten-faces-0.json").read_text())
    assert record["data"]["train"]["faces"] == 10 and record["config"]["augment"]["rotation"] == 5
    assert record["config"]["epochs"] == 1 and record["protocol"] == "test" and len(record["face_rmse"]) == 8
    assert np.sqrt(np.mean(np.square(record["face_rmse"]))) == pytest.approx(record["metrics"]["rmse"], rel=1e-3)
    assert len(record["offset"]) == 2 and np.isfinite(record["offset"]).all()
    mean = json.loads((work / "out" / "mean-face-0.json").read_text())
    assert mean["metrics"]["rmse"] == pytest.approx(mean["metrics"]["mean_face_rmse"], rel=1e-5)


def test_an_original_recipe_under_either_name_of_its_key(tmp_path):
    configs = []
    for key in ("original_recipe", "authors"):  # as plans called it until version 0.1.0
        (tmp_path / "plan.toml").write_text(f'[[run]]\nname = "x"\nmodel = "lgcn"\n{key} = true\n')
        configs.append(read_plan(tmp_path / "plan.toml")[1][0].job("sample").config)
    assert configs[0] == configs[1] == recipe("lgcn", original_recipe=True, device="auto")


def test_a_mistake_is_made_on_purpose_and_folds_hold_out_every_face_once(tmp_path):
    faces = blob_faces(30)
    doubled = np.concatenate([faces.images, faces.images[:10]]), np.concatenate([faces.keypoints, faces.keypoints[:10]])
    Faces(*doubled, faces.scheme).save(tmp_path / "faces.npz")
    (tmp_path / "plan.toml").write_text("""
[common]
model = "hourglass-s"
options = { channels = 16, depth = 2 }
folds = 4
seeds = [0, 1, 2, 3]
set = { epochs = 1, batch_size = 8, device = "cpu" }
[[run]]
name = "folds, (as) it's"
[[run]]
name = "no swap"
mistake = "flip without swap"
seeds = [0]
[[run]]
name = "copies"
mistake = "duplicates on both sides"
seeds = [0]
""")
    plan_module.run_plan(tmp_path / "plan.toml", tmp_path / "faces.npz", tmp_path / "out", tmp_path / "work")
    record = {p.stem: json.loads(p.read_text()) for p in (tmp_path / "out").glob("*.json")}
    assert sorted(record) == ["copies-0", *(f"folds-as-it-s-{i}" for i in range(4)), "no-swap-0"]
    assert sum(record[f"folds-as-it-s-{i}"]["data"]["val"]["faces"] for i in range(4)) == 40
    assert len({record[f"folds-as-it-s-{i}"]["tested_on"] for i in range(4)}) == 4
    model = load_model(tmp_path / "work" / "no-swap" / "fold-0" / "model.safetensors")
    assert "folds" not in record["no-swap-0"] and (model.scheme.swap == np.arange(len(faces.scheme))).all()
    assert record["no-swap-0"]["tested_on"] == record["folds-as-it-s-0"]["tested_on"] != record["copies-0"]["tested_on"]
    assert len(load_ensemble(tmp_path / "work" / "folds-as-it-s").models) == 4
    with pytest.raises(InputError, match="seeds 0 to 3"):
        run = plan_module.read_plan(tmp_path / "plan.toml")[1][0]
        plan_module.split_faces(faces, plan_module.replace(run, seed=7), 0.1)


def test_copies_on_both_sides_really_are():
    faces = blob_faces(30)
    doubled = Faces(np.concatenate([faces.images] * 2), np.concatenate([faces.keypoints] * 2), faces.scheme)
    for mistake, shared in ((None, False), ("duplicates on both sides", True)):
        run = plan_module.Run("x", 0, {"mistake": mistake} if mistake else {})
        learn, test = plan_module.split_faces(doubled, run, 0.25)
        both = {i.tobytes() for i in learn.images} & {i.tobytes() for i in test.images}
        assert bool(both) == shared


@pytest.mark.parametrize("mistake", ["gaps filled with zero", "gaps filled with the mean"])
def test_gaps_are_filled_in_the_training_faces_alone(tmp_path, mistake):
    faces = blob_faces(20)
    faces.keypoints[::3, 1] = np.nan
    faces.save(tmp_path / "faces.npz")
    run = plan_module.Run("x", 0, {"model": "cnn3", "keypoints": "any", "mistake": mistake})
    plain = plan_module.Run("x", 0, {"model": "cnn3", "keypoints": "any"})
    learn, test, _ = plan_module.prepared(run, tmp_path / "faces.npz", "cpu")
    honest, same, _ = plan_module.prepared(plain, tmp_path / "faces.npz", "cpu")
    gap = np.isnan(honest.keypoints)
    assert gap.any() and np.isnan(test.keypoints).any() and test.fingerprint() == same.fingerprint()
    assert np.array_equal(learn.keypoints[~gap], honest.keypoints[~gap])
    mean = np.nanmean(honest.keypoints, axis=0)
    wanted = np.broadcast_to(0 if mistake.endswith("zero") else mean, gap.shape)
    assert np.allclose(learn.keypoints[gap], wanted[gap], atol=1e-4)


def test_lookalikes_can_be_kept_on_one_side():
    faces = blob_faces(30)
    doubled = Faces(np.concatenate([faces.images, (faces.images * 0.9).astype(np.uint8)]),
                    np.concatenate([faces.keypoints] * 2), faces.scheme)
    for group_by, shared in (("duplicates", True), ("near-duplicates", False)):
        learn, test = plan_module.split_faces(doubled, plan_module.Run("x", 0, {"group_by": group_by}), 0.2)
        assert bool(nearest(test.images, learn.images).max() > 0.99) is shared


def test_finished_runs_are_kept_and_missing_records_made_from_their_runs(work, monkeypatch):
    stamp = (work / "out" / "small-hourglass-0.json").stat().st_mtime_ns
    before = json.loads((work / "out" / "small-hourglass-1.json").read_text())
    (work / "out" / "small-hourglass-1.json").unlink()
    monkeypatch.setattr(plan_module.training, "fit", lambda *_, **__: pytest.fail("was trained again"))
    plan_module.run_plan(work / "plan.toml", work / "faces.npz", work / "out", work / "work")
    assert (work / "out" / "small-hourglass-0.json").stat().st_mtime_ns == stamp
    assert json.loads((work / "out" / "small-hourglass-1.json").read_text()) == before


def test_a_record_of_other_faces_or_another_config_is_never_mixed_in(work, tmp_path):
    blob_faces(32, seed=5).save(tmp_path / "others.npz")
    with pytest.raises(InputError, match="of other faces"):
        plan_module.run_plan(work / "plan.toml", tmp_path / "others.npz", work / "out", work / "work")
    for old, new, what in (("epochs = 1", "epochs = 2", "epochs"), ("depth = 2", "depth = 3", "options"),
                           ("held_out = 0.25", "held_out = 0.25\npixel_offset = 0.5", "pixel_offset"),
                           ("depth = 2 }", "depth = 2 }\nhead = { sigma = 2.0 }", "sigma")):
        (tmp_path / "plan.toml").write_text(PLAN.replace(old, new))
        with pytest.raises(InputError, match=f"another {what} than the plan"):
            plan_module.run_plan(tmp_path / "plan.toml", work / "faces.npz", work / "out", work / "work")
    for record in (work / "out").glob("*.json"):
        (tmp_path / record.name).write_text(record.read_text())
    other = json.loads((tmp_path / "mean-face-0.json").read_text())
    other["tested_on"] = "0" * 16
    (tmp_path / "mean-face-0.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match="tested on different faces"):
        results.records(tmp_path)
    with pytest.raises(InputError, match="found none"):
        results.table(tmp_path / "nowhere")


def test_the_table_has_a_line_per_name_over_the_seeds_that_all_share(work):
    named = results.records(work / "out")
    table = results.table(work / "out").splitlines()
    assert len(table) == 2 + 3
    line = next(line for line in table if line.startswith("| small hourglass |"))
    runs = named["small hourglass"]
    rmse = [r["metrics"]["rmse"] for r in runs]
    assert f"| {rmse[0]:.3f} |" in line and line.endswith("| 1 | 1 |")  # the others have only the first of two seeds
    alone = results.frame(work / "out", ["small hourglass"]).loc["small hourglass"]
    assert alone["RMSE (px)"] == f"{np.mean(rmse):.3f} ± {np.std(rmse, ddof=1):.3f}" and alone["seeds"] == "2"
    assert alone["median face (px)"] == f"{np.mean([np.median(r['face_rmse']) for r in runs]):.2f}"
    assert list(results.frame(work / "out", ["mean face"]).index) == ["mean face"]
    means = [np.mean([r["metrics"]["rmse"] for r in runs]) for runs in named.values()]
    assert means == sorted(means)
    assert plots.comparison(named).axes[0].get_yticklabels()[0].get_text() == next(iter(named))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("[[run", "expected a plan in TOML"),
        ('[[run]]\nname = "x"\nmodel = "transformer"', "no network 'transformer'"),
        ('[[run]]\nname = "x"', "expected a name and a model"),
        ('[[run]]\nname = "x"\nmodel = "cnn3"\ncolour = 1', "found colour"),
        ('[[run]]\nname = "x"\nmodel = "cnn3"\nset = { speed = 1 }', "found speed"),
        ('[[run]]\nname = "x"\nmodel = "cnn3"\nepochs = 5', "go into set = "),
        ('[[run]]\nname = "mean face"\nmodel = "ridge"', "the same name and seed"),
        ('[[run]]\nname = "x"\nmodel = "cnn3"\nmistake = "forgot"', "no mistake 'forgot'"),
        ('[[run]]\nname = "x"\nmodel = "cnn3"\ngroup_by = "twins"', "expected group_by"),
    ],
)
def test_a_wrong_plan_is_refused_before_anything_is_trained(tmp_path, change, message):
    (tmp_path / "plan.toml").write_text(PLAN + change)
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        plan_module.read_plan(tmp_path / "plan.toml")


def test_an_empty_plan_a_missing_one_and_an_unknown_name_are_refused(work, tmp_path):
    (tmp_path / "plan.toml").write_text('protocol = "x"')
    with pytest.raises(InputError, match="at least one"):
        plan_module.read_plan(tmp_path / "plan.toml")
    with pytest.raises(InputError, match="no such plan"):
        plan_module.read_plan(tmp_path / "none.toml")
    with pytest.raises(InputError, match="no run called x"):
        plan_module.run_plan(work / "plan.toml", work / "faces.npz", tmp_path, tmp_path, only=["x"])


def test_the_shipped_plans_can_be_read():
    from pathlib import Path

    plans = sorted((Path(__file__).parents[2] / "book" / "plans").glob("*.toml"))
    assert plans
    for path in plans:
        assert plan_module.read_plan(path)[1]


def test_a_folder_that_holds_other_files_is_not_a_folder_of_records(tmp_path):
    with pytest.raises(InputError, match="found none"):
        results.records(tmp_path)
    (tmp_path / "a").mkdir()
    for name in ("a/x.json", "status.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match=r"found status.json, which is not one. There are files in .*a\.$"):
        results.records(tmp_path)


def test_only_seeds_that_all_have_are_compared():
    def runs(**rmse):
        return [{"seed": int(seed[1:]), "metrics": {"rmse": value}} for seed, value in rmse.items()]

    named = {"a": runs(s0=1.0, s1=9.0), "b": runs(s0=2.0), "c": runs(s0=0.5, s2=7.0)}
    found = results.comparable(named)
    assert list(found) == ["c", "a", "b"] and {r["seed"] for of in found.values() for r in of} == {0}
    apart = {"a": runs(s0=1.0), "b": runs(s1=2.0)}
    assert results.comparable(apart) == apart and results.comparable({}) == {}
