"""What is in a data set, in a few lines of text."""

import numpy as np

from facekp.data.faces import Faces
from facekp.keypoints import KAGGLE


def report(faces: Faces) -> str:
    """Counts of faces, keypoints, regimes, duplicates and points outside the image, and the summary table."""
    n = len(faces)
    annotated = faces.annotated.sum(axis=1)
    copies = n - len(np.unique(faces.duplicates()))
    lines = [repr(faces), f"complete: {(annotated == len(faces.scheme)).sum()}"]
    if faces.scheme == KAGGLE:
        from facekp.data import kaggle

        regime = kaggle.regime(faces)
        lines += [f"regime of fifteen points: {(regime == 0).sum()}, regime of four points: {(regime == 1).sum()}"]
    lines += [f"exact copies of another image: {copies}",
              f"keypoints outside the image: {outside(faces)}",
              f"fingerprint: {faces.fingerprint()}",
              "", faces.summary().round(1).to_string()]
    return "\n".join(lines)


def outside(faces: Faces) -> int:
    """How many annotated points lie outside their image (beyond the outer edge of its border pixels)."""
    H, W = faces.images.shape[1:]
    edge = np.array([W - 0.5, H - 0.5])
    there = faces.keypoints[faces.annotated]
    return int(((there < -0.5) | (there > edge)).any(axis=-1).sum())
