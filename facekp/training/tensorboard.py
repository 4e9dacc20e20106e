"""TensorBoard, for those who like to watch their runs there."""

from collections.abc import Callable
from pathlib import Path

from facekp.errors import InputError


def tensorboard(folder: str | Path) -> Callable[[dict], None]:
    """A function for ``fit``'s ``on_epoch`` that writes each epoch's numbers for TensorBoard.

    Look at them with ``tensorboard --logdir`` and the folder's name.

    Raises:
        InputError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError('TensorBoard is not installed here. Run: pip install "facekp[tensorboard]"') from None
    writer = SummaryWriter(folder)

    def write(line: dict) -> None:
        for name, value in line.items():
            if name != "epoch":
                writer.add_scalar(name, value, line["epoch"])
        writer.flush()

    return write
