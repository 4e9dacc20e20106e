"""The first minute: draw faces, train the compact hourglass on them, show what it learnt."""

import time
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure

from facekp import metrics, plots
from facekp.data.faces import Faces
from facekp.files import write_json
from facekp.models import create_model
from facekp.predict import predict
from facekp.synthetic import generate
from facekp.training import TrainConfig, epochs_for, fit, quickest_threads


def run(out: Path, seconds: float = 60.0, count: int = 600) -> dict:
    """Train for about ``seconds`` on ``count`` synthetic faces; write the figure ``out`` and its record beside it."""
    plots.check_figure(out)
    print(f"Drawing {count} faces, each with the exact positions of its 15 keypoints ...", flush=True)
    train, test = generate(count, seed=1, progress=True).split(0.1)
    torch.manual_seed(0)
    model = create_model("hourglass-s")
    config = TrainConfig(batch_size=4, lr=3e-3)  # a minute is few epochs: many small steps learn most
    torch.set_num_threads(quickest_threads(model, train, config))  # otherwise a busy machine takes minutes
    config = replace(config, epochs=max(2, epochs_for(seconds, model, train, config)))
    parameters = sum(p.numel() for p in model.parameters())
    print(f"Training a stacked hourglass with {parameters:,} parameters on {len(train)} of them:", end=" ")
    print(f"{config.epochs} epochs ...", flush=True)
    record = fit(model, train, test, config)

    began = time.perf_counter()
    points, _ = predict(model, test.images)
    speed = len(test) / (time.perf_counter() - began)
    write_json(out.with_suffix(".json"), record | {"faces_per_second": speed})
    plots.save(result_figure(record, test, points), out, dpi=110)
    m = record["metrics"]
    print(
        f"On {len(test)} faces it never saw it is {m['rmse']:.2f} px off (RMSE per coordinate); "
        f"always answering with the mean face is {m['mean_face_rmse']:.2f} px off."
    )
    print(f"It finds the points of {speed:.0f} faces per second on this machine. See {out}")
    return record


def result_figure(record: dict, test: Faces, points: np.ndarray) -> Figure:
    """The held-out error over the epochs, and eighteen held-out faces with their points."""
    figure = plt.figure(figsize=(12, 5), layout="constrained")
    plt.close(figure)
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=[1, 2])[0]
    axis = left.subplots()
    curve = record["curve"]
    axis.plot([p["epoch"] for p in curve], [p["val_rmse"] for p in curve], color=plots.SERIES[0], marker="o", ms=3)
    axis.axhline(curve[0]["mean_face_rmse"], color=plots.BASELINE, ls="--")
    axis.text(
        curve[-1]["epoch"], curve[0]["mean_face_rmse"], "mean face", ha="right", va="bottom", color=plots.BASELINE
    )
    axis.set(
        xlabel="epoch",
        ylabel="RMSE on held-out faces (px)",
        title=f"{record['metrics']['rmse']:.2f} px after {record['duration_s']:.0f} s",
    )
    plots.log_scale(axis)
    errors = metrics.rmse(points, test.keypoints, axis=(1, 2))
    shown = np.argsort(errors)[np.linspace(0, len(test) - 1, 18).round().astype(int)]
    for i, panel in zip(shown, right.subplots(3, 6).flat, strict=True):
        plots.draw_face(panel, test.images[i], f"{errors[i]:.2f} px")
        plots.draw_points(panel, test.keypoints[i], test.scheme, plots.TRUTH, lines=False)
        plots.draw_points(panel, points[i], test.scheme, plots.PREDICTED, marker="x", lines=False)
    for panel in right.axes:
        panel.axis("off")
    right.suptitle("Faces it never saw, from best to worst: truth (rings), prediction (crosses)", fontsize=10)
    return figure
