import json

import numpy as np
import pytest
import torch
from drawn import blob_faces

from facekp.data.generated import generate
from facekp.errors import InputError
from facekp.models import create_model, load_model
from facekp.predict import predict
from facekp.training import TrainConfig, fit, pick_device, shuffled_batches

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


def test_eight_epochs_on_drawn_faces_beat_the_mean_face():
    train, val = generate(160).split(0.2)
    torch.manual_seed(0)
    model = create_model("hourglass-s", channels=32)
    record = fit(model, train, val, TrainConfig(epochs=8, batch_size=8, lr=4e-3, device="cpu"), progress=False)
    assert record["metrics"]["rmse"] < 0.75 * record["metrics"]["mean_face_rmse"]
    losses = [p["loss"] for p in record["curve"]]
    assert losses[-1] < 0.6 * losses[0]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(faces):
    train, val = faces.split(0.25)
    a, b, c = small(), small(), small()
    for model, seed in ((a, 0), (b, 0), (c, 1)):
        fit(model, train, val, TrainConfig(epochs=1, batch_size=16, seed=seed, device="cpu"), progress=False)
    assert same(a, b) and not same(a, c)


def test_a_resumed_run_ends_bit_for_bit_where_the_undisturbed_one_ends(faces, tmp_path):
    train, val = faces.split(0.25)
    whole, broken, resumed = small(), small(), small(seed=9)
    straight = fit(whole, train, val, CONFIG, progress=False)

    def stop(point):
        if point["epoch"] == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(broken, train, val, CONFIG, tmp_path, progress=False, on_epoch=stop)
    assert (tmp_path / "resume.pt").exists() and not (tmp_path / "model.safetensors").exists()
    record = fit(resumed, train, val, CONFIG, tmp_path, resume=True, progress=False)
    assert same(whole, resumed)
    for line, other in zip(record["curve"], straight["curve"], strict=True):
        assert line["loss"] == other["loss"] and line["val_rmse"] == other["val_rmse"]
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 4
    assert not (tmp_path / "resume.pt").exists()


def test_resuming_with_other_data_or_options_is_refused(faces, tmp_path):
    train, val = faces.split(0.25)

    def stop(point):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(small(), train, val, CONFIG, tmp_path, progress=False, on_epoch=stop)
    with pytest.raises(InputError, match="another train"):
        fit(small(), val, val, CONFIG, tmp_path, resume=True, progress=False)
    with pytest.raises(InputError, match="another config"):
        fit(
            small(),
            train,
            val,
            TrainConfig(epochs=5, batch_size=9, device="cpu"),
            tmp_path,
            resume=True,
            progress=False,
        )
    (tmp_path / "resume.pt").write_bytes((tmp_path / "resume.pt").read_bytes()[:1000])
    with pytest.raises(InputError, match=r"resume\.pt: expected the resume file"):
        fit(small(), train, val, CONFIG, tmp_path, resume=True, progress=False)


def test_a_run_leaves_a_model_and_a_record_that_agree(faces, tmp_path):
    train, val = faces.split(0.25)
    model = small()
    record = fit(model, train, val, CONFIG, tmp_path, progress=False)
    assert json.loads((tmp_path / "record.json").read_text()) == record
    assert record["data"]["val"] == {"fingerprint": val.fingerprint(), "faces": len(val)}
    assert [p["epoch"] for p in record["curve"]] == [1, 2, 3, 4] and record["curve"][-1]["lr"] == pytest.approx(
        0, abs=1e-6
    )
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


def test_a_loss_that_is_no_number_stops_the_run(faces):
    train, val = faces.split(0.25)
    model = small()
    with torch.no_grad():
        model.network.heads[0].bias.fill_(torch.nan)
    with pytest.raises(FloatingPointError, match="epoch 1 at learning rate"):
        fit(model, train, val, CONFIG, progress=False)


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
