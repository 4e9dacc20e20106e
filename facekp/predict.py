"""From images to keypoints with a trained model."""

from typing import overload

import numpy as np
import torch

from facekp.data.faces import Faces
from facekp.errors import InputError, listed
from facekp.models import KeypointModel
from facekp.models.model import to_float


def as_tensor(array: np.ndarray) -> torch.Tensor:
    """The array as a tensor on the CPU, without a copy unless its memory is read-only or in pieces."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))


def check_fit(model: KeypointModel, faces: Faces) -> None:
    """Raise InputError unless there are faces, and they have the model's points and image size."""
    if not len(faces):
        raise InputError("Expected at least one face; found none.")
    wanted, found = model.scheme.names, faces.scheme.names
    if found != wanted:
        missing, more = [n for n in wanted if n not in found], [n for n in found if n not in wanted]
        what = f"without {listed(missing)}, with {listed(more)}" if missing or more else "in another order"
        raise InputError(f"The model finds {len(wanted)} points of '{model.scheme.name}', {listed(list(wanted))}; the "
                         f"data has {len(found)} points of '{faces.scheme.name}', {what}. Use the data it was trained "
                         "for, or rename and sort its columns so.")
    if faces.images.shape[1:3] != (model.size, model.size):
        raise InputError(f"The model takes images of {model.size}x{model.size}; the data has "
                         f"{faces.images.shape[1:3]}.")
    if faces.channels != model.channels:
        kinds = {1: "grey", 3: "RGB"}
        raise InputError(f"The model takes {kinds[model.channels]} images; the data has {kinds[faces.channels]} ones. "
                         f"Read them with load(..., colour={model.channels == 3}), or take another network.")


def check_calibrated(model: KeypointModel, coverage: float, flip_tta: bool = False) -> None:
    """Raise InputError unless ``model`` was calibrated for predictions of this kind, and for such a ``coverage``."""
    if model.calibration is None:
        raise InputError(f"Expected a calibrated model for a coverage of {coverage}; found {model.name} without a "
                         "calibration, or with one of other weights. Make it from faces that the model did not learn "
                         "from: 'facekp calibrate RUN DATA', or model.calibration = calibrate(model, faces).")
    if model.calibration.names != model.scheme.names:
        wanted, found = listed(list(model.scheme.names)), listed(list(model.calibration.names))
        raise InputError(f"Expected a calibration of the model's points, {wanted}; found one of {found}. "
                         "Calibrate again.")
    if model.calibration.flip_tta != flip_tta:
        asked, found = ("with", "without") if flip_tta else ("without", "with")
        raise InputError(f"Expected a calibration {asked} flip TTA, as these predictions are; found one {found} it. "
                         "Calibrate again, or change that option.")
    model.calibration.limits(coverage)


@overload
def predict(
    model: KeypointModel, faces: Faces | np.ndarray, batch_size: int | None = None, flip_tta: bool = False,
    coverage: None = None,
) -> tuple[np.ndarray, np.ndarray]: ...
@overload
def predict(
    model: KeypointModel, faces: Faces | np.ndarray, batch_size: int | None = None, flip_tta: bool = False, *,
    coverage: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...
@overload
def predict(
    model: KeypointModel, faces: Faces | np.ndarray, batch_size: int | None = None, flip_tta: bool = False, *,
    coverage: float | None,
) -> tuple[np.ndarray, ...]: ...
@torch.inference_mode()
def predict(
    model: KeypointModel, faces: Faces | np.ndarray, batch_size: int | None = None, flip_tta: bool = False,
    coverage: float | None = None,
) -> tuple[np.ndarray, ...]:
    """The keypoints of each face, on the device where the model is.

    Args:
        model: in eval mode or not; it is left as it was.
        faces: Faces, or images (N, H, W) uint8, with H = W = ``model.size``; (N, H, W, 3) for a model of RGB images.
        batch_size: faces per forward pass; only speed and memory depend on it. By default 256 on a GPU, and on a
            CPU 32 (measured for hourglass-s on two cores: 256 at a time is half as fast).
        flip_tta: test-time augmentation: predict the horizontally flipped image too, and take the mean
            (:func:`facekp.models.flip.flip_tta`): twice the time.
        coverage: 0.9 asks for radii that contain 90 % of the true points, of each keypoint, on faces like those that
            the model was calibrated on (:mod:`facekp.calibration`).

    Returns:
        points (N, K, 2) float32 in pixels, (0, 0) being the centre of the first one, and confidence (N, K): see the
        model's head. With ``coverage`` also radius (N, K) float32 in pixels.

    Raises:
        InputError: images of another shape or type; a coverage that is not between 0 and 1, or a model that was not
            calibrated.
    """
    images = faces.images if isinstance(faces, Faces) else faces
    form = (model.size, model.size) if model.channels == 1 else (model.size, model.size, 3)
    if images.dtype != np.uint8 or images.shape[1:] != form:
        raise InputError(f"Expected images (N, {', '.join(map(str, form))}) uint8; found {images.shape} "
                         f"{images.dtype}.")
    if coverage is not None:
        check_calibrated(model, coverage, flip_tta)
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
    if coverage is None:
        return points, confidence
    return points, confidence, model.calibration.radius(confidence, coverage)
