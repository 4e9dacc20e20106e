"""What ``facekp import`` says, and how ``facekp predict --format`` writes."""

from pathlib import Path

import numpy as np

from facekp.data.importing import Imported
from facekp.errors import listed


def told(done: Imported, out: Path) -> str:
    """What was found and written, in a few lines."""
    labels = done.labels
    N, K = labels.points.shape[:2]
    absent = int(np.isnan(labels.points[..., 0]).sum())
    lines = [f"{done.form}: {N} face{'s' if N != 1 else ''} in {len(set(labels.files))} images, {K} points each; "
             f"{absent} not annotated, {int(labels.occluded.sum())} occluded."]
    if done.missing:
        lines.append(f"Left out, as their images are not there: {listed(list(done.missing))}.")
    if done.turned:
        lines.append(f"The points of {done.turned} faces were turned with their images, as the EXIF entry says.")
    if done.cropped:
        lines.append("A square of its image is each face; the columns box_x, box_y and box_side say which.")
    return "\n".join([*lines, f"Wrote {out}. Next: facekp inspect {out}"])
