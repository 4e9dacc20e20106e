"""``python -m book.experiments.face_detector OUT_DIR``: train the network of :mod:`facekp.photo.face_maps`.

It learns from crops of 96 x 96 pixels: clutter with synthetic people pasted in, and, with ``--faces``, photographs
of faces too. The photographs show the inside of a face only, so they are pasted through soft ellipses. Pieces of faces,
faces with their parts shuffled and bits of clutter are pasted in the same way, and are no faces.
"""

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image

from book.experiments.scenes import Person, camera, clutter, paste, person
from facekp.cli import main
from facekp.cli.arguments import Source
from facekp.data import load
from facekp.errors import InputError
from facekp.files import sha256, write_json
from facekp.models import stored
from facekp.photo import face_maps
from facekp.pretrained import RESEARCH
from facekp.training.record import commit, environment

SIZE, MOST = 96, 3  # of a training crop; faces in one
HELD_OUT = 0.15  # the last rows of each source of photographs


def cut(image: np.ndarray, rng: np.random.Generator, tilt: float = 30.0) -> Person:
    """A square image (n, n) uint8 through a soft ellipse, or now and then whole, turned by up to ``tilt`` degrees."""
    n = len(image)
    rows, columns = (np.mgrid[:n, :n] - (n - 1) / 2) / n
    wide, tall, soft = rng.uniform(0.40, 0.62), rng.uniform(0.50, 0.75), rng.uniform(0.03, 0.25)
    cover = ((1 - np.sqrt((columns / wide) ** 2 + (rows / tall) ** 2)) / soft).clip(0, 1)
    if rng.random() < 0.15:
        cover = np.ones((n, n))
    angle, room = float(rng.uniform(-tilt, tilt)), n // 4
    turned = Image.fromarray(np.pad(image, room, mode="edge")).rotate(angle, Image.Resampling.BILINEAR)
    cover = np.asarray(Image.fromarray(np.pad(cover, room).astype(np.float32)).rotate(angle, Image.Resampling.BILINEAR))
    grey = np.asarray(turned, np.float32) / 255 * rng.uniform(0.7, 1.2)
    return Person((grey * cover).clip(0, 1), cover, np.array([n / 2 + room] * 2), float(n))


def no_face(images: np.ndarray, rng: np.random.Generator, backgrounds: list[np.ndarray]) -> Person:
    """A piece of a face, a face whose parts are shuffled, or a bit of clutter, as :func:`cut` would show a face."""
    kind, n = rng.integers(3), images.shape[1]
    image = images[rng.integers(len(images))]
    if kind == 0:  # at most a quarter of the face, off its centre
        y, x = rng.choice([0, n // 2], 2)
        image = image[y : y + n // 2, x : x + n // 2]
    elif kind == 1:
        parts = image.reshape(3, n // 3, 3, n // 3).swapaxes(1, 2).reshape(9, n // 3, n // 3)
        image = rng.permutation(parts).reshape(3, 3, n // 3, n // 3).swapaxes(1, 2).reshape(n, n)
    else:
        image = (crop(backgrounds, rng, n) * 255).astype(np.uint8)
    return cut(image, rng, tilt=180)


def crop(backgrounds: list[np.ndarray], rng: np.random.Generator, size: int) -> np.ndarray:
    """(size, size) float32 of one of the backgrounds, at any scale."""
    image = backgrounds[rng.integers(len(backgrounds))]
    side = int(rng.uniform(0.3, 1) * len(image))
    y, x = rng.integers(0, len(image) - side + 1, 2)
    piece = Image.fromarray(image[y : y + side, x : x + side])
    return np.array(piece.resize((size, size), Image.Resampling.BILINEAR))


def example(rng: np.random.Generator, people: list[Person], photographs: np.ndarray | None, shapes: np.ndarray,
            backgrounds: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """A training crop (96, 96) uint8 and its faces (MOST, 3): centre x, y (pixel-index) and side, or NaN."""
    image, faces, taken = crop(backgrounds, rng, SIZE), np.full((MOST, 3), np.nan, np.float32), []
    for i in range(rng.integers(1, MOST + 2)):
        low, high = (np.log(22), np.log(60)) if rng.random() < 0.75 else (np.log(10), np.log(200))
        side = float(np.exp(rng.uniform(low, high)))
        x, y = rng.uniform(-0.1 * side, SIZE + 0.1 * side, 2)
        if any(max(abs(x - a), abs(y - b)) < 0.75 * (side + s) for a, b, s in taken):
            continue
        taken.append((x, y, side))
        if i >= MOST or rng.random() < 0.25:
            paste(image, no_face(shapes, rng, backgrounds), x, y, side)
            continue
        real = photographs is not None and rng.random() < 0.5
        who = cut(photographs[rng.integers(len(photographs))], rng) if real else people[rng.integers(len(people))]
        paste(image, who, x, y, side, bool(rng.random() < 0.5))
        faces[i] = x - 0.5, y - 0.5, side
    return camera(image, rng), faces


def stored_person(who: Person) -> Person:
    """The same in half the size, which is enough for 96 pixels."""
    half = [np.asarray(Image.fromarray(a).reduce(2)) for a in (who.grey, who.cover)]
    return Person(half[0], half[1], who.centre / 2, who.side / 2)


def train(steps: int, seed: int, photographs: np.ndarray | None, start: Path | None, people: int, lr: float
          ) -> tuple[torch.nn.Module, list[dict]]:
    """The network after ``steps`` batches of 16 crops, and its losses."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    backgrounds = [clutter(rng, 512, 512) for _ in range(people // 5)]
    crowd = [stored_person(person(rng)) for _ in range(people)]
    shapes = photographs if photographs is not None else np.stack(
        [(w.grey[21:69, 24:72] * 255).astype(np.uint8) for w in crowd[:300]])
    network = face_maps.from_file(start) if start else face_maps.create_network()
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, pct_start=0.1)
    curve, began, losses = [], time.perf_counter(), []
    for step in range(1, steps + 1):
        images, faces = zip(*(example(rng, crowd, photographs, shapes, backgrounds) for _ in range(16)), strict=True)
        x = face_maps.scaled(torch.from_numpy(np.stack(images)))
        loss = face_maps.loss(network(x)[-1], torch.from_numpy(np.stack(faces)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
        if step % 50 == 0 or step == steps:
            curve.append({"step": step, "loss": round(float(np.mean(losses)), 4),
                          "seconds": round(time.perf_counter() - began)})
            losses = []
            typer.echo(f"{curve[-1]}")
    return network.eval(), curve


def of_training(path: str) -> np.ndarray:
    """The photographs to learn from: of each source all rows but the last ``HELD_OUT``, and none of their copies."""
    faces = load(path, pixel_offset=0.5, progress=True)
    first = int(np.isfinite(faces.keypoints).all((1, 2)).nonzero()[0].max()) + 1  # rows of the second source follow
    rows = np.arange(len(faces))
    held = np.where(rows < first, rows >= (1 - HELD_OUT) * first, rows >= first + (1 - HELD_OUT) * (len(faces) - first))
    unseen = {image.tobytes() for image in faces.images[held]}
    return np.stack([image for image in faces.images[~held] if image.tobytes() not in unseen])


app = typer.Typer(add_completion=False)


@app.command()
def face_detector(
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="The weights and their card.")],
    faces: Annotated[Source | None, typer.Option("--faces", help="Photographs to learn from, too.")] = None,
    steps: Annotated[int, typer.Option(help="Batches of 16 crops.")] = 3000,
    seed: Annotated[int, typer.Option()] = 0,
    people: Annotated[int, typer.Option(help="Synthetic people to draw.")] = 2000,
    lr: Annotated[float, typer.Option(help="The highest learning rate.")] = 2e-3,
    start: Annotated[Path | None, typer.Option(help="Weights to start from.")] = None,
) -> None:
    """Train the face detector; write face-maps.safetensors and its card."""
    if steps < 1 or people < 10:
        raise InputError(f"Expected 1 step or more and 10 people or more; found {steps} and {people}.")
    photographs = None if faces is None else of_training(faces)
    network, curve = train(steps, seed, photographs, start, people, lr)
    halves = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    path = stored.write(out / face_maps.WEIGHTS.name, halves, {"model": "face-maps"})
    write_json(path.with_suffix(".json"), {
        "name": "face-maps", "parameters": sum(p.numel() for p in network.parameters()),
        "licence": "MIT" if photographs is None else RESEARCH, "people": people,
        "photographs": 0 if photographs is None else len(photographs), "steps": steps, "seed": seed, "lr": lr,
        "start": None if start is None else sha256(start), "curve": curve, "commit": commit(),
        "environment": environment(), "sha256": sha256(path),
    })


if __name__ == "__main__":
    main(app)
