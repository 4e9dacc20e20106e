"""What synthetic faces are worth on photographs: one network, trained on either kind, tested on both.

Every experiment is a :class:`Trial`; ``TRIALS`` lists them and ``run`` does those whose record is not
there yet. The photographs are cut in two halves, exact copies together. One half may be looked at: to
say where people mark a point, how far heads turn, and to learn from. The other is there to report on.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from facekp import metrics
from facekp.augment import Augment
from facekp.cli import main
from facekp.cli.arguments import Source
from facekp.data import load
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import read_json, write_json
from facekp.models import KeypointModel, create_model, load_model, save_model
from facekp.predict import predict
from facekp.results import scores
from facekp.synthetic import Ingredients, generate
from facekp.training import TrainConfig, fit

POSE = 1.6  # heads turn this much farther than in Kaggle's labels; read off the half that may be looked at
TEST_SEED, WATCH_SEED = 90001, 90002  # of synthetic faces that no run trains on
FEW = 100  # photographs, where they are few
ALL = Ingredients(pose=POSE)


@dataclass(frozen=True)
class Trial:
    """One training.

    Attributes:
        source: "synthetic" or "photographs".
        faces: how many to learn from; 0 = as many as the half has.
        epochs: how often each is seen.
        seed: of the faces rendered or chosen, the first weights and the augmentation.
        ingredients: of the synthetic faces.
        augment: whether each face is augmented anew every time.
        start: the trial whose weights this one begins with; "" = random ones.
        lr: peak learning rate.
    """

    source: str = "synthetic"
    faces: int = 1200
    epochs: int = 8
    seed: int = 0
    ingredients: Ingredients = ALL
    augment: bool = True
    start: str = ""
    lr: float = 2e-3


SHORT = Trial()
ABLATION = {
    "everything": SHORT,
    "everything-1": replace(SHORT, seed=1),
    "everything-2": replace(SHORT, seed=2),
    "no-pose": replace(SHORT, ingredients=replace(ALL, pose=0.0)),
    "kaggle-pose": replace(SHORT, ingredients=replace(ALL, pose=1.0)),
    "no-expression": replace(SHORT, ingredients=replace(ALL, expression=False)),
    "no-light": replace(SHORT, ingredients=replace(ALL, light=False)),
    "no-hair": replace(SHORT, ingredients=replace(ALL, hair=False)),
    "no-occluders": replace(SHORT, ingredients=replace(ALL, occluders=False)),
    "no-camera": replace(SHORT, ingredients=replace(ALL, camera=False)),
    "no-augmentation": replace(SHORT, augment=False),
}
FEW_ALONE = Trial("photographs", faces=FEW, epochs=80)
TRIALS = {
    "synthetic": Trial(faces=4000, epochs=12),
    "photographs": Trial("photographs", faces=0, epochs=15),
    **{f"few-{s}": replace(FEW_ALONE, seed=s) for s in range(2)},
    **{f"few-after-synthetic-{s}": replace(FEW_ALONE, seed=s, start="synthetic", lr=5e-4) for s in range(2)},
    "few-longer-0": replace(FEW_ALONE, epochs=240),
    **ABLATION,
}


def run(photographs: Faces, folder: str | Path, names: list[str] | None = None, precision: str = "auto") -> Path:
    """The trials called ``names`` (default: all), one JSON record each in ``folder``; those there are kept.

    Args:
        photographs: complete faces, all K points annotated.
        folder: records go here, and the weights that another trial begins with.
        names: keys of ``TRIALS``.
        precision: see ``TrainConfig``.

    Raises:
        InputError: a name that is not in ``TRIALS``.
    """
    folder = Path(folder)
    unknown = sorted(set(names or []) - set(TRIALS))
    if unknown:
        raise InputError(f"Expected trials among {', '.join(TRIALS)}; found {', '.join(unknown)}.")
    tests = test_sets(photographs)
    for name in names or TRIALS:
        if (folder / f"{name}.json").exists():
            continue
        record = run_trial(TRIALS[name], name, tests, folder, precision)
        write_json(folder / f"{name}.json", record)
        errors = ", ".join(f"{kind} {s['rmse']:.2f} px" for kind, s in record["tests"].items())
        print(f"{name:18} {errors}", flush=True)
    return folder


def test_sets(photographs: Faces) -> dict[str, Faces]:
    """``looked_at`` and ``reported``: halves of the photographs; ``synthetic``: faces that no run trains on."""
    looked_at, reported = photographs.split(0.5, seed=0)
    return {"looked_at": looked_at, "reported": reported, "synthetic": generate(500, TEST_SEED, ingredients=ALL)}


def run_trial(trial: Trial, name: str, tests: dict[str, Faces], folder: Path, precision: str = "auto") -> dict:
    """Train as ``trial`` says and test on each set; the record of the run with ``trial`` and ``tests`` added."""
    few = trial.source == "photographs" and trial.faces > 0
    train, watch = train_faces(trial, tests["looked_at"])
    torch.manual_seed(trial.seed)
    model = initial_model(trial, tests, folder, precision) if trial.start else create_model("hourglass-s", train.scheme)
    # Few faces are repeated ten times, so that an epoch is long enough to be worth its bookkeeping.
    repeats = 10 if few else 1
    repeated = train.select(np.tile(np.arange(len(train)), repeats))
    config = TrainConfig(
        epochs=max(1, trial.epochs // repeats), lr=trial.lr, seed=trial.seed, precision=precision,
        augment=Augment() if trial.augment else None,
    )
    record = fit(model, repeated, watch, config, progress=False)
    if any(t.start == name for t in TRIALS.values()):
        save_model(model, folder / f"{name}.safetensors")
    scores = evaluate(model, tests, metrics.mean_face(train.keypoints))
    described = vars(trial) | {"faces": len(train), "ingredients": vars(trial.ingredients), "repeats": repeats}
    return record | {"trial": described, "tests": scores}


def train_faces(trial: Trial, looked_at: Faces) -> tuple[Faces, Faces]:
    """The training faces, and a few others to validate on."""
    if trial.source == "synthetic":
        watch = generate(64, WATCH_SEED, ingredients=trial.ingredients)
        return generate(trial.faces, 1000 + trial.seed, ingredients=trial.ingredients), watch
    order = np.random.default_rng(trial.seed).permutation(len(looked_at))
    if len(order) < trial.faces + 2:
        raise InputError(f"Expected at least {trial.faces + 2} photographs to learn from; found {len(order)}. "
                         "Give Kaggle's complete faces.")
    many = trial.faces or len(order) - min(32, len(order) // 2)
    return looked_at.select(order[:many]), looked_at.select(order[many:][:32])


def initial_model(trial: Trial, tests: dict[str, Faces], folder: Path, precision: str) -> KeypointModel:
    """The weights that ``trial`` starts with; trained now if they are not there."""
    weights = folder / f"{trial.start}.safetensors"
    if not weights.exists():
        record = run_trial(TRIALS[trial.start], trial.start, tests, folder, precision)
        write_json(folder / f"{trial.start}.json", record)
    return load_model(weights)


def evaluate(model: KeypointModel, tests: dict[str, Faces], mean_face: np.ndarray) -> dict[str, dict]:
    """All scores on each set; on the photographs also where the points systematically lie elsewhere.

    Returns:
        For each set what ``results.scores`` gives; ``median_face_rmse``, which a few wrong labels do not
        move; and ``offset_per_keypoint``, by name the mean of predicted minus annotated, (dx, dy) in
        pixels. ``reported`` has also ``rmse_offset_removed``: the error after the mean offsets *of the
        other half* have been taken off.
    """
    out, offset = {}, {}
    for kind, faces in tests.items():
        points, _ = predict(model, faces.images)
        offset[kind] = (points.astype(np.float64) - faces.keypoints).mean(axis=0)  # (K, 2)
        by_name = dict(zip(faces.scheme.names, offset[kind].round(3).tolist(), strict=True))
        per_face = metrics.rmse(points, faces.keypoints, axis=(1, 2))
        out[kind] = scores(points, faces, mean_face) | {
            "faces": len(faces), "median_face_rmse": float(np.median(per_face)), "offset_per_keypoint": by_name,
        }
        if kind == "reported":
            out[kind]["rmse_offset_removed"] = metrics.rmse(points - offset["looked_at"], faces.keypoints)
    return out


def table(folder: str | Path) -> str:
    """The records in ``folder`` as Markdown, in the order of ``TRIALS``."""
    lines = ["| trial | photographs, looked at | photographs, reported | offset removed | synthetic |",
             "|---" * 5 + "|"]
    for name in TRIALS:
        path = Path(folder) / f"{name}.json"
        if path.exists():
            t = read_json(path)["tests"]
            values = [t["looked_at"]["rmse"], t["reported"]["rmse"], t["reported"]["rmse_offset_removed"],
                      t["synthetic"]["rmse"]]
            lines.append(f"| {name} | {' | '.join(f'{v:.2f}' for v in values)} |")
    return "\n".join(lines)


app = typer.Typer(add_completion=False)


@app.command()
def trials(
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="One JSON record per trial; those there are kept.")],
    name: Annotated[list[str] | None, typer.Option("--name", help="Only this trial. May be repeated.")] = None,
    precision: Annotated[str, typer.Option("--precision", help="auto, fp32, bf16 or fp16.")] = "auto",
) -> None:
    """Train on synthetic faces and on photographs, test on both: what synthetic faces are worth."""
    print(table(run(load(data, progress=True).complete(), out, name, precision)))


if __name__ == "__main__":
    main(app)
