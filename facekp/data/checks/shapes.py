"""Questions about the shape that the points of a face form, beside the shapes of the others.

Complex numbers x + iy make a similarity transform one multiplication. Faces are aligned to the median shape (Procrustes
analysis, points that fit badly weighted down), what is left is explained by the main directions in which the others
vary (a point distribution model, Cootes et al. 1995), and the rest is compared with that of the other faces.
"""

import numpy as np

from facekp.data.checks import Finding, beyond
from facekp.data.faces import Faces
from facekp.keypoints import Scheme

MIN_FACES = 8  # faces; fewer say nothing about what is usual


def axes(faces: Faces) -> list[Finding]:
    """Whether left and right points are above each other in nearly all faces: x and y exchanged, or images on their
    sides."""
    apart = np.abs(pair_vectors(faces.keypoints, faces.scheme))  # (N, P, 2)
    there = np.isfinite(apart[..., 0])
    upright = (apart[..., 1] > apart[..., 0])[there]
    if upright.size < 3 or upright.mean() < 0.8:
        return []
    return [Finding("axes", about={"fraction": float(upright.mean())})]


def pair_vectors(points: np.ndarray, scheme: Scheme) -> np.ndarray:
    """(N, P, 2) from the right point of each pair to the left one, of ``points`` (N, K, 2)."""
    pairs = np.array([scheme.index(*pair) for pair in scheme.pairs], np.int64).reshape(-1, 2)
    return points[:, pairs[:, 0]] - points[:, pairs[:, 1]]


def shape_findings(faces: Faces) -> list[Finding]:
    """Exchanged sides, points out of place, and faces elsewhere in the image than the others."""
    z = faces.keypoints[..., 0].astype(np.float64) + 1j * faces.keypoints[..., 1]
    swapped = exchanged(faces)
    found = []
    if swapped.size:
        found.append(Finding("exchanged", swapped, np.full(len(swapped), 5.0)))
        z[swapped] = z[swapped][:, faces.scheme.swap]
    if len(faces) < MIN_FACES:
        return found
    seen = np.any(np.isfinite(z), axis=1)
    residual, pose = aligned(z, turn=len(faces.scheme) > 3)
    off = np.abs(unexplained(residual))  # (N, K)
    rows, score = beyond(np.nan_to_num(off).max(1), 0.3)
    if rows.size:
        worst = [faces.scheme.names[k] for k in np.nan_to_num(off[rows]).argmax(1)]
        found.append(Finding("out of place", rows, score, about={"each": worst}))
    pose = np.abs(pose - np.median(pose[seen], 0))
    place = np.where(np.asarray(seen)[:, None], pose / np.maximum(np.median(pose[seen], 0), POSE_FLOOR), 0)
    rows, score = beyond(place.max(1), 8.0)
    return found + ([Finding("elsewhere", rows, score)] if rows.size else [])


POSE_FLOOR = np.array([2.0, 2.0, 0.07, 0.1])  # pixels, pixels, natural logarithm of the size, radians


def exchanged(faces: Faces) -> np.ndarray:
    """Positions (M,) of faces whose left and right points seem exchanged.

    In them every annotated pair is the other way round than in most faces. Heads that look away far enough do too, so
    look before you correct.
    """
    gap = pair_vectors(faces.keypoints, faces.scheme)[..., 0]  # (N, P), NaN where a point is missing
    there = np.isfinite(gap)
    most = np.where((gap > 0).sum(0) >= (gap < 0).sum(0), 1, -1)  # (P,) the usual side
    return np.flatnonzero(there.any(1) & ((gap * most < 0) == there).all(1))


def aligned(z: np.ndarray, turn: bool = True, rounds: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Each face aligned to the median shape of all, by shift, size and (``turn``) rotation.

    Args:
        z: (N, K) complex points, NaN where missing.
        rounds: how often shape and alignment are computed in turn; a point that fits badly then has little weight.

    Returns:
        (N, K) complex: where each point is beside the median shape, in units of that shape's size (the root mean
        square distance from its centre); and (N, 4): each face's centre x and y, logarithm of its size, and angle.
    """
    there = np.isfinite(z)
    points = np.where(there, z, 0)
    weight = there.astype(np.float64)
    rough = points - (points.sum(1) / np.maximum(there.sum(1), 1))[:, None]
    mean = median(np.where(there, rough, np.nan))
    for _ in range(rounds):
        total = np.maximum(weight.sum(1, keepdims=True), 1e-9)
        middle, centre = ((weight * p).sum(1, keepdims=True) / total for p in (points, mean))  # (N, 1)
        shape = mean - centre
        energy = np.maximum((weight * np.abs(shape) ** 2).sum(1, keepdims=True), 1e-9)
        factor = (weight * np.conj(shape) * (points - middle)).sum(1, keepdims=True) / energy
        factor = np.where(there.sum(1, keepdims=True) > 1, factor if turn else np.maximum(factor.real, 1e-3), 1.0)
        factor = np.where(np.abs(factor) > 1e-3, factor, 1e-3)
        residual = np.where(there, (points - middle) / factor - shape, np.nan)
        usual = nanmedian(np.abs(residual))
        weight = there / (1 + (np.nan_to_num(np.abs(residual)) / (3 * usual + 1e-9)) ** 2)
        mean = mean + median(residual)
    size = max(float(np.sqrt(np.mean(np.abs(mean - mean.mean()) ** 2))), 1e-9)
    centre, factor = (middle + factor * (mean.mean() - centre))[:, 0], factor[:, 0]
    return residual / size, np.stack([centre.real, centre.imag, np.log(np.abs(factor)), np.angle(factor)], 1)


def unexplained(residual: np.ndarray, directions: int = 8, rounds: int = 4) -> np.ndarray:
    """What the main directions of the other faces do not explain of ``residual`` (N, K), complex; NaN stays.

    The directions are learnt from those faces with the most points that are nearest to the median shape, 10 faces for
    each direction; then fitted to every face by weighted ridge regression, a point that fits badly with little weight.
    """
    K = residual.shape[1]
    x = np.concatenate([residual.real, residual.imag], 1)
    there, x = np.isfinite(x), np.nan_to_num(x)
    off, full = np.abs(x).max(1), there.sum(1) == there.sum(1).max()
    learn = x[full & (off <= np.quantile(off[full], 0.9))]
    n = min(directions, len(learn) // 10, 2 * K - 4)
    if n < 1:
        return residual
    _, spread, v = np.linalg.svd(learn, full_matrices=False)
    spread = spread / np.sqrt(len(learn))
    noise, v = float(np.sqrt((spread[n:] ** 2).sum() / (2 * K - n))) + 1e-6, v[:n]
    prior = np.diag((noise / (3 * spread[:n] + 1e-9)) ** 2)  # three times the spread is usual enough
    weight = there.astype(np.float64)
    for _ in range(rounds):
        normal = np.einsum("ik,bk,jk->bij", v, weight, v) + prior
        fitted = np.linalg.solve(normal, ((weight * x) @ v.T)[..., None])[..., 0] @ v
        left = np.hypot(*np.split(x - fitted, 2, 1))  # (N, K)
        weight = there / np.tile(1 + (left / (3 * noise)) ** 2, 2)
    rest = np.where(there, x - fitted, np.nan)
    return rest[:, :K] + 1j * rest[:, K:]


def nanmedian(values: np.ndarray) -> np.ndarray:
    """(K,) medians of (N, K) real values, NaN left out; 0 for a column without any. (NumPy's is ten times slower.)"""
    count = np.isfinite(values).sum(0)
    ordered = np.vstack([np.sort(values, 0), np.zeros(values.shape[1])])  # NaN comes last, then a row for no values
    low, high = (np.where(count > 0, middle, len(values)) for middle in ((count - 1) // 2, count // 2))
    return (np.take_along_axis(ordered, low[None], 0)[0] + np.take_along_axis(ordered, high[None], 0)[0]) / 2


def median(z: np.ndarray) -> np.ndarray:
    """(K,) medians of (N, K) complex values, x and y each for themselves."""
    return nanmedian(z.real) + 1j * nanmedian(z.imag)
