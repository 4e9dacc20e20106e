"""Commands that list networks and train them."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from facekp.cli.arguments import Device, HeadOptions, Model, Options, Settings, Source, Subset, options, settings
from facekp.errors import InputError


def models() -> None:
    """List the networks."""
    from facekp.models.count import table

    print(f"{'network':14} {'parameters':>10} {'MACs a face':>12}   head")
    for row in table():
        print(f"{row['network']:14} {row['parameters'] / 1e6:8.2f} M {row['macs'] / 1e9:10.2f} G   {row['head']}")
    print("\nThose that end in -s are compact: they train on a CPU. Next: facekp train DATA RUN --model unet-s")


def weights() -> None:
    """List the trained weights that ship with the library."""
    from facekp import pretrained

    print(pretrained.table())


def train(
    data: Source,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The folder to write to.")],
    model: Model = "hourglass-s",
    keypoints: Subset = "15",
    conventions: Annotated[
        str,
        typer.Option(
            help="With 'any' and Kaggle's faces: two = the two meanings of nose tip and bottom lip as separate points."
        ),
    ] = "one",
    epochs: Annotated[int | None, typer.Option(help="How often each face is seen; default 40.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Faces per step; default 32.")] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate; default: the network's own.")] = None,
    seed: int = 0,
    held_out: Annotated[float, typer.Option(help="Fraction of the faces kept for testing.")] = 0.1,
    folds: Annotated[
        int | None, typer.Option(help="Train this many models instead, each tested on its own fold.")
    ] = None,
    pixel_offset: Annotated[
        float, typer.Option(help="What the labels call the centre of the first pixel: 0, 0.5 or 1 are common.")
    ] = 0.0,
    augment: Annotated[
        str | None,
        typer.Option(
            help="How each face is changed in every epoch: full = rotated, scaled, shifted, flipped, other light (the "
            "default); wild = farther, also blurred, of low resolution, partly hidden, for photographs of any origin; "
            "photometric = flipped, other light, best where new crops are made as these were; none."
        ),
    ] = None,
    device: Device = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or fp16.")] = "auto",
    option: Options = None,
    head: HeadOptions = None,
    setting: Settings = None,
    original_recipe: Annotated[
        bool, typer.Option("--original-recipe", help="Train cnn3, fcn24, an hourglass or lgcn as its authors did.")
    ] = False,
    init: Annotated[
        str | None, typer.Option(help="Start from these weights: a RUN, a .safetensors file, or shipped weights.")
    ] = None,
    stages: Annotated[
        str | None, typer.Option(help="Train parts in stages, --epochs each: detector,regressor,joint.")
    ] = None,
    tensorboard: Annotated[bool, typer.Option(help="Write RUN/tensorboard too.")] = False,
    resume: Annotated[bool, typer.Option(help="Go on with an interrupted run.")] = False,
) -> None:
    """Train a network and write its weights and its record.

    The held-out faces share no image with the training faces: exact copies stay together.
    On several GPUs: torchrun --nproc-per-node 4 -m facekp train DATA RUN
    """
    from facekp.cli import train_command
    from facekp.training.recipes import recipe

    common = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "seed": seed, "device": device,
              "precision": precision}
    changes = settings(setting)
    if augment is not None and "augment" in changes:
        raise InputError("Expected --augment or --set augment...; found both. Give all ranges with --set, or a name.")
    config = recipe(model, **({"original_recipe": original_recipe} | common | {"augment": augment} | changes))
    job = train_command.Job(data, model, config, keypoints, conventions, held_out, options(option), options(head),
                            pixel_offset, init, tuple(stages.split(",")) if stages else ())
    try:
        train_command.train(job, run, folds, resume, tensorboard)
    except KeyboardInterrupt as error:  # caught here: further out it would become a bare "Aborted."
        print(f"\n{str(error) or 'Interrupted.'}", file=sys.stderr)
        raise SystemExit(130) from None


def check(
    data: Source, model: Model = "hourglass-s", option: Options = None, head: HeadOptions = None,
    setting: Settings = None,
) -> None:
    """See whether a network can overfit eight faces: the first thing to try when one does not learn."""
    from facekp.cli import train_command
    from facekp.training.recipes import recipe

    config = recipe(model, **settings(setting))
    job = train_command.Job(data, model, config, "any", options=options(option), head=options(head))
    print(train_command.check(job))


def find_lr(
    data: Source,
    figure: Annotated[Path, typer.Argument(metavar="OUT.png", help="Draw the loss over the learning rate here.")],
    model: Model = "hourglass-s", option: Options = None, head: HeadOptions = None, setting: Settings = None,
) -> None:
    """Let the learning rate grow step by step and see how far the loss falls, and where it explodes."""
    from facekp.cli import train_command
    from facekp.training.recipes import recipe

    config = recipe(model, **settings(setting))
    job = train_command.Job(data, model, config, "any", options=options(option), head=options(head))
    print(train_command.find_lr(job, figure))
