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
    """How many keypoints lie outside [0, width] x [0, height], which is where Kaggle's labels end. They are kept."""
    height, width = faces.images.shape[1:]
    with np.errstate(invalid="ignore"):
        return int(((faces.keypoints < 0) | (faces.keypoints > (width, height))).any(axis=2).sum())
