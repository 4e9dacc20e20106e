"""All measurements of training and prediction as one record, and its table."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from book.experiments.speed.augmentation import views
from book.experiments.speed.growth import growth
from book.experiments.speed.serving import serving
from book.experiments.speed.steps import against_usual, training
from facekp import data
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import read_json, write_json
from facekp.models import create_model
from facekp.results import environment
from facekp.training import fit, pick_device
from facekp.training.recipes import recipe

NETWORKS = ("hourglass-s", "hourglass-2", "resnet18")


def sample_faces(count: int) -> Faces:
    """``count`` complete synthetic faces, the shipped ones over and over."""
    faces = data.load("sample").complete()
    images, keypoints = (np.resize(a, (count, *a.shape[1:])) for a in (faces.images, faces.keypoints))
    return Faces(images, keypoints, faces.scheme)


def measure(out: str | Path, device: str = "auto", only: list[str] | None = None) -> dict:
    """Measure, one after the other; after each part the record is written, and parts that are there are kept.

    Args:
        out: the JSON record.
        device: where to train.
        only: names of parts; default all.

    Returns:
        The record: ``environment``; ``cores``; ``training`` (one row per network of NETWORKS); ``usual`` (rows);
        ``views``; ``growth``; ``serving``. See the functions of those names. On a GPU also ``half``, training in fp16
        with its scaler as on a T4, and ``long``, the seconds of 200 epochs.

    Raises:
        InputError: a part that does not exist here.
    """
    out = Path(out)
    here = pick_device(device)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gpu = here.type == "cuda"
    record = read_json(out) if out.is_file() else {}
    record |= {"environment": environment(), "device": str(here), "cores": cores}
    few = {"hourglass-s": 360, "hourglass-2": 72, "resnet18": 360}
    parts: dict[str, Callable[[], object]] = {
        "training": lambda: [training(n, sample_faces(2140 if gpu else few[n]), device=device) for n in NETWORKS],
        "usual": lambda: [against_usual(n, sample_faces(2048 if gpu else few[n]), cores, device=device)
                          for n in NETWORKS],
        "views": lambda: views(sample_faces(256), here),
        "growth": growth,
        "serving": lambda: serving("hourglass-s", here),
    }
    if gpu:
        parts |= {"half": lambda: training("hourglass-s", sample_faces(2140), precision="fp16"), "long": long_run}
    unknown = sorted(set(only or []) - set(parts))
    if unknown:
        raise InputError(f"There is no measurement called {', '.join(unknown)}. Here: {', '.join(parts)}.")
    for name, part in parts.items():
        if name in (only or parts) and name not in record:
            print(f"{name} ...", flush=True)
            record[name] = part()
            write_json(out, record)
    return record


def long_run(name: str = "hourglass-2", epochs: int = 200, batch_size: int = 64) -> dict:
    """Seconds for a whole training on 2140 faces, evaluation and all: a GPU's part."""
    train, few = sample_faces(2140), sample_faces(214)
    config = recipe(name, epochs=epochs, batch_size=batch_size)
    record = fit(create_model(name), train, few, config, progress=False)
    return {"network": name, "epochs": epochs, "batch": batch_size, "seconds": record["duration_s"]}


def table(record: dict) -> str:
    """The record as Markdown tables."""
    lines = [f"On {record['environment']['gpu'] or 'the CPU'}, {record['cores']} cores."]
    if rows := record.get("training"):
        lines += ["", "| network | bare (images/s) | fit (images/s) | fit / bare | with evaluation |", "|---" * 5 + "|"]
        rows = [*rows, record["half"]] if "half" in record else rows
        lines += [f"| {r['network']}{', fp16' * (r['precision'] == 'float16')} | {r['bare']:.1f} | {r['fit']:.1f} | "
                  f"{r['ratio']:.2f} | {r['with_evaluation'] / r['bare']:.2f} |" for r in rows]
    if long := record.get("long"):
        lines += ["", f"{long['epochs']} epochs of {long['network']} on 2140 faces: {long['seconds']:.0f} s."]
    if rows := record.get("usual"):
        lines += ["", "| network | usual way (images/s) | fit (images/s) | times faster |", "|---" * 4 + "|"]
        lines += [f"| {r['network']} | {r['usual']:.1f} | {r['fit']:.1f} | {r['ratio']:.1f} |" for r in rows]
    if v := record.get("views"):
        lines += ["", "| augmentation and targets | images/s | error (px) |", "|---" * 3 + "|"]
        ways = [(n, v[n]) for n in ("ours", "kornia") if v[n]]
        lines += [f"| {n} | {way['images_per_second']:.0f} | {way['error_px']:.4f} |" for n, way in ways]
    if g := record.get("growth"):
        lines += ["", "| faces | seconds per epoch | peak memory (MB) |", "|---" * 3 + "|"]
        lines += [f"| {r['faces']} | {r['seconds']:.2f} | {r['peak_mb']:.0f} |" for r in g["rows"]]
        lines += ["", f"{g['bytes_per_face']:.0f} bytes more per face; time grows as faces^{g['exponent']:.2f}."]
    if s := record.get("serving"):
        lines += ["", f"| {s['network']}, batch | eager (faces/s) | compiled | ONNX Runtime |", "|---" * 4 + "|"]
        for r in s["rows"]:
            speeds = [f"{r[way]:.0f}" if r[way] else "-" for way in ("eager", "compiled", "onnx")]
            lines.append(f"| {r['batch']} | {' | '.join(speeds)} |")
    return "\n".join(lines)
