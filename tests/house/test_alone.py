"""The training loop stands alone: what it imports, what a step passes through, and that earlier files stay good."""

import functools
import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field, fields, make_dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from blobs import blob_faces
from commands import facekp
from PIL import Image
from torch import nn

from book.experiments.plan_file import read_plan
from facekp import heatmaps, losses
from facekp.augment import PRESETS, Augment
from facekp.errors import InputError
from facekp.heads import HEADS, HeatmapHead
from facekp.models import MODELS, count, create_model, load_model
from facekp.predict import predict
from facekp.training import TrainConfig, config, fit, loop
from facekp.training.checkpoint import Checkpointer
from facekp.training.folds import check_fold
from facekp.training.loader import Loader
from facekp.training.recipes import NO_AUGMENTATION, recipe

CONFIG = TrainConfig(epochs=2, batch_size=8, device="cpu")


THEIRS = "import torch, numpy, PIL.Image, safetensors.torch, typer"


@functools.cache
def modules_after(code: str) -> set[str]:
    """The names of all modules that a fresh Python has after ``code``."""
    done = subprocess.run([sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], capture_output=True,
                          text=True, check=True)
    return set(done.stdout.split())


def small():
    torch.manual_seed(0)
    return create_model("hourglass-s", channels=16, depth=2)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Faces, and the folder of a finished run on them."""
    faces, folder = blob_faces(20).split(0.2), tmp_path_factory.mktemp("run")
    fit(small(), *faces, CONFIG, folder, progress=False)
    return faces, folder


def test_training_imports_few_modules_and_none_that_knows_kaggle_zips_or_reports():
    ours = {name for name in modules_after("import facekp.training") if name.split(".")[0] == "facekp"}
    assert len(ours) <= 25
    rooms = {".".join(name.split(".")[1:2]) for name in ours} - {""}
    assert rooms == {"augment", "data", "errors", "files", "keypoints", "metrics", "models", "predict", "show",
                     "training"}
    assert {name for name in ours if name.startswith("facekp.data.")} <= {"facekp.data.faces", "facekp.data.npz"}


def test_a_network_that_needs_no_torchvision_does_not_import_it():
    code = "import facekp.training, facekp.predict; from facekp.models import create_model; create_model('hourglass-s')"
    new = modules_after(code) - modules_after(THEIRS)
    assert not {"torchvision", "torchvision.models", "torch._dynamo", "matplotlib"} & new
    assert {name for name in new if name.startswith("facekp.models.")} == {
        "facekp.models.model", "facekp.models.stored", "facekp.models.hourglass"}


def test_predicting_a_photo_imports_torch_and_little_else(tmp_path):
    """No table, no figure, no network but its own: what is loaded beside PyTorch is waited for by every user."""
    photo, answer = tmp_path / "photo.png", tmp_path / "answer.json"
    Image.fromarray(blob_faces(1).images[0]).save(photo)
    command = ["facekp", "predict", "hourglass-s-synthetic", str(photo), "--json"]
    code = f"""
import contextlib, sys
from facekp import cli
sys.argv = {command!r}
with open({str(answer)!r}, "w") as out, contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
    cli.main()"""
    new = modules_after(code) - modules_after(THEIRS)
    assert len(json.loads(answer.read_text())) == 1
    assert {"facekp.photo.face_result", "facekp.models.hourglass"} <= new
    assert not {name.split(".")[0] for name in new} & {"torchvision", "matplotlib", "pandas", "tqdm", "cv2", "onnx"}
    assert {name for name in new if name.startswith("torch.")} <= {"torch.utils._device"}


def test_a_training_step_passes_through_eight_files():
    faces, files = blob_faces(8), set()
    run = loop.start(create_model("hourglass-s", faces.scheme), CONFIG, len(faces))
    images, points = next(Loader(faces, torch.device("cpu")).batches([torch.arange(8)]))
    loop.train_step(run, images, points, CONFIG)  # what is imported in it is imported now

    def entered(frame, event, _):
        if event == "call" and frame.f_globals.get("__name__", "").startswith("facekp."):
            files.add(frame.f_code.co_filename)

    sys.setprofile(entered)
    try:
        loop.train_step(run, images, points, CONFIG)
    finally:
        sys.setprofile(None)
    assert 4 <= len(files) <= 8, files


def test_a_network_can_be_added_as_a_plain_function(monkeypatch):
    def thin(num_keypoints, size=96, channels=8):
        return MODELS["cnn3"](num_keypoints, size=size, channels=channels)

    monkeypatch.setitem(MODELS, "thin", thin)
    assert create_model("thin", channels=4).options == {"channels": 4}
    with pytest.raises(InputError, match=r"does not have: 'depth'\. Known: channels"):
        create_model("thin", depth=3)


@dataclass(frozen=True)
class Cornered(HeatmapHead):
    """A further head: it counts from another place."""

    corner: float = 1.0

    def decode(self, raw):
        points, confidence = super().decode(raw)
        return points + self.corner, confidence


def blocky(num_keypoints, size=96, channels=8, in_channels=1):
    """A further network: three convolutions and maps of a quarter of the size."""
    network = nn.Sequential(nn.Conv2d(in_channels, channels, 5, stride=4, padding=2), nn.ReLU(),
                            nn.Conv2d(channels, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, num_keypoints, 1))
    return network, HeatmapHead(stride=4, sigma=1.0)


@pytest.fixture
def added(monkeypatch):
    """A network, a head, two losses and a decoder that were not there before, each a function and one entry."""
    monkeypatch.setitem(MODELS, "blocky", blocky)
    monkeypatch.setitem(HEADS, "cornered", Cornered)
    monkeypatch.setitem(losses.HEATMAP_LOSSES, "l1", lambda maps, target, sigma: (maps - target).abs().sum((-2, -1)))
    monkeypatch.setitem(losses.COORDINATE_LOSSES, "l4", lambda residual: residual.pow(4).mean(-1))
    monkeypatch.setitem(heatmaps.DECODERS, "first", lambda maps: torch.zeros(*maps.shape[:2], 2, dtype=maps.dtype))


@pytest.mark.parametrize(("name", "head"), [
    ("blocky", {}), ("blocky", {"kind": "cornered", "corner": 2.0}), ("blocky", {"loss_name": "l1"}),
    ("hourglass-s", {"loss_name": "l1", "decoder": "first"}), ("cnn3", {"loss_name": "l4"})])
def test_what_is_added_at_run_time_trains_is_saved_and_comes_back(added, name, head, tmp_path):
    options = {"hourglass-s": {"channels": 16, "depth": 2}, "cnn3": {"hidden": 32, "channels": 4}}.get(name, {})
    learn, test = blob_faces(20).split(0.2)
    model = create_model(name, head=head, **options)
    record = fit(model, learn, test, recipe(name, epochs=1, batch_size=8, device="cpu"), tmp_path, progress=False)
    back = load_model(tmp_path / "model.safetensors")
    assert back.config() == model.config() == record["model"] and back.head == model.head
    np.testing.assert_allclose(predict(back, test)[0], predict(model, test)[0], atol=1e-3)
    if head.get("decoder") == "first":
        assert (predict(back, test)[0] == heatmaps.to_image(torch.zeros(2), 2).numpy()).all()
    if "corner" in head:
        plain = HeatmapHead(stride=4)  # the same maps without the corner
        raw = back(torch.zeros(1, 1, 96, 96))
        assert torch.allclose(back.head.decode(raw)[0], plain.decode(raw)[0] + 2)


def test_what_is_added_at_run_time_stands_in_lists_plans_and_commands(added, tmp_path):
    assert count.row("blocky")["parameters"] == sum(p.numel() for p in create_model("blocky").parameters())
    assert "blocky" in facekp("models").stdout
    (tmp_path / "plan.toml").write_text('[[run]]\nname = "x"\nmodel = "blocky"\nhead = { decoder = "first" }\n')
    assert read_plan(tmp_path / "plan.toml")[1][0].job("sample").model == "blocky"
    blob_faces(20).save(tmp_path / "faces.npz")
    trained = facekp("train", tmp_path / "faces.npz", tmp_path / "run", "--model", "blocky", "--epochs", "1",
                     "--batch-size", "8", "--held-out", "0.2", "--head", "kind=cornered", "--head", "loss_name=l1")
    assert trained.returncode == 0, trained.stderr
    assert "4 held-out faces" in facekp("evaluate", tmp_path / "run", tmp_path / "faces.npz").stdout


def test_each_preset_names_every_field_of_the_augmentation():
    source = Path(sys.modules["facekp.augment"].__file__).read_text()
    presets = source[source.index("PRESETS:") : source.index("def augment(")]
    count = sum(preset is not None for preset in PRESETS.values())
    for f in fields(Augment):
        assert presets.count(f"{f.name}=") == count, f.name
    assert PRESETS["full"] == Augment()  # what a run without --augment has
    assert set(vars(NO_AUGMENTATION).values()) == {0}  # an original recipe has no range that came after it


# ---- settings that come and go --------------------------------------------------------------------


def test_a_setting_that_is_gone_is_passed_over_in_files_and_refused_with_a_line_when_asked_for(run):
    (learn, test), folder = run
    old = asdict(CONFIG) | {"compile": False, "feed": "auto"}
    record = json.loads((folder / "record.json").read_text())
    assert config.completed(old) == config.completed(record["config"]) == record["config"]
    (folder / "record.json").write_text(json.dumps(record | {"config": json.loads(json.dumps(old))}))
    check_fold(folder, learn, test, CONFIG)
    assert recipe("cnn3", compile=False, feed="auto") == recipe("cnn3")
    with pytest.raises(InputError, match=r"no longer has the setting compile: .* Leave it out"):
        recipe("cnn3", compile=True)


def test_a_new_setting_leaves_earlier_runs_readable(run, tmp_path, monkeypatch):
    """As a later version would have it: a further field in TrainConfig, and one in Augment."""
    (learn, test), folder = run
    before = json.loads(json.dumps({"config": asdict(CONFIG)}))
    wider = make_dataclass("Augment", [("fog", float, 0.25)], bases=(Augment,), frozen=True)
    views = ("augment", Augment | None, field(default_factory=wider))
    later = make_dataclass("TrainConfig", [("patience", int, 3), views], bases=(TrainConfig,), frozen=True)
    monkeypatch.setattr(config, "Augment", wider)
    monkeypatch.setattr(config, "TrainConfig", later)
    now = later(epochs=2, batch_size=8, device="cpu")
    assert config.completed(before["config"]) == json.loads(json.dumps(asdict(now)))
    check_fold(folder, learn, test, now)
    with pytest.raises(InputError, match="another config"):
        check_fold(folder, learn, test, later(epochs=2, batch_size=8, device="cpu", patience=4))
    load_model(folder / "model.safetensors")

    begun = loop.start(small(), CONFIG, len(learn))
    model = small().config()
    earlier = before | {"model": model | {"head": {k: v for k, v in model["head"].items() if k != "target"}}}
    Checkpointer(tmp_path, earlier, 0.0).save(begun)
    today = {"config": asdict(now), "model": model}
    Checkpointer(tmp_path, today, 0.0).load(begun, len(learn))  # of a head without that setting
    Checkpointer(tmp_path, before, 0.0).save(begun)
    Checkpointer(tmp_path, {"config": asdict(now)}, 0.0).load(begun, len(learn))
    with pytest.raises(InputError, match=r"another config \(patience: 3 then, 4 now\)"):
        Checkpointer(tmp_path, {"config": asdict(now) | {"patience": 4}}, 0.0).load(begun, len(learn))
