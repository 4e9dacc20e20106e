"""A model as one ONNX file, for programs that know nothing of PyTorch."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

from facekp.errors import InputError
from facekp.files import replacing
from facekp.models import KeypointModel
from facekp.predict import to_float

OPSET = 18


class Whole(nn.Module):
    """Bytes in, points out: scaling, network and decoder in one module."""

    def __init__(self, model: KeypointModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(B, H, W) uint8 -> points (B, K, 2) in pixels and confidence (B, K)."""
        points, confidence = self.model.head.decode(self.model(to_float(images)))
        return points + self.model.origin, confidence


def to_onnx(model: KeypointModel, path: str | Path) -> Path:
    """Write ``model`` as ONNX: input ``images`` (B, H, W) uint8, any B; outputs ``points`` and ``confidence``.

    Pre-processing and decoding are inside the file, so that nobody has to write them a second time, and wrongly.

    Raises:
        InputError: the exporter is not installed, or the model wants to be told each face's source.
    """
    if model.wants_regime:
        raise InputError("Expected a model that answers to images alone; found one that wants to be told each face's "
                         "source. Export one trained with --conventions one or two.")
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise InputError('Writing ONNX needs two more packages. Run: pip install "facekp[onnx]"') from None
    path, whole = Path(path), Whole(model).cpu().eval()
    images = torch.zeros(2, model.size, model.size, dtype=torch.uint8)
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations: nothing a reader could act on
        program = torch.onnx.export(
            whole, (images,), input_names=["images"], output_names=["points", "confidence"], opset_version=OPSET,
            dynamic_shapes={"images": {0: torch.export.Dim("batch")}}, dynamo=True, verbose=False,
        )
        program.save(temporary)
    return path
