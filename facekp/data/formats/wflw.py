"""WFLW's lists: a line per face with 98 points, a box, six attributes of the whole face and the image's path.

196 numbers x y, then x_min y_min x_max y_max, then pose, expression, illumination, make-up, occlusion, blur (0 or 1),
then the path. The authors do not say what the first pixel is; mmpose and others take it as 0, and so does this.
(Wu et al. 2018, https://wywu.github.io/projects/LAB/WFLW.html.) An import does not keep the attributes: ``occlusion``
does not say which points it means.
"""

from collections.abc import Iterator

import numpy as np

from facekp.data.formats.source import Source
from facekp.data.labels import Face

NAME, PIXEL_OFFSET = "WFLW", 0.0
POINTS = 98
FIELDS = 2 * POINTS + 4 + 6 + 1


def recognises(source: Source) -> bool:
    """Whether it is one."""
    words = source.first.split(maxsplit=FIELDS - 1)
    return len(words) == FIELDS and all(w.replace(".", "", 1).lstrip("-").isdigit() for w in words[:-1])


def lines_of(source: Source) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """(image, points (98, 2), box (4,) as left, top, right, bottom, six attributes (6,) bool) of each line.

    Raises:
        ValueError: naming the line that is not one.
    """
    for number, line in enumerate(source.text.splitlines(), 1):
        words = line.split(maxsplit=FIELDS - 1)
        if not words:
            continue
        try:
            if len(words) != FIELDS:
                raise ValueError(f"{len(words)} fields, not {FIELDS}")
            numbers = np.array(words[:-1], float)
        except ValueError as e:
            raise ValueError(f"line {number}: {e}") from None
        yield words[-1].strip(), numbers[:2 * POINTS].reshape(-1, 2), numbers[-10:-6], numbers[-6:] != 0


def faces(source: Source) -> Iterator[Face]:
    """A face for each line."""
    for image, points, (x0, y0, x1, y1), _ in lines_of(source):
        yield Face(image, {str(k): (x, y, False) for k, (x, y) in enumerate(points.tolist())},
                   (x0 + 0.5, y0 + 0.5, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None)
