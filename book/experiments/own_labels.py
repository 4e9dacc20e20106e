"""``python -m book.experiments.own_labels book/results/own-labels.json``: how many labels does a useful network need?

Synthetic beetles stand for something that is not a face: a pool of 400, of which some are labelled, and 150 others for
the test. Every run trains the same compact hourglass for the same number of steps, one thread, under a minute. Four
questions, three seeds: random or chosen images; exact or noisy labels; fresh weights or those of faces; augmentation
with and without left/right pairs. The record is written after each run, and runs that it holds are not repeated.
"""

import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from facekp import metrics
from facekp.augment import Augment
from facekp.cli import main
from facekp.data.choose import label_order
from facekp.data.faces import Faces
from facekp.files import read_json, write_json
from facekp.keypoints import Scheme
from facekp.models import KeypointModel, create_model
from facekp.predict import predict
from facekp.results import environment
from facekp.synthetic import beetles, generate
from facekp.training import TrainConfig, fit

POOL, TEST = (400, 101), (150, 202)  # how many, and the seed
PARTS = ("curve", "changes", "longer")
STEPS, BATCH, SEEDS = 220, 16, (0, 1, 2)
NETWORK = {"channels": 32, "stem_pool": True}  # options of hourglass-s: 57,000 parameters, heatmaps of 16 x 16
AUGMENT = Augment(rotation=15, scale=0.15, shear=0, shift=3)


def network(scheme: Scheme, seed: int, given: KeypointModel | None = None) -> KeypointModel:
    """A small hourglass for images of 64 pixels, with the weights of ``given`` in all layers but the last."""
    torch.manual_seed(seed)
    model = create_model("hourglass-s", scheme, size=beetles.SIZE, **NETWORK)
    if given is not None:
        own = model.state_dict()
        model.load_state_dict(own | {k: v for k, v in given.state_dict().items() if v.shape == own[k].shape})
    return model


def train(labelled: Faces, seed: int, augment: Augment | None = AUGMENT, given: KeypointModel | None = None,
          steps: int = STEPS) -> KeypointModel:
    """A network trained for ``steps`` steps, however many images are labelled."""
    batch = min(BATCH, len(labelled))
    config = TrainConfig(epochs=round(steps / (len(labelled) // batch)), batch_size=batch, seed=seed, augment=augment,
                         lr=8e-3, ema=0.97, device="cpu")
    model = network(labelled.scheme, seed, given)
    fit(model, labelled, labelled.select(slice(2)), config, progress=False)
    return model


@cache
def face_network() -> KeypointModel:
    """The same network, trained on 320 synthetic faces of 64 pixels for three times as many steps."""
    faces = generate(320, seed=9)
    images = torch.from_numpy(faces.images)[:, None].float()
    small = torch.nn.functional.interpolate(images, beetles.SIZE, mode="bilinear", antialias=True)
    points = (faces.keypoints + 0.5) * beetles.SIZE / 96 - 0.5
    return train(Faces(small[:, 0].round().byte().numpy(), points), 0, steps=3 * STEPS)


def scores(model: KeypointModel, test: beetles.Beetles) -> dict:
    """RMSE in pixels, and the fraction of points within 20 % of the body's length; both also for each ground."""
    points, _ = predict(model, test.faces)
    truth = test.faces.keypoints
    near = metrics.normalised_errors(points, truth, test.faces.scheme) <= 0.2
    per_face = metrics.distances(points, truth).mean(1)
    return {"rmse": metrics.rmse(points, truth), "pck": float(near.mean()), "median_px": float(np.median(per_face)),
            "pck_per_ground": {g: float(near[test.grounds == i].mean()) for i, g in enumerate(beetles.GROUNDS)}}


def chosen(pool: Faces, have: np.ndarray, more: int, model: KeypointModel) -> np.ndarray:
    """Positions in the pool of ``more`` images to label next, where ``have`` are labelled already."""
    labelled = np.isin(np.arange(len(pool)), have)
    return label_order(pool.images, labelled, predict(model, pool)[1].mean(1))[:more]


def noisy(faces: Faces, pixels: float, seed: int) -> Faces:
    """The faces with Gaussian noise of ``pixels`` on every coordinate."""
    noise = np.random.default_rng(seed).normal(0, pixels, faces.keypoints.shape)
    return replace(faces, keypoints=(faces.keypoints + noise).astype(np.float32))


class Study:
    """The record, run by run."""

    def __init__(self, out: Path) -> None:
        self.out, self.pool, self.test = out, beetles.generate(*POOL), beetles.generate(*TEST)
        mean = metrics.mean_face(self.pool.faces.keypoints)
        baseline = np.broadcast_to(mean, self.test.faces.keypoints.shape)
        near = metrics.normalised_errors(baseline, self.test.faces.keypoints, beetles.BEETLE) <= 0.2
        self.record = read_json(out) if out.is_file() else {
            "pool": POOL[0], "test": TEST[0], "steps": STEPS, "batch": BATCH, "network": NETWORK, "grounds": dict(zip(
                beetles.GROUNDS, np.bincount(self.pool.grounds, minlength=4).tolist(), strict=True)),
            "mean_shape": {"rmse": metrics.rmse(baseline, self.test.faces.keypoints), "pck": float(near.mean())},
            "fingerprint": self.pool.faces.fingerprint(), "environment": environment(), "runs": []}

    def has(self, name: str, seed: int, labels: int) -> bool:
        """Whether the record holds this run."""
        return any((r["name"], r["seed"], r["labels"]) == (name, seed, labels) for r in self.record["runs"])

    def run(self, name: str, seed: int, labels: np.ndarray, faces: Faces | None = None, **how) -> KeypointModel | None:
        """Train, test and write one run unless the record has it; the model, None for a run of the record."""
        if self.has(name, seed, len(labels)):
            return None
        began = time.process_time()
        model = train(self.pool.faces.select(labels) if faces is None else faces, seed, **how)
        took = time.process_time() - began
        grounds = np.bincount(self.pool.grounds[labels], minlength=4).tolist()
        self.record["runs"].append({"name": name, "seed": seed, "labels": len(labels), "labelled_grounds": grounds}
                                   | scores(model, self.test) | {"cpu_seconds": round(took, 1)})
        write_json(self.out, self.record)
        print({k: v for k, v in self.record["runs"][-1].items() if k != "pck_per_ground"}, flush=True)
        return model

    def curve(self, seed: int) -> None:
        """Random images and chosen ones, from 10 labels to 300."""
        order, pool = np.random.default_rng(seed).permutation(len(self.pool.faces)), self.pool.faces
        first = self.run("random", seed, order[:25])
        for labels in (10, 50, 100, 300):
            self.run("random", seed, order[:labels])
        if not self.has("chosen", seed, 100):
            have, model = order[:25], first or train(pool.select(order[:25]), seed)
            for labels in (50, 100):
                have = np.concatenate([have, chosen(pool, have, labels - len(have), model)])
                model = self.run("chosen", seed, have) or (train(pool.select(have), seed) if labels < 100 else model)

    def changes(self, seed: int) -> None:
        """What else changes the error at 50 labels: augmentation, noise, weights of faces."""
        order, pool = np.random.default_rng(seed).permutation(len(self.pool.faces)), self.pool.faces
        some = pool.select(order[:50])
        self.run("no pairs", seed, order[:50], replace(some, scheme=replace(some.scheme, pairs=())))
        self.run("no augmentation", seed, order[:50], augment=None)
        self.run("noise of 3 px", seed, order[:50], noisy(some, 3, seed))
        if not self.has("from faces", seed, 50):
            self.run("from faces", seed, order[:50], given=face_network())


    def longer(self, seed: int) -> None:
        """Three times as many steps: does the training end too early for many labels?"""
        order = np.random.default_rng(seed).permutation(len(self.pool.faces))
        for labels in (300, 25):
            self.run("three times the steps", seed, order[:labels], steps=3 * STEPS)


app = typer.Typer(add_completion=False)


@app.command()
def own_labels(out: Annotated[Path, typer.Argument(metavar="OUT_JSON", help="The record.")],
               part: Annotated[str, typer.Option(help="all, curve, changes or longer.")] = "all") -> None:
    """Train some forty small networks on beetles."""
    torch.set_num_threads(1)
    study = Study(out)
    for name in PARTS if part == "all" else (part,):
        for seed in SEEDS:
            getattr(study, name)(seed)


if __name__ == "__main__":
    main(app)
