"""Questions about the images, and about labels of images that are the same or nearly so."""

import numpy as np

from facekp.data.checks import Finding, beyond
from facekp.data.checks.labels import outside_image, sizes
from facekp.data.checks.shapes import pair_vectors
from facekp.data.faces import Faces
from facekp.data.image_files import turn

SAME = 0.97  # correlation (:mod:`facekp.data.similar`) above which two images show the same
APART = 0.05  # of the image's side: labels of one image that differ by more on average contradict each other


def faint(faces: Faces) -> list[Finding]:
    """Files of 16 bits that use 12 or fewer, read as nearly black; other images without any contrast."""
    flat = faces.images[:, ::4, ::4].reshape(len(faces), -1).std(1) < 2  # a sixteenth of the pixels tells
    high = np.full(len(faces), -1) if faces.files is None else faces.files.highest
    deep = high >= 0
    found = []
    if deep.any() and (most := int(high.max())) < 4096:
        found.append(Finding("12 bits", np.flatnonzero(deep), np.full(deep.sum(), 2.0), about={"highest": most}))
        flat &= ~deep
    if flat.any():
        found.append(Finding("blank", np.flatnonzero(flat), np.full(flat.sum(), 3.0)))
    return found


def twice(faces: Faces) -> list[Finding]:
    """Files, or the same square of one, named twice with labels that are far apart: two people in one photo, mostly."""
    if faces.files is None:
        return []
    names = list(zip(faces.files.names, map(tuple, faces.files.squares), strict=True))
    first = {name: i for i, name in reversed(list(enumerate(names)))}
    other = np.array([first[name] for name in names])
    far = _apart(faces, other)
    again = np.flatnonzero((other != np.arange(len(faces))) & (far > APART))
    if not again.size:
        return []
    again = again[np.argsort(-far[again], kind="stable")]
    apart = far[again] * sizes(faces)[again, 0].max(1)  # in pixels of the file
    return [Finding("twice", again, far[again] / APART, about={"each": apart})]


def contradicting(faces: Faces, near: np.ndarray, alike: np.ndarray) -> list[Finding]:
    """Images nearly the same as ``near`` (N,), of another file, by ``alike`` (N,), whose labels are far from its."""
    same = alike > SAME
    if faces.files is not None:
        same &= faces.files.names != faces.files.names[near]
    far = _apart(faces, near)
    odd = np.flatnonzero(same & (far > APART))
    odd = odd[np.argsort(-far[odd], kind="stable")]
    return [Finding("contradicting", odd, far[odd] / APART, about={"each": near[odd]})] if odd.size else []


def _apart(faces: Faces, other: np.ndarray) -> np.ndarray:
    """(N,) mean distance between the points of each face and those that face ``other`` (N,) has too, in parts of the
    image's side; 0 without any."""
    distance = np.linalg.norm(faces.keypoints - faces.keypoints[other], axis=-1)
    return np.nansum(distance, 1) / np.maximum(np.isfinite(distance).sum(1), 1) / max(faces.images.shape[1:3])


def unlike(alike: np.ndarray) -> list[Finding]:
    """Images less like their most similar image (correlations (N,)) than the others are; of 20 images at least."""
    rows, score = beyond(1 - alike, 0.5) if len(alike) >= 20 else (np.empty(0, np.int64), np.empty(0))
    return [Finding("unlike", rows, score)] if rows.size else []


# ---- images that were turned upright -------------------------------------------------------------------


def turned(faces: Faces, points: np.ndarray) -> tuple[list[Finding], np.ndarray]:
    """Images turned upright by their EXIF entry, whose labels fit better if they count in the stored pixels.

    There are three readings: the labels count in the upright file, as facekp takes them; they count in the stored file
    and belong where they come to be when it is turned; or the stored file was upright and should not be turned at all.
    What decides, in this order: points outside the file; the pixels around the points, beside those of the faces that
    were not turned (three or more); pairs of points, which are side by side. If none decides, there is no finding.

    Returns:
        The finding, and ``points`` (N, K, 2) of the faces' grid, turned where that is what fits.
    """
    if faces.files is None or not (rows := np.flatnonzero(faces.files.orientation > 1)).size:
        return [], points
    files, size = faces.files.select(rows), faces.images.shape[2]
    moved = files.to_grid(turn(files.to_files(points[rows], size), files.sizes, files.orientation), size)
    for question in (_outside, _pixels, _pairs):
        fits = question(faces, points, rows, moved)
        if fits is not None:
            break
    if fits is None or min(fits[1:]) > 0.6 * fits[0]:
        return [], points
    sideways = fits[1] < fits[2]
    if abs(fits[1] - fits[2]) < 0.1:  # a round dot looks the same either way: which labels are where the others are?
        usual = np.nanmedian(np.delete(points, rows, 0), 0)
        sideways = bool(np.nanmean(np.abs(moved - usual)) < np.nanmean(np.abs(points[rows] - usual)))
    if sideways:
        points = points.copy()
        points[rows] = moved
    about = {"turn labels": sideways, "orientations": sorted(set(files.orientation.tolist()))}
    return [Finding("turned", rows, np.full(len(rows), 4.0), about=about)], points


Fits = tuple[float, float, float] | None  # how badly each of the three readings fits, 0 to 1


def _outside(faces: Faces, points: np.ndarray, rows: np.ndarray, moved: np.ndarray) -> Fits:
    """The fraction of points outside the file; the third reading has those of the second."""
    some = faces.select(rows)
    read, stored = (float(outside_image(some, some.in_files(p)).sum() / max(np.isfinite(p[..., 0]).sum(), 1))
                    for p in (points[rows], moved))
    return (read, stored, stored) if max(read, stored) > 0.1 else None


def _pixels(faces: Faces, points: np.ndarray, rows: np.ndarray, moved: np.ndarray) -> Fits:
    """How unlike the pixels around each point are to the mean of the faces that were not turned."""
    others = np.delete(np.arange(len(faces)), rows)[:500]
    if len(others) < 3:
        return None
    usual = patches(faces.images[others], points[others])
    usual = np.nansum(usual, 0) / np.maximum(np.isfinite(usual[..., :1, :1]).sum(0), 1)  # (K, h, w)
    images, way = faces.images[rows], faces.files.orientation[rows]  # type: ignore[union-attr]  # they have files
    at = patches(images, moved)
    stored = np.stack([_stored(patch, o) for patch, o in zip(at, way, strict=True)])
    fits = [1 - float(np.nanmean((p * usual).sum((-1, -2)))) for p in (patches(images, points[rows]), at, stored)]
    return (fits[0], fits[1], fits[2]) if min(fits) < 0.8 else None


def patches(images: np.ndarray, points: np.ndarray, reach: int = 8) -> np.ndarray:
    """(N, K, 17, 17) pixels around points (N, K, 2), of mean 0 and length 1; NaN for a missing point."""
    grey = images if images.ndim == 3 else images.mean(-1)
    grey = np.pad(grey.astype(np.float32), ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    x, y = (np.clip(np.nan_to_num(np.round(p)), 0, n - 1).astype(int)[..., None, None]
            for p, n in zip(np.moveaxis(points, -1, 0), images.shape[2:0:-1], strict=True))
    step = np.arange(2 * reach + 1)
    found = grey[np.arange(len(grey))[:, None, None, None], y + step[:, None], x + step]
    found = found - found.mean((-1, -2), keepdims=True)
    found /= np.maximum(np.sqrt((found**2).sum((-1, -2), keepdims=True)), 1e-6)
    return np.where(np.isfinite(points[..., :1, None]), found, np.nan)


def _stored(patch: np.ndarray, orientation: int) -> np.ndarray:
    """(..., h, h) pixels of an upright file as they are in the stored one."""
    if orientation in (5, 7):
        patch = np.swapaxes(patch, -1, -2)
    if orientation in (2, 4):
        return np.flip(patch, -1 if orientation == 2 else -2)
    return np.rot90(patch, {3: 2, 6: 1, 7: 2, 8: -1}.get(orientation, 0), axes=(-2, -1))


def _pairs(faces: Faces, points: np.ndarray, rows: np.ndarray, moved: np.ndarray) -> Fits:
    """How steep the line from a right point to its left one is: 0 level, 1 upright. It says nothing of the third."""
    def steep(p: np.ndarray) -> float:
        apart = np.abs(pair_vectors(p, faces.scheme))
        return float(np.nanmean(apart[..., 1] / np.maximum(np.linalg.norm(apart, axis=-1), 1e-9)))

    there = np.isfinite(pair_vectors(points[rows], faces.scheme)).any()
    return (steep(points[rows]), steep(moved), 1.0) if there else None
