"""How each network likes to be trained, where that differs from ``TrainConfig``'s defaults.

Peak learning rates of AdamW for batches of 32. Only that of ``parts-s`` was found by trying several, in
short runs on a CPU; the others are customary values that nobody has searched around yet. They are where
to begin, and a comparison of networks at these rates is not a comparison of tuned networks.
"""

from dataclasses import fields

from facekp.augment import PRESETS, Augment
from facekp.errors import InputError
from facekp.training import TrainConfig
from facekp.training.config import GONE

RECIPES: dict[str, dict] = {
    "cnn3": {"lr": 1e-3},
    "vgg16-s": {"lr": 1e-3},
    "vgg16": {"lr": 5e-4},
    "resnet18": {"lr": 1e-3},
    "resnet34": {"lr": 1e-3},
    "resnet50": {"lr": 3e-4},
    "fcn8": {"lr": 1e-3},
    "fcn24": {"lr": 1e-3},
    "unet": {"lr": 1e-3},
    "parts-s": {"lr": 5e-3},
}

ALIKE = {"schedule": "constant", "warmup": 0.0, "ema": 0.0, "weight_decay": 0.0, "clip": 1e9}

# The reference rows as their authors trained them (see models/reference.py); what they leave open is as torch has it.
AUTHORS: dict[str, dict] = {
    "cnn3": ALIKE | {
        # His rate of 0.03 is for coordinates from -1 to 1: in pixels a squared error is 48^2 times as large.
        "optimizer": "sgd", "lr": 0.03 / 48**2, "schedule": "linear", "momentum": 0.9, "final_momentum": 0.999,
        "batch_size": 128, "epochs": 3000,
        "augment": Augment(rotation=0, scale=0, shear=0, shift=0, brightness=0, contrast=0, noise=0),
    },
    "fcn24": ALIKE | {
        "optimizer": "rmsprop", "lr": 1e-3, "momentum": 0.0, "batch_size": 32, "epochs": 300,
        "augment": Augment(rotation=0.01, scale=0.01, shear=0, shift=2, brightness=0, contrast=0, noise=0),
    },
}


def recipe(name: str, /, authors: bool = False, **changes) -> TrainConfig:
    """The config for the network called ``name``; ``changes`` (those that are not None) go before it.

    Args:
        name: a network.
        authors: the way its authors trained it (optimizer, schedule, augmentation), for those in ``AUTHORS``.
        changes: settings of ``TrainConfig``; ``augment`` may be a dictionary of changes to the ranges, or a name of
            ``facekp.augment.PRESETS``.

    Raises:
        InputError: a change that ``TrainConfig`` or ``Augment`` does not know, or no recipe of its authors.
    """
    if not isinstance(authors, bool):
        raise InputError(f"Expected true or false for authors; found {authors!r}.")
    if authors and name not in AUTHORS:
        raise InputError(f"There is no recipe of its authors for '{name}'. There are: {', '.join(AUTHORS)}.")
    settings = dict(AUTHORS[name] if authors else RECIPES.get(name, {}))
    settings |= {k: v for k, v in changes.items() if v is not None}
    settings = {k: v for k, v in settings.items() if k not in GONE or v != GONE[k]}  # as an earlier file may have it
    check_known(settings, TrainConfig)
    named = settings.get("augment")
    if isinstance(named, str):
        if named not in PRESETS:
            raise InputError(f"Expected one of {', '.join(PRESETS)} for the augmentation; found '{named}'.")
        settings["augment"] = PRESETS[named]
    if isinstance(named, dict):
        check_known(settings["augment"], Augment)
        base = AUTHORS[name]["augment"] if authors else Augment()
        settings["augment"] = Augment(**(vars(base) | settings["augment"]))
    return TrainConfig(**settings)


def check_known(settings: dict, config: type) -> None:
    """Raise InputError unless every key is a field of the dataclass ``config``."""
    known = [f.name for f in fields(config)]
    if config is TrainConfig and (gone := sorted(set(settings) & set(GONE))):
        raise InputError(f"Training no longer has the setting {gone[0]}: networks run as they are, and all images lie "
                         "on the device. Leave it out.")
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise InputError(f"Expected settings of {config.__name__} ({', '.join(known)}); "
                         f"found {', '.join(unknown)}.")
