import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from blobs import blob_faces
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from facekp.augment import Augment, augment
from facekp.data import load
from facekp.errors import InputError
from facekp.models import MODELS, create_model, load_model, save_model
from facekp.predict import predict
from facekp.results import read_record
from facekp.synthetic import generate
from facekp.training import EMA, TrainConfig, epochs_for, fit, pace, pick_device, shuffled_batches
from facekp.training.recipes import ORIGINAL, recipe

FAST = {"channels": 16, "depth": 2}


def small(seed: int = 0):
    torch.manual_seed(seed)
    return create_model("hourglass-s", **FAST)


@pytest.fixture(scope="module")
def faces():
    return blob_faces(36)


def same(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


CONFIG = TrainConfig(epochs=4, batch_size=9, device="cpu")


def test_ten_epochs_on_synthetic_faces_beat_the_mean_face():
    train, val = generate(120).split(0.2)
    torch.manual_seed(0)
    model = create_model("hourglass-s", channels=32)
    record = fit(model, train, val, TrainConfig(epochs=10, batch_size=8, lr=5e-3, device="cpu"), progress=False)
    assert record["metrics"]["rmse"] < 0.9 * record["metrics"]["mean_face_rmse"]
    losses = [p["loss"] for p in record["curve"]]
    assert losses[-1] < 0.6 * losses[0]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(faces):
    train, val = faces.split(0.25)
    a, b, c = small(), small(), small()
    for model, seed in ((a, 0), (b, 0), (c, 1)):
        fit(model, train, val, TrainConfig(epochs=1, batch_size=16, seed=seed, device="cpu"), progress=False)
    assert same(a, b) and not same(a, c)


def test_a_run_leaves_a_model_and_a_record_that_agree(faces, tmp_path):
    train, val = faces.split(0.25)
    model = small()
    record = fit(model, train, val, CONFIG, tmp_path, progress=False)
    assert json.loads((tmp_path / "record.json").read_text()) == record
    assert record["data"]["val"] == {"fingerprint": val.fingerprint(), "faces": len(val)}
    assert [p["epoch"] for p in record["curve"]] == [1, 2, 3, 4] and record["curve"][-1]["lr"] < 0.03 * CONFIG.lr
    back = load_model(tmp_path / "model.safetensors")
    np.testing.assert_allclose(predict(back, val.images)[0], predict(model, val.images)[0], atol=1e-4)
    assert record["metrics"]["rmse"] == pytest.approx(record["curve"][-1]["val_rmse"])


def test_faces_without_a_label_change_nothing(faces):
    train, val = faces.split(0.25)
    kp = train.keypoints.copy()
    kp[:, 3] = np.nan
    blind = type(train)(train.images, kp, train.scheme)
    model = small()
    before = model.network.heads[0].weight[3].detach().clone()
    config = TrainConfig(epochs=1, batch_size=16, weight_decay=0.0, device="cpu", augment=None)
    fit(model, blind, val, config, progress=False)
    assert torch.equal(model.network.heads[0].weight[3], before)


def test_batches_are_whole_and_show_each_face_at_most_once():
    batches = shuffled_batches(50, 16, torch.Generator().manual_seed(0))
    assert [len(b) for b in batches] == [16, 16, 16]
    assert len(torch.cat(batches).unique()) == 48
    assert [len(b) for b in shuffled_batches(5, 16, torch.Generator())] == [5]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "at least 1 epoch"),
        ({"batch_size": 1}, "batches of at least 2"),
        ({"precision": "int3"}, "found 'int3'"),
        ({"optimizer": "lion"}, "optimizer to be one of adamw, adam, sgd, rmsprop; found 'lion'"),
        ({"schedule": "sine"}, "schedule to be one of"),
        ({"lr": 0.0}, "lr and clip above 0"),
        ({"epochs": 2.5}, "a whole number for epochs; found 2.5"),
        ({"seed": "one"}, "a whole number for seed"),
        ({"lr": "fast"}, "a number for lr; found 'fast'"),
        ({"ema": 1.0}, "ema from 0 to below 1"),
        ({"momentum": -0.1}, "momentum from 0"),
    ],
)
def test_a_wrong_config_is_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        TrainConfig(**wrong)


def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"no device 'tpu'.*cpu"):
        pick_device("tpu")


def test_prediction_does_not_depend_on_the_batch_and_leaves_the_mode(faces):
    model = small().train()
    one, _ = predict(model, faces.images, batch_size=5)
    all_at_once, _ = predict(model, faces.images, batch_size=36)
    assert model.training
    np.testing.assert_allclose(one, all_at_once, atol=1e-3)
    with pytest.raises(InputError, match=r"\(N, 96, 96\) uint8; found \(36, 96\)"):
        predict(model, faces.images[:, 0])


def test_bf16_and_fp16_train_too(faces):
    train, val = faces.split(0.25)
    for precision in ("bf16", "fp16"):
        config = TrainConfig(epochs=2, batch_size=9, lr=4e-3, device="cpu", precision=precision, augment=None)
        record = fit(small(), train, val, config, progress=False)
        assert record["curve"][-1]["loss"] < record["curve"][0]["loss"]


def test_dilated_convolutions_train_in_bf16_on_a_cpu(faces):
    """With channels last, oneDNN reads beyond the 30 maps that go into the first dilated convolution."""
    config = TrainConfig(epochs=3, batch_size=9, lr=4e-3, device="cpu", precision="bf16", augment=None)
    model = create_model("lgcn-s", dropout=0.0)
    record = fit(model, *faces.split(0.25), config, progress=False)
    assert all(np.isfinite(line["loss"]) for line in record["curve"])
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_an_average_moves_a_little_towards_the_model_and_copies_nothing_else():
    model = small()
    ema = EMA(model, 0.9)
    weight, start = model.network.heads[0].weight, model.network.heads[0].weight.detach().clone()
    with torch.no_grad():
        weight += 1
    ema.update()  # the first step's decay is (1 + 1) / (10 + 1)
    torch.testing.assert_close(ema.model.network.heads[0].weight, start + 9 / 11)
    for _ in range(200):
        ema.update()
    torch.testing.assert_close(ema.model.network.heads[0].weight, weight.detach())
    assert not any(p.requires_grad for p in ema.model.parameters())


def test_the_time_of_an_epoch_is_estimated_without_touching_the_model(faces):
    model = small()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    few = epochs_for(0.0, model, faces, CONFIG), epochs_for(1000.0, model, faces, CONFIG)
    assert few[0] == 0 and few[1] > 10
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize("seconds, best", [({1: 4.0, 4: 2.0, 8: 1.0}, 8), ({1: 4.0, 4: 2.0, 8: 9.0}, 4),
                                           ({1: 1.0, 4: 30.0, 8: 0.1}, 1)])  # more are not tried once they cost
def test_a_busy_machine_gets_few_threads(monkeypatch, seconds, best):
    usual = torch.get_num_threads()
    monkeypatch.setattr(pace, "seconds_per_step", lambda *_, **__: seconds[torch.get_num_threads()])
    try:
        torch.set_num_threads(8)
        assert pace.quickest_threads(None, None, None) == best
        assert torch.get_num_threads() == 8
    finally:
        torch.set_num_threads(usual)


class Crossings(TorchDispatchMode):
    """Notes every operation that moves numbers between the CPU and the GPU, or asks the GPU for one."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        before, after = ({t.device.type for t in tree_leaves(x) if isinstance(t, torch.Tensor)} for x in (args, out))
        waits = ("local_scalar", "nonzero", "linalg_inv", "linalg_solve", "lift_fresh")
        asks = any(word in str(function) for word in waits)
        if asks or (("cpu" in before) != ("cpu" in after) and before):
            self.found.add(str(function))
        return out


def can_make_believe() -> bool:
    """Does this PyTorch do without a GPU's driver here? The CUDA build of 2.8 does not."""
    try:
        with FakeTensorMode():
            torch.empty(3, device="cuda").uniform_()
    except RuntimeError:
        return False
    return True


MAKE_BELIEVE = pytest.mark.skipif(not can_make_believe(), reason="this PyTorch's make-believe GPU needs a driver")


@MAKE_BELIEVE
@pytest.mark.parametrize("name", [*MODELS, "hourglass-s dsnt"])
def test_no_step_waits_for_the_gpu(name, monkeypatch):
    """On a make-believe GPU: views, forward pass and loss never copy from or to the CPU."""
    name, *kind = name.split()
    make_believe = FakeTensorMode()
    with make_believe, torch.device("cuda"):
        model = create_model(name, head={"kind": kind[0]} if kind else None).train()
        images, points, swap = torch.rand(4, 1, 96, 96), torch.rand(4, 15, 2), torch.arange(15)
    for draw in ("rand", "randn"):  # there is no make-believe generator
        real = getattr(torch, draw)
        monkeypatch.setattr(torch, draw, lambda *a, generator=None, real=real, **k: real(*a, **k))
    config = Augment(elastic=2.0, blur=1.0, cutout=0.3)
    with make_believe, Crossings() as crossings:
        x, points = augment(images, points, swap, config, SimpleNamespace(device="cuda"))
        loss = model.head.loss(model(x), points)
    assert loss.device.type == "cuda"
    assert not crossings.found


@MAKE_BELIEVE
def test_the_test_for_waiting_sees_what_it_should():
    with FakeTensorMode():
        x, y = torch.rand(3, device="cuda"), torch.rand(3)
        for bad in (lambda: x.new_tensor([1.0]), lambda: x + y.to("cuda"), lambda: x.cpu()):
            with Crossings() as crossings:
                bad()
            assert crossings.found
        for worse in (lambda: x[x > 0.5], lambda: x.sum().item(), lambda: x + y):
            with pytest.raises(Exception, match=r".*"), Crossings():
                worse()


def test_labels_that_count_from_the_pixels_edge_train_the_same_network(tmp_path):
    """Labels + 0.5, read with pixel offset 0.5, are the labels of offset 0: same weights, same answers."""
    faces = blob_faces(36)
    replace(faces, keypoints=faces.keypoints + np.float32(0.5)).save(tmp_path / "shifted.npz")
    shifted = load(tmp_path / "shifted.npz", pixel_offset=0.5)
    np.testing.assert_allclose(shifted.keypoints, faces.keypoints, atol=1e-5)
    torch.manual_seed(0)
    a = create_model("hourglass-s", channels=16, depth=2)
    torch.manual_seed(0)
    b = create_model("hourglass-s", pixel_offset=0.5, channels=16, depth=2)
    once = replace(CONFIG, epochs=1)  # later the roundings of the two have grown apart
    one = fit(a, *faces.split(0.25), once, progress=False)
    two = fit(b, *shifted.split(0.25), once, progress=False)
    for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True):
        torch.testing.assert_close(x, y, atol=5e-3, rtol=1e-2)
    b.load_state_dict(a.state_dict())
    np.testing.assert_allclose(predict(b, faces.images)[0], predict(a, faces.images)[0], atol=1e-4)
    assert two["model"]["pixel_offset"] == 0.5 and "pixel_offset" in one["model"]


def test_a_pixel_offset_is_kept_in_the_file(tmp_path):
    save_model(create_model("hourglass-s", pixel_offset=0.5, channels=16, depth=2), tmp_path / "m.safetensors")
    assert load_model(tmp_path / "m.safetensors").pixel_offset == 0.5
    with pytest.raises(InputError, match="pixel offset between -2 and 2"):
        create_model("hourglass-s", pixel_offset=48.0)


@pytest.mark.parametrize(("change", "message"), [
    (lambda f: f.select(slice(0)), "at least one face; found none"),
    (lambda f: replace(f, scheme=replace(f.scheme, names=f.scheme.names[::-1])), "Use the data it was trained for"),
    (lambda f: replace(f, images=f.images[:, :48, :48]), "takes images of 96x96"),
])
@pytest.mark.parametrize("side", [0, 1])
def test_faces_that_do_not_fit_the_model_are_refused_before_anything_is_trained(faces, change, message, side):
    sides = list(faces.split(0.25))
    sides[side] = change(sides[side])
    with pytest.raises(InputError, match=message):
        fit(small(), *sides, CONFIG, progress=False)


def test_numbers_of_numpy_are_plain_numbers_in_a_config():
    config = TrainConfig(lr=np.geomspace(1e-4, 1e-2, 3)[1], epochs=np.int64(2), ema=np.float32(0.5))
    assert [type(v) for v in (config.lr, config.epochs, config.ema)] == [float, int, float]


@pytest.mark.parametrize("name", ["cnn3", "fcn24", "hourglass-s", "lgcn-s"])
def test_the_original_recipes_lower_the_loss(faces, name):
    torch.manual_seed(0)
    options = {"fcn24": {"channels": 8, "kernel": 12}, "hourglass-s": {"channels": 16, "depth": 2},
               "lgcn-s": {"channels": 16}}.get(name, {})
    assert {recipe(n, original_recipe=True) for n in ORIGINAL} == {
        recipe(n, original_recipe=True) for n in ("cnn3", "fcn24", "hourglass-s", "lgcn-s")}  # the others are these
    config = recipe(name, original_recipe=True, epochs=3, batch_size=8, device="cpu")
    losses = [line["loss"] for line in fit(create_model(name, **options), *faces.split(0.25), config,
                                           progress=False)["curve"]]
    assert losses[-1] < losses[0]


def test_a_record_of_version_0_1_has_its_pixel_offset_under_the_new_name(tmp_path):
    (tmp_path / "record.json").write_text('{"model": {"origin": 0.5}}')
    assert read_record(tmp_path / "record.json")["model"] == {"pixel_offset": 0.5}
    (tmp_path / "record.json").write_text('{"model": {"pixel_offset": "half"}}')
    with pytest.raises(InputError, match=r"'model\.pixel_offset'"):
        read_record(tmp_path / "record.json")
