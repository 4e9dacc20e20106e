"""Videos for tests."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest


def write_video(path: Path, frames: Sequence[np.ndarray] | np.ndarray) -> None:
    """(H, W, 3) uint8 frames as a video without loss, 30 a second; the test is skipped where PyAV is not installed."""
    av = pytest.importorskip("av")
    path.parent.mkdir(exist_ok=True)
    with av.open(str(path), "w") as video:
        stream = video.add_stream("ffv1", rate=30)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "bgr0"
        for rgb in frames:
            for packet in stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="bgr0")):
                video.mux(packet)
        for packet in stream.encode():
            video.mux(packet)
