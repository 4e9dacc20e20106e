"""``python -m book.experiments.shape_fit FACES OUT.json``: does the shape model repair points on photographs?

lgcn-s, as shipped, predicts the held-out faces of protocol A, with and without a grey square over the left eye. The
shape model is learnt from the labels of the training faces and repairs the predictions. The record holds errors and no
pixel.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from facekp import metrics
from facekp.cli import main
from facekp.cli.arguments import Source
from facekp.data import load
from facekp.data.faces import Faces
from facekp.files import write_json
from facekp.models.shape import ShapeModel
from facekp.predict import predict
from facekp.pretrained import load_pretrained
from facekp.results import environment

WIDTHS = (0, 9, 17, 25, 33)


def covered(faces: Faces, width: int) -> np.ndarray:
    """The images (N, 96, 96) with a grey square of ``width`` pixels over the left eye's centre."""
    images, half = faces.images.copy(), width // 2
    centres = faces.keypoints[:, faces.scheme.index("left_eye_center")[0]].round().astype(int)
    for image, (x, y) in zip(images, centres, strict=True):
        image[max(0, y - half) : max(0, y - half + width), max(0, x - half) : max(0, x - half + width)] = 128
    return images


def study(name: str, train: Faces, test: Faces) -> dict:
    """For each width of the square: RMSE in pixels of all points and of the left eye's, as predicted and repaired.

    Args:
        name: of a shipped heatmap network.
        train: complete faces; the shape model is learnt from their labels.
        test: complete faces that the network was not trained on.
    """
    model, shape = load_pretrained(name), ShapeModel.learn(torch.from_numpy(train.keypoints))
    eye = [i for i, n in enumerate(test.scheme.names) if n.startswith("left_eye")]
    mean_face = np.broadcast_to(metrics.mean_face(train.keypoints), test.keypoints.shape)
    rows = []
    for width in WIDTHS:
        points, confidence = predict(model, covered(test, width))
        repaired = shape.repair(torch.from_numpy(points), torch.from_numpy(confidence)).numpy()
        row: dict = {"width": width, "repaired_points": float((repaired != points).any(-1).mean())}
        for kind, found in (("predicted", points), ("repaired", repaired), ("mean_face", mean_face)):
            row[kind] = {"all": metrics.rmse(found, test.keypoints),
                         "eye": metrics.rmse(found[:, eye], test.keypoints[:, eye])}
        rows.append(row)
    return {"network": name, "faces": len(test), "fingerprint": test.fingerprint(pixel_offset=0.5), "rows": rows,
            "environment": environment()}


app = typer.Typer(add_completion=False)


@app.command()
def shape_fit(
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT_JSON", help="The record.")],
    network: Annotated[str, typer.Option("--network", help="A shipped heatmap network.")] = "lgcn-s",
) -> None:
    """Score the shape model on the held-out photographs of protocol A."""
    train, test = load(data, pixel_offset=0.5, progress=True).complete().split(0.1, seed=0)
    write_json(out, study(network, train, test))


if __name__ == "__main__":
    main(app)
