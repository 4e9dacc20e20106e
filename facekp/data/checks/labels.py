"""Questions about the numbers in a table of labels, in the pixels of the files.

``points`` are (N, K, 2) in the grid of the faces' images, NaN where not annotated.
"""

import numpy as np

from facekp.data.checks import Finding
from facekp.data.faces import Faces
from facekp.keypoints import sides_alone


def sizes(faces: Faces) -> np.ndarray:
    """(N, 1, 2) width and height of each face's file; of the image, where it has none."""
    height, width = faces.images.shape[1:3]
    all_same = np.broadcast_to((width, height), (len(faces), 2))
    return (all_same if faces.files is None else faces.files.sizes)[:, None].astype(np.float64)


def nowhere(faces: Faces) -> list[Finding]:
    """Points that no face has."""
    names = [n for n, there in zip(faces.scheme.names, np.asarray(faces.annotated.any(0)), strict=True) if not there]
    return [Finding("nowhere", about={"points": names})] if names else []


def one_side(faces: Faces) -> list[Finding]:
    """Names that look like left or right and are in no pair, so that a flip does not exchange them."""
    names = sides_alone(faces.scheme.names, faces.scheme.pairs)
    return [Finding("one side", about={"points": names})] if names else []


def placeholders(faces: Faces, pixel_offset: float = 0.0) -> tuple[list[Finding], np.ndarray]:
    """Positions that stand for "not annotated": a point at (0, 0) or (-1, -1), or in several faces at exactly the same
    position outside the file. Outside, that is certain.

    Returns:
        A finding per position, and the points (N, K, 2) without them.
    """
    points = faces.keypoints.astype(np.float64)
    label = np.round(faces.in_files(points) + pixel_offset, 2)  # the grid's float32 keeps that many digits
    seen = np.isfinite(label[..., 0])
    beyond = seen & outside_image(faces, label - pixel_offset)
    positions, count = np.unique(label[beyond], axis=0, return_counts=True)
    candidates = [(0.0, 0.0), (-1.0, -1.0), *map(tuple, positions[count >= 3])]
    findings = []
    for position in dict.fromkeys(candidates):
        here = seen & (label == position).all(-1)  # (N, K)
        if not here.any():
            continue
        which, rows = here.any(0), np.flatnonzero(here.any(1))
        findings.append(Finding("placeholder", rows, np.full(len(rows), 3.0), certain=bool((here & beyond).sum() > 2),
                                about={"position": position, "annotated": int(seen[:, which].any(1).sum()),
                                       "points": [faces.scheme.names[k] for k in np.flatnonzero(which)]}))
        points[here] = np.nan
    return findings, points


def fractions(faces: Faces, points: np.ndarray) -> list[Finding]:
    """Whether all points are within the first pixel, or in [-1, 1]: fractions of width and height, not pixels."""
    label = faces.in_files(points)
    if not np.isfinite(label).any() or np.nanmax(np.abs(label)) > 1.5 or sizes(faces).min() < 8:
        return []
    return [Finding("fractions", certain=True, about={"low": float(np.nanmin(label)), "high": float(np.nanmax(label))})]


def some_fractions(faces: Faces, points: np.ndarray) -> tuple[list[Finding], np.ndarray]:
    """Faces all of whose points, two or more, are within the first pixel, as those of the others are not.

    Returns:
        The finding, and the points (N, K, 2) without them.
    """
    label = faces.in_files(points)
    far = np.max(np.nan_to_num(np.abs(label)), axis=(1, 2))  # (N,)
    some = np.isfinite(label[..., 0]).sum(1) > 1
    rows = np.flatnonzero(some & (far <= 1.5) & (sizes(faces).min((1, 2)) >= 8))
    if not rows.size:
        return [], points
    points = points.copy()
    points[rows] = np.nan
    return [Finding("fractions of some", rows, np.full(len(rows), 5.0), certain=True)], points


def rare(faces: Faces) -> list[Finding]:
    """Points that few faces have where nearly all have most of the others: misspelt names."""
    count, N = np.asarray(faces.annotated.sum(0)), len(faces)
    few = (count > 0) & (count <= max(1, N // 20))
    if N < 8 or not few.any() or np.median(count) < N / 2:
        return []
    rows = np.flatnonzero(faces.annotated[:, few].any(1))
    names = [faces.scheme.names[k] for k in np.flatnonzero(few)]
    return [Finding("rare", rows, np.full(len(rows), 3.0), about={"points": names})]


def alike(faces: Faces) -> list[Finding]:
    """Names that differ in capitals and separators alone, of which no face has both: one point, written in two ways."""
    names, there = faces.scheme.names, faces.annotated
    plain = ["".join(c for c in name.casefold() if c.isalnum()) for name in names]
    same = [(i, k) for k in range(len(names)) for i in range(k)
            if plain[i] == plain[k] and not (there[:, i] & there[:, k]).any()]
    return [Finding("alike", about={"points": [f"{names[i]} / {names[k]}" for i, k in same]})] if same else []


def upper_left(faces: Faces, points: np.ndarray) -> list[Finding]:
    """Whether the points of all faces keep to the upper left corner of their files: labels of smaller copies, or
    percentages."""
    part = (faces.in_files(points) + 0.5) / sizes(faces)
    boxes = faces.files is not None and (faces.files.squares[:, 2] != faces.files.sizes.max(1)).any()
    if len(faces) < 3 or boxes or not np.isfinite(part).any() or (high := float(np.nanmax(part))) > 0.4:
        return []
    return [Finding("upper left", about={"part": high, "high": float(np.nanmax(faces.in_files(points)))})]


def outside(faces: Faces, points: np.ndarray) -> list[Finding]:
    """Points outside the file (not only outside the square that was read of it)."""
    there = faces.in_files(points)
    out = outside_image(faces, there)
    if not out.any():
        return []
    far = np.maximum(-0.5 - there, there - sizes(faces)).max(-1) / sizes(faces).max(-1)  # in parts of the longer side
    worst = np.where(out, far, 0).max(1)
    rows = np.flatnonzero(out.any(1))
    rows = rows[np.argsort(-worst[rows], kind="stable")]
    annotated = int(np.isfinite(there[..., 0]).sum())
    return [Finding("outside", rows, 1 + 20 * worst[rows], certain=bool(out.sum() > annotated / 2),
                    about={"count": int(out.sum()), "annotated": annotated})]


def outside_square(faces: Faces, points: np.ndarray) -> list[Finding]:
    """Points far outside the square that is the face, where squares are cut out: boxes that are written otherwise."""
    size = faces.images.shape[2]
    if faces.files is None:
        return []
    cut = ~faces.files.whole[:, None] & np.isfinite(points[..., 0])
    with np.errstate(invalid="ignore"):
        out = cut & ((points < -0.1 * size) | (points > 1.1 * size)).any(-1)
    if out.sum() <= cut.sum() / 4:
        return []
    rows = np.flatnonzero(out.any(1))
    return [Finding("outside square", rows, np.full(len(rows), 5.0), certain=bool(out.sum() > cut.sum() / 2))]


def outside_image(faces: Faces, points: np.ndarray) -> np.ndarray:
    """(N, K) bool: points (in the file's pixels) outside [-0.5, width] x [-0.5, height].

    The last pixel ends at width - 0.5; labels that count from edges, like Kaggle's, end at the width.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(((points < -0.5) | (points > sizes(faces))).any(-1))
