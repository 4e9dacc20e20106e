"""From images to keypoints with a trained model."""

import numpy as np
import torch

from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.models import KeypointModel
from facekp.models.model import to_float


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """The array as a tensor on the CPU, without a copy unless its memory is read-only or in pieces."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


def check_fit(model: KeypointModel, faces: Faces) -> None:
    """Raise InputError unless there are faces, and they have the model's points and image size."""
    if not len(faces):
        raise InputError("Expected at least one face; found none.")
    if faces.scheme.names != model.scheme.names:
        raise InputError(
            f"The model finds {len(model.scheme)} points of '{model.scheme.name}', but the data has "
            f"{len(faces.scheme)} points of '{faces.scheme.name}'. Use the data it was trained for."
        )
    if faces.images.shape[1:3] != (model.size, model.size):
        raise InputError(f"The model takes images of {model.size}x{model.size}; the data has "
                         f"{faces.images.shape[1:3]}.")
    if faces.channels != model.channels:
        kinds = {1: "grey", 3: "RGB"}
        raise InputError(f"The model takes {kinds[model.channels]} images; the data has {kinds[faces.channels]} ones. "
                         f"Read them with load(..., colour={model.channels == 3}), or take another network.")


@torch.inference_mode()
def predict(
    model: KeypointModel, faces: Faces | np.ndarray, batch_size: int | None = None, flip_tta: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The keypoints of each face, on the device where the model is.

    Args:
        model: in eval mode or not; it is left as it was.
        faces: Faces, or images (N, H, W) uint8, with H = W = ``model.size``; (N, H, W, 3) for a model of RGB images.
        batch_size: faces per forward pass; only speed and memory depend on it. By default 256 on a GPU, and on a
            CPU 32 (measured for hourglass-s on two cores: 256 at a time is half as fast).
        flip_tta: test-time augmentation: predict the horizontally flipped image too, and take the mean
            (:func:`facekp.models.flip.flip_tta`): twice the time.

    Returns:
        points (N, K, 2) float32 in pixels, (0, 0) being the centre of the first one, and confidence (N, K): see the
        model's head.

    Raises:
        InputError: images of another shape or type.
    """
    images = faces.images if isinstance(faces, Faces) else faces
    form = (model.size, model.size) if model.channels == 1 else (model.size, model.size, 3)
    if images.dtype != np.uint8 or images.shape[1:] != form:
        raise InputError(f"Expected images (N, {', '.join(map(str, form))}) uint8; found {images.shape} "
                         f"{images.dtype}.")
    from facekp.models.flip import flip_tta as flip  # only when asked: a training step needs no flip

    device = next(model.parameters()).device
    batch_size = batch_size or (256 if device.type == "cuda" else 32)
    was_training = model.training
    model.eval()
    points = np.empty((len(images), len(model.scheme), 2), np.float32)
    confidence = np.empty(points.shape[:2], np.float32)
    for start in range(0, len(images), batch_size):
        rows = slice(start, start + batch_size)
        batch = to_float(as_tensor(images[rows]).to(device))
        p, c = flip(model, batch) if flip_tta else model.head.decode(model(batch))
        points[rows], confidence[rows] = p.cpu(), c.cpu()
    model.train(was_training)
    return points, confidence
