"""Plans: a list of trainings in a file, one record each, and what their records say together.

A plan is TOML. ``[common]`` holds what all runs share, each ``[[run]]`` a name and what is its own::

    protocol = "A"
    [common]
    seeds = [0, 1, 2]
    set = { epochs = 30 }

    [[run]]
    name = "hourglass-s"
    model = "hourglass-s"

Keys of a run: ``name``; ``model``, a network, "mean face" or "ridge"; ``seeds``; ``keypoints``, ``conventions``,
``held_out``, ``options``, ``head``, ``origin`` as :class:`facekp.jobs.Job` has them; ``faces``, how many of the
training faces are used; ``authors``, whether its authors' own recipe; ``set``, changes of the recipe; ``folds``, into
how many parts the faces are dealt, of which run number i (its seed) holds out part i; ``apart``, what must not stand
on both sides: "copies" (the default) or "lookalikes"; ``mistake``, one of ``MISTAKES``, made on purpose to see what it
costs.
"""

import hashlib
import json
import re
import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from facekp import metrics, training
from facekp.data.alike import lookalikes
from facekp.data.faces import Faces
from facekp.data.regimes import told
from facekp.errors import InputError
from facekp.files import write_json
from facekp.jobs import Job
from facekp.locks import Busy
from facekp.models import MODELS, load_model, reference
from facekp.models.count import parameters
from facekp.predict import predict
from facekp.recipes import recipe
from facekp.results import environment
from facekp.training.state import finished

OF_JOB = {"keypoints", "conventions", "held_out", "options", "head", "origin"}
KEYS = OF_JOB | {"name", "model", "seeds", "faces", "authors", "set", "folds", "apart", "mistake"}
APART = ("copies", "lookalikes")
MISTAKES = ("mirror without swap", "copies on both sides", "gaps filled with zero", "gaps filled with the mean")
REFERENCES = {"mean face": reference.mean_face, "ridge": reference.ridge}


@dataclass(frozen=True)
class Run:
    """One line of a plan with one seed."""

    name: str
    seed: int
    settings: dict

    @property
    def file(self) -> str:
        return f"{plain(self.name)}-{self.seed}"

    @property
    def folder(self) -> str:
        """Where its weights lie in the working folder: all folds in one, which ``facekp submit`` takes as one model."""
        return f"{plain(self.name)}/fold-{self.seed}" if "folds" in self.settings else self.file

    def job(self, source: str | Path, device: str = "auto") -> Job:
        """The training that this run is."""
        s = self.settings
        changes = {"device": device} | s.get("set", {}) | {"seed": self.seed}
        config = recipe(s["model"], s.get("authors", False), **changes)
        return Job(source, s["model"], config, s.get("keypoints", "15"), s.get("conventions", "one"),
                   s.get("held_out", 0.1), s.get("options", {}), s.get("head", {}), s.get("origin", 0.0))


def plain(name: str) -> str:
    """A name as a file name: letters, digits, dots, and a hyphen for anything between."""
    return re.sub(r"[^\w.]+", "-", name).strip("-")


def read_plan(path: str | Path) -> tuple[str, list[Run]]:
    """The plan's protocol name and its runs, seed by seed: all networks with the first seed come first.

    Raises:
        InputError: not TOML, an unknown key or network, or two runs of one name.
    """
    path = Path(path)
    try:
        plan = tomllib.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: no such plan. Expected a TOML file like book/plans/protocol-a.toml.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise InputError(f"{path}: expected a plan in TOML; found something else ({e}).") from None
    common, runs = plan.get("common", {}), []
    for i, entry in enumerate(plan.get("run", [])):
        settings = {**common, **entry, "set": common.get("set", {}) | entry.get("set", {})}
        where = f"{path}: run {i + 1}"
        unknown = sorted(set(settings) - KEYS)
        if unknown:
            raise InputError(f"{where}: found {', '.join(unknown)}; a run may have {', '.join(sorted(KEYS))}.")
        if not {"name", "model"} <= set(settings):
            raise InputError(f"{where}: expected a name and a model; found {', '.join(settings)}.")
        if settings["model"] not in (*MODELS, *REFERENCES):
            raise InputError(f"{where}: there is no network '{settings['model']}'. "
                             f"Known: {', '.join((*REFERENCES, *MODELS))}.")
        if settings.get("mistake", MISTAKES[0]) not in MISTAKES:
            raise InputError(f"{where}: there is no mistake '{settings['mistake']}'. Known: {', '.join(MISTAKES)}.")
        if settings.get("apart", APART[0]) not in APART:
            raise InputError(f"{where}: expected apart = one of {', '.join(APART)}; found '{settings['apart']}'.")
        runs += [Run(settings["name"], seed, settings) for seed in settings.get("seeds", [0])]
    if not runs:
        raise InputError(f"{path}: expected at least one [[run]]; found none.")
    if len({run.file for run in runs}) < len(runs):
        raise InputError(f"{path}: two runs have the same name and seed; their records would be one file.")
    for run in runs:
        if run.settings["model"] in MODELS:
            run.job("")  # a wrong setting is found now, not after an hour
    return plan.get("protocol", path.stem), sorted(runs, key=lambda run: run.settings.get("seeds", [0]).index(run.seed))


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
            check_record(path, json.loads(path.read_text()), learn, test, job)
            continue
        try:
            record = done(run, job, learn, test, work / run.folder)
        except Busy:
            print(f"{run.file:24} is being trained by another process; passed over.", flush=True)
            continue
        write_json(path, record | {"name": run.name, "protocol": protocol})
        print(f"{run.file:24} {record['metrics']['rmse']:.3f} px "
              f"(mean face {record['metrics']['mean_face_rmse']:.3f})", flush=True)


def prepared(run: Run, source: str | Path, device: str) -> tuple[Faces, Faces, Job | None]:
    """Training and held-out faces of a run, and its job (None for a reference row)."""
    stand_in = replace_model(run) if run.settings["model"] in REFERENCES else run
    job = stand_in.job(source, device)
    learn, test = dealt(job.faces(), run, job.held_out)
    if run.settings.get("mistake", "").startswith("gaps filled"):
        learn = filled(learn, zero=run.settings["mistake"].endswith("zero"))
    few = run.settings.get("faces")
    if few is not None:
        if not 1 < few <= len(learn):
            raise InputError(f"{run.name}: expected 2 to {len(learn)} training faces; found {few}.")
        learn = learn.select(np.random.default_rng(run.seed).permutation(len(learn))[:few])
    return learn, test, None if run.settings["model"] in REFERENCES else job


def dealt(faces: Faces, run: Run, held_out: float) -> tuple[Faces, Faces]:
    """``faces`` in two: a fold of several, or a share held out; with the run's mistake, if it makes one."""
    mistake, folds = run.settings.get("mistake"), run.settings.get("folds")
    if mistake == "mirror without swap":
        faces = replace(faces, scheme=replace(faces.scheme, pairs=()))
    if mistake == "copies on both sides":
        groups = np.arange(len(faces))
    elif run.settings.get("apart") == "lookalikes":
        groups = lookalikes(faces.images)
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


def replace_model(run: Run) -> Run:
    """The same run of a network, to ask how its faces are split."""
    return replace(run, settings={k: v for k, v in run.settings.items() if k != "set"} | {"model": "cnn3"})


def done(run: Run, job: Job | None, learn: Faces, test: Faces, folder: Path) -> dict:
    """The record of a run: trained now, or found finished in its folder.

    Added to it: ``face_rmse``, the RMSE of each held-out face; ``offset``, the mean of predicted minus marked, (x, y);
    ``tested_on``, a fingerprint of the held-out images without their labels, which two conventions or a mistake change.
    """
    if job is None:
        model = REFERENCES[run.settings["model"]](learn)
        record = {"seed": run.seed, "parameters": parameters(model), "environment": environment(),
                  "data": {"train": {"fingerprint": learn.fingerprint(), "faces": len(learn)},
                           "val": {"fingerprint": test.fingerprint(), "faces": len(test)}},
                  "metrics": training.evaluate(model, test, metrics.mean_face(learn.keypoints))}
    else:
        if finished(folder):
            record = json.loads((folder / "record.json").read_text())
            check_record(folder / "record.json", record, learn, test, job)
        else:
            torch.manual_seed(run.seed)
            # A record notes its split only where 'facekp evaluate' can make it again.
            repeatable = not {"folds", "apart", "mistake"} & set(run.settings)
            notes = job.notes() if repeatable else {}
            record = training.fit(job.network(learn), learn, test, job.config, folder, resume=True, notes=notes)
        model = load_model(folder / "model.safetensors", training.pick_device(job.config.device))
    points, _ = predict(model, test.images, regime=told(model, test))
    offset = np.nanmean(points - test.keypoints, axis=(0, 1), dtype=np.float64).reshape(2)
    return record | {"face_rmse": [round(float(e), 4) for e in metrics.rmse(points, test.keypoints, axis=(1, 2))],
                     "offset": [round(float(v), 3) for v in offset],
                     "tested_on": hashlib.sha256(test.images.tobytes()).hexdigest()[:16]}


# What may differ between a plan's config and a record's: where it ran, how often it was saved. Not what was done.
FREE = {"device", "save_every", "feed", "compile"}


def check_record(path: Path, record: dict, learn: Faces, test: Faces, job: Job | None) -> None:
    """Raise InputError unless ``record`` is of these faces and this job."""
    wanted = {"train": learn.fingerprint(), "val": test.fingerprint()}
    there = {side: record["data"][side]["fingerprint"] for side in wanted}
    if there != wanted:
        raise InputError(f"{path}: this record is of other faces (fingerprints {there}, expected {wanted}). Give the "
                         "same data, or another --out folder: records of different data are not mixed.")
    if job is not None:
        plan, there = json.loads(json.dumps(asdict(job.config))), record["config"]
        differ = sorted(k for k in plan.keys() - FREE if plan[k] != there.get(k))
        network = {"model": job.model, "options": job.options, "origin": job.origin}
        found = {"origin": 0.0, **record["model"]}  # records from before there was an origin have none
        differ += sorted(k for k in network if network[k] != found.get(k))
        differ += sorted(k for k in job.head if job.head[k] != record["model"]["head"].get(k))
        if differ:
            raise InputError(f"{path}: this record was made with another {', '.join(differ)} than the plan "
                             "says. Remove it, or name another --out folder.")


def records(folder: str | Path) -> dict[str, list[dict]]:
    """The records of a folder by the name of the run, best first.

    Raises:
        InputError: there are none, or their held-out faces differ for the same seed.
    """
    found = [json.loads(p.read_text()) for p in sorted(Path(folder).glob("*.json"))]
    if not found:
        raise InputError(f"{folder}: expected records of 'facekp results run'; found none.")
    by_seed: dict[int, set] = {}
    for record in found:
        by_seed.setdefault(record["seed"], set()).add(record["tested_on"])
    if any(len(prints) > 1 for prints in by_seed.values()):
        raise InputError(f"{folder}: these records were tested on different faces, so they cannot stand in one table.")
    named: dict[str, list[dict]] = {}
    for record in found:
        named.setdefault(record["name"], []).append(record)
    return dict(sorted(named.items(), key=lambda item: np.mean([r["metrics"]["rmse"] for r in item[1]])))


def frame(folder: str | Path, names: list[str] | None = None) -> pd.DataFrame:
    """A line per name, best first: means over its seeds, and how far the seeds lie apart (a standard deviation).

    Args:
        folder: of records.
        names: which runs; those without a record are left out. Default: all.
    """
    lines = []
    for name, runs in records(folder).items():
        if names is not None and name not in names:
            continue
        rmse = np.array([r["metrics"]["rmse"] for r in runs])
        share = np.mean([r["metrics"]["rmse"] / r["metrics"]["mean_face_rmse"] for r in runs])
        nme = np.mean([r["metrics"].get("nme_inter_ocular", np.nan) for r in runs])
        spread = f" ± {rmse.std(ddof=1):.3f}" if len(rmse) > 1 else ""
        lines.append({"network": name, "weights": f"{runs[0]['parameters'] / 1e6:.2f} M",
                      "RMSE (px)": f"{rmse.mean():.3f}{spread}", "of the mean face": f"{share:.2f}",
                      "NME": f"{100 * nme:.1f} %", "seeds": str(len(rmse)),
                      "epochs": str(runs[0]["config"]["epochs"]) if "config" in runs[0] else ""})
    columns = ["network", "weights", "RMSE (px)", "of the mean face", "NME", "epochs", "seeds"]
    return pd.DataFrame(lines, columns=columns).set_index("network")


def table(folder: str | Path) -> str:
    """The lines of :func:`frame` as Markdown."""
    rows = frame(folder).reset_index()
    lines = [list(rows.columns), *rows.to_numpy().tolist()]
    text = [f"| {' | '.join(cells)} |" for cells in lines]
    return "\n".join([text[0], "|---" * len(rows.columns) + "|", *text[1:]])
