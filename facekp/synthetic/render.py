"""The camera: where each point of a :class:`Head` is projected, and which point each pixel shows.

1. :func:`rasterise`: the surface as a dense grid of points, turned, projected, z-buffered. The result
   says for each pixel *which point of the surface* it shows.
2. ``paint.albedo``: what colour that point has (skin, eyes, lips, hair); ``light.shade``: how light falls on it.
3. ``camera.photograph``: what is behind and in front, averaging down to 96 x 96, blur, noise, contrast.

Everything is rendered at twice the size; 2 x 2 pixels are averaged at the end.
"""

from dataclasses import dataclass

import numpy as np

from facekp.synthetic.hair import hair_shell
from facekp.synthetic.head import Head, landmarks, surface

SIZE = 96
SCALE = 2  # rendered this much larger, then averaged down
SKIN, HAIR = 1, 2

COLUMNS, ROWS = 420, 280  # points of the surface, round the head and down
Y0, Y1 = -1.55, 2.0


def _theta(column: np.ndarray) -> np.ndarray:
    """The angle of a column of points: closer together on the nose, where the surface is steep."""
    t = 2 * column / (COLUMNS - 1) - 1
    return 2.3 * (0.5 * t + 0.5 * t**3)


def _y(row: np.ndarray) -> np.ndarray:
    return Y0 + (Y1 - Y0) * row / (ROWS - 1)


THETA = _theta(np.arange(COLUMNS)).astype(np.float32)[None, :]  # (1, COLUMNS)
Y = _y(np.arange(ROWS)).astype(np.float32)[:, None]  # (ROWS, 1)


# ---- camera ---------------------------------------------------------------------------------


def rotation(h: Head) -> np.ndarray:
    """(3, 3): yaw about y, then pitch about x, then roll in the image. Positive yaw turns the nose to the right."""
    (cy, cp, cr), (sy, sp, sr) = (f(np.radians([h.yaw, h.pitch, h.roll])) for f in (np.cos, np.sin))
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return roll @ pitch @ yaw


def project(h: Head, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Points of the head (three arrays of one shape) -> (3, ...): x, y in the 96 x 96 image and depth, in pixels."""
    return to_image(h, turn(h, x, y, z))


def turn(h: Head, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Points of the head (three arrays of one shape) -> (3, ...): x, y, z after its turn, in eye distances."""
    return np.stack([float(a) * x + float(b) * y + float(c) * z for a, b, c in rotation(h)])


def to_image(h: Head, turned: np.ndarray) -> np.ndarray:
    """Turned points -> (3, ...): x, y in the 96 x 96 image and depth, in pixels."""
    names = landmarks(h)
    eyes = np.array([names["left_eye_center"], names["right_eye_center"]])
    eyes = turn(h, *surface(h, eyes[:, 0], eyes[:, 1]))
    # What is nearer is larger. Scale and shift bring the eyes to where the head wants them.
    eyes = eyes[:2] * (h.distance / (h.distance - eyes[2]))
    scale = h.eye_distance / float(np.hypot(*(eyes[:, 0] - eyes[:, 1])))
    shift = [float(v) for v in np.array(h.eyes_at) - scale * eyes.mean(1)]
    near = scale * h.distance / (h.distance - turned[2])
    return np.stack([turned[0] * near + shift[0], turned[1] * near + shift[1], turned[2] * scale])


def keypoints(h: Head) -> dict[str, np.ndarray]:
    """Name -> (2,) float64, where each landmark is in the 96 x 96 image."""
    named = landmarks(h)
    theta, y = np.array(list(named.values())).T
    where = project(h, *surface(h, theta, y))[:2].T
    return dict(zip(named, where, strict=True))


# ---- rasteriser -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Pixels:
    """What each of the P covered pixels of the large image shows.

    Attributes:
        where: (P,) int64, flat index into the (S, S) image.
        material: (P,) int8, SKIN or HAIR.
        theta, y: (P,) float32, the point of the surface at the *centre* of the pixel.
        normal: (P, 3) float32 of unit length, after the turn of the head.
        place: (3, P) float32, where the point is after the turn, in eye distances.
        depth: (P,) float32, the same point's depth in pixels, as ``project`` gives it.
        blocks: (3, M) float32, points of skin and hair that block the light, after the turn.
    """

    where: np.ndarray
    material: np.ndarray
    theta: np.ndarray
    y: np.ndarray
    normal: np.ndarray
    place: np.ndarray
    depth: np.ndarray
    blocks: np.ndarray


def rasterise(h: Head) -> Pixels:
    """Skin and hair as dense points, the nearest point per pixel kept."""
    size, skin = SIZE * SCALE, ROWS * COLUMNS
    mesh: list[tuple[np.ndarray, ...]] = [surface(h, THETA, Y)]
    seen = np.arange(skin)
    shell, mask = hair_shell(h, THETA, Y)
    if mask.any():
        mesh.append(shell)
        seen = np.concatenate([seen, skin + np.flatnonzero(mask)])
    turned = np.concatenate([turn(h, *m).reshape(3, -1) for m in mesh], axis=1)
    # (3, M): position of each point in the large image, depth in its pixels too.
    place = (to_image(h, turned) + np.float32(0.5)) * SCALE - np.float32(0.5)
    where, point = _nearest(place, seen, size)

    # How the image moves when one goes one step along theta (or y) on the surface.
    j, i = np.divmod(point % skin, COLUMNS)
    first = point - j * COLUMNS - i
    left, right = place[:, first + j * COLUMNS + np.stack([i - 1, i + 1]).clip(0, COLUMNS - 1)].swapaxes(0, 1)
    above, below = place[:, first + np.stack([j - 1, j + 1]).clip(0, ROWS - 1) * COLUMNS + i].swapaxes(0, 1)
    along_theta, along_y = (right - left) / 2, (below - above) / 2
    # The pixel's centre is beside the point: one Newton step on the surface gets there.
    dx, dy = where % size - place[0, point], where // size - place[1, point]
    det = along_theta[0] * along_y[1] - along_y[0] * along_theta[1]
    det[np.abs(det) < 0.02] = np.inf  # seen edge-on: stay at the point
    di = ((along_y[1] * dx - along_y[0] * dy) / det).clip(-3, 3)
    dj = ((along_theta[0] * dy - along_theta[1] * dx) / det).clip(-3, 3)
    normal = np.cross(along_theta, along_y, axis=0)
    return Pixels(
        where=where,
        material=np.where(point < skin, SKIN, HAIR).astype(np.int8),
        theta=_theta(i + di).astype(np.float32),
        y=_y(j + dj).astype(np.float32),
        normal=(normal / np.maximum(np.sqrt((normal**2).sum(0)), 1e-9)).T.astype(np.float32),
        place=turned[:, point].astype(np.float32),
        depth=((place[2, point] + 0.5) / SCALE - 0.5).astype(np.float32),
        blocks=turned[:, seen[seen // COLUMNS % 3 == 0]].astype(np.float32),  # every third row is dense enough
    )


def _nearest(place: np.ndarray, seen: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Z-buffer: the pixels that the points ``seen`` cover, and for each the index of the nearest one."""
    x, y, depth = place[:, seen]
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    inside = (left >= 0) & (left < size - 1) & (top >= 0) & (top < size - 1)
    # One number that sorts by depth and remembers the point.
    key = ((depth[inside] + 2000) * 1000).astype(np.int64) << 20 | seen[inside]
    corner = top[inside] * size + left[inside]
    buffer = np.full(size * size, -1, np.int64)
    for offset in (0, 1, size, size + 1):  # a point covers the four pixels around it, which leaves no holes
        np.maximum.at(buffer, corner + offset, key)
    where = np.flatnonzero(buffer >= 0)
    return where, buffer[where] & ((1 << 20) - 1)
