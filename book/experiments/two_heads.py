"""``python -m book.experiments.two_heads OUT.json``: regression and heatmap, epoch by epoch, then on changed faces.

Two networks learn from the same synthetic faces for the same number of epochs: ``cnn3``, which predicts coordinates,
and ``hourglass-s``, which predicts heatmaps. After every epoch each is asked for the points of the book's eight faces;
after training, for the points of those faces in-plane rotated, blurred and with a disc over the subject's right eye.
The record feeds two widgets; it is one run of each network, with one seed. Points are pixels, rounded to 0.1.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from facekp.augment import about_centre, blur, warp_images, warp_points
from facekp.chapter import eight_faces
from facekp.cli import main
from facekp.data.faces import Faces
from facekp.files import write_json
from facekp.keypoints import KAGGLE
from facekp.models import KeypointModel, create_model
from facekp.predict import as_tensor, predict, to_float
from facekp.results import commit, environment
from facekp.synthetic import cached
from facekp.training import fit
from facekp.training.recipes import recipe

NETWORKS = ("cnn3", "hourglass-s")
PATCH = 25  # grey value of the disc
AMOUNTS = {"turn": np.arange(-90, 91, 5), "blur": np.arange(0, 6.1, 0.5), "cover": np.arange(0, 21, 2)}


def turned(faces: Faces, degrees: float) -> Faces:
    """The faces and their points rotated clockwise about the image's centre."""
    size, n = faces.images.shape[1:3], len(faces)
    zero, one = torch.zeros(n), torch.ones(n)
    matrix = about_centre(size, torch.full((n,), np.radians(degrees)), one, zero.bool(), zero, zero)
    images = warp_images(to_float(as_tensor(faces.images)), matrix)
    points = warp_points(as_tensor(faces.keypoints), matrix).numpy()
    return replace(faces, images=to_bytes(images), keypoints=points)


def blurred(faces: Faces, sigma: float) -> Faces:
    """The faces under a Gaussian of ``sigma`` pixels."""
    if not sigma:
        return faces
    images = to_float(as_tensor(faces.images))
    return replace(faces, images=to_bytes(blur(images, torch.full((len(faces),), float(sigma)), float(sigma))))


def covered(faces: Faces, radius: float) -> Faces:
    """The faces with a dark disc of ``radius`` pixels around the centre of the right eye."""
    y, x = np.mgrid[: faces.images.shape[1], : faces.images.shape[2]]
    eye = faces.keypoints[:, KAGGLE.names.index("right_eye_center")]
    far = np.hypot(x - eye[:, 0, None, None], y - eye[:, 1, None, None]) >= radius
    return replace(faces, images=np.where(far, faces.images, PATCH).astype(np.uint8))


def to_bytes(images: Tensor) -> np.ndarray:
    """(N, 1, H, W) in [0, 1] as (N, H, W) uint8."""
    return (255 * images[:, 0]).round().clamp(0, 255).byte().numpy()


CHANGES: dict[str, Callable[[Faces, float], Faces]] = {"turn": turned, "blur": blurred, "cover": covered}


def points_of(model: KeypointModel, faces: Faces) -> list[list[float]]:
    """One list (x0, y0, x1, ...) for each face."""
    return predict(model, faces)[0].reshape(len(faces), -1).round(1).tolist()


def trained(name: str, train: Faces, test: Faces, epochs: int, seed: int) -> dict:
    """One network's entry of the record: its curve, its points after each epoch and under each change."""
    torch.manual_seed(seed)
    model, eight, by_epoch = create_model(name), eight_faces(), []
    record = fit(model, train, test, recipe(name, epochs=epochs, batch_size=16, seed=seed),
                 callback=lambda line, averaged: by_epoch.append(points_of(averaged, eight)))
    changes = {kind: [points_of(model, change(eight, float(amount))) for amount in AMOUNTS[kind]]
               for kind, change in CHANGES.items()}
    keep = ("epoch", "loss", "val_rmse", "mean_face_rmse", "lr", "seconds")
    return {"name": name, "parameters": record["parameters"], "config": record["config"], "by_epoch": by_epoch,
            "curve": [{key: line[key] for key in keep} for line in record["curve"]], "changes": changes}


app = typer.Typer(add_completion=False)


@app.command()
def two_heads(
    out: Annotated[Path, typer.Argument(metavar="OUT_JSON", help="The record.")],
    faces: Annotated[int, typer.Option("--faces", help="Synthetic faces, a tenth of them held out.")] = 480,
    epochs: Annotated[int, typer.Option("--epochs", help="Of each run.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Of both networks.")] = 0,
) -> None:
    """Train a regression and a heatmap network on the same faces and keep their points, epoch by epoch."""
    train, test = cached(faces).split(0.1, 0)
    write_json(out, {
        "data": {"train": len(train), "test": len(test), "source": f"synthetic faces, cached({faces})"},
        "amounts": {kind: amounts.tolist() for kind, amounts in AMOUNTS.items()},
        "networks": [trained(name, train, test, epochs, seed) for name in NETWORKS],
        "environment": environment(), "commit": commit(),
    }, indent=None)


if __name__ == "__main__":
    main(app)
