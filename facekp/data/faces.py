"""``Faces``: images and their keypoints, side by side in two arrays.

This is all that the rest of facekp knows of a data set, whether it came from Kaggle, from a
folder of the user's own or from the library's renderer.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from facekp.data.npz import check_npz
from facekp.errors import InputError
from facekp.files import replacing
from facekp.keypoints import KAGGLE, Scheme

if TYPE_CHECKING:
    import pandas as pd

    from facekp.data.image_files import ImageFiles


@dataclass(frozen=True, eq=False)
class Faces:
    """N face images with up to K keypoints each.

    Attributes:
        images: (N, H, W) uint8, grey; or (N, H, W, 3) uint8, RGB.
        keypoints: (N, K, 2) float32, (x, y) in pixels; (0, 0) is the *centre* of the top-left
            pixel. A point that is not annotated is (NaN, NaN).
        scheme: names and left/right pairs of the K points.
        rows: (N,) int64, where each face was in its source (0-based), so that a face can be
            traced back after any selection. Default: 0 .. N-1.
        files: the N files that the faces were read from, or None where they come from elsewhere.
        occluded: (N, K) bool, points that are annotated but hidden; None where the source does not tell them apart.

    Raises:
        InputError: the arrays do not fit each other, a coordinate is infinite, or a point has only one of them.
    """

    images: np.ndarray
    keypoints: np.ndarray
    scheme: Scheme = KAGGLE
    rows: np.ndarray = None  # type: ignore[assignment]  # made an array at once, below
    files: "ImageFiles | None" = None
    occluded: np.ndarray | None = None

    def __post_init__(self) -> None:
        if self.rows is None:
            count = (getattr(self.images, "shape", ()) or (0,))[0]
            object.__setattr__(self, "rows", np.arange(count))
        given = {"images": self.images, "keypoints": self.keypoints, "rows": self.rows}
        other = [f"{type(a).__name__} for {name}" for name, a in given.items() if not isinstance(a, np.ndarray)]
        if other or not isinstance(self.scheme, Scheme):
            raise InputError(f"Expected NumPy arrays and a Scheme; found {', '.join(other) or self.scheme!r}.")
        found = ", ".join(f"{name} {a.dtype} {a.shape}" for name, a in given.items())
        if self.images.shape[3:] not in ((), (3,)) or self.images.ndim < 3 or self.images.dtype != np.uint8:
            raise InputError(f"Expected images (N, H, W) or (N, H, W, 3) uint8; found {found}.")
        n, k = len(self.images), len(self.scheme)
        if self.keypoints.shape != (n, k, 2) or self.keypoints.dtype != np.float32 or self.rows.shape != (n,):
            raise InputError(f"Expected keypoints float32 ({n}, {k}, 2) and rows ({n},); found {found}.")
        if self.files is not None and len(self.files.names) != n:
            raise InputError(f"Expected {n} files, one for each image; found {len(self.files.names)}.")
        if self.occluded is not None and (self.occluded.shape != (n, k) or self.occluded.dtype != bool):
            raise InputError(f"Expected occluded bool ({n}, {k}); found {self.occluded.dtype} {self.occluded.shape}.")
        if self.rows.dtype.kind not in "iu":
            raise InputError(f"Expected whole numbers for rows; found {found}.")
        if np.isinf(self.keypoints).any():
            raise InputError("Expected finite keypoints, NaN where not annotated; found an infinite one.")
        missing = np.isnan(self.keypoints)
        half = np.argwhere(missing[..., 0] != missing[..., 1])
        if len(half):
            i, j = half[0]
            raise InputError(
                f"A keypoint needs both coordinates or none: row {self.rows[i]}, "
                f"{self.scheme.names[j]} is {tuple(self.keypoints[i, j])}."
            )

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        n, h, w, *_ = self.images.shape
        points = f"{len(self.scheme)} keypoints '{self.scheme.name}', {self.annotated.sum()} annotated"
        return f"Faces({n} {'RGB ' if self.channels == 3 else ''}images {h}x{w}, {points})"

    @property
    def channels(self) -> int:
        """Of the images: 1 for grey, 3 for RGB."""
        return 3 if self.images.ndim == 4 else 1

    def grey(self) -> "Faces":
        """The same faces in grey (0.299 R + 0.587 G + 0.114 B); itself if they are."""
        if self.channels == 1:
            return self
        from facekp.images import grey  # training needs no image files

        return replace(self, images=np.array([grey(image) for image in self.images]).reshape(self.images.shape[:3]))

    @property
    def annotated(self) -> np.ndarray:
        """(N, K) bool: which keypoints are there."""
        return ~np.isnan(self.keypoints[..., 0])

    def select(self, index) -> "Faces":
        """The faces at ``index``: a boolean mask (N,), an array of positions, or a slice."""
        return replace(self, images=self.images[index], keypoints=self.keypoints[index], rows=self.rows[index],
                       files=None if self.files is None else self.files.select(index),
                       occluded=None if self.occluded is None else self.occluded[index])

    def complete(self) -> "Faces":
        """Only the faces with all K keypoints (2140 of Kaggle's 7049)."""
        return self.select(self.annotated.all(axis=1))

    def exactly(self, names: tuple[str, ...]) -> "Faces":
        """Only the faces that carry just these keypoints and no other (4755 with Kaggle's four)."""
        wanted = np.zeros(len(self.scheme), bool)
        wanted[self.scheme.index(*names)] = True
        return self.select((self.annotated == wanted).all(axis=1))

    # ---- duplicates and splits ------------------------------------------------------------

    def duplicates(self) -> np.ndarray:
        """(N,) int64: a number per distinct image; faces with the same number are pixel-identical."""
        pixels = self.images.reshape(len(self), -1)
        hashes = [hashlib.blake2b(p.tobytes(), digest_size=16).digest() for p in pixels]
        if len(set(hashes)) == len(hashes):
            # Splits follow these numbers. In the order of the hashes, one grey value that a renderer rounds otherwise
            # on another CPU would change a whole split. (Sets with copies keep that order: records name their splits.)
            return np.arange(len(hashes))
        return np.unique(np.array(hashes, dtype="S16"), return_inverse=True)[1]

    def folds(self, k: int, seed: int = 0, groups: np.ndarray | None = None) -> list[tuple["Faces", "Faces"]]:
        """``k`` pairs (train, held out); each face is held out exactly once.

        Faces of one group are never on both sides. Groups are the exact duplicates or, where
        the caller knows more, ``groups`` (N,): person numbers, say.
        """
        groups = self.duplicates() if groups is None else groups
        if not 2 <= k <= len(np.unique(groups)):
            raise InputError(
                f"Expected 2 to {len(np.unique(groups))} folds (the number of distinct images); found {k}."
            )
        fold = _assign_groups(groups, np.full(k, len(self) / k), seed)
        return [(self.select(fold != i), self.select(fold == i)) for i in range(k)]

    def split(self, held_out: float = 0.1, seed: int = 0, groups: np.ndarray | None = None) -> tuple["Faces", "Faces"]:
        """(train, held out): a fraction of the faces, whole groups at a time (see :meth:`folds`).

        Raises:
            InputError: the fraction leaves one side empty.
        """
        n = round(len(self) * held_out)
        if not 0 < n < len(self):
            advice = "Take another fraction" if len(self) > 1 else "Add faces: it takes two at least"
            plural = "s" if len(self) != 1 else ""
            raise InputError(f"A fraction of {held_out} of {len(self)} face{plural} is {n} to test "
                             f"on and {len(self) - n} to learn from; expected at least one each. {advice}.")
        groups = self.duplicates() if groups is None else groups
        fold = _assign_groups(groups, np.array([len(self) - n, n]), seed)
        if len(set(fold.tolist())) < 2:
            raise InputError(f"A fraction of {held_out} of {len(self)} faces leaves one side empty, since copies of an "
                             f"image stay together and there are only {len(np.unique(groups))} images. Add others, or "
                             "take a larger fraction.")
        return self.select(fold == 0), self.select(fold == 1)

    def dedupe(self) -> "Faces":
        """One face per distinct image, in the position of its first copy.

        Copies carry labels that differ a little: each keypoint becomes the mean over the copies
        that have it.
        """
        group = self.duplicates()
        first = np.unique(group, return_index=True)[1]  # (G,) position of each group's first copy
        there = self.annotated[..., None]
        total = np.zeros((len(first), *self.keypoints.shape[1:]))
        count = np.zeros((len(first), len(self.scheme), 1))
        np.add.at(total, group, np.where(there, self.keypoints, 0.0))
        np.add.at(count, group, there)
        mean = np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
        order = np.argsort(first)
        return replace(self.select(first[order]), keypoints=mean[order])

    def in_files(self, points: np.ndarray) -> np.ndarray:
        """``points`` (N, K, 2) of the images -> float64, in the pixels of each face's own file (of the image, if it has
        none)."""
        return points.astype(np.float64) if self.files is None else self.files.to_files(points, self.images.shape[2])

    # ---- looking --------------------------------------------------------------------------

    def summary(self) -> "pd.DataFrame":
        """One line per keypoint: how many faces have it, mean, standard deviation and range of x and y in pixels of
        the files (of the images, where there are none)."""
        import pandas as pd  # half a second, and predicting a photo needs no table

        kp = self.in_files(self.keypoints)
        table = {"annotated": self.annotated.sum(axis=0)}
        for axis, name in enumerate("xy"):
            values = pd.DataFrame(kp[..., axis])
            table[f"{name} mean"], table[f"{name} std"] = values.mean().to_numpy(), values.std(ddof=0).to_numpy()
            table[f"{name} min"], table[f"{name} max"] = values.min().to_numpy(), values.max().to_numpy()
        return pd.DataFrame(table, index=pd.Index(self.scheme.names, name="keypoint"))

    def fingerprint(self, pixel_offset: float = 0.0) -> str:
        """16 hex digits that change when any pixel or label does: the data's name in a record.

        With ``pixel_offset``, the labels are taken as their source counts them (see :func:`facekp.data.load`).
        """
        points = self.keypoints + np.float32(pixel_offset) if pixel_offset else self.keypoints
        h = hashlib.sha256(json.dumps(self.scheme.to_dict()).encode())
        for a in (self.images, points):
            h.update(str((a.dtype.str, a.shape)).encode())
            h.update(np.ascontiguousarray(a).data)
        return h.hexdigest()[:16]

    # ---- disk -----------------------------------------------------------------------------

    def save(self, path: str | Path) -> Path:
        """Write one ``.npz`` file: images, keypoints, rows, the scheme (as JSON) and, where known, ``occluded``."""
        path = Path(path)
        hidden: dict = {} if self.occluded is None else {"occluded": self.occluded}
        with replacing(path) as temporary, open(temporary, "wb") as f:
            np.savez(
                f,
                images=self.images,
                keypoints=self.keypoints,
                rows=self.rows,
                scheme=np.array(json.dumps(self.scheme.to_dict())),
                **hidden,
            )
        return path

    @classmethod
    def load(cls, path: str | Path) -> "Faces":
        """Read what :meth:`save` wrote; a file with only ``images`` and ``keypoints`` has Kaggle's scheme."""
        try:
            check_npz(path)
            with np.load(path, allow_pickle=False) as z:
                scheme = Scheme.from_dict(json.loads(str(z["scheme"]))) if "scheme" in z else KAGGLE
                return cls(z["images"], z["keypoints"], scheme, z.get("rows", None), occluded=z.get("occluded", None))
        except FileNotFoundError:
            raise InputError(f"{path}: there is no such file.") from None
        except InputError as e:
            raise InputError(f"{path}: {e}") from None
        except Exception as e:  # noqa: BLE001  # zipfile, numpy and json each have their own family of errors
            raise InputError(
                f"{path}: expected an .npz with images (N, H, W) uint8 and keypoints (N, K, 2) "
                f"float32; found something else ({type(e).__name__}: {e})."
            ) from None


def _assign_groups(groups: np.ndarray, sizes: np.ndarray, seed: int) -> np.ndarray:
    """(N,) int64: a part for each face, groups whole, part i near ``sizes[i]`` faces.

    Groups are shuffled, then the larger ones are assigned first, each to the part that is emptiest
    for its size; the many groups of one face even out what is left.
    """
    names, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts[order], kind="stable")]
    single = counts[order] == 1
    part_of = np.empty(len(names), np.int64)
    remaining = sizes.astype(float).copy()
    for g in order[~single]:
        part_of[g] = np.argmax(remaining / sizes)
        remaining[part_of[g]] -= counts[g]
    # What is left are groups of one: fill what remains of each part in one go.
    rest = order[single]
    remaining = np.maximum(remaining, 0)
    ends = np.round(np.cumsum(remaining) / max(remaining.sum(), 1e-9) * len(rest)).astype(int)
    part_of[rest] = np.searchsorted(ends, np.arange(len(rest)), side="right").clip(max=len(sizes) - 1)
    return part_of[group]
