"""Commands that use a trained network."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from facekp.cli.arguments import Coverage, Device, FlipTTA, Format, MoreRuns, Recursive, RunFolder, Smooth, Source


def evaluate(
    run: RunFolder,
    data: Source,
    all_faces: Annotated[bool, typer.Option("--all", help="Test on all faces, not only on those held out.")] = False,
    figure: Annotated[
        Path | None, typer.Option("--picture", help="Draw the faces with the largest errors here.")
    ] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="A,B", help="NME in distances between these two points, not between the eyes.")
    ] = None,
    others: MoreRuns = None,
    flip_tta: FlipTTA = False,
    device: Device = "auto",
) -> None:
    """Measure a trained network on the faces that its training held out."""
    from facekp.cli import reports

    print(reports.report([run, *(others or [])], data, all_faces, figure, device, flip_tta, unit))


def calibrate(
    run: Annotated[
        Path, typer.Argument(metavar="RUN", help="What 'facekp train' wrote, or a .safetensors file.")
    ],
    data: Source,
    all_faces: Annotated[
        bool, typer.Option("--all", help="Use all faces, none of which the run learnt from.")
    ] = False,
    flip_tta: FlipTTA = False,
    device: Device = "auto",
) -> None:
    """Learn from held-out faces how far off a network is, so that 'predict --coverage 0.9' can give radii."""
    from facekp.cli import reports

    print(reports.calibration(run, data, all_faces, flip_tta, device))


def predict(
    run: RunFolder,
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A photo, a folder of photos, a video, or DATA as for 'train'.")
    ],
    out: Annotated[
        Path | None,
        typer.Argument(metavar="OUT", help="OUT.csv, one line per face: file or row, x and y of each point. "
                                               "One photo needs none: its points are printed."),
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y,W,H", help="Where in the photo the face is: from mid-forehead to chin, the eyes "
                                             "0.38 of the width apart. May be repeated."),
    ] = None,
    detect: Annotated[bool, typer.Option("--detect", help="Look for faces.")] = False,
    figure: Annotated[
        Path | None, typer.Option("--out", "--picture", help="Draw the photo, or the faces, with the points here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the photo's faces as JSON.")] = False,
    recursive: Recursive = False,
    smooth: Smooth = False,
    form: Format = "csv",
    others: MoreRuns = None,
    flip_tta: FlipTTA = False,
    coverage: Coverage = None,
    device: Device = "auto",
) -> None:
    """Find the keypoints in a photo, in every photo of a folder, or in every face of a data set.

    Without --box and --detect the whole photo is the face. Points count from the centre of the first pixel of the
    photo as it is seen: turned upright, where its EXIF entry asks for that.
    """
    from facekp import pretrained
    from facekp.cli import labels_command, photo_reports

    runs: list[str | Path] = [run, *(others or [])]
    boxes = photo_reports.parse_boxes(box or [], detect)
    with labels_command.written_as(form, runs[0], source, out) as table:
        text, notes = photo_reports.predict_report(runs, source, table, figure, boxes, as_json, device, flip_tta,
                                                   coverage, recursive, smooth)
    text = text.replace(str(table), str(out))
    for note in (*notes, *pretrained.terms(runs), *(photo_reports.detector_terms() if detect else [])):
        print(note, file=sys.stderr)
    print(text)


def submit(
    run: RunFolder,
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Kaggle's folder or zip, with test.csv and IdLookupTable.csv.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.csv")] = Path("submission.csv"),
    others: MoreRuns = None,
    flip_tta: FlipTTA = False,
    device: Device = "auto",
) -> None:
    """Write the competition's submission file."""
    from facekp.cli import reports

    print(reports.submission([run, *(others or [])], data, out, device, flip_tta))


def export(
    run: RunFolder,
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="One file: bytes in, points and confidence out.")],
    maps: Annotated[bool, typer.Option("--maps", help="Give the heatmaps too, as a third output.")] = False,
) -> None:
    """Write a model as ONNX, for programs without PyTorch (needs: pip install "facekp[onnx]")."""
    from facekp import export as e

    print(e.export(run, out, maps))
