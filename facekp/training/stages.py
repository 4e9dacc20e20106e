"""Training in stages: one network several times, each time from the weights that the last stage left."""

from collections.abc import Callable, Sequence
from pathlib import Path

from facekp.data.faces import Faces
from facekp.models import KeypointModel, load_model, start_from
from facekp.training.checkpoint import finished
from facekp.training.config import TrainConfig
from facekp.training.folds import check_fold
from facekp.training.loop import fit
from facekp.training.record import read_record


def fit_stages(
    create: Callable[[str], KeypointModel],
    stages: Sequence[str],
    train: Faces,
    val: Faces,
    config: TrainConfig,
    folder: str | Path,
    notes: dict | None = None,
    **options,
) -> dict:
    """Train a network in stages, as Bulat and Tzimiropoulos 2016 train theirs: detector, regressor, both together.

    The last stage is the run in ``folder``; the others are in it, ``stage-1-detector`` and so on. Stages that are
    finished are kept, and a begun one goes on, so an interrupted call can be repeated.

    Args:
        create: gives the network that trains in the stage of that name.
        stages: their names, in order; see :func:`facekp.models.parts.set_stage`.
        train, val: see :func:`facekp.training.fit`.
        config: of each stage: ``config.epochs`` is for one of them.
        folder: where to write.
        notes: further entries for the record.
        options: further arguments of :func:`facekp.training.fit`.

    Returns:
        The record of the last stage. Its ``stages`` are the names, curves and held-out errors of those before it.

    Raises:
        InputError: ``folder`` holds stages of other data or another config.
    """
    folder, model, earlier = Path(folder), None, []
    for i, stage in enumerate(stages[:-1]):
        run = folder / f"stage-{i + 1}-{stage}"
        if finished(run):
            check_fold(run, train, val, config)
            model, record = load_model(run / "model.safetensors"), read_record(run / "record.json", "metrics.rmse")
        else:
            model = start_from(create(stage), model)
            record = fit(model, train, val, config, run, resume=True, **options)
        earlier.append({"stage": stage, "rmse": record["metrics"]["rmse"], "curve": record["curve"]})
    last = start_from(create(stages[-1]), model)
    notes = (notes or {}) | {"stages": [*earlier, {"stage": stages[-1]}]}
    return fit(last, train, val, config, folder, resume=True, notes=notes, **options)
