"""A trained run, used: tested on held-out faces, asked for points, asked for a submission."""

from pathlib import Path

import numpy as np
import pandas as pd

from facekp import data, metrics, plots, results
from facekp.analysis import analyse
from facekp.data import folder, kaggle, regimes
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import replacing, write_json
from facekp.models import KeypointModel, load_model
from facekp.photo.square import to_photo
from facekp.predict import check_fit, predict
from facekp.pretrained import load_pretrained, shipped
from facekp.training import pick_device
from facekp.training.folds import Ensemble, load_ensemble


def open_run(run: str | Path, device: str = "auto") -> tuple[KeypointModel, dict]:
    """The model of a run folder (or a ``.safetensors`` file) and its record ({} where there is none).

    A folder of folds is one model, the mean of its models, and its record is ``folds.json``. "pretrained:NAME", or
    NAME alone where no file is called so, is a model that ships with the library.
    """
    if (name := shipped(run)) is not None:
        return load_pretrained(name, pick_device(device)), {}
    run = Path(run)
    if (run / "fold-0").is_dir():
        return load_ensemble(run, pick_device(device)), read_record(run / "folds.json")
    file = run / "model.safetensors" if run.is_dir() else run
    if not file.is_file() and (run / "resume.pt").is_file():
        raise InputError(f"{run}: this training is not finished, so there are no weights yet. The command that began "
                         "it, with --resume, goes on.")
    return load_model(file, pick_device(device)), read_record(file.with_name("record.json"))


def open_runs(runs: list[str | Path], device: str = "auto", to_test: bool = False) -> tuple[KeypointModel, dict]:
    """Several runs as one model, the mean of them all, with the record of the first; one run as it is.

    Args:
        runs: see :func:`open_run`.
        device: where the models shall be.
        to_test: the mean shall be tested on the held-out faces of the first run.

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
        raise InputError("Expected runs with the same held-out faces (the same data, share and seed); found "
                         f"different sets, of the fingerprints {found}: a face held out by one was learnt by another.")
    unknown = [str(run) for run, (_, r) in zip(runs, opened, strict=True) if "data" not in r]
    if to_test and unknown:
        raise InputError(f"Expected runs that say which faces they held out; found {', '.join(unknown)}, which may "
                         "have learnt from the faces that the others are tested on. Leave it out, or test on faces "
                         "that none of them has seen (facekp evaluate --all).")
    record = opened[0][1]
    return Ensemble([m for m, _ in opened]).eval(), record


def read_record(path: Path) -> dict:
    """The record at ``path``, {} if there is none; InputError if it is no record of a training."""
    if not path.is_file():
        return {}
    record = results.read_record(path)
    if "rmse_of_folds" in record:
        return results.read_record(path, "metrics.rmse", "folds")
    split = ("split.keypoints", "split.held_out", "split.seed", "data.val.fingerprint")
    return results.read_record(path, *split) if "split" in record else record


def fitting(model: KeypointModel, faces: Faces) -> Faces:
    """``faces``, if they have the model's points and size; Kaggle's in two conventions, if the model has them.

    Raises:
        InputError: they do not; says what each has.
    """
    if model.scheme.names == regimes.TWO.names and regimes.of_kaggle(faces.scheme):
        faces = regimes.split_conventions(faces)
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
        faces = regimes.split_conventions(faces)
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


def report(
    runs: list[str | Path], source: str | Path, all_faces: bool = False, picture: Path | None = None,
    device: str = "auto", flip_tta: bool = False,
) -> str:
    """The metrics of the mean of ``runs`` in text; on their held-out faces, or on all faces of ``source``."""
    plots.check_picture(picture)
    model, record = open_runs(runs, device, to_test=not all_faces)
    faces = fitting(model, data.load(source, progress=True, pixel_offset=model.pixel_offset))
    train, test = (faces, faces) if all_faces else held_out(faces, record)
    if not test.annotated.any():
        raise InputError(f"{source}: no face has an annotated keypoint, so there is nothing to compare with.")
    points, _ = predict(model, test, flip_tta=flip_tta)
    result = results.scores(points, test, metrics.mean_face(train.keypoints))
    lines = [
        f"{model.name} on {len(test)} {'faces' if all_faces else 'held-out faces'}",
        f"RMSE       {result['rmse']:7.3f} px per coordinate",
        f"mean face  {result['mean_face_rmse']:7.3f} px{' (of these same faces)' if all_faces else ''}",
    ]
    if "nme_inter_ocular" in result:
        lines.append(f"NME        {100 * result['nme_inter_ocular']:7.2f} % of the distance between the eyes")
    lines += by_regime(points, train, test)
    lines += [""] + [
        f"{name:28} {'-' if value is None else f'{value:6.3f} px'}"
        for name, value in result["rmse_per_keypoint"].items()
    ]
    lines += results.left_out_line(result["rmse_per_keypoint"])
    if picture:
        worst = np.argsort(-np.nan_to_num(metrics.rmse(points, test.keypoints, axis=(1, 2))))[:32]
        plots.save(plots.faces(test.select(worst), points[worst], count=32), picture)
        lines.append(f"\nWrote {picture}: the faces with the largest errors.")
    return "\n".join(lines)


def analysis(runs: list[str | Path], source: str | Path, out: str | Path, device: str = "auto") -> str:
    """Write :func:`facekp.analysis.analyse`'s record of the mean of ``runs`` on their held-out faces; its gist in text.

    The noise of the labels is measured on all faces of ``source``, those that the run did not use among them.
    """
    model, record = open_runs(runs, device, to_test=True)
    everything = data.load(source, progress=True, pixel_offset=model.pixel_offset)
    train, test = held_out(fitting(model, everything), record)
    found = analyse(model, train, test, everything)
    write_json(Path(out), found)
    noise = found["label_noise"]
    lines = [f"{model.name} on {len(test)} held-out faces: {found['rmse']:.3f} px; with flip TTA "
             f"{found['flip_tta']:.3f} px (mean face {found['mean_face_rmse']:.3f} px)."]
    if found["decoders"]:
        told = ", ".join(f"{name} {rmse:.3f}" for name, rmse in sorted(found["decoders"].items(), key=lambda d: d[1]))
        lines.append(f"The same maps read by each decoder: {told} px.")
    if noise["rmse"] is not None:
        lines.append(f"Two labels of one image ({noise['groups']} images) scatter by {noise['rmse']:.3f} px.")
    return "\n".join([*lines, f"Wrote {out}"])


def by_regime(points: np.ndarray, train: Faces, test: Faces) -> list[str]:
    """A line for each of Kaggle's two sources: the RMSE of its faces, and of its own mean face.

    Args:
        points: (N, K, 2) predictions for ``test``.
        train, test: faces with Kaggle's points, in one convention or two; the mean faces are ``train``'s.

    Returns:
        Nothing where the points are not Kaggle's, or where either side lacks one of the sources.
    """
    if not regimes.of_kaggle(test.scheme):
        return []
    lines = []
    for source, name in enumerate(("15 points", "4 points")):
        here = kaggle.regime(test) == source
        seen, truth = train.keypoints[kaggle.regime(train) == source], test.keypoints[here]
        if np.isnan(seen).all() or np.isnan(truth).all():
            return []
        lines.append(f"{name:10} {metrics.rmse(points[here], truth):7.3f} px on the {here.sum()} faces of that source; "
                     f"its mean face {metrics.mean_face_rmse(seen, truth):.3f} px")
    return lines


def predict_to_csv(
    runs: list[str | Path], source: str | Path, out: str | Path, picture: Path | None = None, device: str = "auto",
    flip_tta: bool = False,
) -> str:
    """Points for every face of a data set, as a table; what was written, in text. Photos: ``photo.report``.

    Of a folder the table says which file a line is of, and points are in that file's own pixels, whatever its size:
    as the folder's ``keypoints.csv`` has them.
    """
    plots.check_picture(picture)
    model, _ = open_runs(runs, device)
    if (Path(source).expanduser() / "keypoints.csv").is_file():
        found, files, boxes = folder.read_files(source, model.size, progress=True)
    else:
        found, files, boxes = data.load(source, progress=True), [], []
    faces = fitting(model, found)
    points, confidence = predict(model, faces, flip_tta=flip_tta)
    there = np.array([to_photo(p, box, model.size) for p, box in zip(points, boxes, strict=True)]) if files else points
    there = there + model.pixel_offset  # as the labels of its training data count
    table = pd.DataFrame(there.reshape(len(points), -1), columns=model.scheme.columns)
    table.insert(0, "row", faces.rows)
    if files:
        table.insert(0, "file", files)
    if np.isfinite(confidence).any():
        table["confidence"] = confidence.mean(axis=1)
    with replacing(out) as temporary:
        table.to_csv(temporary, index=False, float_format="%.3f")
    told = f"Wrote {len(table)} line{'s' if len(table) > 1 else ''} to {out}"
    if picture:
        plots.save(plots.faces(faces, points, count=32, cell=3.0 if len(faces) == 1 else 1.2), picture)
        told += f" and the picture {picture}"
    return told + "."


def submission(
    runs: list[str | Path], source: str | Path, out: str | Path, device: str = "auto", flip_tta: bool = False
) -> str:
    """The competition's file ``RowId,Location`` for the test faces in ``source``; what was written, in text."""
    model, _ = open_runs(runs, device)
    test, lookup = kaggle.read_test(source, progress=True), kaggle.read_lookup(source)
    regime = regimes.regime_of_lookup(lookup, test.rows)
    points, _ = predict(model, fitting(model, test), flip_tta=flip_tta)
    if model.scheme.names == regimes.TWO.names:
        points = regimes.join_conventions(points, regime)
    kaggle.write_submission(points + np.float32(model.pixel_offset), lookup, out, test.rows)
    return f"Wrote {len(lookup)} rows to {out}. Upload it on the competition's page, or with the kaggle command."
