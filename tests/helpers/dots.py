"""Small data sets on disk for tests: three dots on noise, with any labels."""

import numpy as np
from PIL import Image

from facekp.data import Faces
from facekp.keypoints import Scheme

EARS = Scheme("ears", ("left_ear", "right_ear", "nose"), (("left_ear", "right_ear"),))


def dots(n=12, seed=0, size=96):
    """n images with three dots each, and where they are: left_ear, right_ear, nose."""
    rng = np.random.default_rng(seed)
    points = (np.array([[65, 28], [30, 28], [48, 65]]) + rng.uniform(-4, 4, (n, 3, 2))) * size / 96
    y, x = np.mgrid[:size, :size]
    images = np.full((n, size, size), 90.0)
    for k, level in enumerate((240, 200, 10)):
        far = np.hypot(x - points[:, k, :1, None], y - points[:, k, 1:, None])
        images = np.where(far < size / 14, level, images)
    images = (images + rng.normal(0, 6, images.shape)).clip(0, 255).astype(np.uint8)
    return Faces(images, points.astype(np.float32), EARS)


def on_disk(path, images, labels, header="file,left_ear_x,left_ear_y,right_ear_x,right_ear_y,nose_x,nose_y", **save):
    """A folder of these images (name: array) with these lines (name, K x 2); ``save`` goes to Pillow."""
    path.mkdir(exist_ok=True)
    for name, image in images.items():
        Image.fromarray(image).save(path / name, **save)
    lines = [",".join([name, *(f"{v:.2f}" if np.isfinite(v) else "" for v in np.ravel(p))]) for name, p in labels]
    (path / "keypoints.csv").write_text("\n".join([header, *lines]) + "\n")
    return path
