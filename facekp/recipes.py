"""How each network likes to be trained, where that differs from ``TrainConfig``'s defaults.

Peak learning rates of AdamW for batches of 32. Only that of ``parts-s`` was found by trying several, in
short runs on a CPU; the others are customary values that nobody has searched around yet. They are where
to begin, and a comparison of networks at these rates is not a comparison of tuned networks.
"""

from facekp.errors import InputError
from facekp.training import TrainConfig

RECIPES: dict[str, dict] = {
    "cnn3": {"lr": 1e-3},
    "vgg16": {"lr": 5e-4},
    "resnet18": {"lr": 1e-3},
    "resnet34": {"lr": 1e-3},
    "resnet50": {"lr": 1e-3},
    "fcn8": {"lr": 1e-3},
    "fcn24": {"lr": 1e-3},
    "unet": {"lr": 1e-3},
    "parts-s": {"lr": 5e-3},
}


def recipe(name: str, **changes) -> TrainConfig:
    """The config for the network called ``name``; ``changes`` (those that are not None) go before it.

    Raises:
        InputError: a change that ``TrainConfig`` does not know.
    """
    settings = RECIPES.get(name, {}) | {k: v for k, v in changes.items() if v is not None}
    unknown = sorted(set(settings) - set(TrainConfig.__dataclass_fields__))
    if unknown:
        raise InputError(f"Expected settings of TrainConfig ({', '.join(TrainConfig.__dataclass_fields__)}); "
                         f"found {', '.join(unknown)}.")
    return TrainConfig(**settings)
