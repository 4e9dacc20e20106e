"""How many parameters a network has, and how many MACs a face takes."""

import torch
from torch import Tensor, nn

from facekp.heads import CoordinateHead
from facekp.models import MODELS, create_model
from facekp.models.lgcn import FixedKernel
from facekp.models.model import KeypointModel

Counted = nn.Conv2d | nn.ConvTranspose2d | nn.Linear | FixedKernel


def parameters(model: nn.Module) -> int:
    """Numbers in the model, frozen ones included."""
    return sum(p.numel() for p in model.parameters())


def features_of_maps(model: KeypointModel) -> int | None:
    """From how many features the last layer makes a map for each keypoint; None if it makes none.

    Each map is a weighted sum of these features, so no more maps than features can differ freely: with fewer features
    than keypoints, some points are never drawn, however long one trains.
    """
    if isinstance(model.head, CoordinateHead):
        return None
    K = len(model.scheme)
    last = [m.in_channels for m in model.modules()
            if isinstance(m, nn.Conv2d | nn.ConvTranspose2d) and m.out_channels == K]
    return last[-1] if last else None


@torch.no_grad()
def macs(model: nn.Module, size: int = 96) -> int:
    """Multiplications (each with an addition) in one forward pass of one face of size x size.

    Counted: convolutions, linear layers and LGCN's fixed kernel, which is nearly everything. A convolution does
    ``weight.numel() / out_channels`` of them per output number; a transposed one ``weight.numel() / in_channels``
    per input number; the kernel's two banded matrices for each of its Gaussians a row each per output number.
    """
    total = 0

    def count(module: Counted, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, FixedKernel):
            total += output.numel() * 2 * module.bands[:, 0].numel()
        else:
            numbers = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
            total += numbers.numel() * module.weight[0].numel()

    layers = [m for m in model.modules() if isinstance(m, Counted)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    was_training = model.training
    try:
        weight = next(model.parameters())
        channels = next((m.in_channels for m in layers if isinstance(m, nn.Conv2d)), 1)  # 3 for an RGB stem
        model.eval()(torch.zeros(1, channels, size, size, device=weight.device, dtype=weight.dtype))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return total


def row(name: str, size: int = 96, **options) -> dict:
    """One network of ``MODELS`` as a line of a table: ``network``, ``head``, ``parameters``, ``macs``.

    It is built on torch's "meta" device, where tensors have a shape and no numbers: no memory, no arithmetic.
    """
    with torch.device("meta"):
        model = create_model(name, size=size, **options)
        return {"network": name, "head": type(model.head).__name__, "parameters": parameters(model),
                "macs": macs(model, size)}


def table(size: int = 96) -> list[dict]:
    """:func:`row` for every network, at its own size; about a second in all."""
    return [row(name, size) for name in MODELS]
