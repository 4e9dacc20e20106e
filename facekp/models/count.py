"""How large is a network, and how much work is a face?"""

import torch
from torch import Tensor, nn


def parameters(model: nn.Module) -> int:
    """Numbers in the model, frozen ones included."""
    return sum(p.numel() for p in model.parameters())


@torch.no_grad()
def macs(model: nn.Module, size: int = 96) -> int:
    """Multiplications (each with an addition) in one forward pass of one face of size x size.

    Counted: what ``nn.Conv2d``, ``nn.ConvTranspose2d`` and ``nn.Linear`` do, which is nearly everything. A
    convolution does ``weight.numel() / out_channels`` of them per output number; a transposed one
    ``weight.numel() / in_channels`` per input number.
    """
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        numbers = inputs[0] if isinstance(module, nn.ConvTranspose2d) else output
        total += numbers.numel() * module.weight[0].numel()

    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.ConvTranspose2d, nn.Linear))]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    was_training = model.training
    try:
        weight = next(model.parameters())
        model.eval()(torch.zeros(1, 1, size, size, device=weight.device, dtype=weight.dtype))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return total
