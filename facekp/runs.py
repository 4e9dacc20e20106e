"""Finished training runs, opened: the model, its record, and the faces that it did not learn from."""

from pathlib import Path

from facekp import data
from facekp.calibration import load_calibration
from facekp.data import folder
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.models import KeypointModel, load_model
from facekp.predict import check_fit
from facekp.pretrained import load_pretrained, shipped
from facekp.training import pick_device
from facekp.training import record as records
from facekp.training.folds import Ensemble, load_ensemble


def open_run(run: str | Path, device: str = "auto") -> tuple[KeypointModel, dict]:
    """The model of a run folder (or a ``.safetensors`` file), calibrated if a calibration of its weights is beside it,
    and its record ({} where there is none).

    A folder of folds is one model, the mean of its models, and its record is ``folds.json``. "pretrained:NAME", or
    NAME alone where no file is called so, is a model that ships with the library.
    """
    if (name := shipped(run)) is not None:
        return load_pretrained(name, pick_device(device)), {}
    run = Path(run)
    if (run / "fold-0").is_dir():
        return load_ensemble(run, pick_device(device)), read_record(run / "folds.json")
    file = weights_of(run)
    if not file.is_file() and (run / "resume.pt").is_file():
        raise InputError(f"{run}: this training run is not finished, so there are no weights yet. The command that "
                         "began it, with --resume, goes on.")
    model = load_model(file, pick_device(device))
    model.calibration = load_calibration(file)
    return model, read_record(file.with_name("record.json"))


def weights_of(run: str | Path) -> Path:
    """The file with the weights of a run folder; or ``run`` itself, if it is a file."""
    return Path(run) / "model.safetensors" if Path(run).is_dir() else Path(run)


def open_runs(runs: list[str | Path], device: str = "auto", to_test: bool = False) -> tuple[KeypointModel, dict]:
    """Several runs as one model, the mean of them all, with the record of the first; one run as it is.

    Args:
        runs: see :func:`open_run`.
        device: where to put the models.
        to_test: the mean is to be tested on the held-out faces of the first run.

    Raises:
        InputError: models of different points, or records of different held-out faces; or, ``to_test``, a run of
            several that does not say which faces it held out: it may have learnt from those of the first.
    """
    opened = [open_run(run, device) for run in runs]
    if len(opened) == 1:
        return opened[0]
    sides = {str(run): r["data"]["val"]["fingerprint"] for run, (_, r) in zip(runs, opened, strict=True) if "data" in r}
    if len(set(sides.values())) > 1:
        found = ", ".join(f"{side} for {run}" for run, side in sides.items())
        raise InputError("Expected runs with the same held-out faces (the same data, fraction and seed); found "
                         f"different sets, of the fingerprints {found}: a face held out by one was learnt by another.")
    unknown = [str(run) for run, (_, r) in zip(runs, opened, strict=True) if "data" not in r]
    if to_test and unknown:
        raise InputError(f"Expected runs that say which faces they held out; found {', '.join(unknown)}, which may "
                         "have learnt from the faces that the others are tested on. Leave it out, or test on faces "
                         "that none of them has seen (facekp evaluate --all).")
    record = opened[0][1]
    return Ensemble([m for m, _ in opened]).eval(), record


def read_record(path: Path) -> dict:
    """The record at ``path``, {} if there is none; InputError if it is not the record of a training run."""
    if not path.is_file():
        return {}
    record = records.read_record(path)
    if "rmse_of_folds" in record:
        return records.read_record(path, "metrics.rmse", "folds")
    split = ("split.keypoints", "split.held_out", "split.seed", "data.val.fingerprint")
    return records.read_record(path, *split) if "split" in record else record


def faces_for(model: KeypointModel, source: str | Path) -> Faces:
    """The faces of ``source`` as ``model`` takes them: pixel offset, channels and points (:func:`fitting`)."""
    return fitting(model, data.load(source, progress=True, pixel_offset=model.pixel_offset,
                                    colour=model.channels == 3))


def fitting(model: KeypointModel, faces: Faces) -> Faces:
    """``faces``, if they have the model's points and size; Kaggle's in two conventions, if the model has them.

    Raises:
        InputError: they do not; says what each has.
    """
    from facekp.data import conventions  # with pandas: a photo needs neither

    if model.scheme.names == conventions.TWO.names and conventions.of_kaggle(faces.scheme):
        faces = conventions.split_conventions(faces)
    check_fit(model, faces)
    return faces


def held_out(faces: Faces, record: dict) -> tuple[Faces, Faces]:
    """The (train, held out) faces of the run that ``record`` describes.

    Raises:
        InputError: the record has no split, or ``faces`` are not the data of that run.
    """
    split = record.get("split")
    if "rmse_of_folds" in record:
        raise InputError(
            f"Each face of this run was held out once, by another of its {len(record['rmse_of_folds'])} models: the "
            f"error on all of them is {record['metrics']['rmse']:.3f} px (folds.json). Add --all to test the mean of "
            "the models on faces that none of them was trained on."
        )
    if split is None:
        raise InputError("This model has no record of which faces were held out. Test it on every face: 'facekp "
                         "evaluate' with --all (then make sure that none of them was trained on).")
    if split.get("conventions") == "two":
        from facekp.data import conventions

        faces = conventions.split_conventions(faces)
    train, test = folder.subset(faces, split["keypoints"]).split(split["held_out"], split["seed"])
    expected = record["data"]["val"]["fingerprint"]
    fingerprint = test.fingerprint(record.get("model", {}).get("pixel_offset", 0.0))
    if fingerprint != expected:
        raise InputError(
            f"These are not the faces of that training run: its held-out faces have the fingerprint {expected}, "
            f"these have {fingerprint}. Give the same data, or test on every face: facekp evaluate with --all "
            "(then make sure that none of them was trained on)."
        )
    return train, test
