"""ONNX: the same points as PyTorch, for every batch size."""

import numpy as np
import pytest
import torch

from facekp.data import load
from facekp.models import create_model
from facekp.predict import predict
from facekp.pretrained import load_pretrained

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.parametrize("name", ["hourglass-s", "cnn3", "lgcn-s"])
def test_onnx_gives_the_points_of_pytorch(name, tmp_path):
    from small import randomise_zero_layers

    from facekp.export import to_onnx

    torch.manual_seed(0)
    model = create_model(name, **({"channels": 16, "depth": 2} if name == "hourglass-s" else {})).eval()
    randomise_zero_layers(model)
    session = onnxruntime.InferenceSession(to_onnx(model, tmp_path / "model.onnx"))
    images = load("sample").images[:20]
    expected, confidence = predict(model, images)
    for batch in (1, 7, 20):
        points, sure = session.run(None, {"images": images[:batch]})
        # In an untrained network two peaks may be equal but for a rounding, and then either may win.
        assert (np.abs(points - expected[:batch]).max(-1) < 1e-3).mean() > 0.9
        np.testing.assert_allclose(sure, confidence[:batch], atol=1e-4)
    if name == "hourglass-s":
        trained = load_pretrained("hourglass-s-drawn")
        session = onnxruntime.InferenceSession(to_onnx(trained, tmp_path / "model.onnx"))
        images = load("sample").images[:200]
        np.testing.assert_allclose(session.run(None, {"images": images})[0], predict(trained, images)[0], atol=1e-3)
    assert not [p for p in tmp_path.iterdir() if p.name != "model.onnx"]
