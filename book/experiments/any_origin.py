"""``python -m book.experiments.any_origin PHOTOGRAPHS OUT_DIR``: one network for photographs of any origin.

The shipped part network learnt from 1926 photographs that are as clean as the ones it was tested on. Here it is
fine-tuned on three kinds of faces at once: those photographs, photographs of the second source, whose
points are of another convention but for the two eye centres, and synthetic faces. The augmentation is ``wild``:
small, blurred, grainy, partly hidden.

The record holds the errors of the network before and after on the same held-out photographs, as they are and changed
in four ways, and on synthetic faces. It also has those of networks whose weights are interpolated between the two
(Wortsman et al. 2022, "Robust fine-tuning of zero-shot models"). Their mean is written to ``OUT_DIR/half``, calibrated,
as a run of its own.
"""

import copy
import io
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.nn.functional as F
import typer
from PIL import Image

from book.experiments.unseen import unseen
from facekp import metrics
from facekp.augment import PRESETS, Augment, augment
from facekp.calibration import calibrate, save_calibration
from facekp.cli import main
from facekp.cli.arguments import Source
from facekp.data import kaggle, load
from facekp.data.faces import Faces
from facekp.files import read_json, write_json
from facekp.models import KeypointModel, load_model, save_model
from facekp.predict import predict
from facekp.pretrained import load_pretrained
from facekp.results import scores
from facekp.synthetic import Ingredients, generate
from facekp.training import TrainConfig, fit

START = "parts-s"
BOTH = ("left_eye_center", "right_eye_center")  # what the second source marks as the first one does
SECOND, SYNTHETIC = 1200, 900  # faces of these kinds, beside 1926 photographs with all points
SYNTHETIC_SEED, TEST_SEED = 1200, 90001
ALPHAS, SHIPPED = (0.3, 0.5, 0.7), 0.5  # 0 is the weights before, 1 those after


def mixture(photographs: Faces, test: Faces) -> tuple[Faces, dict[str, int]]:
    """The faces to learn from, none of which is a copy of a test face; and how many there are of each kind.

    Args:
        photographs: all rows of a file in Kaggle's format.
        test: the faces that were held out when the start was trained.
    """
    held_out = {image.tobytes() for image in test.images}
    photographs = photographs.select([image.tobytes() not in held_out for image in photographs.images])
    first = photographs.complete()
    second = photographs.select(kaggle.sources(photographs) == 1)
    chosen = np.random.default_rng(0).permutation(len(second))[:SECOND]
    second = second.select(np.sort(chosen))
    points = np.full_like(second.keypoints, np.nan)
    eyes = second.scheme.index(*BOTH)
    points[:, eyes] = second.keypoints[:, eyes]
    parts = {"photographs": first, "second source, eye centres": replace(second, keypoints=points),
             "synthetic": generate(SYNTHETIC, SYNTHETIC_SEED, ingredients=Ingredients(pose=1.6))}
    images, keypoints = (np.concatenate([getattr(p, k) for p in parts.values()]) for k in ("images", "keypoints"))
    return Faces(images, keypoints, first.scheme), {name: len(p) for name, p in parts.items()}


# ---- the same faces as others would send them --------------------------------------------------


def resampled(images: np.ndarray, factor: int) -> np.ndarray:
    """Images (N, H, W) made smaller by ``factor`` and enlarged again."""
    x = torch.from_numpy(images)[:, None].float()
    small = F.interpolate(x, scale_factor=1 / factor, mode="bilinear", antialias=True)
    return F.interpolate(small, x.shape[-2:], mode="bicubic")[:, 0].round().clamp(0, 255).byte().numpy()


def compressed(images: np.ndarray, quality: int) -> np.ndarray:
    """Images (N, H, W) saved as JPEG and read again."""
    def again(image: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))

    return np.stack([again(image) for image in images])


def darker(images: np.ndarray) -> np.ndarray:
    """Images as a photograph in bad light: a third of the grey values, with noise of two of them."""
    noise = np.random.default_rng(0).normal(0, 2, images.shape)
    return (images / 3 + noise).round().clip(0, 255).astype(np.uint8)


def moved(faces: Faces) -> Faces:
    """Each crop turned by up to 25 degrees, up to 15 % larger or smaller, up to 8 px off: another face detector."""
    images, points = augment(
        torch.from_numpy(faces.images)[:, None] / 255, torch.from_numpy(faces.keypoints),
        torch.from_numpy(faces.scheme.swap), Augment(flip=0, rotation=25, scale=0.15, shear=0, shift=8, brightness=0,
                                                      contrast=0, noise=0), torch.Generator().manual_seed(0))
    return replace(faces, images=(images[:, 0] * 255).round().byte().numpy(), keypoints=points.numpy())


def test_sets(test: Faces) -> dict[str, Faces]:
    """The held-out faces as they are and damaged, and synthetic faces."""
    def with_images(images: np.ndarray) -> Faces:
        return replace(test, images=images)

    return {
        "as they are": test,
        "a quarter of the resolution": with_images(resampled(test.images, 4)),
        "JPEG of quality 10": with_images(compressed(test.images, 10)),
        "dark": with_images(darker(test.images)),
        "cropped otherwise": moved(test),
        "synthetic": generate(500, TEST_SEED, ingredients=Ingredients(pose=1.6)),
    }


def measure(model: KeypointModel, tests: dict[str, Faces], mean_face: np.ndarray) -> dict[str, dict]:
    """The usual scores on each set, and the error of the median face."""
    out = {}
    for kind, faces in tests.items():
        points, _ = predict(model, faces.images)
        each = metrics.rmse(points, faces.keypoints, axis=(1, 2))
        out[kind] = scores(points, faces, mean_face) | {"median_face_rmse": float(np.nanmedian(each))}
    return out


def interpolated(before: KeypointModel, after: KeypointModel, alpha: float) -> KeypointModel:
    """A network whose weights and batch statistics are (1 - alpha) times one's plus alpha times the other's."""
    model, a, b = copy.deepcopy(after), before.state_dict(), after.state_dict()
    model.load_state_dict({k: torch.lerp(a[k].to(b[k]), b[k], alpha) if b[k].is_floating_point() else b[k]
                           for k in b})
    return model.eval()


app = typer.Typer(add_completion=False)


@app.command()
def any_origin(
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="The run; it goes on where it stopped.")],
    pixel_offset: Annotated[float, typer.Option(help="What the labels call the centre of the first pixel.")] = 0.5,
    epochs: Annotated[int, typer.Option(help="How often each face is seen.")] = 12,
    lr: Annotated[float, typer.Option(help="Peak learning rate.")] = 1e-3,
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    seed: Annotated[int, typer.Option(help="Of the order and the augmentation.")] = 0,
) -> None:
    """Fine-tune the shipped part network on photographs of two sources and on synthetic faces."""
    photographs = load(data, progress=True, pixel_offset=pixel_offset)
    test = unseen(START, photographs)
    train, kinds = mixture(photographs, test)
    print(", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    start, tests = load_pretrained(START), test_sets(test)
    mean_face = metrics.mean_face(train.keypoints)
    if not (out / "record.json").exists():
        config = TrainConfig(epochs=epochs, lr=lr, precision=precision, seed=seed, augment=PRESETS["wild"])
        notes = {"start": START, "kinds": kinds, "split": {"keypoints": "15", "held_out": 0.1, "seed": 0}}
        fit(load_pretrained(START), train, test, config, out, resume=True, notes=notes)
    record, after = read_json(out / "record.json"), load_model(out / "model.safetensors")
    measured = {"before": measure(start, tests, mean_face), "after": measure(after, tests, mean_face)}
    measured["interpolated"] = {str(f): measure(interpolated(start, after, f), tests, mean_face) for f in ALPHAS}
    write_json(out / "record.json", record | measured)
    half = interpolated(start, after, SHIPPED)
    path = save_model(half, out / "half" / "model.safetensors")
    save_calibration(calibrate(half, test), path)
    write_json(out / "half" / "record.json",
               record | {"metrics": measured["interpolated"][str(SHIPPED)]["as they are"], "alpha": SHIPPED})
    print(table(measured))


def table(measured: dict) -> str:
    """RMSE in pixels on each set, a column for each alpha, as Markdown."""
    columns = {"0": measured["before"], **measured["interpolated"], "1": measured["after"]}
    lines = [f"| | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    lines += [f"| {kind} | {' | '.join(format(c[kind]['rmse'], '.2f') for c in columns.values())} |"
              for kind in measured["before"]]
    return "\n".join(lines)


if __name__ == "__main__":
    main(app)
