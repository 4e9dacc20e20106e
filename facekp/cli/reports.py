"""What ``facekp evaluate``, ``calibrate``, ``predict``, ``submit``, ``submit-result`` and ``results analyse`` say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from facekp import data, metrics, plots, results
from facekp.calibration import calibrate, save_calibration
from facekp.cli import findings, learnt
from facekp.data import conventions, kaggle
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import replacing, write_json
from facekp.keypoints import Scheme
from facekp.predict import check_calibrated, predict
from facekp.pretrained import shipped
from facekp.results import community
from facekp.results.analysis import analyse
from facekp.runs import faces_for, fitting, held_out, open_run, open_runs, weights_of


def report(
    runs: list[str | Path], source: str | Path, all_faces: bool = False, figure: Path | None = None,
    device: str = "auto", flip_tta: bool = False, unit: str | None = None,
) -> str:
    """The metrics of the mean of ``runs`` in text; on their held-out faces, or on all faces of ``source``.

    ``unit`` names the two points whose distance NME divides by, with a comma between them; None: the scheme's eyes.
    """
    plots.check_figure(figure)
    model, record = open_runs(runs, device, to_test=not all_faces)
    faces = faces_for(model, source)
    train, test = (faces, faces) if all_faces else held_out(faces, record)
    test = replace(test, scheme=with_unit(test.scheme, unit))
    if not test.annotated.any():
        raise InputError(f"{source}: no face has an annotated keypoint, so there is nothing to compare with.")
    points, confidence = predict(model, test, flip_tta=flip_tta)
    mean = metrics.mean_face(train.keypoints)
    result, large = results.scores(points, test, mean), scores_in_files(points, test, mean)
    lines = [
        f"{model.name} on {len(test)} {'faces' if all_faces else 'held-out faces'}",
        *error_lines(result, large, model.size, " (of these same faces)" if all_faces else ""),
    ]
    lines += occlusion_lines(result, large, test) + normalised_lines(result, test.scheme)
    lines += source_lines(points, train, test)
    each = large["rmse_per_keypoint"] if large else {}
    lines += [""] + [f"{name:28} {'-' if value is None else f'{value:6.3f} px{in_file(each.get(name))}'}"
                     for name, value in result["rmse_per_keypoint"].items()]
    lines += findings.after_training(result, test, model.pixel_offset) + learnt.unsure(confidence)
    if figure:
        worst = np.argsort(-np.nan_to_num(metrics.rmse(points, test.keypoints, axis=(1, 2))))[:32]
        plots.save(plots.faces(test.select(worst), points[worst], count=32), figure)
        lines.append(f"\nWrote {figure}: the faces with the largest errors.")
    return "\n".join(lines)


def scores_in_files(points: np.ndarray, test: Faces, mean_face: np.ndarray) -> dict | None:
    """``results.scores`` in the pixels of each face's own file; None where those are the images' pixels.

    Args:
        points: (N, K, 2) predictions for ``test``.
        mean_face: (K, 2).
    """
    if test.files is None or (test.files.scale(test.images.shape[2]) == 1).all():
        return None
    truth = replace(test, keypoints=test.in_files(test.keypoints).astype(np.float32))
    mean = test.in_files(np.broadcast_to(mean_face, points.shape))
    return results.scores(test.in_files(points), truth, mean)


def error_lines(scores: dict, in_files: dict | None, size: int, note: str = "") -> list[str]:
    """RMSE and mean face in px of the images (``size`` x ``size``) and, where they are other pixels, of the files."""
    notes = {"rmse": " per coordinate", "mean_face_rmse": note}
    lines = [f"{name:10} {scores[key]:7.3f} px{notes[key]}{in_file(in_files[key] if in_files else None)}"
             for name, key in (("RMSE", "rmse"), ("mean face", "mean_face_rmse"))]
    return lines if in_files is None else [f"First in pixels of the {size}x{size} images that the network sees, then "
                                           "in pixels of each face's own file:", *lines]


def in_file(error: float | None) -> str:
    """An error in the file's pixels, behind the one in the image's."""
    return "" if error is None else f"; {error:.3f} px of the file"


def occlusion_lines(scores: dict, in_files: dict | None, faces: Faces) -> list[str]:
    """RMSE of the visible and of the occluded points, a line each, where some of ``faces``' points are occluded."""
    if "rmse_occluded" not in scores:
        return []
    hidden = int((faces.occluded & faces.annotated).sum())
    return [f"{name:10} {scores[f'rmse_{name}']:7.3f} px on {count} points"
            f"{in_file(in_files[f'rmse_{name}'] if in_files else None)}"
            for name, count in (("visible", int(faces.annotated.sum()) - hidden), ("occluded", hidden)) if count]


def with_unit(scheme: Scheme, unit: str | None) -> Scheme:
    """The scheme with the points that ``unit`` names ("36,45") as its eyes.

    Raises:
        InputError: not two names, or not of its points.
    """
    if unit is None:
        return scheme
    names = [name.strip() for name in unit.split(",")]
    unknown = [name for name in names if name not in scheme.names]
    if len(names) != 2 or unknown or names[0] == names[1]:
        raise InputError(f"Expected --unit with the names of two points and a comma between them; found '{unit}'. "
                         f"Known: {', '.join(scheme.names)}.")
    return replace(scheme, eyes=(names[0], names[1]))


def normalised_lines(result: dict, scheme: Scheme) -> list[str]:
    """NME, PCK, failure rate and AUC of ``metrics.scores``, a line each; how to get them where there is no unit."""
    if scheme.eyes is None:
        return ["NME, PCK and AUC need a unit: the distance between two points, e.g. "
                f"--unit {','.join(scheme.names[:2])}"] if len(scheme) > 1 else []
    if "nme_inter_ocular" not in result:
        return []
    return [f"NME        {100 * result['nme_inter_ocular']:7.2f} % of the distance {' - '.join(scheme.eyes)}",
            f"PCK        {100 * result['pck_0.1']:7.2f} % of the points within 10 % of it",
            f"failures   {100 * result['failure_rate_0.1']:7.2f} % of the faces with an NME above 10 %",
            f"AUC        {result['auc_0.1']:7.3f}   up to an NME of 10 %"]


def analysis(runs: list[str | Path], source: str | Path, out: str | Path, device: str = "auto") -> str:
    """Write what :func:`facekp.results.analysis.analyse` finds for the mean of ``runs``; its gist in text.

    It is measured on held-out faces; the noise of the labels on all faces of ``source``.
    """
    model, record = open_runs(runs, device, to_test=True)
    everything = data.load(source, progress=True, pixel_offset=model.pixel_offset, colour=model.channels == 3)
    train, test = held_out(fitting(model, everything), record)
    found = analyse(model, train, test, everything)
    write_json(Path(out), found)
    noise = found["label_noise"]
    lines = [f"{model.name} on {len(test)} held-out faces: {found['rmse']:.3f} px; with flip TTA "
             f"{found['flip_tta']:.3f} px (mean face {found['mean_face_rmse']:.3f} px)."]
    if found["decoders"]:
        said = ", ".join(f"{name} {rmse:.3f}" for name, rmse in sorted(found["decoders"].items(), key=lambda d: d[1]))
        lines.append(f"The same maps decoded by each decoder: {said} px.")
    if noise["rmse"] is not None:
        lines.append(f"Two labels of one image ({noise['groups']} images) scatter by {noise['rmse']:.3f} px.")
    return "\n".join([*lines, f"Wrote {out}"])


def source_lines(points: np.ndarray, train: Faces, test: Faces) -> list[str]:
    """A line for each of Kaggle's two sources: the RMSE of its faces, and of its own mean face.

    Args:
        points: (N, K, 2) predictions for ``test``.
        train, test: faces with Kaggle's points, in one convention or two; the mean faces are ``train``'s.

    Returns:
        Nothing where the points are not Kaggle's, or where either side lacks one of the sources.
    """
    if not conventions.of_kaggle(test.scheme):
        return []
    lines = []
    for source, name in enumerate(("15 points", "4 points")):
        here = kaggle.sources(test) == source
        seen, truth = train.keypoints[kaggle.sources(train) == source], test.keypoints[here]
        if np.isnan(seen).all() or np.isnan(truth).all():
            return []
        lines.append(f"{name:10} {metrics.rmse(points[here], truth):7.3f} px on the {here.sum()} faces of that source; "
                     f"its mean face {metrics.mean_face_rmse(seen, truth):.3f} px")
    return lines


def calibration(
    run: str | Path, source: str | Path, all_faces: bool = False, flip_tta: bool = False, device: str = "auto",
) -> str:
    """Calibrate a run on its held-out faces, or on all faces of ``source``, and write the file beside its weights.

    Raises:
        InputError: shipped weights, which are calibrated, or folds: no face is held out by all of their models.
    """
    if shipped(run) is not None or (Path(run) / "fold-0").is_dir():
        what = "shipped weights, which are calibrated already" if shipped(run) else "the models of several folds"
        raise InputError(f"{run}: expected one run of 'facekp train', or a .safetensors file; found {what}.")
    model, record = open_run(run, device)
    faces = faces_for(model, source)
    test = faces if all_faces else held_out(faces, record)[1]
    found = calibrate(model, test, flip_tta)
    _, confidence = predict(model, test, flip_tta=flip_tta)
    lines = [f"{model.name} on {len(test)} {'faces' if all_faces else 'held-out faces'}",
             "coverage   mean radius"]
    for coverage in (0.5, 0.8, 0.9, 0.95):
        try:
            lines.append(f"{coverage:7.0%} {found.radius(confidence, coverage).mean():11.2f} px")
        except InputError:
            lines.append(f"{coverage:7.0%}  too few faces")
    path = save_calibration(found, weights_of(run))
    return "\n".join([*lines, f"Wrote {path}. Next: facekp predict {run} INPUT --coverage 0.9"
                              f"{' --flip-tta' if flip_tta else ''}"])


def predict_to_csv(
    runs: list[str | Path], source: str | Path, out: str | Path, figure: Path | None = None, device: str = "auto",
    flip_tta: bool = False, coverage: float | None = None,
) -> tuple[str, tuple[str, ...]]:
    """Points for every face of a data set, as a table; what was written, in text, and notes.

    Of a folder the table says which file a line is of, and points are in that file's own pixels, whatever its size:
    as the folder's ``keypoints.csv`` has them. With ``coverage`` there is a radius for each point, in the same pixels.
    """
    plots.check_figure(figure)
    model, _ = open_runs(runs, device)
    if coverage is not None:
        check_calibrated(model, coverage, flip_tta)
    faces = fitting(model, data.load(source, progress=True, colour=model.channels == 3))
    points, confidence, *radius = predict(model, faces, flip_tta=flip_tta, coverage=coverage)
    there = faces.in_files(points) + model.pixel_offset  # as the labels of its training data count
    table = pd.DataFrame(there.reshape(len(points), -1), columns=model.scheme.columns)
    table.insert(0, "row", faces.rows)
    if faces.files is not None:
        table.insert(0, "file", faces.files.names)
    if np.isfinite(confidence).any():
        table["confidence"] = confidence.mean(axis=1)
    if faces.files is not None and not faces.files.whole.all():
        table[["box_x", "box_y", "box_side"]] = faces.files.squares
    if radius:
        scale = 1.0 if faces.files is None else faces.files.scale(model.size)[:, None]
        table[[f"{name}_radius" for name in model.scheme.names]] = radius[0] * scale
    with replacing(out) as temporary:
        table.to_csv(temporary, index=False, float_format="%.3f")
    said = f"Wrote {len(table)} line{'s' if len(table) > 1 else ''} to {out}"
    if figure:
        plots.save(plots.faces(faces, points, count=32, cell=3.0 if len(faces) == 1 else 1.2), figure)
        said += f" and the figure {figure}"
    return said + ".", tuple(learnt.unsure(confidence))


def submission(
    runs: list[str | Path], source: str | Path, out: str | Path, device: str = "auto", flip_tta: bool = False
) -> str:
    """The competition's file ``RowId,Location`` for the test faces in ``source``; what was written, in text."""
    model, _ = open_runs(runs, device)
    test, lookup = kaggle.read_test(source, progress=True), kaggle.read_lookup(source)
    sources = conventions.sources_of_lookup(lookup, test.rows)
    points, _ = predict(model, fitting(model, test), flip_tta=flip_tta)
    if model.scheme.names == conventions.TWO.names:
        points = conventions.join_conventions(points, sources)
    kaggle.write_submission(points + np.float32(model.pixel_offset), lookup, out, test.rows)
    return f"Wrote {len(lookup)} rows to {out}. Upload it on the competition's page, or with the kaggle command."


def community_result(
    runs: list[str | Path], out: Path, name: str, by: str, trained_on: str, link: str = "", flip_tta: bool = False,
    device: str = "auto",
) -> str:
    """Write the record of ``runs`` on the community faces (:mod:`facekp.results.community`); what it says, in text."""
    if out.suffix != ".json" or out.name == "board.json":
        raise InputError(f"{out}: expected the name of a record to write, which ends in .json; found another.")
    model, _ = open_runs(runs, device)
    community.check_author(name, by, trained_on, link)
    points, _ = predict(model, fitting(model, community.board_faces()), flip_tta=flip_tta)
    parameters = sum(p.numel() for p in model.parameters())
    record = community.make_result(points, name, by, trained_on, parameters, link)
    write_json(out, record)
    m = record["metrics"]
    return (f"{name}: {m['rmse']:.3f} px (95 % interval {m['rmse_low']:.3f} to {m['rmse_high']:.3f}) on "
            f"{community.BOARD_SIZE} test faces; the mean face {m['mean_face_rmse']:.3f} px.\n"
            f"Wrote {out}. To join the leaderboard, add it to book/results/community/ in a pull request.")
