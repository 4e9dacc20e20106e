"""How the faces get to the device: all at once, or batch by batch while the last one is being worked on."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import Tensor

from facekp.data.faces import Faces
from facekp.predict import as_tensor


class Resident:
    """All images and keypoints lie on the device: 9 kB a face, 65 MB for all 7049. A batch is an index."""

    def __init__(self, faces: Faces, device: torch.device) -> None:
        self.images, self.keypoints = as_tensor(faces.images).to(device), as_tensor(faces.keypoints).to(device)

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, indices: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """For each index (B,): images (B, H, W) uint8 and keypoints (B, K, 2), on the device."""
        for index in indices:
            index = index.to(self.images.device, non_blocking=True)
            yield self.images[index], self.keypoints[index]


class Streamed:
    """The images stay where they are, in a memory-mapped file, say; one thread fetches the next batch."""

    def __init__(self, faces: Faces, device: torch.device) -> None:
        self.faces, self.device = faces, device

    def __len__(self) -> int:
        return len(self.faces)

    def fetch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Images and keypoints of one batch, read, and on their way to the device."""
        rows = index.numpy()
        images, points = torch.from_numpy(self.faces.images[rows]), torch.from_numpy(self.faces.keypoints[rows])
        if self.device.type == "cuda":
            # Only from pinned memory does a copy run beside the work.
            images, points = images.pin_memory(), points.pin_memory()
        return images.to(self.device, non_blocking=True), points.to(self.device, non_blocking=True)

    def batches(self, indices: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """As :meth:`Resident.batches`."""
        with ThreadPoolExecutor(1) as pool:
            ahead = None
            for index in indices:
                current, ahead = ahead, pool.submit(self.fetch, index)
                if current is not None:
                    yield current.result()
            if ahead is not None:
                yield ahead.result()


def make_feed(faces: Faces, device: torch.device, kind: str = "auto") -> Resident | Streamed:
    """A feed of ``faces``; "auto" streams what is memory-mapped or would take over half the GPU's free memory.
    """
    if kind == "auto":
        large = isinstance(faces.images, np.memmap)
        if device.type == "cuda":
            large = large or faces.images.nbytes > torch.cuda.mem_get_info(device)[0] / 2
        kind = "stream" if large else "resident"
    return Streamed(faces, device) if kind == "stream" else Resident(faces, device)
