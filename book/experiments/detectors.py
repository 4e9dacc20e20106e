"""``python -m book.experiments.detectors OUT.json``: how many faces each detector finds, and how often it is wrong.

Generated scenes hold 0 to 6 people, 40 to 400 pixels wide and turned up to 30 degrees, in front of clutter. With
``--faces``, images of faces that the network was not trained on are pasted into the same clutter through soft ellipses.
A detector that OpenCV lacks here, or whose weights were not downloaded, has no row.
"""

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from book.experiments.face_detector import cut
from book.experiments.scenes import camera, clutter, paste, scene
from facekp.cli import main
from facekp.errors import InputError
from facekp.files import write_json
from facekp.images import Box
from facekp.photo import detect, face_maps
from facekp.photo.detector import METHODS
from facekp.training.record import environment

SMALLEST = 0.03  # of the photo's longer side: 38 of 1280 pixels
HIT = 0.4  # intersection over union: a crop that a keypoint network still takes
SIDES = ((40, 80), (80, 160), (160, 401))


def pasted(images: np.ndarray, seed: int, height: int = 960, width: int = 1280) -> tuple[np.ndarray, list[Box]]:
    """Up to six of the images (N, n, n), each the crop of a face, in front of clutter: the photo and their crops."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(4,)))
    image, boxes = clutter(rng, height, width), []
    for side in sorted(np.exp(rng.uniform(*np.log((40, 400)), rng.integers(0, 7))), reverse=True):
        x, y = rng.uniform(0.7 * side, width - 0.7 * side), rng.uniform(0.7 * side, height - 0.7 * side)
        if all(max(abs(x - b.x - b.width / 2), abs(y - b.y - b.width / 2)) > 0.9 * (side + b.width) for b in boxes):
            boxes.append(Box(x - side / 2, y - side / 2, side, side))
            paste(image, cut(images[rng.integers(len(images))], rng), x, y, side)
    return camera(image, rng), boxes


def compare(found: list[Box], true: list[Box]) -> tuple[list[int], int, list[float]]:
    """The numbers of the faces found, how many boxes are no face's, and the overlap of each face that was found."""
    free, hits, overlaps, wrong = set(range(len(true))), [], [], 0
    for box in found:
        best = max(free, key=lambda i: face_maps.iou(box, true[i]), default=None)
        if best is None or face_maps.iou(box, true[best]) < HIT:
            wrong += 1
            continue
        free.remove(best)
        hits.append(best)
        overlaps.append(face_maps.iou(box, true[best]))
    return hits, wrong, overlaps


def measure(method: str, scenes: list[tuple[np.ndarray, list[Box]]]) -> dict:
    """Recall (all faces and by size), false alarms per scene, mean overlap and seconds per scene of one detector."""
    hits, wrong, overlaps, sides, seconds = [], 0, [], [], 0.0
    for pixels, true in scenes:
        began = time.process_time()
        found = detect(pixels, SMALLEST, method)
        seconds += time.process_time() - began
        seen, mistakes, shared = compare(found, true)
        hits += [i in seen for i in range(len(true))]
        sides += [b.width for b in true]
        wrong += mistakes
        overlaps += shared
    by_size = {}
    for low, high in SIDES:
        inside = [hit for hit, side in zip(hits, sides, strict=True) if low <= side < high]
        by_size[f"{low} to {high - high % 10} px"] = {"faces": len(inside), "recall": round(float(np.mean(inside)), 3)}
    return {"faces": len(hits), "recall": round(float(np.mean(hits)), 3), "by_size": by_size, "scenes": len(scenes),
            "false_alarms": wrong, "mean_overlap": round(float(np.mean(overlaps)), 3) if overlaps else None,
            "cpu_seconds_per_scene": round(seconds / len(scenes), 3)}


app = typer.Typer(add_completion=False)


@app.command()
def detectors(
    out: Annotated[Path, typer.Argument(metavar="OUT.json", help="The record.")],
    faces: Annotated[Path | None, typer.Option(help="An .npz with test_images (N, 96, 96) of others.")] = None,
    scenes: Annotated[int, typer.Option(help="How many of each kind.")] = 100,
) -> None:
    """Measure recall and false alarms of every detector that is here."""
    if scenes < 7:
        raise InputError(f"Expected 7 scenes or more; found {scenes}.")
    kinds = {"generated scenes": [scene(10_000 + i, i % 7) for i in range(scenes)]}
    if faces is not None:
        images = np.load(faces)["test_images"]
        kinds["photographs in clutter"] = [pasted(images, 20_000 + i) for i in range(scenes)]
    record: dict = {"format": 1, "smallest": SMALLEST, "hit": HIT, "weights": face_maps.card(), "kinds": {},
                    "environment": environment()}
    for kind, drawn in kinds.items():
        record["kinds"][kind] = {}
        for method in METHODS:
            try:
                record["kinds"][kind][method] = measure(method, drawn)
            except InputError as e:
                typer.echo(f"{method}: {e}")
                continue
            typer.echo(f"{kind}, {method}: {record['kinds'][kind][method]}")
    write_json(out, record)


if __name__ == "__main__":
    main(app)
