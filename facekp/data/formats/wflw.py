"""WFLW's lists: a line per face with 98 points, a box, six attributes of the whole face and the image's path.

196 numbers x y, then x_min y_min x_max y_max, then pose, expression, illumination, make-up, occlusion, blur (0 or 1),
then the path. The authors do not say what the first pixel is; mmpose and others take it as 0, and so does this.
(Wu et al. 2018, https://wywu.github.io/projects/LAB/WFLW.html.) The attributes are not kept: ``occlusion`` does not say
which points it means.
"""

from collections.abc import Iterator

from facekp.data.formats.source import Source
from facekp.data.labels import Face

NAME, PIXEL_OFFSET = "WFLW", 0.0
POINTS = 98


def recognises(source: Source) -> bool:
    """Whether it is one."""
    words = source.first.strip().split(maxsplit=2 * POINTS + 10)
    return len(words) == 2 * POINTS + 11 and all(w.replace(".", "", 1).lstrip("-").isdigit() for w in words[:-1])


def faces(source: Source) -> Iterator[Face]:
    """A face for each line."""
    for line in filter(str.strip, source.text.splitlines()):
        words = line.strip().split(maxsplit=2 * POINTS + 10)
        numbers = list(map(float, words[:-1]))
        if len(numbers) != 2 * POINTS + 10:
            raise ValueError(f"a line with {len(numbers)} numbers")
        x0, y0, x1, y1 = numbers[2 * POINTS:2 * POINTS + 4]
        yield Face(words[-1], {str(k): (numbers[2 * k], numbers[2 * k + 1], False) for k in range(POINTS)},
                   (x0, y0, x1 - x0, y1 - y0) if x1 > x0 and y1 > y0 else None)
