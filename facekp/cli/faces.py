"""Commands that make, fetch and look at faces."""

from pathlib import Path
from typing import Annotated

import typer

from facekp.cli.arguments import Source, Subset


def demo(
    out: Annotated[Path, typer.Option(help="The figure to write.")] = Path("demo.png"),
    seconds: Annotated[float, typer.Option(min=1, help="About how long to train.")] = 60.0,
) -> None:
    """Train the compact hourglass on synthetic faces for a minute and show what it learnt."""
    from facekp.cli import demo_command

    demo_command.run(out, seconds)


def download(folder: Annotated[Path, typer.Argument(help="Where to put the files.")] = Path("data/kaggle")) -> None:
    """Fetch the competition's files with your own Kaggle account (needs: pip install "facekp[kaggle]")."""
    from facekp.data.download import download as fetch

    print(f"The files are in {fetch(folder)}. Next: facekp inspect {folder}")


def inspect(
    data: Source,
    figure: Annotated[
        Path | None, typer.Option("--picture", help="Draw a sheet of faces here, those to look at first.")
    ] = None,
    suspects: Annotated[
        Path | None, typer.Option(metavar="OUT.csv", help="Write the faces to look at first here, with the reasons.")
    ] = None,
) -> None:
    """Count what is in a data set, and name what is likely wrong with it: labels, images, duplicates."""
    from facekp import data as d
    from facekp import plots
    from facekp.cli import findings
    from facekp.data.checks import check
    from facekp.files import check_table

    plots.check_figure(figure)
    check_table(suspects, data)
    faces = d.load(data, progress=True)
    found = check(faces)
    print(findings.report(faces, found))
    if suspects:
        print(f"Wrote {findings.write_suspects(faces, found, suspects)} faces to {suspects}")
    if figure:
        plots.save(findings.sheet(faces, found), figure)
        print(f"Wrote {figure}")


def extract(
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="A new or empty folder.")],
    keypoints: Subset = "15",
) -> None:
    """Save each face of a subset as PNG, with keypoints.csv, pairs.csv and manifest.json beside them."""
    from facekp import data as d
    from facekp.data import folder

    faces = d.load(data, progress=True)
    chosen = folder.subset(faces, keypoints)
    folder.extract(chosen, out, source=str(data), progress=True)
    print(f"Wrote {len(chosen)} of {len(faces)} faces to {out}. Next: facekp train {out} runs/first")


def import_labels(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", help="A file with labels, or a folder with such files.")],
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="A new or empty folder.")],
    images: Annotated[Path | None, typer.Option(help="Where the images are, if not beside the labels.")] = None,
    skip_missing: Annotated[bool, typer.Option("--skip-missing", help="Leave out images that are not there.")] = False,
    pixel_offset: Annotated[
        float | None, typer.Option(help="What the labels call the centre of the first pixel; default: as their format.")
    ] = None,
    crop: Annotated[
        bool | None, typer.Option(help="Cut each face out of its image; default: where an image has several.")
    ] = None,
) -> None:
    """Make a data folder of other programs' labels: COCO, CVAT, Label Studio, labelme, YOLO-pose, DeepLabCut, SLEAP,
    .pts, WFLW, and tables as spreadsheets save them. The format is recognised by what is in the files.
    """
    from facekp.cli.labels_command import summary
    from facekp.data.importing import import_labels as read

    print(summary(read(labels, out, images, skip_missing, pixel_offset, crop), out))


def generate(
    n: Annotated[int, typer.Argument(min=1, help="How many faces to draw.")],
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="A new or empty folder.")],
    seed: int = 0,
    kaggle_shaped: Annotated[
        bool, typer.Option(help="With two sources, missing points and duplicates, as in Kaggle's files.")
    ] = False,
) -> None:
    """Draw faces with exact keypoints."""
    from facekp.data import folder
    from facekp.synthetic import generate as draw

    faces = draw(n, seed, kaggle_shaped=kaggle_shaped, progress=True)
    folder.extract(faces, out, source=f"facekp generate {n} --seed {seed}", progress=True)
    print(f"Wrote {n} synthetic faces to {out}. Next: facekp train {out} runs/drawn")
