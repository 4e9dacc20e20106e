"""What the commands train and check: data, network and settings, put together."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.distributed as dist

from facekp import data, plots, results, training
from facekp.cli import findings
from facekp.data.conventions import with_conventions
from facekp.data.faces import Faces
from facekp.data.folder import in_colour, subset
from facekp.errors import InputError, check_choice
from facekp.files import clear_partials
from facekp.models import KeypointModel, check_options, create_model, start_from
from facekp.models.count import features_of_maps
from facekp.models.model import check_channels
from facekp.runs import open_run
from facekp.training import TrainConfig
from facekp.training.checkpoint import finished
from facekp.training.distributed import Distributed, init_distributed
from facekp.training.stages import fit_stages

NO_PAIRS = ("No left/right pairs among the points, so images are flipped and no point is swapped. If some are left "
            "and right, name them so (left_ear, right_ear), write pairs.csv, or add --set augment.flip=0.")

MADE_GREY = ("The images are in colour and were made grey, as the networks here expect. To keep the colours: --option "
             "in_channels=3")


@dataclass(frozen=True)
class Job:
    """A training run to be done.

    Attributes:
        source: what ``data.load`` takes.
        model: name of the network; ``options`` and ``head`` are changes to it.
        config: how to train it.
        keypoints: which faces, see ``data.folder.subset``.
        conventions: "one" or "two", see ``data.conventions``.
        held_out: fraction of the faces that are kept for testing.
        pixel_offset: what the labels call the centre of the first pixel, see ``data.load``.
        init: a run, a file or shipped weights to start from, see ``facekp.runs.open_run``; None for fresh weights.
        stages: values of the network's option ``stage``, each trained for ``config.epochs``, one after the other.

    Raises:
        InputError: a fraction that is not between 0 and 1, options that the network does not have, or a
            first stage that would train a regressor on a detector with fresh weights.
    """

    source: str | Path
    model: str
    config: TrainConfig
    keypoints: str = "15"
    conventions: str = "one"
    held_out: float = 0.1
    options: dict = field(default_factory=dict)
    head: dict = field(default_factory=dict)
    pixel_offset: float = 0.0
    init: str | Path | None = None
    stages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.held_out, bool) or not isinstance(self.held_out, int | float) or not 0 < self.held_out < 1:
            raise InputError(f"Expected a fraction of held-out faces between 0 and 1; found {self.held_out!r}. To "
                             "learn from every face and still be tested on faces not seen, train folds: --folds 5.")
        if not isinstance(self.options, dict) or not isinstance(self.head, dict):
            raise InputError("Expected the options of the network and of its head by their names; found "
                             f"{self.options!r} and {self.head!r}.")
        check_options(self.model, self.options)
        check_channels(self.options.get("in_channels", 1))
        self.check_stages()

    def check_stages(self) -> None:
        """Raise InputError for stages that the network does not have, or a detector that would never be trained."""
        if not self.stages and "stage" not in self.options:
            return
        from facekp.models.parts import STAGES

        for stage in self.stages or [self.options["stage"]]:
            check_options(self.model, {"stage": stage})
            check_choice("stage", stage, STAGES)
        if "stage" in self.options and self.stages:
            raise InputError("Expected --stages or --option stage=...; found both. Leave one of them out.")
        if (self.stages[0] if self.stages else self.options["stage"]) == "regressor" and self.init is None:
            raise InputError("The stage 'regressor' trains on a detector that no longer learns, and this one would "
                             "have fresh weights. Train a detector first (--option stage=detector) and start from it "
                             f"(--init RUN), or train all of them: --stages {','.join(STAGES)}.")

    @property
    def final_options(self) -> dict:
        """The options of the network as it ends: in its last stage."""
        return self.options | ({"stage": self.stages[-1]} if self.stages else {})

    def all_faces(self) -> Faces:
        """All faces of the source."""
        colour = self.options.get("in_channels", 1) == 3
        return data.load(self.source, progress=True, pixel_offset=self.pixel_offset, colour=colour)

    def faces(self, all_faces: Faces | None = None) -> Faces:
        """Those of them that the job takes; InputError if there are none."""
        faces = self.all_faces() if all_faces is None else all_faces
        chosen = subset(faces, self.keypoints)
        if not len(chosen) and self.keypoints == "15" and faces.annotated.any():
            least, name = min(zip(faces.annotated.sum(0).tolist(), faces.scheme.names, strict=True))
            raise InputError(f"{self.source}: none of the {len(faces)} faces has all {len(faces.scheme)} points; the "
                             f"rarest is '{name}', in {least}. --keypoints any trains on the points that there are.")
        return with_conventions(chosen, self.conventions)

    def network(self, faces: Faces, stage: str | None = None) -> KeypointModel:
        """A new network for these faces, with the weights of ``init`` if there is one; in that stage, or the first.

        Raises:
            InputError: it has fewer features than heatmaps to output, or ``init`` does not fit it.
        """
        stage = stage or next(iter(self.stages), None)
        options = self.options | ({"stage": stage} if stage else {})
        model = create_model(self.model, faces.scheme, faces.images.shape[1], self.head, self.pixel_offset, **options)
        features, K = features_of_maps(model), len(faces.scheme)
        if features is not None and features < K:
            raise InputError(f"Expected a network with at least as many features as the {K} heatmaps that it makes of "
                             f"them; {self.model} has {features} here, and would never draw some of the points. Add "
                             f"--option channels={8 * -(-K // 8)} (in a plan: options = {{ channels = ... }}).")
        return start_from(model, None if self.init is None else open_run(self.init, "cpu")[0])

    def fit(self, model: KeypointModel, train: Faces, test: Faces, run: Path, resume: bool = False,
            notes: dict | None = None, on_epoch: Callable[[dict], None] | None = None) -> dict:
        """Train ``model``, of :meth:`network`, or all stages into the folder ``run``; the record, which names ``init``.
        """
        notes = (notes or {}) | ({} if self.init is None else {"init": str(self.init)})
        if self.stages:
            return fit_stages(lambda stage: model if stage == self.stages[0] else self.network(train, stage),
                              self.stages, train, test, self.config, run, notes, on_epoch=on_epoch,
                              score=results.scores)
        return training.fit(model, train, test, self.config, run, resume, on_epoch=on_epoch, notes=notes,
                            score=results.scores)

    def notes(self) -> dict:
        """How the faces were split, for the record."""
        split = {"keypoints": self.keypoints, "held_out": self.held_out, "seed": self.config.seed}
        return {"split": split | ({} if self.conventions == "one" else {"conventions": self.conventions})}


def train(job: Job, run: Path, folds: int | None = None, resume: bool = False, tensorboard: bool = False) -> None:
    """Train, say how it goes, and write the run; or ``folds`` runs.

    Raises:
        InputError: ``run`` is a file, is finished, or has files in it and ``resume`` was not asked for.
        Busy: another process trains into ``run``.
    """
    clear_partials(run)  # of a killed run: they are hidden, so the folder counts as empty without them
    if resume and ((run / "folds.json").is_file() if folds else finished(run)):
        raise InputError(f"{run}: this run is finished; there is nothing to go on with. Train into a new folder.")
    if run.is_file():
        raise InputError(f"{run}: expected a new or empty folder; found a file. Name another.")
    if not resume and run.is_dir() and any(run.iterdir()):
        raise InputError(f"{run}: expected a new or empty folder; found {what_is_in(run)}.")
    if folds and (job.init is not None or job.stages):
        raise InputError("Folds start from fresh weights, in one stage: expected --folds, or --init and --stages; "
                         "found both. Weights that learnt from a face must not be tested on it.")
    if folds and tensorboard:
        raise InputError("TensorBoard shows one run at a time: expected --folds or --tensorboard, found both.")
    device = training.pick_device(job.config.device)
    distributed = init_distributed(device)
    try:
        if folds:
            train_folds(job, run, folds, distributed)
        else:
            train_one(job, run, resume, distributed, tensorboard)
    finally:
        if distributed.size > 1:
            dist.destroy_process_group()


def what_is_in(run: Path) -> str:
    """What a folder holds that is not empty, and what to do then."""
    if finished(run) or (run / "folds.json").is_file():
        return "a finished run. Name another"
    if any((run / name).exists() for name in ("resume.pt", "log.jsonl", "fold-0")) or any(run.glob("stage-1-*")):
        return "a run that is not finished. Add --resume to go on with it, or name another"
    return "files that are not of a run. Name another"


def load_checked(job: Job, verbose: bool = True) -> Faces:
    """The faces of the job, after a look for what is likely wrong with them (``verbose``: say what).

    Raises:
        InputError: no faces, or labels that cannot be right.
    """
    all_faces = job.all_faces()
    lines = findings.before_training(all_faces, job.source, job.pixel_offset)
    faces = job.faces(all_faces)
    if len(faces) < len(all_faces):
        also = "" if job.keypoints == "any" else " --keypoints any trains on faces with some of their points too."
        lines.append(f"{len(faces)} of {len(all_faces)} faces have the points asked for; the others are left "
                     f"out.{also}")
    for line in lines if verbose else []:
        print(line, flush=True)
    return faces


def train_one(job: Job, run: Path, resume: bool, distributed: Distributed, tensorboard: bool) -> None:
    """One model, on all faces but those held out."""
    faces = load_checked(job, distributed.is_main)
    train, test = faces.split(job.held_out, job.config.seed)
    torch.manual_seed(job.config.seed)
    model = job.network(faces)
    write = training.tensorboard(run / "tensorboard") if tensorboard and distributed.is_main else None
    device = training.pick_device(job.config.device)
    if distributed.is_main:
        many = f", {distributed.size} processes" if distributed.size > 1 else ""
        print(f"{job.model} on {len(train)} faces, tested on {len(test)} others, on {device}{many}", flush=True)
        files = (Path(job.source).expanduser() / "keypoints.csv").is_file()
        if files and faces.channels == 1 and in_colour(job.source):
            print(MADE_GREY, flush=True)
        if job.init is not None:
            print(describe_init(job, train), flush=True)
        if not faces.scheme.pairs and job.config.augment is not None and job.config.augment.flip:
            print(NO_PAIRS, flush=True)

    def each_epoch(line: dict) -> None:
        if not sys.stderr.isatty():
            print(describe_epoch(line), flush=True)
        if write:
            write(line)

    record = job.fit(model, train, test, run, resume, job.notes(), each_epoch)
    if distributed.is_main:
        m = record["metrics"]
        print(f"RMSE {m['rmse']:.3f} px on held-out faces; the mean face has {m['mean_face_rmse']:.3f} px. "
              f"{findings.which_pixels(faces)}Wrote {run / 'model.safetensors'} and {run / 'record.json'}",
              *findings.after_training(m, faces, job.pixel_offset), sep="\n")


def describe_init(job: Job, train: Faces) -> str:
    """Where the weights come from, and whether they may have learnt from faces that are held out now."""
    _, record = open_run(str(job.init), "cpu")
    known = record.get("data", {}).get("train", {}).get("fingerprint")
    if known == train.fingerprint(job.pixel_offset):
        return f"starting from {job.init}, which learnt from the same faces"
    return (f"starting from {job.init}. It may have learnt from faces that are held out now; then the error on them is "
            "too small. (The same data, seed and --held-out hold out the same faces.)")


def train_folds(job: Job, run: Path, k: int, distributed: Distributed) -> None:
    """k models, each tested on its own fold."""
    if distributed.size > 1:
        raise InputError("Expected folds in a single process; found several of torchrun. Start one fold run per GPU.")
    faces = load_checked(job)
    print(f"{job.model} on {k} folds of {len(faces)} faces, on {training.pick_device(job.config.device)}", flush=True)

    def each_epoch(fold: int, line: dict) -> None:
        if not sys.stderr.isatty():
            print(f"fold {fold + 1} of {k}  {describe_epoch(line)}", flush=True)

    record = training.fit_folds(lambda: job.network(faces), faces, k, job.config, run, notes=job.notes(),
                                on_epoch=each_epoch, score=results.scores)
    m = record["metrics"]
    print(f"RMSE {m['rmse']:.3f} px on all {len(faces)} faces, each predicted by a model that never saw it "
          f"(folds: {', '.join(f'{r:.3f}' for r in record['rmse_of_folds'])}); the mean face has "
          f"{m['mean_face_rmse']:.3f} px. {findings.which_pixels(faces)}Wrote {run}; 'facekp predict' and 'submit' "
          "take it as one model.",
          *findings.after_training(m, faces, job.pixel_offset), sep="\n")


def describe_epoch(line: dict) -> str:
    """An epoch in one line, for logs without a progress bar."""
    return (f"epoch {line['epoch']:4}  loss {line['loss']:8.4f}  val RMSE {line['val_rmse']:7.3f} px  "
            f"(mean face {line['mean_face_rmse']:.3f})  {line['images_per_second']:6.0f} images/s")


def check(job: Job, count: int = 8) -> str:
    """The verdict of ``training.overfit`` on a few faces, in text."""
    faces = job.faces()
    few = faces.select(faces.annotated.any(1)).select(slice(count))
    torch.manual_seed(job.config.seed)
    result = training.overfit(job.network(faces), few, job.config)
    fraction = result["rmse"] / result["mean_face_rmse"]
    verdict = ("It can learn: labels, head and loss fit together." if fraction < 0.3 else
               "It does not learn them. Suspect the labels, the head, the loss, or a learning rate that is far off.")
    return (f"{job.model}, {len(result['losses'])} steps on {len(few)} faces: loss {result['losses'][0]:.3f} -> "
            f"{result['losses'][-1]:.4f}, RMSE {result['rmse']:.3f} px on these same faces (their mean face: "
            f"{result['mean_face_rmse']:.3f}).\n{verdict}")


def find_lr(job: Job, figure: Path) -> str:
    """The result of ``training.find_lr`` in text; draws ``figure``."""
    plots.check_figure(figure)
    faces = job.faces()
    torch.manual_seed(job.config.seed)
    found = training.find_lr(job.network(faces), faces, job.config)
    plots.save(plots.range_test(found), figure)
    return (f"The loss falls up to a learning rate of {found['end']:.1e}; a good peak is a third of that, "
            f"{found['suggestion']:.1e} (--lr). Wrote {figure}")
