"""``python -m book.experiments.occlusion OUT.json``: what the part maps are worth where a mouth cannot be seen.

Small part networks are trained in three stages: the detector on open faces, then the regressor, then both on each face
twice, open and with its lower third painted grey. The control is the same regressor without a detector, for as many
steps on the same faces: its part maps are all zero. Faces are synthetic and downsampled to 48 x 48 pixels. The record
holds, for each seed, errors in pixels of these images.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor, nn

from facekp import heatmaps, metrics
from facekp.augment import Augment
from facekp.cli import main
from facekp.data.faces import Faces
from facekp.files import read_json, write_json
from facekp.heads import HeatmapHead
from facekp.models import KeypointModel, create_model
from facekp.models.parts import set_stage
from facekp.predict import to_float
from facekp.results import environment
from facekp.synthetic import cached
from facekp.training import TrainConfig, fit

OPTIONS: dict = {"size": 48, "channels": 64, "hourglass_depth": 3, "head": {"disc": 2.5, "sigma": 1.5}}
STAGES = {"detector": (10, 5e-3), "regressor": (6, 5e-3), "joint": (5, 2.5e-3)}  # epochs, learning rate
CONTROL = (16, 5e-3)  # 10 epochs of open faces and 11 of twice as many are 384 steps; so are these 16
GREY_FROM = 32  # the first grey row of 48


class ImageAlone(nn.Module):
    """(B, 1, H, W) -> maps (B, K, H, W): a regressor whose part maps are all zero."""

    def __init__(self, regressor: nn.Module, num_keypoints: int) -> None:
        super().__init__()
        self.regressor, self.K = regressor, num_keypoints

    def forward(self, images: Tensor) -> Tensor:
        nothing = images.new_zeros(len(images), self.K, *images.shape[2:])
        return self.regressor(torch.cat([images, nothing], dim=1))


def downsampled(faces: Faces) -> Faces:
    """The same faces with half as many pixels to a side, points and all."""
    N, H, W = faces.images.shape
    images = faces.images.reshape(N, H // 2, 2, W // 2, 2).mean((2, 4)).round().astype(np.uint8)
    return replace(faces, images=images, keypoints=heatmaps.to_heatmap(faces.keypoints, 2))


def masked(faces: Faces) -> Faces:
    """The same faces with grey from row ``GREY_FROM`` on; the points stay."""
    images = faces.images.copy()
    images[:, GREY_FROM:] = 128
    return replace(faces, images=images)


def both(faces: Faces) -> Faces:
    """Each face twice, open and masked."""
    pair = faces, masked(faces)
    return replace(faces, images=np.concatenate([p.images for p in pair]),
                   keypoints=np.concatenate([p.keypoints for p in pair]), rows=np.tile(faces.rows, 2))


@torch.no_grad()
def answers(model: KeypointModel, images: np.ndarray, image: bool = True, parts: bool = True) -> tuple[Tensor, Tensor]:
    """Part logits and maps, each (N, K, h, w); the regressor sees zeros in place of what is left out."""
    x = model.normalise(to_float(torch.from_numpy(images)).to(next(model.parameters()).device))
    network = model.eval().network
    if isinstance(network, ImageAlone):
        maps = network(x).cpu()
        return torch.full_like(maps, torch.nan), maps
    logits = network.detector(x)
    return logits.cpu(), network.regressor(torch.cat([x * image, logits.sigmoid() * parts], dim=1)).cpu()


def errors(model: KeypointModel, faces: Faces, mouth: list[int], **inputs: bool) -> dict[str, float]:
    """RMSE of all points of open faces and of the masked mouths, by the detector and by the regressor."""
    found = {}
    for case, shown, which in (("open", faces, list(range(len(faces.scheme)))), ("masked", masked(faces), mouth)):
        logits, maps = answers(model, shown.images, **inputs)
        head = create_model("parts-s", **OPTIONS).head
        for network, raw in (("detector", [logits]), ("regressor", [logits, maps])):
            if not (network == "detector" and logits.isnan().any()):
                points = head.decode(raw)[0].numpy()
                found[f"{case}, {network}"] = metrics.rmse(points[:, which], faces.keypoints[:, which])
    return found


def separation(model: KeypointModel, faces: Faces, mouth: list[int]) -> float:
    """ROC AUC: how often a visible point of the mouth has a higher peak in the detector's map than a hidden one."""
    seen, hidden = (heatmaps.peak(answers(model, f.images)[0].sigmoid())[:, mouth].flatten()
                    for f in (faces, masked(faces)))
    return (seen[:, None] > hidden).float().mean().item()


def run_seed(seed: int, train: Faces, test: Faces, mouth: list[int]) -> dict:
    """All errors of one seed: after each stage, without one input, and of the control."""
    settings = {"batch_size": 8, "seed": seed, "augment": Augment(rotation=10, shift=3)}
    torch.manual_seed(seed)
    model = create_model("parts-s", **OPTIONS)
    row: dict = {"seed": seed, "stages": {}, "separation": {}}
    for stage, (epochs, lr) in STAGES.items():
        set_stage(model, stage)
        fit(model, train if stage == "detector" else both(train), test,
            TrainConfig(epochs=epochs, lr=lr, **settings), progress=False)
        row["stages"][stage] = errors(model, test, mouth)
        row["separation"][stage] = separation(model, test, mouth)
    row["without the parts"] = errors(model, test, mouth, parts=False)
    row["without the image"] = errors(model, test, mouth, image=False)
    torch.manual_seed(seed)
    fresh = create_model("parts-s", **OPTIONS)
    network, head = ImageAlone(fresh.network.regressor, len(train.scheme)), HeatmapHead(stride=1, sigma=1.5)
    control = KeypointModel(network, head, train.scheme, name="regressor alone", size=48, options={})
    fit(control, both(train), test, TrainConfig(epochs=CONTROL[0], lr=CONTROL[1], **settings), progress=False)
    row["control"] = errors(control, test, mouth)
    return row


app = typer.Typer(add_completion=False)


@app.command()
def occlusion(
    out: Annotated[Path, typer.Argument(metavar="OUT_JSON", help="The record.")],
    seeds: Annotated[int, typer.Option("--seeds", help="How many.")] = 3,
    faces: Annotated[int, typer.Option("--faces", help="Training faces.")] = 96,
) -> None:
    """Train part networks and their control, and score both behind a mask. Seeds that OUT_JSON has are kept."""
    everything = downsampled(cached(480))
    train, test = everything.select(slice(faces)), everything.select(slice(faces, None))
    mouth = [i for i, name in enumerate(test.scheme.names) if name.startswith("mouth")]
    guess = np.broadcast_to(metrics.mean_face(train.keypoints), test.keypoints.shape)
    record: dict = {"faces": {"train": len(train), "test": len(test)}, "options": OPTIONS, "stages": STAGES,
                    "mean face": {"open": metrics.rmse(guess, test.keypoints),
                                  "masked": metrics.rmse(guess[:, mouth], test.keypoints[:, mouth])},
                    "environment": environment(),
                    "seeds": read_json(out)["seeds"] if out.is_file() else []}
    for seed in range(len(record["seeds"]), seeds):
        record["seeds"].append(run_seed(seed, train, test, mouth))
        write_json(out, record)
        print(seed, record["seeds"][-1], flush=True)


if __name__ == "__main__":
    main(app)
