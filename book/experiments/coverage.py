"""Whether radii contain the fraction of true points that they promise, and what they cost.

Two kinds of faces. Synthetic ones are as many as we like: calibrated on some, tested on others. Of photographs there
are few that the networks did not learn from, so these are cut in two halves at random, many times: calibrated on one
half, tested on the other. The record holds numbers alone.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from book.experiments.unseen import unseen
from facekp import heatmaps, metrics
from facekp.calibration import calibrate, from_errors, save_calibration
from facekp.cli import main
from facekp.cli.arguments import Source
from facekp.data import load
from facekp.data.faces import Faces
from facekp.files import write_json
from facekp.models import KeypointModel
from facekp.models.model import to_float
from facekp.predict import as_tensor, predict
from facekp.pretrained import FOLDER, load_pretrained
from facekp.results import commit
from facekp.synthetic import generate

COVERAGES = (0.5, 0.8, 0.9, 0.95)
SYNTHETIC, PHOTOGRAPHS = "hourglass-s-synthetic", ("hourglass-s", "parts-s", "lgcn-s")
SEED, CALIBRATE, TEST = 70001, 500, 1000  # of synthetic faces; the shipped networks learnt from other seeds
SPLITS = 200  # of the photographs, in halves


class Predicted:
    """Errors (N, K) in pixels and confidence (N, K) of one network on some faces."""

    def __init__(self, model: KeypointModel, faces: Faces) -> None:
        points, self.confidence = predict(model, faces)
        self.errors, self.names = metrics.distances(points, faces.keypoints), faces.scheme.names

    def calibration(self, rows: np.ndarray | slice = slice(None), scaled: bool = True):
        """From these rows; not ``scaled``: one radius per keypoint, whatever the confidence."""
        confidence = self.confidence if scaled else np.ones_like(self.confidence)
        return from_errors(self.errors[rows], confidence[rows], self.names)

    def tested(self, calibration, rows: np.ndarray | slice = slice(None), scaled: bool = True) -> dict[str, list[dict]]:
        """By coverage asked for: what is reached on these rows, and the mean radius."""
        errors, confidence = self.errors[rows], self.confidence[rows]
        fifth = confidence <= np.quantile(confidence, 0.2)
        out = {}
        for coverage in COVERAGES:
            radius = calibration.radius(confidence if scaled else np.ones_like(confidence), coverage)
            inside = errors <= radius
            out[f"{coverage:g}"] = {
                "reached": inside.mean(), "radius": radius.mean(), "least_certain_fifth": inside[fifth].mean(),
                "whole_faces": inside.all(axis=1).mean(), "worst_keypoint": inside.mean(axis=0).min(),
            }
        return out


def rank_correlation(confidence: np.ndarray, errors: np.ndarray) -> float:
    """Spearman's: 1 where each lower confidence has a larger error, 0 where one says nothing of the other."""
    ranks = [np.argsort(np.argsort(a.ravel(), kind="stable"), kind="stable") for a in (confidence, -errors)]
    return float(np.corrcoef(*ranks)[0, 1])


@torch.inference_mode()
def rank_correlations(model: KeypointModel, faces: Faces) -> dict[str, float]:
    """Of all points together, by the decoder that found them; the confidence is the peak's height for all."""
    found: dict[str, list] = {decoder: [] for decoder in heatmaps.DECODERS}
    for start in range(0, len(faces), 32):
        part = faces.select(slice(start, start + 32))
        raw = model(to_float(as_tensor(part.images)))
        for decoder in found:
            points, confidence = replace(model.head, decoder=decoder, decoder_options={}).decode(raw)
            found[decoder].append((confidence.numpy(), metrics.distances(points.numpy(), part.keypoints)))
    return {decoder: rank_correlation(*map(np.concatenate, zip(*parts, strict=True)))
            for decoder, parts in found.items()}


def halves(faces: Faces, seed: int) -> list[np.ndarray]:
    """Positions of two halves; exact copies of an image are in the same one."""
    parts = replace(faces, rows=np.arange(len(faces))).split(0.5, seed)
    return [part.rows for part in parts]


def split_in_halves(on: Predicted, faces: Faces) -> dict:
    """``tested`` as the mean over ``SPLITS`` random halves, with the standard deviation of what is reached."""
    rows = [halves(faces, seed) for seed in range(SPLITS)]
    out: dict = {}
    for kind, scaled in (("scaled", True), ("plain", False)):
        each = [on.tested(on.calibration(a, scaled), b, scaled) for a, b in rows]
        out[kind] = {c: {k: np.mean([e[c][k] for e in each]) for k in each[0][c]} |
                     {"reached_spread": np.std([e[c]["reached"] for e in each])} for c in each[0]}
    return out


def synthetic_entry(calibrate_on: Faces, test: Faces) -> dict:
    """The network of synthetic faces, calibrated and tested on such."""
    model = load_pretrained(SYNTHETIC)
    known, new = Predicted(model, calibrate_on), Predicted(model, test)
    return {"calibrated_on": len(calibrate_on), "tested_on": len(test),
            "rank_correlation": rank_correlations(model, test),
            **{kind: new.tested(known.calibration(scaled=scaled), scaled=scaled)
               for kind, scaled in (("scaled", True), ("plain", False))}}


def photographs_entry(name: str, faces: Faces) -> dict:
    """A network of photographs, on those that it did not learn from."""
    model = load_pretrained(name)
    return {"faces": len(faces), "fingerprint": faces.fingerprint(),
            "rank_correlation": rank_correlations(model, faces), **split_in_halves(Predicted(model, faces), faces)}


def moved_entry(calibrate_on: Faces, faces: Faces) -> dict:
    """The network of synthetic faces on photographs: with radii from synthetic faces, and from photographs."""
    model = load_pretrained(SYNTHETIC)
    known, new = Predicted(model, calibrate_on), Predicted(model, faces)
    return {"faces": len(faces), "rank_correlation": rank_correlations(model, faces),
            "calibrated_on_synthetic": new.tested(known.calibration()),
            "calibrated_on_photographs": split_in_halves(new, faces)["scaled"]}


def measure(photographs: Faces, calibrate_on: Faces, test: Faces) -> dict:
    """The whole record.

    Args:
        photographs: those that the shipped networks were trained on, all rows.
        calibrate_on, test: synthetic faces.

    Returns:
        ``synthetic``; ``photographs``, by network; and ``moved``, see :func:`moved_entry`. Each with ``scaled`` and
        ``plain`` radii, by coverage.
    """
    faces = {name: unseen(name, photographs) for name in PHOTOGRAPHS}
    return rounded({
        "splits": SPLITS, "commit": commit(), "synthetic": synthetic_entry(calibrate_on, test),
        "photographs": {name: photographs_entry(name, held_out) for name, held_out in faces.items()},
        "moved": moved_entry(calibrate_on, faces[PHOTOGRAPHS[0]]),
    })


def rounded(value):
    """Numbers in nested dictionaries with four digits, as JSON has them."""
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return round(float(value), 4) if isinstance(value, float | np.floating) else value


def table(record: dict) -> str:
    """The record as Markdown: asked, reached, mean radius."""
    lines = ["| network, faces | asked | reached | mean radius | the same radius for all | least certain fifth |",
             "|---|---|---|---|---|---|"]
    entries = {f"{SYNTHETIC}, synthetic": record["synthetic"],
               **{f"{name}, photographs": entry for name, entry in record["photographs"].items()}}
    for name, entry in entries.items():
        for asked, s in entry["scaled"].items():
            p = entry["plain"][asked]
            fifth = f"{s['least_certain_fifth']:.0%} instead of {p['least_certain_fifth']:.0%}"
            lines.append(f"| {name} | {float(asked):.0%} | {s['reached']:.1%} | {s['radius']:.2f} px | "
                         f"{p['radius']:.2f} px | {fifth} |")
    return "\n".join(lines)


app = typer.Typer(add_completion=False)


@app.command()
def coverage(
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT.json", help="The record; no pixel is in it.")],
    pixel_offset: Annotated[float, typer.Option(help="What the labels call the centre of the first pixel.")] = 0.0,
    ship: Annotated[bool, typer.Option("--ship", help="Only write the calibrations of the shipped weights.")] = False,
) -> None:
    """Test the radii of the shipped networks; DATA are the photographs that they were trained on."""
    photographs = load(data, progress=True, pixel_offset=pixel_offset)
    synthetic = generate(CALIBRATE if ship else CALIBRATE + TEST, SEED, progress=True)
    calibrate_on, test = synthetic.select(slice(CALIBRATE)), synthetic.select(slice(CALIBRATE, None))
    if ship:
        for name in (SYNTHETIC, *PHOTOGRAPHS):
            faces = calibrate_on if name == SYNTHETIC else unseen(name, photographs)
            print(save_calibration(calibrate(load_pretrained(name), faces), FOLDER / f"{name}.safetensors"))
        return
    record = measure(photographs, calibrate_on, test)
    write_json(out, record)
    print(table(record))


if __name__ == "__main__":
    main(app)
