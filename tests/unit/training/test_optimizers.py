"""Learning rates over the steps, the optimizers, and the recipes that use them."""

import pytest
import torch
from blobs import blob_faces

from facekp.errors import InputError
from facekp.models import MODELS, create_model
from facekp.training import TrainConfig, fit
from facekp.training.config import CHOICES
from facekp.training.optim import SCHEDULES, learning_rate, make_optimizer, set_rate
from facekp.training.recipes import AUTHORS, recipe


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
        assert rates[-1] < 0.02 * 0.1 and rates[-1] < rates[60] < rates[30]


def test_every_choice_of_a_schedule_exists_and_ends_where_it_should():
    assert set(SCHEDULES) == set(CHOICES["schedule"])
    ends = {"cosine": (1, 0), "linear": (1, 0), "step": (1, 0.01), "onecycle": (1 / 25, 0), "constant": (1, 1)}
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


def test_recipes_are_configs_and_the_authors_own_differ():
    for name in MODELS:
        assert isinstance(recipe(name), TrainConfig)
    for name in AUTHORS:
        theirs = recipe(name, authors=True)
        assert theirs.optimizer in ("sgd", "rmsprop") and theirs != recipe(name)
    assert recipe("cnn3", authors=True, lr=1.0).lr == 1.0


def test_augmentation_presets_can_be_named():
    assert recipe("hourglass-s", augment="full") == recipe("hourglass-s")
    light = recipe("hourglass-s", augment="photometric").augment
    assert light.rotation == light.scale == light.shear == light.shift == 0 < min(light.flip, light.contrast)
    assert recipe("hourglass-s", augment="none").augment is None
    with pytest.raises(InputError, match="full, photometric, none"):
        recipe("hourglass-s", augment="narrow")
    with pytest.raises(InputError, match=r"no recipe of its authors for 'vgg16'.*cnn3"):
        recipe("vgg16", authors=True)
