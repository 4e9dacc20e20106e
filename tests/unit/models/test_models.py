"""What every network of the registry must do.

Full-size networks are built on torch's "meta" device, where tensors have a shape and no numbers: that costs
nothing. Numbers are tested on the same networks with fewer channels and blocks (``small.SMALL``).
"""

from urllib.error import URLError

import pytest
import torch
import torchvision
from small import FIVE, SMALL, as_list, blob_faces, randomise_zero_layers, scheme_of, small

from facekp import heatmaps
from facekp.errors import InputError
from facekp.heads import CoordinateHead, DSNTHead, HeatmapHead, LGCNHead, SimCCHead
from facekp.models import MODELS, create_model, load_model, save_model, stored

every_model = pytest.mark.parametrize("name", list(MODELS))


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def test_every_small_network_is_in_the_registry():
    assert set(SMALL) == set(MODELS)


@every_model
@pytest.mark.parametrize("K", [15, 5])
def test_output_shapes_of_the_full_network(name, K):
    with torch.device("meta"):
        model = create_model(name, scheme_of(K)).eval()
        raw = as_list(model(torch.rand(3, 1, 96, 96)))
    for tensor in raw:
        if isinstance(model.head, CoordinateHead):
            assert tensor.shape == (3, 2 * K)
        elif isinstance(model.head, SimCCHead):
            assert tensor.shape == (3, K, 2, 192)
        else:
            n = 96 // model.head.stride
            assert tensor.shape == (3, K, n, n)


@every_model
@pytest.mark.parametrize(("K", "B"), [(15, 3), (5, 3), (1, 1)])
def test_finite_points(name, K, B):
    model = small(name, scheme_of(K)).eval()
    randomise_zero_layers(model)
    raw = model(torch.rand(B, 1, model.size, model.size))
    points, confidence = model.head.decode(raw)
    assert points.shape == (B, K, 2)
    assert confidence.shape == (B, K)
    assert points.isfinite().all()
    assert model.head.loss(raw, points).isfinite()


@every_model
def test_every_parameter_gets_a_gradient(name):
    """After one step, that is: behind a layer that starts at 0 there is no gradient in the first."""
    model = small(name).train()
    images, points = blob_faces(model.size)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(2):
        optimizer.zero_grad()
        model.head.loss(model(images), points).backward()
        optimizer.step()
    for parameter_name, p in model.named_parameters():
        assert p.grad is not None, parameter_name
        assert p.grad.isfinite().all(), parameter_name
        # A bias right before a batch norm is taken off again: its gradient is 0, up to rounding.
        assert parameter_name.endswith("bias") or (p.grad != 0).any(), parameter_name


@every_model
def test_a_batch_of_two_is_two_singles(name):
    """In float64, so that 1e-5 tests the network and not how float32 sums are ordered for another batch size."""
    model = small(name).double()
    images = torch.rand(4, 1, model.size, model.size, dtype=torch.float64)
    model.train()(images)  # batch-norm statistics that are not 0 and 1
    randomise_zero_layers(model)
    model.eval()
    with torch.no_grad():
        both = as_list(model(images[:2]))
        singles = [as_list(model(images[i : i + 1])) for i in range(2)]
    for j, raw in enumerate(both):
        assert raw.std() > 0
        for i in range(2):
            assert (raw[i] - singles[i][j][0]).abs().max() < 1e-5


@every_model
def test_save_and_load(name, tmp_path):
    model = small(name)
    model.train()(torch.rand(4, 1, model.size, model.size))
    back = load_model(save_model(model, tmp_path / "model.safetensors"))
    assert back.head == model.head
    assert (back.name, back.size, back.scheme) == (model.name, model.size, model.scheme)
    state, other = model.state_dict(), back.state_dict()
    assert list(state) == list(other)
    assert all(torch.equal(state[k], other[k]) for k in state)
    images = torch.rand(2, 1, model.size, model.size)
    model.eval()
    with torch.no_grad():
        assert torch.equal(as_list(model(images))[-1], as_list(back(images))[-1])
    again = load_model(save_model(back, tmp_path / "again.safetensors"))
    assert again.config() == back.config()


def test_weights_with_the_names_of_version_0_1(tmp_path):
    """Its FCN-8 called the backbone a trunk."""
    model = create_model("fcn8-s").eval()
    earlier = {k.replace("network.backbone.", "network.trunk."): v for k, v in model.state_dict().items()}
    assert earlier.keys() != model.state_dict().keys()
    path = stored.write(tmp_path / "earlier.safetensors", earlier, model.config())
    for name, weights in load_model(path).state_dict().items():
        assert torch.equal(weights, model.state_dict()[name])


@every_model
def test_learns_eight_faces_by_heart(name):
    _, steps, rate = SMALL[name]
    model = small(name).train()
    images, points = blob_faces(model.size)
    optimizer = torch.optim.Adam(model.parameters(), lr=rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps, pct_start=0.2)
    for step in range(1, steps + 1):
        loss = model.head.loss(model(images), points)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 10 == 0 and error_on(model, images, points) < 1:
            return
    raise AssertionError(f"After {steps} steps still {error_on(model, images, points):.2f} px off")


def error_on(model, images, points) -> float:
    """RMSE in pixels, as the model predicts; it goes on in training mode."""
    with torch.no_grad():
        found, _ = model.eval().head.decode(model(images))
    model.train()
    return (found - points).square().mean().sqrt().item()


# ---- create_model --------------------------------------------------------------------------------


def test_unknown_names_and_options():
    for call, message in (
        (lambda: create_model("hourglass-3"), "hourglass-2"),
        (lambda: create_model("unet", wings=2), "'wings'. Known: channels, depth"),
        (lambda: create_model("unet", num_keypoints=2), "num_keypoints"),
        (lambda: create_model("unet", channels="many"), "like 64, a whole number above 0; found 'many'"),
        (lambda: create_model("hourglass-2", stacks=0), "found 0"),
        (lambda: create_model("fcn8", dropout=-1), "found -1"),
        (lambda: create_model("fcn8", kernel=4), "odd"),
        (lambda: create_model("parts", detector_stride=1), "nearest is 2"),
        (lambda: create_model("lgcn", layers=(5, 10)), "three"),
        (lambda: create_model("resnet18", blocks=(2, 2)), "four"),
        (lambda: create_model("resnet18", blocks=(1, 1, 1, 1), pretrained=True), "leave|only"),
        (lambda: create_model("vgg16", width=0.5, pretrained=True), "width=1 only"),
        (lambda: create_model("unet", head={"wings": 2}), "'wings'. Known: stride, sigma"),
        (lambda: create_model("unet", head={"stride": 2}), "network's, 1; found 2"),
        (lambda: create_model("lgcn", head={"sigmas": (1, 2)}), "network's"),
        (lambda: create_model("unet", head={"sigma": "wide"}), "head's sigma to be like 3.0; found 'wide'"),
        (lambda: create_model("unet", head={"decoder": "dark", "decoder_options": {"radius": 2}}), "Known: blur"),
        (lambda: create_model("unet", head={"kind": "wings"}), "Known"),
        (lambda: create_model("cnn3", head={"kind": "dsnt"}), "reads maps"),
        (lambda: create_model("unet", head={"kind": "simcc"}), "reads distributions"),
        (lambda: create_model("simcc-s", head={"split": 3}), "network's, 2; found 3"),
        (lambda: create_model("simcc-s", layers=5), "1 to 4 stages"),
        (lambda: small("unet", head={"kind": "lgcn"}), "reads two maps"),
        (lambda: create_model("resnet18", depth=19), "19"),
        (lambda: small("parts", stage="final"), "final"),
    ):
        with pytest.raises(InputError, match=message):
            call()


@pytest.mark.parametrize(("name", "size", "message"), [
    ("unet", 100, "16"), ("hourglass-2", 80, "32"), ("fcn8", 48, "32"), ("parts", 48, "32"), ("lgcn-s", 97, "2"),
    ("simcc-s", 40, "16"), ("fcn24", 50, "4"), ("cnn3", 12, "at least 16"), ("vgg16", 31, "at least 32")])
def test_images_that_do_not_fit(name, size, message):
    with pytest.raises(InputError, match=message), torch.device("meta"):
        create_model(name, FIVE, size)


@pytest.mark.parametrize(("name", "size"), [("vgg16", 100), ("resnet18", 50), ("cnn3", 16), ("lgcn-s", 50)])
def test_images_of_odd_sizes_that_do(name, size):
    model = create_model(name, FIVE, size).eval()
    assert model.head.decode(model(torch.rand(1, 1, size, size)))[0].isfinite().all()


@pytest.mark.parametrize("decoder", list(heatmaps.DECODERS))
@pytest.mark.parametrize("name", ["unet", "lgcn-s", "parts-s"])
def test_every_decoder_on_every_kind_of_maps(name, decoder):
    model = small(name, head={"decoder": decoder}).eval()
    randomise_zero_layers(model)
    points, _ = model.head.decode(model(torch.rand(2, 1, model.size, model.size)))
    assert points.isfinite().all()


@pytest.mark.parametrize("name", ["unet", "hourglass-2", "lgcn-s"])
def test_another_head_on_the_same_network(name, tmp_path):
    model = small(name, head={"kind": "dsnt", "sigma": 1.5})
    assert model.head == DSNTHead(stride=small(name).head.stride, sigma=1.5)
    images, points = blob_faces(model.size)
    model.head.loss(model(images), points).backward()
    assert load_model(save_model(model, tmp_path / "m.safetensors")).head == model.head


def test_lgcn_can_have_plain_gaussians():
    model = small("lgcn-s", head={"kind": "heatmap"})
    assert model.head == HeatmapHead(stride=2)


@pytest.mark.parametrize("name", ["resnet18", "vgg16", "fcn8", "parts-s"])
def test_loading_never_downloads(name, tmp_path, monkeypatch):
    model = small(name)
    model.options = {**model.options, "pretrained": True}  # as if it had begun with ImageNet's weights

    def refuse(*args, **kwargs):
        raise AssertionError("a download")

    monkeypatch.setattr(torchvision.models, "get_model_weights", refuse)
    assert load_model(save_model(model, tmp_path / "m.safetensors")).options["pretrained"] is True


def test_pretrained_without_a_network(monkeypatch):
    def fail(*args, **kwargs):
        raise URLError("no route")

    monkeypatch.setattr(torchvision.models.ResNet18_Weights, "get_state_dict", fail)
    with pytest.raises(InputError, match="no route"):
        create_model("resnet18", pretrained=True)


def test_lists_for_tuples_as_the_command_line_has_them(tmp_path):
    model = create_model("lgcn-s", FIVE, 32, layers=[1, 1, 1], sigmas=[1, 2], head={"output_weights": [0.3, 0.7]})
    back = load_model(save_model(model, tmp_path / "m.safetensors"))
    assert back.head == model.head == LGCNHead(stride=2, sigmas=(1, 2), output_weights=(0.3, 0.7))


def test_what_is_not_in_the_registry_is_not_saved(tmp_path):
    model = small("unet")
    model.name = "mean face"
    with pytest.raises(InputError, match="mean face"):
        save_model(model, tmp_path / "m.safetensors")
