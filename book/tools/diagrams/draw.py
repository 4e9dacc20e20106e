"""Draw the book's diagrams of the networks, labelled with the shapes that the code has.

    python book/tools/diagrams/draw.py          write them to book/_static/diagrams
    python book/tools/diagrams/draw.py --check  only say which are out of date (exit code 1 if any)

No shape is typed here. A face of zeros goes through each network on torch's "meta" device, where tensors have a
shape and no numbers, and hooks note what goes into and comes out of every part (:func:`trace`). Change a network, and
its diagram changes with it.

The visual language, the same in all of them: time runs along the arrows; a solid is a stack of maps, as high as the
maps are wide and the longer the more channels; a square with a face is an image; squares with spots are maps of
keypoints; a striped bar is a vector; a dashed line is a skip connection. The files are
shown as <img>, out of reach of the page's style, so each brings its own pale card, readable on a white page and a
black one.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from contexts import lgcn, parts, reference
from hourglasses import hourglass, stacks
from ladders import fcn8, resnet, simcc, unet, vgg16
from way import heads, pipeline

FOLDER = Path(__file__).parents[2] / "_static" / "diagrams"

DIAGRAMS: dict[str, Callable[[], str]] = {
    "pipeline": pipeline, "heads": heads, "vgg16": vgg16, "resnet": resnet, "fcn8": fcn8, "unet": unet,
    "hourglass": hourglass, "hourglass-stacks": stacks, "parts": parts, "lgcn": lgcn, "reference": reference,
    "simcc": simcc,
}

# ---- writing them -----------------------------------------------------------------------------


def made() -> dict[Path, str]:
    """Each file, and what it should hold."""
    return {FOLDER / f"{name}.svg": make() for name, make in DIAGRAMS.items()}


def write(check: bool = False) -> list[str]:
    """Write the files, or with ``check`` only look; gives the names of those that were or would be changed."""
    changed = []
    for path, text in made().items():
        if not path.is_file() or path.read_text() != text:
            changed.append(path.name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
    return changed


if __name__ == "__main__":
    changed = write("--check" in sys.argv)
    print("\n".join(changed) or "Every diagram agrees with the code")
    sys.exit(1 if changed and "--check" in sys.argv else 0)
