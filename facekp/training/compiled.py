"""torch.compile, or the reason why not."""

import copy
import warnings

import torch
from torch import Tensor, nn


def compiled(model: nn.Module, example: Tensor, dtype: torch.dtype = torch.float32) -> nn.Module:
    """``model`` with kernels made for it; the model itself where that fails, with a warning that says why.

    The kernels are made when first used, so one forward and one backward pass on ``example``
    (B, 1, H, W) are tried, and leave no trace in weights, statistics or the random numbers.
    """
    before = copy.deepcopy(model.state_dict())
    try:
        faster: nn.Module = torch.compile(model)  # type: ignore[assignment]  # torch: of a module it makes a module
        devices = [example.device] if example.device.type == "cuda" else []
        with torch.random.fork_rng(devices), torch.autocast(example.device.type, dtype, dtype != torch.float32):
            raw = faster(example)
        sum(maps.float().sum() for maps in (raw if isinstance(raw, list) else [raw])).backward()
    except Exception as error:  # noqa: BLE001  # a missing compiler, an operation it cannot translate, ...
        reason = (str(error).strip().splitlines() or [""])[0]
        warnings.warn(f"torch.compile failed, so the network runs as it is ({type(error).__name__}: {reason}).",
                      stacklevel=2)
        return model
    finally:
        model.load_state_dict(before)
        model.zero_grad(set_to_none=True)
    return faster
