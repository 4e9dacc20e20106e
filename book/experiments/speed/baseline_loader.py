"""Training as many tutorials have it: a Dataset, worker processes, one face at a time, float32.

What the library is measured against. Each part is what one would write first, and none of it is made slow.
"""

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from facekp.augment import Augment
from facekp.data.faces import Faces
from facekp.heads import HeatmapHead
from facekp.models import KeypointModel


class FaceDataset(Dataset):
    """One face at a time: torchvision's transforms, then a heatmap per keypoint in numpy."""

    def __init__(self, faces: Faces, config: Augment, head) -> None:
        self.faces, self.head, self.flip, self.swap = faces, head, config.flip, faces.scheme.swap
        h, w = faces.images.shape[1:]
        self.transform = v2.Compose([
            v2.RandomAffine(config.rotation, (config.shift / w, config.shift / h),
                            (1 / (1 + config.scale), 1 + config.scale), config.shear),
            v2.ToDtype(torch.float32, scale=True),
            v2.ColorJitter(config.brightness, config.contrast),
            v2.GaussianNoise(sigma=config.noise / 2),
        ])

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, torch.Tensor]:
        image, points = self.faces.images[i], self.faces.keypoints[i]
        size = image.shape
        if torch.rand(()) < self.flip:
            image, points = image[:, ::-1].copy(), points[self.swap] * [-1, 1] + [size[1] - 1, 0]
        image = tv_tensors.Image(torch.from_numpy(image)[None])
        points = tv_tensors.KeyPoints(torch.from_numpy(np.asarray(points, np.float32)), canvas_size=size)
        image, points = self.transform(image, points)
        if not isinstance(self.head, HeatmapHead):
            return image.as_subclass(torch.Tensor), points.as_subclass(torch.Tensor)
        return image.as_subclass(torch.Tensor), torch.from_numpy(self.heatmaps(points.numpy(), size))

    def heatmaps(self, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """(K, h, w) float32: a Gaussian around each of the points (K, 2)."""
        stride, sigma = self.head.stride, self.head.sigma
        y, x = np.mgrid[: size[0] // stride, : size[1] // stride]
        maps = np.zeros((len(points), *x.shape), np.float32)
        for k, (px, py) in enumerate((points + 0.5) / stride - 0.5):
            maps[k] = np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2))
        return maps


def usual_loader(faces: Faces, model: KeypointModel, config: Augment, batch_size: int, workers: int) -> DataLoader:
    """Shuffled batches of images (B, 1, H, W) and heatmaps (B, K, h, w), or points (B, K, 2)."""
    return DataLoader(FaceDataset(faces, config, model.head), batch_size, shuffle=True, num_workers=workers,
                      drop_last=True, pin_memory=torch.cuda.is_available(), persistent_workers=workers > 0)


def usual_epoch(
    model: KeypointModel, loader: DataLoader, optimizer: torch.optim.Optimizer, device: torch.device
) -> int:
    """One epoch; how many faces it has shown."""
    model.train()
    total, shown = 0.0, 0
    for images, target in loader:
        images, target = images.to(device), target.to(device)
        raw = model(images)
        if isinstance(model.head, HeatmapHead):
            loss = sum(((maps - target) ** 2).mean() for maps in (raw if isinstance(raw, list) else [raw]))
        else:
            loss = ((model.head.points(raw) - target) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
        shown += len(images)
    return shown
