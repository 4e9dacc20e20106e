"""Faces that the library renders itself: small 3-D heads, photographed, with exact keypoints.

The book, its tests and the demo run on them where there are no files of Kaggle's; and since the
labels are the projections of named points of the surface, they are right to a hundredth of a pixel.

``people`` says who is in front of the camera, ``head`` and ``hair`` what surface that is, ``render``
which point of it each pixel shows, ``paint`` and ``light`` how bright that point is, ``scene`` what
else is in the image, ``camera`` what a camera makes of it all; ``group`` puts several people into one photo.
"""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.files import replacing, write_json
from facekp.keypoints import KAGGLE, KAGGLE_FOUR
from facekp.show import bar
from facekp.synthetic.camera import photograph
from facekp.synthetic.people import Ingredients, random_head, with_ingredients
from facekp.synthetic.render import SIZE, keypoints

# Counts of Kaggle's training.csv: 7049 rows. The first 2284 come from one source, 15 points each,
# of which 2140 are complete; the others carry four points (4755 exactly those four).
FIRST_SOURCE = 2284 / 7049
COMPLETE = 2140 / 2284
DUPLICATES = 0.08  # fraction of rows that repeat the image of an earlier one (556 of Kaggle's 7049)
BAD_LABELS = 0.004  # fraction of rows with left and right mixed up (readers of Kaggle's file list 80 doubtful rows)
LABEL_NOISE = 0.3  # pixels; two people who annotate the same image differ about as much
COPY_NOISE = 0.5  # pixels, between the labels of two copies

SAMPLE_SIZE, SAMPLE_SEED = 320, 0


EVERYTHING = Ingredients()


def generate(
    n: int, seed: int = 0, kaggle_shaped: bool = False, progress: bool = False, ingredients: Ingredients = EVERYTHING
) -> Faces:
    """``n`` synthetic faces with all 15 keypoints, or with the gaps and faults of Kaggle's file.

    Face i depends on ``seed`` and i only: the first ten of fifty are the ten of ``generate(10, seed)``.

    Args:
        n: how many.
        seed: another seed, other people.
        kaggle_shaped: give them the shape of Kaggle's training set. About 32 % of the rows (the first
            ones) have 15 points, 6 % of these with a few missing. The rest have four points, of another
            convention: "nose tip" is the *base* of the nose, "bottom lip" the *middle* of the mouth.
            About 8 % of the rows repeat an earlier image, in 0.4 % left and right are mixed up, and all
            labels are a little noisy.
        progress: show a bar.
        ingredients: what to leave out, or how far heads turn. The same seed shows the same people.

    Returns:
        Faces: images (n, 96, 96) uint8, keypoints (n, 15, 2) float32, NaN = not annotated.

    Raises:
        InputError: ``n`` or ``seed`` is negative.
    """
    if n < 0 or seed < 0:
        raise InputError(f"Expected n and seed of 0 or more; found n = {n}, seed = {seed}.")
    images = np.empty((n, SIZE, SIZE), np.uint8)
    points = np.empty((n, len(KAGGLE) + 2, 2))

    def draw(i: int) -> None:
        images[i], points[i] = draw_face(seed, i, ingredients)

    # NumPy lets go of Python's lock while it computes, so threads do run side by side.
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        for _ in bar(progress, iterable=pool.map(draw, range(n)), total=n, desc="drawing faces"):
            pass
    if kaggle_shaped:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,)))
        images, labels = _like_kaggle(images, points, rng)
    else:
        labels = points[:, : len(KAGGLE)]
    return Faces(images, labels.astype(np.float32))


def cached(n: int, seed: int = 1) -> Faces:
    """:func:`generate`, rendered once and kept in the user's cache folder (480 faces take about 10 s on two cores).

    The file's name holds a hash of the renderer's source, so another version of it renders anew. A cache that cannot be
    written is not an error: the faces are then rendered each time.
    """
    source = b"".join(p.read_bytes() for p in sorted(Path(__file__).parent.glob("*.py")))
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = home / "facekp" / f"synthetic-{n}-{seed}-{hashlib.sha256(source).hexdigest()[:12]}.npz"
    if path.is_file():
        with suppress(InputError):  # damaged: rendered again
            return Faces.load(path)
    faces = generate(n, seed)
    with suppress(OSError):
        faces.save(path)
    return faces


def draw_face(seed: int, i: int, ingredients: Ingredients = EVERYTHING) -> tuple[np.ndarray, np.ndarray]:
    """Face ``i`` of ``seed``: (96, 96) uint8 and (17, 2) points, Kaggle's 15, then nose base and mouth middle."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, i)))
    head = with_ingredients(random_head(rng), ingredients)
    return photograph(head, rng, ingredients.camera), np.stack(list(keypoints(head).values()))


def _like_kaggle(images: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two sources of annotation, duplicates, gaps and noise: (images, labels)."""
    n, k = len(images), len(KAGGLE)
    first = round(FIRST_SOURCE * n)
    labels = points[:, :k].copy()
    # The second source's other meaning of two names.
    labels[first:, KAGGLE.index("nose_tip", "mouth_center_bottom_lip")] = points[first:, k:]
    # A copy of an earlier image of the same source.
    alone = np.ones(n, bool)
    for row in np.flatnonzero(rng.random(n) < DUPLICATES):
        start = 0 if row < first else first
        if row > start:
            earlier = rng.integers(start, row)
            alone[row] = alone[earlier] = False
            images[row] = images[earlier]
            labels[row] = labels[earlier] + rng.normal(0, COPY_NOISE, (k, 2))
    labels += rng.normal(0, LABEL_NOISE, labels.shape)
    annotated = np.ones((n, k), bool)
    for row in np.flatnonzero(rng.random(first) > COMPLETE):
        annotated[row, rng.choice(k, rng.integers(1, 5), replace=False)] = False
    four = np.isin(np.arange(k), KAGGLE.index(*KAGGLE_FOUR))
    annotated[first:] = four
    bad = alone & (rng.random(n) < BAD_LABELS)
    labels[bad] = labels[bad][:, KAGGLE.swap]
    labels[~annotated] = np.nan
    return images, labels


# ---- the sample that ships --------------------------------------------------------------------


def sample() -> Faces:
    """The small sample of synthetic, Kaggle-shaped faces that comes with the library (data/sample)."""
    import pandas as pd  # as below: only the tables of the sample need it

    here = Path(__file__).resolve()
    folders = [here.parents[1] / "data" / "sample", here.parents[2] / "data" / "sample"]
    folder = next((f for f in folders if (f / "faces.png").is_file()), None)
    if folder is None:
        raise InputError(f"Expected the shipped sample in {folders[0]} or {folders[1]}; found neither. "
                         f"Remake it: python -m facekp.synthetic {folders[1]}")
    labels = pd.read_csv(folder / "labels.csv")[KAGGLE.columns].to_numpy(np.float32).reshape(-1, len(KAGGLE), 2)
    mosaic = np.asarray(Image.open(folder / "faces.png"))
    down, across = mosaic.shape[0] // SIZE, mosaic.shape[1] // SIZE
    tiles = mosaic.reshape(down, SIZE, across, SIZE).swapaxes(1, 2).reshape(-1, SIZE, SIZE)
    return Faces(np.ascontiguousarray(tiles[: len(labels)]), labels)


def write_sample(folder: str | Path, n: int = SAMPLE_SIZE, seed: int = SAMPLE_SEED) -> Faces:
    """Draw ``n`` Kaggle-shaped faces into ``folder`` (``faces.png``, 16 to a row, ``labels.csv``, ``sample.json``), and
    six people in one photo, ``scene.jpg``."""
    import pandas as pd

    from facekp.synthetic.group import group  # it imports from here

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    faces = generate(n, seed, kaggle_shaped=True)
    across = 16
    down = -(-n // across)
    tiles = np.zeros((down * across, SIZE, SIZE), np.uint8)
    tiles[:n] = faces.images
    mosaic = tiles.reshape(down, across, SIZE, SIZE).swapaxes(1, 2).reshape(down * SIZE, across * SIZE)
    with replacing(folder / "faces.png") as temporary:
        Image.fromarray(mosaic).save(temporary, format="PNG", optimize=True)
    with replacing(folder / "labels.csv") as temporary:
        table = pd.DataFrame(faces.keypoints.reshape(n, -1), columns=KAGGLE.columns)
        table.to_csv(temporary, index=False, float_format="%.3f", lineterminator="\n")
    with replacing(folder / "scene.jpg") as temporary:
        Image.fromarray(group(2, 3, seed=5, enlarge=3)[0]).save(temporary, format="JPEG", quality=90)
    write_json(folder / "sample.json", {"faces": n, "seed": seed, "licence": "CC0-1.0",
                                        "made by": f"python -m facekp.synthetic FOLDER --n {n} --seed {seed}"})
    return faces
