"""How each network likes to be trained, where that differs from ``TrainConfig``'s defaults.

Peak learning rates of AdamW for batches of 32. That of ``parts-s`` was found by trying several, in short runs on a CPU.
Those of ``resnet50``, ``vgg16`` and ``vgg16-s`` are second choices: at 1e-3, the learning rate of its smaller
relatives, ``resnet50`` put a few faces off by half the image; at 5e-4 ``vgg16`` stayed at the mean face for its first
five epochs; and at 1e-3 ``vgg16-s`` was still near it after ten.
The others are customary values that were not tuned. They are a starting point, and a comparison of networks at these
learning rates is not a comparison of tuned networks.

``ORIGINAL`` holds the recipes that the networks were first trained with.
"""

from dataclasses import fields, replace

from facekp.augment import PRESETS, Augment
from facekp.errors import InputError
from facekp.training import TrainConfig
from facekp.training.config import GONE

RECIPES: dict[str, dict] = {
    "cnn3": {"lr": 1e-3},
    "vgg16-s": {"lr": 3e-4},
    "vgg16": {"lr": 2e-4},
    "resnet18": {"lr": 1e-3},
    "resnet34": {"lr": 1e-3},
    "resnet50": {"lr": 3e-4},
    "fcn8": {"lr": 1e-3},
    "fcn24": {"lr": 1e-3},
    "unet": {"lr": 1e-3},
    "parts-s": {"lr": 5e-3},
    "simcc-s": {"lr": 1e-3},
    "simcc": {"lr": 1e-3},
}

PLAIN = {"schedule": "constant", "warmup": 0.0, "ema": 0.0, "weight_decay": 0.0, "clip": 1e9}
NO_AUGMENTATION = Augment(**{f.name: 0 for f in fields(Augment)})  # a range that comes later is off, too

HOURGLASS = PLAIN | {
    # princeton-vl/pose-hg-train. Its rotation (normal, 30 degrees, in 40 % of the faces) and scale (2 to the power of
    # a normal number, 0.25) are cut off at two standard deviations; ours are uniform, with the same deviations: 16.7
    # degrees and 0.152 in the logarithm. It multiplies each colour by 0.6 to 1.4; our contrast is the nearest to that.
    "optimizer": "rmsprop", "lr": 2.5e-4, "momentum": 0.0, "batch_size": 6, "epochs": 100,
    "augment": replace(NO_AUGMENTATION, flip=0.5, rotation=29, scale=0.3, contrast=0.4),
}
LGCN = PLAIN | {
    # MatthiasRock/CNTK-PY-LGCN: 0.001 a sample at first, for its loss and its momentum. A batch of 16 has 16 samples;
    # our loss is 1/160 of the port's (0.05 * 15 points * 1.6 * 2 outputs * the kernel's squares, 66.8); CNTK's momentum
    # multiplies the gradient by 1 - 0.9; and the port's activations are a tenth of ours, so that a step of its last
    # layer changes the maps by a hundredth. It cuts off each number of a gradient at 0.1 a sample, which is not here.
    "optimizer": "sgd", "lr": 0.001 * 16 * 160 * (1 - 0.9) / 100, "momentum": 0.9, "schedule": "tenths",
    "batch_size": 16, "epochs": 100, "augment": None,
}

# What the networks' authors wrote or published (see the networks' files); what they leave open is as torch has it.
ORIGINAL: dict[str, dict] = {
    "cnn3": PLAIN | {
        # His rates are for coordinates from -1 to 1: in pixels a squared error is 48^2 times as large.
        "optimizer": "sgd", "lr": 0.03 / 48**2, "final_lr": 0.0001 / 48**2, "schedule": "linear",
        "momentum": 0.9, "final_momentum": 0.999, "batch_size": 128, "epochs": 3000,
        "augment": replace(NO_AUGMENTATION, flip=0.5),
    },
    "fcn24": PLAIN | {
        "optimizer": "rmsprop", "lr": 1e-3, "momentum": 0.0, "batch_size": 32, "epochs": 300,
        "augment": replace(NO_AUGMENTATION, flip=0.5, rotation=0.01, scale=0.01, shift=2),
    },
    **dict.fromkeys(("hourglass-s", "hourglass-1", "hourglass-2", "hourglass-4", "hourglass-8"), HOURGLASS),
    **dict.fromkeys(("lgcn-s", "lgcn"), LGCN),
}


def recipe(name: str, /, original_recipe: bool = False, **changes) -> TrainConfig:
    """The config for the network called ``name``; ``changes`` (those that are not None) go before it.

    Args:
        name: a network.
        original_recipe: as the network was first trained (optimizer, schedule, augmentation), for those in
            ``ORIGINAL``.
        changes: settings of ``TrainConfig``; ``augment`` may be a dictionary of changes to the ranges, or a name of
            ``facekp.augment.PRESETS``.

    Raises:
        InputError: a change that ``TrainConfig`` or ``Augment`` does not know, or no original recipe.
    """
    if not isinstance(original_recipe, bool):
        raise InputError(f"Expected true or false for original_recipe; found {original_recipe!r}.")
    if original_recipe and name not in ORIGINAL:
        raise InputError(f"There is no original recipe for '{name}'. There are: {', '.join(ORIGINAL)}.")
    settings = dict(ORIGINAL[name] if original_recipe else RECIPES.get(name, {}))
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
        base = (ORIGINAL[name]["augment"] or NO_AUGMENTATION) if original_recipe else Augment()
        settings["augment"] = Augment(**(vars(base) | settings["augment"]))
    return TrainConfig(**settings)


def check_known(settings: dict, config: type) -> None:
    """Raise InputError unless every key is a field of the dataclass ``config``."""
    known = [f.name for f in fields(config)]
    if config is TrainConfig and (gone := sorted(set(settings) & set(GONE))):
        raise InputError(f"Training no longer has the setting {gone[0]}: networks run as they are, and all images are "
                         "on the device. Leave it out.")
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise InputError(f"Expected settings of {config.__name__} ({', '.join(known)}); "
                         f"found {', '.join(unknown)}.")
