"""A model as one ONNX file, for programs that know nothing of PyTorch.

Pre-processing and decoding are inside the file, so they need not be written a second time::

    images (B, size, size) uint8, any B  ->  points (B, K, 2) in pixels, confidence (B, K)

A network of RGB images takes (B, size, size, 3).

What the file cannot show by its shapes is in its metadata: the names of the points, the terms of use.
"""

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import facekp
from facekp import pretrained
from facekp.errors import InputError
from facekp.files import replacing
from facekp.heads import stack_list
from facekp.models import KeypointModel
from facekp.photo import face_maps
from facekp.predict import to_float
from facekp.runs import open_run
from facekp.training.folds import Ensemble

OPSET = 18
UNKNOWN = "that of the faces it learnt from"


class OnnxModel(nn.Module):
    """Bytes in, points out: scaling, network and decoder in one module.

    Args:
        model: one network, or a mean of several.
        maps: give the maps that the decoder reads as well.
    """

    def __init__(self, model: KeypointModel | Ensemble, maps: bool = False) -> None:
        super().__init__()
        self.model, self.maps = model, maps

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images, uint8 -> points (B, K, 2) in pixels, confidence (B, K) and, if asked for, maps (B, K, h, w)."""
        raw = self.model(to_float(images))
        points, confidence = self.model.head.decode(raw)
        answer = points, confidence
        return (*answer, stack_list(raw)[-1]) if self.maps else answer


def to_onnx(model: KeypointModel | Ensemble, path: str | Path, maps: bool = False, licence: str = UNKNOWN) -> Path:
    """Write ``model`` as ONNX: input ``images``; outputs ``points``, ``confidence`` and, with ``maps``, ``maps``.

    Args:
        model: in eval mode or not; it is left as it was.
        path: a new file, or one to replace; all of the model is in it.
        maps: a third output, the maps (B, K, h, w) of the network's last stage; heatmap networks only.
        licence: for the metadata.

    Raises:
        InputError: the exporter is not installed, the path is not an .onnx file, or the model has no maps.
    """
    path = Path(path)
    check(model, path, maps)
    images = torch.zeros(2, *form(model), dtype=torch.uint8)
    names = ["points", "confidence", "maps"][: 2 + maps]
    write(OnnxModel(copy.deepcopy(model), maps), images, names, {0: torch.export.Dim("batch")}, metadata(model),
          licence, path)
    return path


class OnnxDetector(nn.Module):
    """The maps of :mod:`facekp.photo.face_maps` for bytes in: images (1, H, W) -> two maps (1, H / 4, W / 4).

    The first is the score of a face's centre, 0 to 1; the second its side in pixels of the image.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.network(face_maps.scaled(images))[-1]
        return maps[:, 0].sigmoid(), face_maps.UNIT * maps[:, 1].exp2()


def detector_to_onnx(path: str | Path) -> Path:
    """Write the face detector that ships with the library as ONNX: ``images`` (1, H, W) uint8 -> ``score``, ``side``.

    H and W may be any multiples of 32. The pyramid, the peaks and the suppression of
    :func:`facekp.photo.face_maps.find` are left to the program that runs it.

    Raises:
        InputError: the exporter is not installed, or the path is not an .onnx file.
    """
    path = Path(path)
    check_path(path)
    across = {axis: face_maps.MULTIPLE * torch.export.Dim(name) for axis, name in ((1, "rows"), (2, "columns"))}
    card = face_maps.card()
    write(OnnxDetector(copy.deepcopy(face_maps.load())), torch.zeros(1, 96, 128, dtype=torch.uint8),
          ["score", "side"], across, {"model": card["name"]}, card["licence"], path)
    return path


def write(whole: nn.Module, images: Tensor, names: list[str], dynamic: dict[int, Any], about: dict[str, str],
          licence: str, path: Path) -> None:
    """Trace ``whole`` with ``images`` and write it, whole or not at all.

    Args:
        whole: bytes in, the outputs called ``names`` out.
        dynamic: the axes of the images that may have another length, and what PyTorch's exporter calls them.
        about, licence: the file's metadata; opset and version are added.
    """
    with replacing(path) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations: nothing a reader could act on
        program = torch.onnx.export(whole.cpu().eval(), (images,), input_names=["images"], output_names=names,
                                    opset_version=OPSET, dynamic_shapes={"images": dynamic}, dynamo=True, verbose=False)
        assert program is not None  # with dynamo=True it never is
        forget_sources(program.model)
        program.model.metadata_props.update(about | {"opset": str(OPSET), "licence": licence,
                                                      "made_by": f"facekp {facekp.__version__}"})
        program.save(temporary, external_data=False)


def form(model: KeypointModel) -> tuple[int, ...]:
    """The shape of one image as the file takes it: (size, size), or (size, size, 3) for RGB."""
    return (model.size, model.size) if model.channels == 1 else (model.size, model.size, 3)


def check(model: KeypointModel | Ensemble, path: Path, maps: bool) -> None:
    """Raise InputError for what :func:`to_onnx` cannot do: now, not after some seconds."""
    if maps and (isinstance(model, Ensemble) or model.head.reads in ("coordinates", "distributions")):
        raise InputError(f"Expected a heatmap network to show the maps of; found {model.name}, which has none to show. "
                         "Export it without its maps.")
    check_path(path)


def check_path(path: Path) -> None:
    """Raise InputError unless ``path`` is the name of an ONNX file, and the exporter is installed."""
    if path.suffix.lower() != ".onnx" or path.is_dir():
        raise InputError(f"{path}: expected the name of a file that ends in .onnx. Name one, e.g. model.onnx.")
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise InputError('Writing ONNX needs two more packages. Run: pip install "facekp[onnx]"') from None


def metadata(model: KeypointModel | Ensemble) -> dict[str, str]:
    """What a reader of the file should know; ONNX keeps texts only, so lists are JSON."""
    scheme = model.scheme
    return {"model": model.name, "keypoints": json.dumps(scheme.names), "pairs": json.dumps(scheme.pairs),
            "size": str(model.size), "pixel_offset": str(model.pixel_offset)}


def forget_sources(program: Any) -> None:
    """Take off what the exporter noted at each node, half a megabyte: which line of which file of this machine.

    Args:
        program: an ``onnx_ir.Model``.
    """
    for graph in (program.graph, *program.functions.values()):
        for node in graph.all_nodes():
            for noted in (node, *node.outputs):
                noted.metadata_props.clear()
        for value in (*graph.inputs, *getattr(graph, "initializers", {}).values()):
            value.metadata_props.clear()


def export(run: str | Path, path: str | Path, maps: bool = False) -> str:
    """Write a run, or weights that ship with the library, as ONNX; what was written, in text.

    Args:
        run: a run folder, a ``.safetensors`` file, or the name of shipped weights.
        path, maps: as for :func:`to_onnx`.
    """
    model, _ = open_run(run, "cpu")
    name = pretrained.shipped(run)
    licence = UNKNOWN if name is None else pretrained.card(name)["licence"]
    path = to_onnx(model, path, maps, licence)
    k, images = len(model.scheme), ", ".join(map(str, form(model)))
    outputs = f"points (B, {k}, 2), confidence (B, {k})" + (f", maps (B, {k}, h, w)" if maps else "")
    return (f"Wrote {path}: {path.stat().st_size / 1e6:.2f} MB, opset {OPSET}. "
            f"images (B, {images}) uint8 -> {outputs}. Licence: {licence}.")
