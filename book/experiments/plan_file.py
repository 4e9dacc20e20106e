"""Plan files: a list of training runs in TOML, and what one may contain.

A plan is TOML. ``[common]`` holds what all runs share, each ``[[run]]`` a name and what is its own::

    protocol = "A"
    [common]
    seeds = [0, 1, 2]
    set = { epochs = 30 }

    [[run]]
    name = "hourglass-s"
    model = "hourglass-s"

Keys of a run: ``name``; ``model``, a network, "mean face" or "ridge"; ``seeds``; ``keypoints``, ``conventions``,
``held_out``, ``options``, ``head``, ``pixel_offset``, ``init``, ``stages`` as
:class:`facekp.cli.train_command.Job` has them (the epochs are those of one stage); ``faces``, how
many of the training faces are used; ``original_recipe``, whether to train as the network's authors did; ``set``,
changes to the recipe; ``folds``, into how many parts the faces are split (run number i, its seed, holds out part i);
``group_by``, what must not be on both sides: "duplicates" (the default) or "near-duplicates"; ``mistake``, one of
``MISTAKES``, made on purpose to see what it costs.
"""

import re
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path

from facekp.cli.train_command import Job
from facekp.errors import InputError
from facekp.models import MODELS, reference
from facekp.training import TrainConfig
from facekp.training.recipes import recipe

LARGEST = 4 << 20  # bytes of a plan; the longest of the book's has 3 thousand
GROUPS = ("duplicates", "near-duplicates")
MISTAKES = ("flip without swap", "duplicates on both sides", "gaps filled with zero", "gaps filled with the mean")
REFERENCES = {"mean face": reference.mean_face, "ridge": reference.ridge}
KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "name": (str, "a text"), "model": (str, "a text"), "keypoints": (str, 'a text, like "15"'),
    "conventions": (str, "a text"), "group_by": (str, "a text"), "mistake": (str, "a text"),
    "seeds": (list, "a list of whole numbers from 0 on"), "faces": (int, "a whole number"),
    "folds": (int, "a whole number"), "held_out": (float, "a number"), "pixel_offset": ((int, float), "a number"),
    "init": (str, "a text"), "stages": (list, 'a list of texts, like ["detector", "regressor", "joint"]'),
    "original_recipe": (bool, "true or false"), "options": (dict, "a table"), "head": (dict, "a table"),
    "set": (dict, "a table"),
}
"""What a run may have, and what each must be."""
RENAMED = {"authors": "original_recipe"}  # keys of earlier plans, which are still read


@dataclass(frozen=True)
class Run:
    """One line of a plan with one seed."""

    name: str
    seed: int
    settings: dict

    @property
    def file(self) -> str:
        return f"{slugify(self.name)}-{self.seed}"

    @property
    def folder(self) -> str:
        """Where its weights lie in the working folder: all folds in one, which ``facekp submit`` takes as one model."""
        return f"{slugify(self.name)}/fold-{self.seed}" if "folds" in self.settings else self.file

    def job(self, source: str | Path, device: str = "auto") -> Job:
        """The training that this run is."""
        s = self.settings
        changes = {"device": device} | s.get("set", {}) | {"seed": self.seed}
        changes["original_recipe"] = s.get("original_recipe", False)
        config = recipe(s["model"], **changes)
        return Job(source, s["model"], config, s.get("keypoints", "15"), s.get("conventions", "one"),
                   s.get("held_out", 0.1), s.get("options", {}), s.get("head", {}), s.get("pixel_offset", 0.0),
                   s.get("init"), tuple(s.get("stages", ())))


def slugify(name: str) -> str:
    """A name as a file name: letters, digits, dots, and a hyphen for anything between."""
    return re.sub(r"[^\w.]+", "-", name).strip("-")


def read_plan(path: str | Path) -> tuple[str, list[Run]]:
    """The plan's protocol name and its runs, seed by seed: all networks with the first seed come first.

    Raises:
        InputError: not TOML, an unknown key or network, a value of another kind, or two runs of one name.
    """
    path = Path(path)
    plan = read_toml(path)
    runs = []
    for i, entry in enumerate(plan["run"]):
        where = f"{path}: run {i + 1}"
        settings = settings_of(plan["common"], entry, where)
        runs += [Run(settings["name"], seed, settings) for seed in settings.get("seeds", [0])]
    if not runs:
        raise InputError(f"{path}: expected at least one [[run]] with a seed; found none.")
    if len({run.file for run in runs}) < len(runs):
        raise InputError(f"{path}: two runs have the same name and seed; their records would be one file.")
    for run in runs:
        try:
            stand_in(run).job("")  # a wrong setting is found now, not after an hour
        except InputError as e:
            raise InputError(f"{path}: run '{run.name}': {e}") from None
    return plan["protocol"], sorted(runs, key=lambda run: run.settings.get("seeds", [0]).index(run.seed))


def read_toml(path: Path) -> dict:
    """The plan as it is written: ``protocol``, a text; ``common``, a table; ``run``, a list of tables."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"{path.stat().st_size >> 20} MB")
        plan = {"protocol": path.stem, "common": {}, "run": []} | tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such plan. Expected a TOML file like book/plans/protocol-a.toml.") from None
    except OSError as e:
        raise InputError(f"{path}: expected a plan in TOML; it cannot be read ({e.strerror or e}).") from None
    except (ValueError, RecursionError) as e:  # not TOML, not UTF-8, nested without end
        raise InputError(f"{path}: expected a plan in TOML; found something else ({e}).") from None
    unknown = sorted(set(plan) - {"protocol", "common", "run"})
    if unknown:
        raise InputError(f"{path}: expected protocol, [common] and [[run]]; found {', '.join(unknown)} too.")
    if not (isinstance(plan["protocol"], str) and isinstance(plan["common"], dict) and isinstance(plan["run"], list)
            and all(isinstance(entry, dict) for entry in plan["run"])):
        raise InputError(f"{path}: expected a text for protocol, one table [common], and tables [[run]].")
    return plan


def settings_of(common: dict, entry: dict, where: str) -> dict:
    """The settings of one run: its own before those of all runs."""
    common, entry = ({RENAMED.get(key, key): value for key, value in part.items()} for part in (common, entry))
    for part in (common, entry):
        check_kinds(part, where)
    settings = {**common, **entry, "set": common.get("set", {}) | entry.get("set", {})}
    if not {"name", "model"} <= set(settings):
        raise InputError(f"{where}: expected a name and a model; found {', '.join(settings)}.")
    if not slugify(settings["name"]):
        raise InputError(f"{where}: expected a name with letters or digits, as it names files; found "
                         f"'{settings['name']}'.")
    if settings["model"] not in (*MODELS, *REFERENCES):
        raise InputError(f"{where}: there is no network '{settings['model']}'. "
                         f"Known: {', '.join((*REFERENCES, *MODELS))}.")
    if settings.get("mistake", MISTAKES[0]) not in MISTAKES:
        raise InputError(f"{where}: there is no mistake '{settings['mistake']}'. Known: {', '.join(MISTAKES)}.")
    if settings.get("group_by", GROUPS[0]) not in GROUPS:
        raise InputError(f"{where}: expected group_by = one of {', '.join(GROUPS)}; found '{settings['group_by']}'.")
    return settings


def check_kinds(settings: dict, where: str) -> None:
    """Raise InputError for a key that a run does not have, or a value of another kind."""
    unknown = sorted(set(settings) - set(KINDS))
    if unknown:
        training = {field.name for field in fields(TrainConfig)}
        hint = " Settings of the training go into set = { ... }." if training & set(unknown) else ""
        hint += " origin is called pixel_offset now." if "origin" in unknown else ""
        raise InputError(f"{where}: found {', '.join(unknown)}; a run may have {', '.join(sorted(KINDS))}.{hint}")
    for key, value in settings.items():
        kind, wanted = KINDS[key]
        fits = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if key == "seeds":
            fits = fits and all(type(seed) is int and 0 <= seed < 2**31 for seed in value)
        if key == "stages":
            fits = fits and bool(value) and all(isinstance(stage, str) for stage in value)
        if not fits:
            raise InputError(f"{where}: expected {key} to be {wanted}; found {value!r}.")


def stand_in(run: Run) -> Run:
    """``run``, or for a baseline the same run of a network, to ask how its faces are split."""
    if run.settings["model"] not in REFERENCES:
        return run
    return replace(run, settings={k: v for k, v in run.settings.items() if k not in ("set", "init", "stages")}
                   | {"model": "cnn3"})
