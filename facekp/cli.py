"""The command line. Every command is a library call or two; ``facekp --help`` lists them.

Exit codes: 0 done, 2 something in the input is not as expected (one message says what), 130 interrupted.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from facekp.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Facial keypoint detection, small enough to read.\n\n"
    "A first tour:\n\n\b\n"  # \b: keep these lines as they are
    "  facekp demo                            a minute of training on drawn faces\n"
    "  facekp download data/kaggle            Kaggle's files, with your account\n"
    "  facekp inspect data/kaggle             what is in them\n"
    "  facekp extract data/kaggle data/faces  the 2140 complete faces as images\n"
    "  facekp train data/faces runs/first     train a network\n"
    "  facekp evaluate runs/first data/faces  how far off is it?\n"
    "  facekp submit runs/first data/kaggle submission.csv",
)

Source = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="Kaggle's training.csv, .zip or folder; an extracted folder; an .npz; 'sample'; or generated:N[:SEED].",
    ),
]
RunFolder = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="What 'facekp train' wrote; a .safetensors file; or the name of shipped weights, see 'facekp weights'.",
    ),
]
Which = Annotated[
    str,
    typer.Option(
        "--keypoints",
        help="Which faces: 15 = all points annotated (for your own data too), "
        "4 = exactly Kaggle's four, any = at least one.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Others = Annotated[
    list[str] | None,
    typer.Option("--with", help="A further run; the answer is the mean of all. May be repeated."),
]
Mirror = Annotated[
    bool, typer.Option("--mirror", help="Ask for the mirror image too and take the mean: twice the time.")
]


def main() -> None:
    """The entry point: runs a command and turns what went wrong into one line and an exit code."""
    debug = "--debug" in sys.argv
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    try:
        app(arguments)
    except InputError as error:
        if debug:
            raise
        fail(str(error))
    except OSError as error:
        if debug:
            raise
        fail(f"{error.filename or 'A file'}: {error.strerror or error}. Nothing half-written was left behind.")
    except FloatingPointError as error:
        fail(str(error))


def fail(message: str) -> None:
    """Print one message and leave with code 2."""
    print(f"facekp: {message}", file=sys.stderr)
    raise SystemExit(2)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="The picture to write.")] = Path("demo.png"),
    seconds: Annotated[float, typer.Option(help="About how long to train.")] = 60.0,
) -> None:
    """Train the compact hourglass on drawn faces for a minute and show what it learnt."""
    from facekp import demo as d

    d.run(out, seconds)


@app.command()
def download(folder: Annotated[Path, typer.Argument(help="Where to put the files.")] = Path("data/kaggle")) -> None:
    """Fetch the competition's files with your own Kaggle account (needs: pip install "facekp[kaggle]")."""
    from facekp.data.download import download as fetch

    print(f"The files are in {fetch(folder)}. Next: facekp inspect {folder}")


@app.command()
def inspect(
    data: Source, picture: Annotated[Path | None, typer.Option(help="Write a sheet of faces here.")] = None
) -> None:
    """Count what is in a data set: keypoints, complete faces, regimes, duplicates."""
    from facekp import data as d
    from facekp import plots
    from facekp.data import describe

    plots.check_picture(picture)
    faces = d.load(data, progress=True)
    print(describe.report(faces))
    if picture:
        plots.save(plots.faces(faces, count=32), picture)
        print(f"Wrote {picture}")


@app.command()
def extract(
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="A new or empty folder.")],
    keypoints: Which = "15",
) -> None:
    """Save each face of a subset as PNG, with keypoints.csv, pairs.csv and manifest.json beside them."""
    from facekp import data as d
    from facekp.data import folder

    faces = d.load(data, progress=True)
    chosen = folder.subset(faces, keypoints)
    folder.extract(chosen, out, source=str(data), progress=True)
    print(f"Wrote {len(chosen)} of {len(faces)} faces to {out}. Next: facekp train {out} runs/first")


@app.command()
def generate(
    n: Annotated[int, typer.Argument(min=1, help="How many faces to draw.")],
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="A new or empty folder.")],
    seed: int = 0,
    kaggle_shaped: Annotated[
        bool, typer.Option(help="With two regimes, missing points and duplicates, as in Kaggle's files.")
    ] = False,
) -> None:
    """Draw faces with exact keypoints."""
    from facekp.data import folder
    from facekp.data.generated import generate as draw

    faces = draw(n, seed, kaggle_shaped=kaggle_shaped, progress=True)
    folder.extract(faces, out, source=f"facekp generate {n} --seed {seed}", progress=True)
    print(f"Wrote {n} drawn faces to {out}.")


@app.command()
def models() -> None:
    """List the networks."""
    from facekp.models.count import table

    for row in table():
        print(
            f"{row['network']:14} {row['parameters'] / 1e6:7.2f} M parameters "
            f"{row['macs'] / 1e9:7.2f} G MACs   {row['head']}"
        )


Model = Annotated[str, typer.Option(help="A name from 'facekp models'.")]
Options = Annotated[list[str] | None, typer.Option("--option", help="A network option: stacks=2. May be repeated.")]
HeadOptions = Annotated[list[str] | None, typer.Option("--head", help="A head option: sigma=2. May be repeated.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any other training setting: schedule=onecycle, augment.rotation=30. May be repeated."),
]


@app.command()
def weights() -> None:
    """List the trained weights that ship with the library."""
    from facekp import pretrained

    print(pretrained.table())


@app.command()
def train(
    data: Source,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder to write to.")],
    model: Model = "hourglass-s",
    keypoints: Which = "15",
    conventions: Annotated[
        str,
        typer.Option(
            help="With 'any' and Kaggle's faces: two = the two meanings of nose tip and bottom lip as separate points; "
            "told = the network is told which is meant (an hourglass)."
        ),
    ] = "one",
    epochs: Annotated[int | None, typer.Option(help="How often each face is seen; default 40.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Faces per step; default 32.")] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate; default: the network's own.")] = None,
    seed: int = 0,
    held_out: Annotated[float, typer.Option(help="Share of the faces kept for testing.")] = 0.1,
    folds: Annotated[
        int | None, typer.Option(help="Train this many models instead, each tested on its own share of the faces.")
    ] = None,
    origin: Annotated[
        float, typer.Option(help="What the labels call the centre of the first pixel: 0, 0.5 or 1 are common.")
    ] = 0.0,
    views: Annotated[
        str | None,
        typer.Option(
            help="How each face is changed in every epoch: wide = turned, scaled, shifted, mirrored, other light (the "
            "default); light = mirrored, other light, best where new crops are made as these were; none."
        ),
    ] = None,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    option: Options = None,
    head: HeadOptions = None,
    setting: Settings = None,
    authors: Annotated[bool, typer.Option(help="Train cnn3 or fcn24 the way its authors did.")] = False,
    tensorboard: Annotated[bool, typer.Option(help="Write RUN/tensorboard too.")] = False,
    resume: Annotated[bool, typer.Option(help="Go on with an interrupted run.")] = False,
) -> None:
    """Train a network and write its weights and its record.

    The held-out faces share no image with the training faces: exact copies stay together.
    On several GPUs: torchrun --nproc-per-node 4 -m facekp train DATA RUN
    """
    from facekp import jobs
    from facekp.recipes import recipe

    common = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "seed": seed, "device": device,
              "precision": precision}
    changes = settings(setting)
    if views is not None and "augment" in changes:
        raise InputError("Expected --views or --set augment...; found both. Give all ranges with --set, or a name.")
    config = recipe(model, authors, **(common | {"augment": views} | changes))
    job = jobs.Job(data, model, config, keypoints, conventions, held_out, options(option), options(head), origin)
    try:
        jobs.train(job, run, folds, resume, tensorboard)
    except KeyboardInterrupt as error:  # caught here: further out it would become a bare "Aborted."
        print(f"\n{str(error) or 'Interrupted.'}", file=sys.stderr)
        raise SystemExit(130) from None


@app.command()
def check(
    data: Source, model: Model = "hourglass-s", option: Options = None, head: HeadOptions = None,
    setting: Settings = None,
) -> None:
    """See whether a network learns eight faces by heart: the first thing to try when one does not learn."""
    from facekp import jobs
    from facekp.recipes import recipe

    job = jobs.Job(data, model, recipe(model, **settings(setting)), "any", options=options(option), head=options(head))
    print(jobs.check(job))


@app.command("find-lr")
def find_lr(
    data: Source,
    picture: Annotated[Path, typer.Argument(metavar="OUT.png", help="Draw the loss over the rate here.")],
    model: Model = "hourglass-s", option: Options = None, head: HeadOptions = None, setting: Settings = None,
) -> None:
    """Let the learning rate grow step by step and see where the loss falls fastest, and where it explodes."""
    from facekp import jobs
    from facekp.recipes import recipe

    job = jobs.Job(data, model, recipe(model, **settings(setting)), "any", options=options(option), head=options(head))
    print(jobs.find_lr(job, picture))


def settings(pairs: list[str] | None) -> dict:
    """``["lr=0.1", "augment.rotation=30"]`` -> ``{"lr": 0.1, "augment": {"rotation": 30}}``."""
    out: dict = {}
    for key, value in options(pairs).items():
        name, dot, inner = key.partition(".")
        if dot:
            out.setdefault(name, {})[inner] = value
        else:
            out[name] = value
    return out


def options(pairs: list[str] | None) -> dict:
    """``["stacks=2", "loss_name=l1"]`` -> ``{"stacks": 2, "loss_name": "l1"}``."""
    out = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise InputError(f"Expected an option as name=value, e.g. stacks=2; found '{pair}'.")
        try:
            out[key] = json.loads(value)
        except json.JSONDecodeError:
            out[key] = value
    return out


@app.command()
def evaluate(
    run: RunFolder,
    data: Source,
    all_faces: Annotated[bool, typer.Option("--all", help="Test on all faces, not only on those held out.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw the faces with the largest errors here.")] = None,
    others: Others = None,
    mirror: Mirror = False,
    device: Device = "auto",
) -> None:
    """Measure a trained network on the faces that its training held out."""
    from facekp import evaluation

    print(evaluation.report([run, *(others or [])], data, all_faces, picture, device, mirror))


@app.command()
def predict(
    run: RunFolder,
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A photo, or DATA as for 'train'.")],
    out: Annotated[
        Path | None,
        typer.Argument(metavar="OUT.csv", help="One line per face: file or row, x and y of each point. "
                                               "A photo needs none: its points are printed."),
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y,W,H", help="Where in the photo the face is: from mid-forehead to chin, the eyes "
                                             "0.38 of the width apart. May be repeated."),
    ] = None,
    look: Annotated[bool, typer.Option("--detect", help='Look for faces; needs: pip install "facekp[photo]".')] = False,
    picture: Annotated[
        Path | None, typer.Option("--out", "--picture", help="Draw the photo, or the faces, with the points here.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the photo's faces as JSON.")] = False,
    others: Others = None,
    mirror: Mirror = False,
    device: Device = "auto",
) -> None:
    """Find the keypoints in a photo, or in every face of a data set.

    Without --box and --detect the whole photo is the face. Points count from the centre of the first pixel of the
    photo as it is seen: turned upright, where its EXIF entry asks for that.
    """
    from facekp import evaluation, pretrained
    from facekp.photo import report

    runs = [run, *(others or [])]
    boxes = report.where(box or [], look)
    if boxes or as_json or report.is_photo(source):
        text, notes = report.photo_report(runs, source, out, picture, boxes, as_json, device, mirror)
    elif out is None:
        raise InputError("Expected OUT.csv, a file to write the points of the data set to; found none. Name one.")
    else:
        text, notes = evaluation.predict_to_csv(runs, source, out, picture, device, mirror), ()
    for note in (*notes, *pretrained.terms(runs)):
        print(note, file=sys.stderr)
    print(text)


@app.command()
def submit(
    run: RunFolder,
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="Kaggle's folder or zip, with test.csv and IdLookupTable.csv.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.csv")] = Path("submission.csv"),
    others: Others = None,
    mirror: Mirror = False,
    device: Device = "auto",
) -> None:
    """Write the competition's submission file."""
    from facekp import evaluation

    print(evaluation.submission([run, *(others or [])], data, out, device, mirror))


@app.command()
def export(
    run: RunFolder,
    out: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="One file: bytes in, points and confidence out.")],
    maps: Annotated[bool, typer.Option("--maps", help="Give the heatmaps too, as a third output.")] = False,
) -> None:
    """Write a model as ONNX, for programs without PyTorch (needs: pip install "facekp[onnx]")."""
    from facekp import export as e

    print(e.export(run, out, maps))


results = typer.Typer(no_args_is_help=True, help="Many trainings from one plan file, and their records.")
app.add_typer(results, name="results")


@results.command("run")
def results_run(
    plan: Annotated[Path, typer.Option(help="A TOML file, see book/plans.")],
    faces: Annotated[Path, typer.Option(help="What to train on, as DATA of 'facekp train'.")],
    out: Annotated[Path, typer.Option(help="A folder for the records; those that are there are kept.")],
    work: Annotated[Path, typer.Option(help="A folder for weights and resume files.")] = Path("runs"),
    only: Annotated[list[str] | None, typer.Option(help="Only the run of this name. May be repeated.")] = None,
    device: Device = "auto",
) -> None:
    """Do all trainings of a plan that have no record yet. Interrupted, it goes on when called again."""
    from facekp import plan as p

    try:
        p.run_plan(plan, faces, out, work, device, only)
    except KeyboardInterrupt as error:
        print(f"\n{str(error) or 'Interrupted.'} Here: the same command again.", file=sys.stderr)
        raise SystemExit(130) from None
    try:
        print(p.table(out))
    except InputError as error:  # a plan may deal the faces in several ways; its records are good all the same
        print(f"The records are written. No table: {error}")


@results.command("analyse")
def results_analyse(
    run: RunFolder,
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT.json", help="Gets points and errors; no pixel is in it.")],
    others: Others = None,
    device: Device = "auto",
) -> None:
    """Where a run errs: its held-out points, other decoders, the flip test, the noise of the labels."""
    from facekp import evaluation

    print(evaluation.analysis([run, *(others or [])], data, out, device))


@results.command("table")
def results_table(folder: Annotated[Path, typer.Argument(help="A folder of records.")]) -> None:
    """The records as a table, best first, with the spread over the seeds."""
    from facekp import plan

    print(plan.table(folder))


@results.command("plots")
def results_plots(
    folder: Annotated[Path, typer.Argument(help="A folder of records.")],
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="Gets comparison.png, ced.png and curves.png.")],
) -> None:
    """Draw the records: every network's error, its distribution over the faces, its curve."""
    import numpy as np

    from facekp import plan, plots

    named = plan.records(folder)
    plots.save(plots.comparison(named), out / "comparison.png")
    errors = {name: np.array(runs[0]["face_rmse"]) for name, runs in named.items()}
    plots.save(plots.error_curves(errors, 6.0, "RMSE of a face (px)"), out / "ced.png")
    trained = {n: r[0] for n, r in named.items() if "curve" in r[0]}
    if trained:
        plots.save(plots.curves(trained), out / "curves.png")
    print(f"Wrote the pictures to {out}.")


bench = typer.Typer(no_args_is_help=True, help="Measure speed, everything side by side in one run.")
app.add_typer(bench, name="bench")


@bench.command("reader")
def bench_reader(path: Annotated[Path, typer.Argument(help="Kaggle's training.csv.")]) -> None:
    """Reading training.csv: the usual way, ours, and ours a second time."""
    from facekp.bench.reader import reader

    print(json.dumps(reader(path), indent=1))


@bench.command("speed")
def bench_speed(
    out: Annotated[Path, typer.Argument(metavar="OUT.json", help="The record; parts that it has already are kept.")],
    part: Annotated[
        list[str] | None, typer.Option(help="Only training, usual, views, growth or serving. May be repeated.")
    ] = None,
    device: Device = "auto",
) -> None:
    """Training against the bare network and the usual way, augmentation against kornia, growth, prediction."""
    from facekp.bench.speed import measure, table

    print(table(measure(out, device, part)))


@bench.command("networks")
def bench_networks(
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="One JSON record per network; those there are kept.")],
    seconds: Annotated[float, typer.Option(help="About how long to train each.")] = 180.0,
    name: Annotated[list[str] | None, typer.Option(help="Only this network. May be repeated.")] = None,
) -> None:
    """Train every network for the same short time on the complete faces, and compare."""
    from facekp import data as d
    from facekp.survey import survey, table

    print(table(survey(d.load(data, progress=True).complete(), seconds, out, name)))


@bench.command("generated")
def bench_generated(
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="One JSON record per trial; those there are kept.")],
    name: Annotated[list[str] | None, typer.Option(help="Only this trial. May be repeated.")] = None,
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
) -> None:
    """Train on drawn faces and on photographs, test on both: what the drawing is worth, ingredient by ingredient."""
    from facekp import data as d
    from facekp import transfer

    print(transfer.table(transfer.run(d.load(data, progress=True).complete(), out, name, precision)))


if __name__ == "__main__":
    main()
