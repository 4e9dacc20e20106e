"""Small files in the shape of the competition's, for tests."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np

from facekp.keypoints import KAGGLE, KAGGLE_FOUR

SIZE = 4  # tests read images of 4 x 4


def arrays(n: int = 6, size: int = SIZE, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(images (n, size, size) uint8, keypoints (n, 15, 2) float32): every third row has four points only."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, size, size), dtype=np.uint8)
    keypoints = rng.uniform(0, 96, (n, 15, 2)).astype(np.float32)
    others = [k for k in range(15) if k not in KAGGLE.index(*KAGGLE_FOUR)]
    for i in range(2, n, 3):
        keypoints[i, others] = np.nan
    return images, keypoints


def number_text(value: float) -> str:
    return "" if np.isnan(value) else repr(float(value))


def training_lines(images: np.ndarray, keypoints: np.ndarray) -> list[list[str]]:
    """Header and rows as lists of cells."""
    rows = [[*map(number_text, k.ravel()), " ".join(map(str, image.ravel()))]
            for image, k in zip(images, keypoints, strict=True)]
    return [[*KAGGLE.columns, "Image"], *rows]


def test_lines(images: np.ndarray) -> list[list[str]]:
    return [["ImageId", "Image"], *([str(i + 1), " ".join(map(str, im.ravel()))] for i, im in enumerate(images))]


test_lines.__test__ = False  # pytest takes it for a test


def lookup_lines(n: int) -> list[list[str]]:
    """All 30 columns of ``n`` images."""
    pairs = [(i + 1, column) for i in range(n) for column in KAGGLE.columns]
    return [["RowId", "ImageId", "FeatureName", "Location"],
            *([str(row + 1), str(i), column, ""] for row, (i, column) in enumerate(pairs))]


def text(lines: list[list[str]], end: str = "\n") -> bytes:
    return "".join(",".join(cells) + end for cells in lines).encode()


def write(path: Path, lines: list[list[str]]) -> Path:
    path.write_bytes(text(lines))
    return path


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip file with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in files.items():
            z.writestr(name, content)
    return buffer.getvalue()


def competition_zip(images: np.ndarray, keypoints: np.ndarray) -> bytes:
    """The competition's own zip: zips within it, and the lookup as it is."""
    return zipped({
        "training.zip": zipped({"training.csv": text(training_lines(images, keypoints))}),
        "test.zip": zipped({"test.csv": text(test_lines(images))}),
        "IdLookupTable.csv": text(lookup_lines(len(images))),
        "SampleSubmission.csv": b"RowId,Location\n1,0.0\n"})


def table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f))
