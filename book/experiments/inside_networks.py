"""``python -m book.experiments.inside_networks FOLDER OUT.json``: the two small networks beside the shipped hourglass.

*Look inside a network* shows what a second stack does and what a coordinate head does. Both networks are trained on the
432 synthetic faces of the chapters, in about two minutes, and are stored with 16 bits a parameter. Weights that are
there already are kept. The record holds their errors on 48 other faces (of the hourglass, those of each stack), and for
the eight faces of the book: the error of the shipped hourglass with each of its branches cut, and the radius around the
right eye's centre that holds half of the gradient of its map's peak, or of its x coordinate.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from facekp import metrics
from facekp.chapter import eight_faces
from facekp.cli import main
from facekp.data.faces import Faces
from facekp.files import sha256, write_json
from facekp.models import KeypointModel, create_model, load_model, stored
from facekp.models.hourglass import Hourglass
from facekp.predict import predict, to_float
from facekp.pretrained import load_pretrained
from facekp.results import environment
from facekp.synthetic import cached
from facekp.training import TrainConfig, fit

NETWORKS = {
    "hourglass-two-stacks": ("hourglass-s", {"channels": 24, "stacks": 2},
                             TrainConfig(epochs=10, batch_size=8, lr=4e-3, ema=0.97, device="cpu")),
    "cnn3-small": ("cnn3", {"channels": 8, "hidden": 64, "dropout": 0.0},
                   TrainConfig(epochs=60, batch_size=16, lr=2e-3, ema=0.99, device="cpu")),
}
FACES, HELD_OUT = 480, 0.1


@torch.no_grad()
def each_stack(model: KeypointModel, faces: Faces) -> list[float]:
    """RMSE in px of the points decoded from the maps of each stack."""
    raw = model.eval()(to_float(torch.from_numpy(faces.images)))
    return [round(float(metrics.rmse(model.head.decode(maps)[0].numpy(), faces.keypoints)), 4) for maps in raw]


def trained(name: str, train: Faces, test: Faces, folder: Path) -> dict:
    """Train one network unless ``folder`` has its weights; its entry in the record."""
    network, options, config = NETWORKS[name]
    path = folder / f"{name}.safetensors"
    if not path.is_file():
        torch.manual_seed(config.seed)
        model = create_model(network, **options)
        fit(model, train, test, config, progress=False)
        halves = {k: v.half() if v.is_floating_point() else v for k, v in model.cpu().state_dict().items()}
        stored.write(path, halves, model.config())
    model = load_model(path)
    entry = {"parameters": sum(p.numel() for p in model.parameters()), "epochs": config.epochs, "sha256": sha256(path),
             "mean_face_rmse": round(float(metrics.mean_face_rmse(train.keypoints, test.keypoints)), 4),
             "rmse": round(float(metrics.rmse(predict(model, test)[0], test.keypoints)), 4)}
    return entry | ({"rmse_per_stack": each_stack(model, test)} if options.get("stacks") else {})


def cut(model: KeypointModel, faces: Faces) -> dict[str, float]:
    """RMSE in px of a one-stack hourglass: as trained, then with zeros for one branch at one resolution."""
    def error() -> float:
        return round(float(metrics.rmse(predict(model, faces)[0], faces.keypoints)), 4)

    level, size, found = model.network.hourglasses[0][0], 48, {"as trained": error()}
    while isinstance(level, Hourglass):
        for branch, part in (("skip", level.skip), ("below", level.after)):
            hook = part.register_forward_hook(lambda module, inputs, output: torch.zeros_like(output))
            found[f"{branch} {size}"] = error()
            hook.remove()
        level, size = level.inner, size // 2
    return found


def half_radius(model: KeypointModel, faces: Faces) -> float:
    """The radius in px around the right eye's centre with half of its absolute gradient; median over faces."""
    k, radii = model.scheme.index("right_eye_center")[0], []
    for image, point in zip(faces.images, faces.keypoints[:, k], strict=True):
        x = model.normalise(to_float(torch.from_numpy(image[None]))).requires_grad_()
        raw = model.eval().network(x)
        value = raw[-1][0, k].max() if isinstance(raw, list) else raw[0, 2 * k]
        gradient, = torch.autograd.grad(value, x)
        distance = np.hypot(*(np.mgrid[: len(image), : len(image)] - point[::-1, None, None])).ravel()
        part = gradient.abs().double().flatten().numpy()[distance.argsort()].cumsum()
        radii.append(np.sort(distance)[np.searchsorted(part, part[-1] / 2)])
    return round(float(np.median(radii)), 1)


def sees(depth: int = 4) -> dict[str, int]:
    """Width in image pixels of what a cell sees that enters each level, by resolution; away from the border."""
    width, step, size, found = 7 + 3 * 2 * 2, 2, 48, {}  # a 7x7 convolution of stride 2, three of 3x3
    for _ in range(depth + 1):
        found[str(size)] = width
        width, step, size = width + step + 2 * 2 * step, 2 * step, size // 2  # 2x2 pooling, a 3x3 convolution
    return found


app = typer.Typer(add_completion=False)


@app.command()
def run(folder: Annotated[Path, typer.Argument(help="for the weights")],
        out: Annotated[Path, typer.Argument(help="the record, a .json file")]) -> None:
    """Train the networks and write their record."""
    train, test = cached(FACES).split(held_out=HELD_OUT, seed=0)
    folder.mkdir(parents=True, exist_ok=True)
    networks = {name: trained(name, train, test, folder) for name in NETWORKS}
    shipped, eight = load_pretrained("hourglass-s-synthetic"), eight_faces()
    radii = {"hourglass-s-synthetic": half_radius(shipped, eight),
             "cnn3-small": half_radius(load_model(folder / "cnn3-small.safetensors"), eight)}
    write_json(out, {"faces": len(train), "held_out": len(test), "networks": networks, "cut": cut(shipped, eight),
                     "gradient_half_radius": radii, "sees": sees(), "hidden": NETWORKS["cnn3-small"][1]["hidden"],
                     "shipped_rmse": round(float(metrics.rmse(predict(shipped, test)[0], test.keypoints)), 4),
                     "environment": environment()})


if __name__ == "__main__":
    main(app)
