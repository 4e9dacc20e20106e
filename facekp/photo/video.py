"""Faces in a video that do not jitter from frame to frame.

A network sees each frame for itself, so its points move a little even where the face does not. The one-euro filter
(Casiez, Roussel and Vogel 2012) is a low-pass filter whose cutoff frequency rises with speed: strong smoothing at rest,
little lag in motion. It looks at past frames only.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from facekp.photo.face_result import FaceResult


def one_euro(points: np.ndarray, times: np.ndarray, cutoff: float = 1.5, beta: float = 16.0) -> np.ndarray:
    """The one-euro filter over T frames, for each coordinate's point as a whole.

    Args:
        points: (T, K, 2) in units of the face's side, so that ``beta`` means the same for faces of all sizes.
        times: (T,) seconds, rising.
        cutoff: cutoff frequency at rest, in Hz. Lower: less jitter.
        beta: how many Hz it rises with a speed of one side per second. Higher: less lag.

    Returns:
        (T, K, 2) smoothed points; the first frame stays as it is.
    """
    out, speed = points.astype(np.float64).copy(), np.zeros_like(points[0], np.float64)
    for t in range(1, len(points)):
        step = max(times[t] - times[t - 1], 1e-3)
        speed += _alpha(1.0, step) * ((points[t] - points[t - 1]) / step - speed)
        pace = np.linalg.norm(speed, axis=-1, keepdims=True)  # (K, 1)
        out[t] = out[t - 1] + _alpha(cutoff + beta * pace, step) * (points[t] - out[t - 1])
    return out


def _alpha(cutoff, step: float):
    """The weight of a new value in an exponential low-pass filter of that cutoff frequency in Hz."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * step))


def smoothed(found: Sequence[list[FaceResult]], times: Sequence[float], gap: int = 5) -> list[list[FaceResult]]:
    """The faces of successive frames, each smoothed along its own track by :func:`one_euro`.

    A face goes on a track whose last square, at most ``gap`` frames ago, has its centre within half a side; else it
    begins one.
    """
    tracks: list[list[tuple[int, int]]] = []  # of (frame, position in its frame)
    out = [list(faces) for faces in found]
    for t, faces in enumerate(found):
        for i, face in enumerate(faces):
            near = [track for track in tracks if 0 < t - track[-1][0] <= gap
                    and _apart(face, found[track[-1][0]][track[-1][1]]) < 0.5]
            closest = min(near, key=lambda track: _apart(face, found[track[-1][0]][track[-1][1]]), default=None)
            if closest is None:
                tracks.append([(t, i)])
            else:
                closest.append((t, i))
    for track in tracks:
        some = [found[t][i] for t, i in track]
        side = float(np.median([face.box.width for face in some]))
        points = one_euro(np.stack([f.points for f in some]) / side, np.array([times[t] for t, _ in track])) * side
        for (t, i), face, p in zip(track, some, points, strict=True):
            out[t][i] = replace(face, points=p)
    return out


def _apart(face: FaceResult, other: FaceResult) -> float:
    """The distance of two faces' centres, in sides of the second's square."""
    (x, y, side, _), (u, v, other_side, _) = face.box.as_tuple(), other.box.as_tuple()
    return float(np.hypot(x + side / 2 - u - other_side / 2, y + side / 2 - v - other_side / 2)) / other_side
