"""What is in a data set, in a few lines of text."""

import numpy as np

from facekp.data.faces import Faces
from facekp.keypoints import KAGGLE


def report(faces: Faces) -> str:
    """Counts of faces, keypoints, sources, duplicates and points outside the image, and the summary table."""
    n = len(faces)
    annotated = faces.annotated.sum(axis=1)
    copies = n - len(np.unique(faces.duplicates()))
    lines = [repr(faces), f"complete: {(annotated == len(faces.scheme)).sum()}"]
    if faces.scheme == KAGGLE:
        from facekp.data import kaggle

        sources = kaggle.sources(faces)
        lines += [f"source of fifteen points: {(sources == 0).sum()}, source of four points: {(sources == 1).sum()}"]
    lines += [f"exact copies of another image: {copies}",
              f"keypoints outside the image: {outside(faces)}",
              f"left and right seem exchanged: {listed(faces.rows[exchanged(faces)])}",
              f"fingerprint: {faces.fingerprint()}",
              "", faces.summary().round(1).to_string()]
    return "\n".join(lines)


def outside(faces: Faces) -> int:
    """How many keypoints lie outside [0, width] x [0, height], which is where Kaggle's labels end. They are kept."""
    height, width = faces.images.shape[1:3]
    with np.errstate(invalid="ignore"):
        return int(((faces.keypoints < 0) | (faces.keypoints > (width, height))).any(axis=2).sum())


def exchanged(faces: Faces) -> np.ndarray:
    """Positions (M,) of faces whose left and right points seem exchanged.

    In them every pair that is annotated lies the other way round than in most faces. Heads that look away far enough
    do too, so look before you correct.
    """
    if not faces.scheme.pairs or not len(faces):
        return np.empty(0, np.int64)
    left, right = (faces.scheme.index(*side) for side in zip(*faces.scheme.pairs, strict=True))
    gap = faces.keypoints[:, left, 0] - faces.keypoints[:, right, 0]  # (N, pairs), NaN where a point is missing
    there = np.isfinite(gap)
    most = np.where((gap > 0).sum(0) >= (gap < 0).sum(0), 1, -1)  # (pairs,) the usual side
    return np.flatnonzero(there.any(1) & ((gap * most < 0) == there).all(1))


def listed(rows: np.ndarray) -> str:
    """How many, and the first few: "2 (rows 7, 970)"."""
    some = ", ".join(map(str, rows[:10])) + (", ..." if len(rows) > 10 else "")
    return f"{len(rows)} ({'row' if len(rows) == 1 else 'rows'} {some})" if len(rows) else "0"
