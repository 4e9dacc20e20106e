"""Learning rates over the steps, the optimizers, and the recipes that use them."""

import math
from dataclasses import replace

import pytest
import torch
from blobs import blob_faces

from facekp.errors import InputError
from facekp.models import MODELS, create_model
from facekp.training import TrainConfig, fit
from facekp.training.config import CHOICES
from facekp.training.optim import SCHEDULES, learning_rate, make_optimizer, set_rate
from facekp.training.recipes import ORIGINAL, recipe


@pytest.mark.parametrize("schedule", CHOICES["schedule"])
def test_the_rate_climbs_to_its_peak_and_then_follows_the_schedule(schedule):
    config = TrainConfig(lr=0.1, schedule=schedule, warmup=0.1)
    rates = [learning_rate(i, 100, config) for i in range(100)]
    if schedule == "onecycle":  # has a climb of its own
        assert rates[:30] == sorted(rates[:30]) and rates[0] == pytest.approx(0.1 / 25)
    else:
        assert rates[:10] == pytest.approx([0.1 * (i + 1) / 11 for i in range(10)])
    assert all(0 < r <= 0.1 for r in rates) and max(rates[10:]) == pytest.approx(0.1, rel=0.01)
    if schedule == "constant":
        assert rates[-1] == 0.1
    else:
        assert rates[-1] <= 0.02 * 0.1 and rates[-1] <= rates[60] < rates[30]


def test_every_choice_of_a_schedule_exists_and_ends_where_it_should():
    assert set(SCHEDULES) == set(CHOICES["schedule"])
    ends = {"cosine": (1, 0), "linear": (1, 0), "step": (1, 0.01), "onecycle": (1 / 25, 0), "constant": (1, 1),
            "tenths": (1, 0.02)}
    for name, (first, last) in ends.items():
        assert SCHEDULES[name](0.0) == pytest.approx(first) and SCHEDULES[name](1.0) == pytest.approx(last, abs=1e-9)
    assert SCHEDULES["onecycle"](0.3) == pytest.approx(1) and SCHEDULES["onecycle"](0.299999) == pytest.approx(1)
    assert SCHEDULES["step"](0.5) == 0.1 and SCHEDULES["cosine"](0.5) == pytest.approx(0.5)


def test_momentum_moves_evenly():
    model = create_model("cnn3")
    config = TrainConfig(optimizer="sgd", momentum=0.9, final_momentum=0.999)
    optimizer = make_optimizer(model, config)
    set_rate(optimizer, 50, 100, config)
    assert optimizer.param_groups[0]["momentum"] == pytest.approx(0.9495)


@pytest.mark.parametrize("name", CHOICES["optimizer"])
def test_every_optimizer_learns_and_spares_the_biases_from_decay(name):
    train, val = blob_faces(36).split(0.25)
    torch.manual_seed(0)
    model = create_model("hourglass-s", channels=16, depth=2)
    lr = {"sgd": 0.05, "rmsprop": 5e-4}.get(name, 4e-3)
    config = TrainConfig(epochs=6, batch_size=9, optimizer=name, lr=lr, device="cpu", augment=None)
    groups = make_optimizer(model, config).param_groups
    assert [g["weight_decay"] for g in groups] == [0.01, 0.0]
    assert all(p.ndim > 1 for p in groups[0]["params"]) and all(p.ndim <= 1 for p in groups[1]["params"])
    assert sum(len(g["params"]) for g in groups) == len(list(model.parameters()))
    curve = fit(model, train, val, config, progress=False)["curve"]
    assert curve[-1]["loss"] < 0.9 * curve[0]["loss"]


def test_a_step_of_sgd_is_what_the_formula_says():
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 2)
    before = layer.weight.detach().clone()
    optimizer = make_optimizer(layer, TrainConfig(optimizer="sgd", lr=0.1, momentum=0.5, weight_decay=0.0))
    layer.weight.grad, layer.bias.grad = torch.ones(2, 3), torch.zeros(2)
    optimizer.step()
    torch.testing.assert_close(layer.weight.detach(), before - 0.1 * (1 + 0.5))  # Nesterov's step


def test_recipes_are_configs_and_the_original_ones_differ():
    for name in MODELS:
        assert isinstance(recipe(name), TrainConfig)
    for name in ORIGINAL:
        theirs = recipe(name, original_recipe=True)
        assert theirs.optimizer in ("sgd", "rmsprop") and theirs != recipe(name)
    assert recipe("cnn3", original_recipe=True, lr=1.0).lr == 1.0
    some = recipe("lgcn", original_recipe=True, augment={"flip": 0.5}).augment
    assert some.flip == 0.5 and some.rotation == some.scale == some.noise == 0  # a change of what the recipe has


def test_the_original_recipes_are_those_of_the_sources():
    """Nouri's tutorial; princeton-vl/pose-hg-train (opts.lua); MatthiasRock/CNTK-PY-LGCN (train.py)."""
    nouri = recipe("cnn3", original_recipe=True)
    for done, rate, momentum in ((0, 0.03, 0.9), (3000, 0.0001, 0.999)):
        assert learning_rate(done, 3000, nouri) * 48**2 == pytest.approx(rate)
        assert nouri.momentum + (nouri.final_momentum - nouri.momentum) * done / 3000 == pytest.approx(momentum)
    newell = recipe("hourglass-8", original_recipe=True)
    assert (newell.optimizer, newell.lr, newell.batch_size, newell.schedule) == ("rmsprop", 2.5e-4, 6, "constant")
    # A uniform number has the deviation of its range / sqrt(3), a normal one cut off at two of its own 0.88 of it.
    assert newell.augment.rotation / 3**0.5 == pytest.approx(0.4**0.5 * 0.88 * 30, rel=0.02)
    assert math.log1p(newell.augment.scale) / 3**0.5 == pytest.approx(0.88 * 0.25 * math.log(2), rel=0.02)
    merget = recipe("lgcn", original_recipe=True)
    assert (merget.optimizer, merget.momentum, merget.batch_size, merget.epochs) == ("sgd", 0.9, 16, 100)
    epochs = (1, 10, 11, 21, 31, 41, 50, 51, 100)
    rates = [learning_rate(epoch - 1, 100, merget) / merget.lr * 0.001 for epoch in epochs]
    assert rates == pytest.approx([1e-3, 1e-3, 5e-4, 2e-4, 1e-4, 5e-5, 5e-5, 2e-5, 2e-5])


def test_a_final_rate_takes_the_place_of_zero():
    config = TrainConfig(lr=0.1, final_lr=0.01, schedule="linear", warmup=0.0)
    assert [learning_rate(i, 10, config) for i in (0, 5, 10)] == pytest.approx([0.1, 0.055, 0.01])
    assert learning_rate(7, 10, replace(config, schedule="constant")) == pytest.approx(0.1)
    for wrong in (0.2, -0.1):
        with pytest.raises(InputError, match=r"final_lr from 0 to lr, 0\.1; found"):
            TrainConfig(lr=0.1, final_lr=wrong)


def test_augmentation_presets_can_be_named():
    assert recipe("hourglass-s", augment="full") == recipe("hourglass-s")
    light = recipe("hourglass-s", augment="photometric").augment
    assert light.rotation == light.scale == light.shear == light.shift == 0 < min(light.flip, light.contrast)
    assert recipe("hourglass-s", augment="none").augment is None
    with pytest.raises(InputError, match="full, wild, photometric, none"):
        recipe("hourglass-s", augment="narrow")
    with pytest.raises(InputError, match=r"no original recipe for 'vgg16'.*cnn3"):
        recipe("vgg16", original_recipe=True)
