"""Weights that ship with the library, each with a card that says where they come from.

A card is a JSON file beside the weights: the network, the data and its terms, the figures that were measured, the
seed, the command that made them, and the SHA-256 of the file.
"""

import json
from pathlib import Path

import torch

from facekp import data, metrics
from facekp.calibration import load_calibration, save_calibration
from facekp.errors import InputError
from facekp.files import sha256, write_json
from facekp.models import KeypointModel, load_model, stored
from facekp.predict import predict
from facekp.training.record import read_record

FOLDER = Path(__file__).parent / "weights"
RENAMED = {"hourglass-s-drawn": "hourglass-s-synthetic"}  # until version 0.1.0
RESEARCH = "research and teaching only"  # weights that learnt from photographs of people


def names() -> list[str]:
    """What :func:`load_pretrained` knows."""
    return sorted(p.stem for p in FOLDER.glob("*.safetensors"))


def card(name: str) -> dict:
    """The card of the weights called ``name``.

    Raises:
        InputError: there are none of that name; lists those that are there.
    """
    path = FOLDER / f"{name}.json"
    if name in RENAMED:
        raise InputError(f"The weights '{name}' are called '{RENAMED[name]}' now. Use that.")
    if name not in names():
        raise InputError(f"There are no weights called '{name}'. Known: {', '.join(names()) or 'none'}.")
    return json.loads(path.read_text())


def shipped(run: str | Path) -> str | None:
    """The name of the shipped weights that ``run`` means: "pretrained:NAME", or NAME where no file is called so."""
    text = str(run)
    if text.startswith("pretrained:"):
        return text.removeprefix("pretrained:")
    return text if text in (*names(), *RENAMED) and not Path(run).exists() else None


def terms(runs: list[str | Path]) -> list[str]:
    """A line for each of ``runs`` that is shipped weights which learnt from photographs of people."""
    used = [card(name) for name in map(shipped, runs) if name is not None]
    return [f"{c['name']}: {c['licence']} (it learnt from {c['data']})." for c in used if c["licence"] == RESEARCH]


def load_pretrained(name: str = "hourglass-s", device: str | torch.device = "cpu") -> KeypointModel:
    """A trained model, ready to use and calibrated on faces that it did not learn from; nothing is downloaded.

    Mind the card's ``licence``: weights that learnt from photographs are for research and teaching only.

    Raises:
        InputError: an unknown name, or a file that is not the one the card describes.
    """
    path = FOLDER / f"{name}.safetensors"
    expected = card(name)["sha256"]
    if not path.is_file() or sha256(path) != expected:
        raise InputError(f"{path}: these are not the weights that the card describes (SHA-256 {expected[:16]}...). "
                         "Install facekp again.")
    model = load_model(path, device)
    model.calibration = load_calibration(path)
    return model


def rmse_on_sample(model: KeypointModel) -> float:
    """RMSE on the shipped synthetic faces with all points: what a card promises and a test repeats."""
    faces = data.load("sample").complete()
    points, _ = predict(model, faces.images)
    return float(metrics.rmse(points, faces.keypoints))


def ship(run: str | Path, name: str, licence: str, source: str, command: str, folder: str | Path = FOLDER) -> dict:
    """Make weights and card ``name`` from a finished run, in float16, with its calibration; the card.

    Args:
        run: a folder that ``facekp train`` wrote.
        name: of the new files.
        licence: what the weights may be used for; ``RESEARCH`` where photographs of people were learnt from.
        source: the training data, in words.
        command: that made the run.
        folder: where to write.

    Raises:
        InputError: the run is not finished.
    """
    run, folder = Path(run), Path(folder)
    model = load_model(run / "model.safetensors")
    record = read_record(run / "record.json", "parameters", "seed", "metrics.rmse", "metrics.mean_face_rmse")
    halves = {k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}
    path = stored.write(folder / f"{name}.safetensors", halves, model.config())
    calibration = load_calibration(run / "model.safetensors")
    if calibration is not None:
        save_calibration(calibration, path)
    m = record["metrics"]
    out = {
        "name": name, "model": model.config()["model"], "parameters": record["parameters"], "licence": licence,
        "data": source, "faces": record["data"]["train"]["faces"], "held_out": record["data"]["val"]["faces"],
        "rmse": m["rmse"], "mean_face_rmse": m["mean_face_rmse"], "nme_inter_ocular": m.get("nme_inter_ocular"),
        "rmse_on_sample": rmse_on_sample(load_model(path)), "seed": record["seed"], "commit": record["commit"],
        "command": command, "sha256": sha256(path),
    } | {key: record[key] for key in ("start", "kinds") if key in record}
    write_json(folder / f"{name}.json", out)
    return out


def table() -> str:
    """All cards, a line each."""
    lines = []
    for name in names():
        c = card(name)
        lines.append(f"{name:20} {c['parameters'] / 1e6:5.2f} M  {c['rmse']:.2f} px (mean face "
                     f"{c['mean_face_rmse']:.2f}) on {c['held_out']} held-out faces of {c['data']}; {c['licence']}")
    return "\n".join(lines) or "No weights are shipped with this version."
