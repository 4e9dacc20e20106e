"""What several commands ask for, described once; and the ``name=value`` options."""

import json
from pathlib import Path
from typing import Annotated

import typer

from facekp.errors import InputError

Source = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="Kaggle's training.csv, .zip or folder; an extracted folder; an .npz; 'sample'; or synthetic:N[:SEED].",
    ),
]
RunFolder = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="What 'facekp train' wrote; a .safetensors file; or the name of shipped weights, see 'facekp weights'.",
    ),
]
Subset = Annotated[
    str,
    typer.Option(
        "--keypoints",
        help="Which faces: 15 = all points annotated (for your own data too), "
        "4 = exactly Kaggle's four, any = at least one.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
MoreRuns = Annotated[
    list[str] | None,
    typer.Option("--with", help="A further run; the answer is the mean of all. May be repeated."),
]
FlipTTA = Annotated[
    bool, typer.Option("--flip-tta", help="Predict the flipped image too and take the mean: twice the time.")
]
Coverage = Annotated[
    float | None,
    typer.Option(help="0.9 adds a radius for each point: on faces like those that the run was calibrated on "
                      "(facekp calibrate), it contains 90 % of the true points."),
]
Recursive = Annotated[bool, typer.Option("--recursive", help="Look into the subfolders of a folder too.")]
Smooth = Annotated[
    bool, typer.Option("--smooth", help="The photos are frames of a video: smooth the points over time.")
]
Format = Annotated[
    str, typer.Option("--format", help="Of OUT: csv; coco (.json), labelstudio (.json) or pts (a folder), which "
                                       "labelling tools read.")
]
Model = Annotated[str, typer.Option(help="A name from 'facekp models'.")]
Options = Annotated[list[str] | None, typer.Option("--option", help="A network option: stacks=2. May be repeated.")]
HeadOptions = Annotated[list[str] | None, typer.Option("--head", help="A head option: sigma=2. May be repeated.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Any other training setting: schedule=onecycle, augment.rotation=30. May be repeated."),
]


def settings(pairs: list[str] | None) -> dict:
    """``["lr=0.1", "augment.rotation=30"]`` -> ``{"lr": 0.1, "augment": {"rotation": 30}}``."""
    out: dict = {}
    for key, value in options(pairs).items():
        name, dot, inner = key.partition(".")
        if not isinstance(out.get(name, {}), dict) or (name in out and not dot):
            raise InputError(f"Expected either {name} or {name}.{inner or '...'}; found both.")
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
        except (ValueError, RecursionError):  # no JSON, or brackets in brackets in brackets
            out[key] = value
    return out
