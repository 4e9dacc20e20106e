"""*Look inside a network*: every stage, gradient and receptive field against PyTorch; and what it refuses."""

import copy
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from javascript import run

from facekp.chapter import eight_faces
from facekp.errors import InputError
from facekp.models import create_model, load_model
from facekp.models.hourglass import Hourglass, Residual
from facekp.predict import predict, to_float
from facekp.pretrained import load_pretrained
from facekp.widgets import inside

NETWORKS = Path(__file__).parents[3] / "book" / "inside" / "networks"
TOLERANCE = 1e-4  # of a stage's largest value
START = "const it = new Inside(input.state); for (const i of it.steps());"


@pytest.fixture(scope="module")
def faces():
    return eight_faces().select(slice(2))


def models():
    torch.manual_seed(0)
    fresh = create_model("hourglass-s", channels=8, depth=2, stacks=3)
    for parameter in fresh.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return {"hourglass-s-synthetic": load_pretrained("hourglass-s-synthetic"), "three stacks": fresh.eval(),
            "two stacks": load_model(NETWORKS / "hourglass-two-stacks.safetensors"),
            "cnn3": load_model(NETWORKS / "cnn3-small.safetensors")}


def pytorch_stages(model, images):
    """The stages in the order in which the page computes them: (name, tensor of the first image)."""
    found = []

    def keep(name):
        return lambda module, inputs, output: found.append((name, output[0]))

    if model.name == "cnn3":
        wanted = {1: "conv", 2: "pool", 5: "conv", 6: "pool", 9: "conv", 10: "pool", 14: "hidden", 17: "hidden",
                  18: "coordinates"}
        for i, name in wanted.items():
            model.network[i].register_forward_hook(keep(name))
    else:
        for s, part in enumerate(model.network.hourglasses):
            part.register_forward_pre_hook(lambda module, inputs: found.append(("in", inputs[0][0])))
            part.register_forward_hook(keep("features"))
            model.network.heads[s].register_forward_hook(keep("maps"))
            for level in (m for m in part.modules() if isinstance(m, Hourglass)):
                level.skip.register_forward_hook(keep("skip"))
                level.before.register_forward_hook(keep("in"))
                level.after.register_forward_hook(lambda module, inputs, output: found.append(
                    ("up", F.interpolate(output, scale_factor=2, mode="nearest")[0])))
                level.register_forward_hook(keep("sum"))
                if isinstance(level.inner, Residual):
                    level.inner.register_forward_hook(keep("bottleneck"))
            if s < len(model.network.feed_maps):
                model.network.feed_features[s].register_forward_hook(keep("feed-features"))
                model.network.feed_maps[s].register_forward_hook(keep("feed-maps"))
    with torch.no_grad():
        model(images)
    return found


@pytest.mark.parametrize("name", list(models()))
def test_every_stage_and_the_points_are_those_of_pytorch(faces, name):
    model = models()[name]
    state = inside.state({name: model}, faces)
    found = run("inside_state", START + """return { points: it.points(), stages: it.stages.map((i) =>
        ({ role: it.stage(i).role, values: [...it.values[i].data] })) };""", {"state": state})
    expected = pytorch_stages(copy.deepcopy(model), to_float(torch.from_numpy(faces.images[:1])))
    # PyTorch computes skip connections first, the page too, but its hooks report them later: compare by role and size.
    for role in {role for role, _ in expected}:
        ours = sorted((s["values"] for s in found["stages"] if s["role"] == role), key=lambda v: (len(v), v[0]))
        theirs = sorted((t.flatten().tolist() for r, t in expected if r == role), key=lambda v: (len(v), v[0]))
        assert len(ours) == len(theirs), role
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b, atol=TOLERANCE * np.abs(b).max(), rtol=0, err_msg=role)
    assert len(found["stages"]) == len(expected)
    points, _ = predict(model, faces.images[:1])
    np.testing.assert_allclose(found["points"][-1], points[0], atol=1e-3)


@pytest.mark.parametrize(("name", "index"), [("two stacks", 12510), ("cnn3", 20), ("three stacks", 700)])
def test_the_gradient_is_that_of_pytorch(faces, name, index):
    model = models()[name]
    script = START + "return [...gradientOf(it.graph, it.image, it.values, it.selected, input.index)];"
    found = run("inside_state", script, {"state": inside.state({name: model}, faces), "index": index})
    x = model.normalise(to_float(torch.from_numpy(faces.images[:1]))).requires_grad_()
    raw = model.network(x)
    expected, = torch.autograd.grad((raw[-1] if isinstance(raw, list) else raw).flatten()[index], x)
    np.testing.assert_allclose(found, expected.flatten(), atol=TOLERANCE * expected.abs().max().item())


def test_the_receptive_field_is_that_of_a_network_without_zeros(faces):
    """Equal, positive parameters and means for maxima: a pixel counts exactly if there is a way from it."""
    model = create_model("hourglass-s", channels=4, depth=2)
    asked = [{"role": role, "level": level, "x": x, "y": y} for role, level, x, y in
             [("in", 0, 20, 3), ("skip", 0, 47, 30), ("in", 1, 11, 12), ("skip", 1, 5, 20), ("in", 2, 6, 5),
              ("bottleneck", 2, 3, 11), ("up", 1, 13, 8), ("sum", 1, 0, 9), ("up", 0, 25, 40), ("sum", 0, 31, 31)]]
    found = run("inside_state", START + """return input.asked.map(({ role, level, x, y }) => {
        const i = it.stages.find((j) => it.stage(j).role === role && it.stage(j).level === level);
        return receptiveField(it.graph, it.image, it.values, i, x, y);
    });""", {"state": inside.state({"small": model}, faces), "asked": asked})
    network = model.double().eval().network
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 0.1)
    kept = {}

    def keep(module, role, level, change=lambda out: out):
        module.register_forward_hook(lambda m, i, out: kept.update({(role, level): change(out)}))

    outer, inner = network.hourglasses[0][0], network.hourglasses[0][0].inner
    network.hourglasses[0].register_forward_pre_hook(lambda m, inputs: kept.update({("in", 0): inputs[0]}))
    for level, part in enumerate((outer, inner)):
        keep(part.skip, "skip", level)
        keep(part.before, "in", level + 1)
        keep(part.after, "up", level, lambda out: F.interpolate(out, scale_factor=2))
        keep(part, "sum", level)
    keep(inner.inner, "bottleneck", 2)
    x = torch.ones(1, 1, 96, 96, dtype=torch.float64, requires_grad=True)
    with mock.patch.object(F, "max_pool2d", F.avg_pool2d):
        network(x)
    for place, field in zip(asked, found, strict=True):
        value = kept[place["role"], place["level"]][0, 0, place["y"], place["x"]]
        gradient, = torch.autograd.grad(value, x, retain_graph=True)
        rows, columns = (np.flatnonzero(gradient[0, 0].abs().sum(axis).numpy() > 0) for axis in (1, 0))
        expected = {"left": columns[0], "right": columns[-1], "top": rows[0], "bottom": rows[-1]}
        assert field == expected, place


def test_a_cut_branch_counts_as_zeros_and_joined_again_all_is_as_before(faces):
    model = load_model(NETWORKS / "hourglass-two-stacks.safetensors")
    found = run("inside_state", START + """
        const before = it.points();
        it.selected = it.stages.find((j) => it.stage(j).role === "skip" && it.stage(j).level === 1);
        it.toggle(); for (const i of it.steps());
        const cut = it.points(); it.toggle(); for (const i of it.steps());
        return { before, cut, after: it.points(), trained: it.trained };""",
                {"state": inside.state({"two": model}, faces)})
    assert found["before"] == found["after"] == found["trained"]
    model.network.hourglasses[0][0].inner.skip.register_forward_hook(lambda m, i, out: torch.zeros_like(out))
    expected = predict(model, faces.images[:1])[0][0]
    np.testing.assert_allclose(found["cut"][-1], expected, atol=1e-3)
    assert np.abs(expected - found["before"][-1]).max() > 0.1


def test_half_of_a_gradient_is_near_its_centre_or_far_away():
    yy, xx = np.mgrid[:96, :96]
    distance = np.hypot(xx - 30, yy - 60)
    asked = [(distance == 0), (np.abs(distance - 20) < 0.5), (distance < 12)]
    found = run("inside_state", "return input.map((values) => halfRadius(values, 30, 60));",
                [a.astype(float).ravel().tolist() for a in asked])
    assert found == [0, pytest.approx(20, abs=0.5), pytest.approx(12 / 2**0.5, abs=0.3)]


def test_weights_travel_without_loss_and_the_rest_is_refused(faces):
    model = load_pretrained("hourglass-s-synthetic")
    assert inside.weights(model).nbytes < 500_000
    fresh = create_model("hourglass-s", channels=8, depth=2)
    torch.nn.init.normal_(fresh.network.heads[0].weight)  # not numbers of 16 bits
    found = run("inside_state", "return [...readWeights(bytes(input)).weights.get('heads.0.weight').values];",
                inside.packed(inside.weights(fresh)))
    np.testing.assert_array_equal(np.float32(found), fresh.network.heads[0].weight.detach().flatten())
    for name, wrong in (("resnet18", {}), ("hourglass-s", {"in_channels": 3}), ("hourglass-2", {}),
                        ("hourglass-s", {"stem_pool": True, "depth": 3}),
                        ("hourglass-s", {"head": {"decoder": "dark"}})):
        with torch.device("meta"):
            model = create_model(name, **wrong)
        with pytest.raises(InputError, match="Expected"):
            inside.state({"it": model}, faces)
    model = load_pretrained("hourglass-s-synthetic")
    with pytest.raises(InputError, match="Expected grey faces of 64 x 64"):
        inside.state({"it": create_model("hourglass-s", size=64, depth=3)}, faces)
    with pytest.raises(InputError, match="1 to 100 faces"):
        inside.state({"it": model}, faces.select(slice(0)))
