"""The faces on the device, a batch at a time."""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from facekp.data.faces import Faces
from facekp.predict import as_tensor


class Loader:
    """All images and keypoints are on the device: 9 kB a face, 65 MB for all 7049. A batch is an index.

    Args:
        faces: all that is trained on.
        device: where to put them.
    """

    def __init__(self, faces: Faces, device: torch.device) -> None:
        self.images = as_tensor(faces.images).to(device)
        self.keypoints = as_tensor(faces.keypoints).to(device)

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, indices: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """For each index (B,): images (B, H, W) or (B, H, W, 3) uint8 and keypoints (B, K, 2), on the device."""
        for index in indices:
            index = index.to(self.images.device, non_blocking=True)
            yield self.images[index], self.keypoints[index]
