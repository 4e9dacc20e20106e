"""What dropout does to coordinates: a trained network with its dropout off, as in every prediction, and on.

``python -m book.experiments.dropout --faces data/kaggle/training.csv --run runs/cnn3-0 --out FILE``

A layer behind dropout learns from features whose zeros and doubled values have the right mean but a larger variance.
Behind a ReLU another variance is another mean, so a network without its dropout gives other coordinates. Li et al.
(2019) describe the change of variance ("variance shift") and what it does to batch normalisation.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import nn

from facekp import metrics
from facekp.cli import main
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import write_json
from facekp.models import KeypointModel
from facekp.models.model import to_float
from facekp.predict import predict
from facekp.results import commit, environment
from facekp.runs import faces_for, held_out, open_run

PASSES = 32  # predictions with dropout on, each with other zeros


@torch.inference_mode()
def with_dropout(model: KeypointModel, faces: Faces, passes: int, seed: int = 0) -> np.ndarray:
    """(passes, N, K, 2) points with the dropout layers as in training, all others as in a prediction.

    Raises:
        InputError: the network has none.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Dropout)]
    if not layers:
        raise InputError(f"Expected a network with dropout, like cnn3 or vgg16-s; found {model.name}, which has none.")
    torch.manual_seed(seed)
    model.eval()
    for layer in layers:
        layer.train()
    images = to_float(torch.from_numpy(faces.images))
    points = np.stack([model.head.decode(model(images))[0].numpy() for _ in range(passes)])
    model.eval()
    return points


def measured(model: KeypointModel, faces: Faces, passes: int = PASSES) -> dict:
    """RMSE with dropout off, with it on (the mean of the passes), of the mean of the passes; and the worst bias."""
    off, on = predict(model, faces)[0], with_dropout(model, faces, passes)

    def bias(points: np.ndarray) -> float:
        return float(np.abs(np.nanmean(points - faces.keypoints, axis=0)).max())

    return {"off": metrics.rmse(off, faces.keypoints),
            "on": float(np.mean([metrics.rmse(points, faces.keypoints) for points in on])),
            "mean_of_passes": metrics.rmse(on.mean(axis=0), faces.keypoints),
            "bias_off": bias(off), "bias_on": bias(on.mean(axis=0)), "passes": passes}


app = typer.Typer(add_completion=False)


@app.command()
def dropout(
    faces: Annotated[str, typer.Option(metavar="DATA", help="The faces that the runs were trained on.")],
    run: Annotated[list[Path], typer.Option(help="A run folder of a network with dropout. Repeatable.")],
    out: Annotated[Path, typer.Option(help="The record.")],
) -> None:
    """Predict the held-out faces of each run with its dropout off and on."""
    rows = {}
    for folder in run:
        model, record = open_run(folder, "cpu")
        _, test = held_out(faces_for(model, faces), record)
        rows[folder.name] = measured(model, test) | {"model": model.name, "epochs": record["config"]["epochs"],
                                                     "faces": len(test), "commit": record.get("commit")}
        print(folder.name, {k: round(v, 2) for k, v in rows[folder.name].items() if isinstance(v, float)})
    write_json(out, {"format": 1, "runs": rows, "commit": commit(), "environment": environment()})


if __name__ == "__main__":
    main(app)
