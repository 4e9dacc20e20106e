"""Several processes, one model: each works on its part of every batch, then they average their gradients.

    torchrun --nproc-per-node 4 -m facekp train data/faces runs/four

starts four processes on one machine, one per GPU (or per core, with the slower "gloo" messages); torchrun's
``--nnodes`` and ``--rdzv-endpoint`` join several machines. Without torchrun there is one process.
"""

import os
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Distributed:
    """This process's number and how many there are."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process shows the bar and writes the files."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """``model``, in a wrapper whose backward pass averages the gradients of all."""
        if self.size == 1:
            return model
        device = next(model.parameters()).device
        return DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)

    def weight(self, keypoints: Tensor) -> Tensor | float:
        """What this process's loss counts, as its part (B, K, 2) of a batch has more or fewer annotated points.

        The wrapper takes the plain mean of the gradients; with this factor it is the mean over all points.
        """
        if self.size == 1:
            return 1.0
        mine = keypoints[..., 0].isfinite().sum().float()
        everyone = mine.clone()
        dist.all_reduce(everyone)
        return self.size * mine / everyone.clamp_min(1)

    def gather(self, part: np.ndarray) -> np.ndarray:
        """Rows rank::size of an array from each process -> the whole array, in every process."""
        if self.size == 1:
            return part
        parts = [part] * self.size  # to be replaced by what each process gives
        dist.all_gather_object(parts, part)
        whole = np.empty((sum(map(len, parts)), *part.shape[1:]), part.dtype)
        for rank, rows in enumerate(parts):
            whole[rank :: self.size] = rows
        return whole

    def synchronise(self, model: nn.Module) -> None:
        """Give all processes the main process's batch-norm statistics: each has averaged those of its own faces."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, 0)

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is true in any process."""
        return bool(self.gather(np.array([flag])).any())

    def mean(self, values: Tensor) -> Tensor:
        """The mean of ``values`` over all processes."""
        if self.size > 1:
            dist.all_reduce(values)
        return values / self.size


def init_distributed(device: torch.device) -> Distributed:
    """The processes that torchrun started, this one among them; or this one alone."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Distributed()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Distributed(dist.get_rank(), size)
