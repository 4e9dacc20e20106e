"""Faces per second once trained: PyTorch as it is, compiled, and ONNX Runtime, in batches of several sizes."""

import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from book.experiments.speed.steps import wait
from facekp.errors import InputError
from facekp.export import OnnxModel, to_onnx
from facekp.models import create_model


def onnx_way(model, folder: str):
    """A function of images (B, H, W) uint8, run by ONNX Runtime on the CPU; None where it is not installed."""
    try:
        import onnxruntime

        path = to_onnx(model, Path(folder) / "model.onnx")
    except (ImportError, InputError):
        return None
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images.numpy()})


def serving(name: str, device: torch.device, batches: tuple[int, ...] = (1, 32, 256), seconds: float = 2.0) -> dict:
    """Pre-processing, network and decoder; images are bytes in the CPU's memory, and so are the points in the end.

    Returns:
        ``rows``: ``batch`` and faces/s of ``eager``, ``compiled`` and ``onnx`` (None where a way is not there;
        ``onnx`` runs on the CPU). Threads as torch has them; ONNX Runtime picks its own number.
    """
    torch.manual_seed(0)
    model = create_model(name).eval()
    rows = []
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        onnx = onnx_way(create_model(name).eval(), folder)
        whole = OnnxModel(model).to(device)
        faster = torch.compile(whole, dynamic=False)

        def on_device(function):
            return lambda images: [t.cpu() for t in function(images.to(device))]

        for batch in batches:
            images = torch.randint(0, 256, (batch, model.size, model.size), dtype=torch.uint8)
            row: dict = {"batch": batch}
            for way, function in (("eager", on_device(whole)), ("compiled", on_device(faster)), ("onnx", onnx)):
                row[way] = faces_per_second(function, images, seconds, device) if function else None
            rows.append(row)
    return {"network": name, "rows": rows}


def faces_per_second(function, images: torch.Tensor, seconds: float, device: torch.device) -> float | None:
    """Median over repeated calls; None where the function cannot run here (no compiler, say)."""
    try:
        for _ in range(3):
            function(images)
    except Exception:  # noqa: BLE001  # torch.compile's failures have many types
        return None
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times) < 5:
        began = time.perf_counter()
        function(images)
        wait(device)
        times.append(time.perf_counter() - began)
    return len(images) / float(np.median(times))
