"""A survey of the networks: how large, how much work, how fast, and how far a short training gets."""

import time
from pathlib import Path
from typing import Annotated

import torch
import typer

from facekp.cli import main
from facekp.cli.arguments import Source
from facekp.data import load
from facekp.data.faces import Faces
from facekp.files import read_json, write_json
from facekp.metrics import mean_face
from facekp.models import MODELS, create_model, reference
from facekp.models.count import macs, parameters
from facekp.results import environment
from facekp.training import epochs_for, evaluate, fit
from facekp.training.recipes import recipe


def cost(name: str, repeats: int = 7) -> dict:
    """Weights, multiplications per face, and milliseconds per face on this machine's CPU.

    Returns:
        ``parameters``; ``macs``, multiplications (each with an addition) for one face of 96x96;
        ``ms_single``, the median time of a batch of one; ``ms_batch``, that of a batch of 32, per face.
    """
    model = create_model(name).eval()
    row: dict = {"parameters": parameters(model), "macs": macs(model)}
    for key, batch in (("ms_single", 1), ("ms_batch", 32)):
        images = torch.rand(batch, 1, 96, 96)
        times = []
        with torch.inference_mode():
            for _ in range(repeats):
                began = time.perf_counter()
                model(images)
                times.append(time.perf_counter() - began)
        row[key] = 1000 * sorted(times)[repeats // 2] / batch
    return row


def survey(faces: Faces, seconds: float, folder: str | Path, names: list[str] | None = None) -> Path:
    """Train each network for about ``seconds`` on the same split of ``faces``; one record per network in ``folder``.

    A network whose record is there already is passed over, so an interrupted survey goes on. One that
    cannot show every face once in that time is measured but not trained; with ``seconds=0`` that is
    every one. The mean face and the ridge regression, which need no training, stand beside them.
    """
    folder = Path(folder)
    train, test = faces.split(0.1)
    for name in names or ["mean face", "ridge", *MODELS]:
        path = folder / f"{name.replace(' ', '-')}.json"
        if path.exists():
            continue
        record = references(name, train, test) if name in ("mean face", "ridge") else one(name, train, test, seconds)
        write_json(path, record)
        result = record.get("metrics", {}).get("rmse")
        print(f"{name:12} {f'{result:.3f} px' if result else 'not trained: too slow for this budget'}", flush=True)
    return folder


def references(name: str, train: Faces, test: Faces) -> dict:
    """The record of a reference row, fitted in closed form."""
    model = reference.mean_face(train) if name == "mean face" else reference.ridge(train)
    metrics = evaluate(model, test, mean_face(train.keypoints))
    return {"name": name, "cost": {"parameters": parameters(model)}, "metrics": metrics, "environment": environment()}


def one(name: str, train: Faces, test: Faces, seconds: float) -> dict:
    """The record of one network: its cost and, if an epoch fits into ``seconds``, its training."""
    torch.manual_seed(0)
    model = create_model(name, train.scheme)
    record = {"name": name, "cost": cost(name), "budget_s": seconds, "environment": environment()}
    epochs = epochs_for(seconds, model, train, recipe(name)) if seconds > 0 else 0
    if epochs < 1:
        return record
    return record | fit(model, train, test, recipe(name, epochs=epochs), progress=False)


def table(folder: str | Path) -> str:
    """The records of a survey as Markdown, the best first; networks that were not trained last."""
    records = [read_json(p) for p in Path(folder).glob("*.json")]
    records.sort(key=lambda r: (r.get("metrics", {}).get("rmse", 99), r["cost"]["parameters"]))
    header = ["network", "weights (M)", "MACs (G)", "ms, one face", "ms, in 32", "epochs", "RMSE (px)"]
    lines = [f"| {' | '.join(header)} |", "|---" * len(header) + "|"]
    for r in records:
        c = r["cost"]
        work = [f"{c['macs'] / 1e9:.2f}", f"{c['ms_single']:.1f}", f"{c['ms_batch']:.1f}"] if "macs" in c else [""] * 3
        epochs = str(len(r["curve"])) if "curve" in r else ""
        rmse = f"{r['metrics']['rmse']:.2f}" if "metrics" in r else ""
        lines.append(f"| {r['name']} | {c['parameters'] / 1e6:.2f} | {' | '.join(work)} | {epochs} | {rmse} |")
    return "\n".join(lines)


app = typer.Typer(add_completion=False)


@app.command()
def networks(
    data: Source,
    out: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="One JSON record per network; those there are kept.")],
    seconds: Annotated[float, typer.Option("--seconds", help="About how long to train each.")] = 180.0,
    name: Annotated[list[str] | None, typer.Option("--name", help="Only this network. May be repeated.")] = None,
) -> None:
    """Train every network for the same short time on the complete faces, and compare."""
    print(table(survey(load(data, progress=True).complete(), seconds, out, name)))


if __name__ == "__main__":
    main(app)
