"""``python -m book.experiments.run_plan``: one record for each run of a plan file (``plan_file.py``)."""

import hashlib
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from book.experiments.plan_file import REFERENCES, Run, read_plan, stand_in
from facekp import metrics, training
from facekp.cli import main
from facekp.cli.arguments import Device
from facekp.cli.train_command import Job
from facekp.data.faces import Faces
from facekp.data.similar import near_duplicates
from facekp.errors import InputError
from facekp.files import Busy, write_json
from facekp.models import load_model
from facekp.models.count import parameters
from facekp.predict import predict
from facekp.results import environment, read_record, scores, table
from facekp.training.checkpoint import finished
from facekp.training.config import completed


def run_plan(
    plan: str | Path, source: str | Path, out: str | Path, work: str | Path, device: str = "auto",
    only: list[str] | None = None,
) -> None:
    """Do all runs of a plan whose record is not in ``out`` yet; an interrupted call can be repeated.

    Several processes may share a plan: each passes over the runs that another one is training.

    Args:
        plan: the TOML file.
        source: what ``data.load`` takes.
        out: one JSON record per run is written here.
        work: run folders with weights and resume files, as ``facekp train`` writes them.
        device: where to train.
        only: names of runs; default all.

    Raises:
        InputError: a record in ``out`` or a run in ``work`` is of other faces or another config; or one of the two is
            a file.
    """
    protocol, runs = read_plan(plan)
    unknown = set(only or []) - {run.name for run in runs}
    if unknown:
        raise InputError(f"{plan}: found no run called {', '.join(sorted(unknown))}.")
    out, work = Path(out), Path(work)
    for folder in (out, work):
        if folder.is_file():
            raise InputError(f"{folder}: expected a folder; found a file. Name another.")
    for run in runs:
        if only and run.name not in only:
            continue
        learn, test, job = prepared(run, source, device)
        path = out / f"{run.file}.json"
        if path.exists():
            check_record(path, read_record(path, *COMPARED), learn, test, job, run)
            continue
        try:
            record = train_or_load(run, job, learn, test, work / run.folder)
        except Busy:
            print(f"{run.file:24} is being trained by another process; passed over.", flush=True)
            continue
        write_json(path, record | {"name": run.name, "protocol": protocol})
        print(f"{run.file:24} {record['metrics']['rmse']:.3f} px "
              f"(mean face {record['metrics']['mean_face_rmse']:.3f})", flush=True)


def prepared(run: Run, source: str | Path, device: str) -> tuple[Faces, Faces, Job | None]:
    """Training and held-out faces of a run, and its job (None for a baseline)."""
    job = stand_in(run).job(source, device)
    learn, test = split_faces(job.faces(), run, job.held_out)
    if run.settings.get("mistake", "").startswith("gaps filled"):
        learn = filled(learn, zero=run.settings["mistake"].endswith("zero"))
    few = run.settings.get("faces")
    if few is not None:
        if not 1 < few <= len(learn):
            raise InputError(f"{run.name}: expected 2 to {len(learn)} training faces; found {few}.")
        learn = learn.select(np.random.default_rng(run.seed).permutation(len(learn))[:few])
    return learn, test, None if run.settings["model"] in REFERENCES else job


def split_faces(faces: Faces, run: Run, held_out: float) -> tuple[Faces, Faces]:
    """``faces`` in two: a fold of several, or a held-out fraction; with the run's mistake, if it makes one."""
    mistake, folds = run.settings.get("mistake"), run.settings.get("folds")
    if mistake == "flip without swap":
        faces = replace(faces, scheme=replace(faces.scheme, pairs=()))
    if mistake == "duplicates on both sides":
        groups = np.arange(len(faces))
    elif run.settings.get("group_by") == "near-duplicates":
        groups = near_duplicates(faces.images)
    else:
        groups = faces.duplicates()
    if folds is None:
        return faces.split(held_out, run.seed, groups)
    if not 0 <= run.seed < folds:
        raise InputError(f"{run.name}: expected seeds 0 to {folds - 1}, the numbers of the folds; found {run.seed}.")
    return faces.folds(folds, 0, groups)[run.seed]


def filled(faces: Faces, zero: bool) -> Faces:
    """The same faces with every missing point set to (0, 0), or to the mean of those who have it: the mistake."""
    instead = np.zeros((len(faces.scheme), 2)) if zero else metrics.mean_face(faces.keypoints)
    gap = np.isnan(faces.keypoints)
    return replace(faces, keypoints=np.where(gap, instead, faces.keypoints).astype(np.float32))


def train_or_load(run: Run, job: Job | None, learn: Faces, test: Faces, folder: Path) -> dict:
    """The record of a run: trained now, or found finished in its folder.

    Added to it: ``face_rmse``, the RMSE of each held-out face; ``offset``, the mean of predicted minus marked, (x, y);
    ``tested_on``, a fingerprint of the held-out images without their labels, which two conventions or a mistake change.
    """
    if job is None:
        model, offset = REFERENCES[run.settings["model"]](learn), run.settings.get("pixel_offset", 0.0)
        record = {"seed": run.seed, "parameters": parameters(model), "environment": environment(),
                  "data": {"train": {"fingerprint": learn.fingerprint(offset), "faces": len(learn)},
                           "val": {"fingerprint": test.fingerprint(offset), "faces": len(test)}},
                  "metrics": training.evaluate(model, test, metrics.mean_face(learn.keypoints), score=scores)}
    else:
        if finished(folder):
            record = read_record(folder / "record.json", *COMPARED)
            check_record(folder / "record.json", record, learn, test, job, run)
        else:
            torch.manual_seed(run.seed)
            # A record notes its split only where 'facekp evaluate' can make it again.
            repeatable = not {"folds", "group_by", "mistake"} & set(run.settings)
            notes = job.notes() if repeatable else {}
            record = job.fit(job.network(learn), learn, test, folder, True, notes)
        model = load_model(folder / "model.safetensors", training.pick_device(job.config.device))
    points, _ = predict(model, test)
    offset = np.nanmean(points - test.keypoints, axis=(0, 1), dtype=np.float64).reshape(2)
    return record | {"face_rmse": [round(float(e), 4) for e in metrics.rmse(points, test.keypoints, axis=(1, 2))],
                     "offset": [round(float(v), 3) for v in offset],
                     "tested_on": hashlib.sha256(test.images.tobytes()).hexdigest()[:16]}


# What is read of a record, to compare it with a plan.
COMPARED = ("data.train.fingerprint", "data.val.fingerprint", "metrics.rmse", "metrics.mean_face_rmse")

# What may differ between a plan's config and a record's: where it ran, how often it was saved. Not what was done.
FREE = {"device", "save_every"}


def check_record(path: Path, record: dict, learn: Faces, test: Faces, job: Job | None, run: Run) -> None:
    """Raise InputError unless ``record`` is of these faces and this job."""
    offset = run.settings.get("pixel_offset", 0.0)
    wanted = {"train": learn.fingerprint(offset), "val": test.fingerprint(offset)}
    there = {side: record["data"][side]["fingerprint"] for side in wanted}
    if there != wanted:
        raise InputError(f"{path}: this record is of other faces (fingerprints {there}, expected {wanted}). Give the "
                         "same data, or another --out folder: records of different data are not mixed.")
    if job is not None:
        plan, there = json.loads(json.dumps(asdict(job.config))), completed(record.get("config", {}))
        differ = sorted(k for k in plan.keys() - FREE if plan[k] != there.get(k))
        network = {"model": job.model, "options": job.final_options, "pixel_offset": job.pixel_offset}
        # Records from before there was an offset have none.
        found = {"pixel_offset": 0.0, "head": {}, **record.get("model", {})}
        differ += sorted(k for k in network if network[k] != found.get(k))
        differ += sorted(k for k in job.head if job.head[k] != found["head"].get(k))
        before = None if job.init is None else str(job.init), list(job.stages)
        if (record.get("init"), [part.get("stage") for part in record.get("stages", [])]) != before:
            differ.append("init or stages")
        if differ:
            raise InputError(f"{path}: this record was made with another {', '.join(differ)} than the plan "
                             "says. Remove it, or name another --out folder.")


app = typer.Typer(add_completion=False)


@app.command()
def command(
    plan: Annotated[Path, typer.Option("--plan", help="A TOML file, see book/plans.")],
    faces: Annotated[Path, typer.Option("--faces", help="What to train on, as DATA of 'facekp train'.")],
    out: Annotated[Path, typer.Option("--out", help="A folder for the records; those that are there are kept.")],
    work: Annotated[Path, typer.Option("--work", help="A folder for weights and resume files.")] = Path("runs"),
    only: Annotated[list[str] | None, typer.Option("--only", help="Only the run of this name. Repeatable.")] = None,
    device: Device = "auto",
) -> None:
    """Do all training runs of a plan that have no record yet. Interrupted, it goes on when called again."""
    try:
        run_plan(plan, faces, out, work, device, only)
    except KeyboardInterrupt as error:
        print(f"\n{str(error) or 'Interrupted.'} Here: the same command again.", file=sys.stderr)
        raise SystemExit(130) from None
    try:
        print(table(out))
    except InputError as error:  # a plan may split the faces in several ways; its records are good all the same
        print(f"The records are written. No table: {error}")


if __name__ == "__main__":
    main(app)
