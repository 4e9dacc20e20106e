"""Whether labels fit their images better when they are read in another way: y from below, in percent, a line too far.

Around a point, faces look alike; around a place that is read wrongly they do not. How alike is the mean correlation
between the pixels around one point in two faces: near 0 for wrong places, 0.3 and more for points of faces.
"""

import numpy as np

from facekp.data.checks import Finding
from facekp.data.checks.images import patches
from facekp.data.checks.labels import outside_image, sizes
from facekp.data.faces import Faces

MIN_FACES, MIN_POINTS, LOOK_AT = 10, 3, 64  # LOOK_AT faces
BETTER = 0.2  # how alike the pixels have to be, and three times as alike as they are
COPIES = {98: "in percent, or in copies of about 96 x 96 pixels", **{
    side: f"in copies of about {side} x {side} pixels" for side in (128, 224, 256, 512, 640, 1000)}}


def readings(faces: Faces, points: np.ndarray) -> list[Finding]:
    """Another way to read all labels, with which the pixels around each point are far more alike.

    Args:
        points: (N, K, 2) in the faces' grid; NaN where not annotated.
    """
    if len(faces) < MIN_FACES:
        return []
    rows = np.linspace(0, len(faces) - 1, min(len(faces), LOOK_AT)).astype(int)
    some = faces.select(rows)
    given = alike(some.images, points[rows])  # (K,)
    if np.isfinite(given).sum() < MIN_POINTS:
        return []
    found = []
    for way, moved in _ways(faces.in_files(points), sizes(faces)).items():
        p = moved[rows]
        if outside_image(some, p).sum() > np.isfinite(p[..., 0]).sum() / 20:
            continue
        likeness = alike(some.images, p if some.files is None else some.files.to_grid(p, some.images.shape[2]))
        if np.nanmean(likeness > given) > 0.7:
            found.append((float(np.nanmean(likeness)), way))
    before, (best, way) = float(np.nanmean(given)), max(found, default=(0.0, ""))
    if best < BETTER or before > best / 3:
        return []
    return [Finding("reading", about={"way": way, "given": before, "best": best})]


def _ways(p: np.ndarray, size: np.ndarray) -> dict[str, np.ndarray]:
    """(N, K, 2) in the files' pixels for each other way to read ``p`` (N, K, 2); ``size`` is (N, 1, 2)."""
    N, K = p.shape[:2]
    x, y = p[..., 0], p[..., 1]
    flipped = size - 1 - p
    return {
        "y counts from the lower edge (y = H - 1 - y)": np.stack([x, flipped[..., 1]], -1),
        "x counts from the right edge (x = W - 1 - x)": np.stack([flipped[..., 0], y], -1),
        "x and y are exchanged": p[..., ::-1],
        "the columns are all x, then all y": p.reshape(N, 2, K).transpose(0, 2, 1),
        "each image has the points of the line below": np.roll(p, -1, 0),
        "each image has the points of the line above": np.roll(p, 1, 0),
        "they count in images of half the size": (p + 0.5) * 2 - 0.5,
        "they count in images of twice the size": (p + 0.5) / 2 - 0.5,
        **{f"they count {what}": (p + 0.5) * size / side - 0.5 for side, what in COPIES.items()}}


def alike(images: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(K,) the mean correlation of the pixels around a point of ``points`` (N, K, 2) in two of the images (N, H, W) or
    (N, H, W, 3); NaN for a point that fewer than half of ``MIN_FACES`` have."""
    around = patches(images, points)  # (N, K, h, w), of length 1
    count = np.isfinite(points[..., 0]).sum(0)  # (K,)
    total = np.square(np.nansum(around, 0)).sum((-1, -2))
    return np.where(count >= MIN_FACES // 2, (total - count) / np.maximum(count * (count - 1), 1), np.nan)
