"""Two conventions under one name: Kaggle's second source marks two points elsewhere, so give them names of their own.

The rows of the four-point source (:func:`facekp.data.kaggle.sources`: 4765 of the 7049, all those from
2284 on) use the column ``nose_tip`` for the *base* of the nose and ``mouth_center_bottom_lip`` for the
*middle* of the mouth. Kaggle's labels show it: the mean nose tip is at y = 57.3 in the complete rows
and at 65.3 from row 2284 on, the mean bottom lip at 82.6 and 77.3. A network with one output for both
learns something between the two.

The remedy is more points, not more code: 17 of them, of which no face has all. A missing point adds
nothing to a loss and nothing to a metric, so the eyes learn from every face and each of the ambiguous
points from the source that means it::

    Faces, K = 15 -> split_conventions -> Faces, K = 17 -> train, predict -> (N, 17, 2)
    (N, 17, 2) and each face's source -> join_conventions -> (N, 15, 2)

Split *before* ``Faces.dedupe``: some images are in both sources, and the mean of two conventions is neither.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from facekp.data import kaggle
from facekp.data.faces import Faces
from facekp.errors import InputError
from facekp.keypoints import KAGGLE, Scheme

MEANT = {"nose_tip": "nose_base", "mouth_center_bottom_lip": "mouth_center"}
"""What the four-point source writes into a column: what it means by it."""

TWO = Scheme("kaggle-two-conventions", (*KAGGLE.names, *MEANT.values()), KAGGLE.pairs, KAGGLE.lines, KAGGLE.eyes)
"""Kaggle's 15 points, then ``nose_base`` and ``mouth_center``. Both are on the midline: a flip leaves their names."""


def of_kaggle(scheme: Scheme) -> bool:
    """Whether faces of this scheme come from Kaggle's two sources, in one convention or in two."""
    return scheme.names in (KAGGLE.names, TWO.names)


def split_conventions(faces: Faces) -> Faces:
    """The same faces with 17 points: the four-point source's two ambiguous points under their own names.

    No label is lost: each row keeps its number of annotated points, and thereby its source. Faces that
    are split already come back as they are.

    Args:
        faces: keypoints (N, 15, 2) in Kaggle's order.

    Returns:
        Faces: keypoints (N, 17, 2) of the scheme ``TWO``.

    Raises:
        InputError: other points than Kaggle's.
    """
    if faces.scheme.names == TWO.names:
        return faces
    if not of_kaggle(faces.scheme):
        raise InputError(f"Expected Kaggle's {len(KAGGLE)} points, of which two have two meanings; found "
                         f"{len(faces.scheme)} points of '{faces.scheme.name}'. Use these faces as they are.")
    theirs = kaggle.sources(faces) == 1
    named, meant = TWO.index(*MEANT), TWO.index(*MEANT.values())
    points = np.full((len(faces), len(TWO), 2), np.nan, np.float32)
    points[:, : len(KAGGLE)] = faces.keypoints
    points[np.ix_(theirs, meant)] = points[np.ix_(theirs, named)]
    points[np.ix_(theirs, named)] = np.nan
    return replace(faces, keypoints=points, scheme=TWO, occluded=None)  # Kaggle's labels have no such flags


def join_conventions(points: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Back to Kaggle's 15 columns, each face in the convention of its own source.

    A network cannot see which convention is asked for; the source comes from the labels
    (:func:`facekp.data.kaggle.sources`) or, where there are none, from :func:`sources_of_lookup`.

    Args:
        points: (N, 17, 2), predictions or labels, in the order of ``TWO``.
        sources: (N,) of 0 (fifteen-point source) and 1 (four-point source).

    Returns:
        (N, 15, 2): where ``sources`` is 1, ``nose_tip`` holds the nose's base and
        ``mouth_center_bottom_lip`` the mouth's middle.

    Raises:
        InputError: shapes that do not fit, or a source that is neither 0 nor 1.
    """
    points, sources = np.asarray(points), np.asarray(sources)
    if sources.ndim != 1 or points.shape != (len(sources), len(TWO), 2):
        raise InputError(f"Expected points (N, {len(TWO)}, 2) and sources (N,); found {points.shape} and "
                         f"{sources.shape}. Give one source for each face.")
    if not np.isin(sources, (0, 1)).all():
        raise InputError(f"Expected sources 0 (fifteen points) and 1 (four points); found {np.unique(sources)[:8]}. "
                         "See facekp.data.kaggle.sources and sources_of_lookup.")
    joined = points[:, : len(KAGGLE)].copy()
    theirs = sources == 1
    named, meant = TWO.index(*MEANT), TWO.index(*MEANT.values())
    joined[np.ix_(theirs, named)] = points[np.ix_(theirs, meant)]
    return joined


def sources_of_lookup(lookup: pd.DataFrame, image_ids: np.ndarray) -> np.ndarray:
    """(N,) int64: which source each test image comes from, 0 or 1, found from how many of its values are asked for.

    A test image belongs to the four-point source when the lookup asks for at most 8 of its values. The
    competition asks for more of ImageId 1..591 (17592 of its 27124 rows) and for at most 8 of 592..1783
    (9532 rows: 1190 images with 8, 2 with 6). That is the rule of :func:`facekp.data.kaggle.sources`,
    at most four points, applied to questions in place of labels.

    Args:
        lookup: what :func:`facekp.data.kaggle.read_lookup` gave.
        image_ids: (N,) ImageIds: ``rows`` of :func:`facekp.data.kaggle.read_test`'s faces. One of which
            nothing is asked counts as 1.

    Raises:
        InputError: the table has no ImageId column.
    """
    if "ImageId" not in lookup:
        raise InputError(f"Expected IdLookupTable.csv with a column ImageId; found the columns {list(lookup.columns)}. "
                         "Read it with facekp.data.kaggle.read_lookup.")
    requested = lookup["ImageId"].value_counts().reindex(np.asarray(image_ids), fill_value=0).to_numpy()
    return (requested <= 8).astype(np.int64)


def with_conventions(faces: Faces, conventions: str) -> Faces:
    """``"one"``: the faces as they are; ``"two"``: :func:`split_conventions`.

    Raises:
        InputError: another word, other points than Kaggle's, or nothing to tell apart.
    """
    if conventions == "told":
        raise InputError("Conventions 'told' (a network conditioned on the source) left the library: it was never "
                         "better than 'two'. Use 'two'; the chapter \"All 7049 rows\" shows the other in a few lines.")
    if conventions not in ("one", "two"):
        raise InputError(f"Expected conventions 'one' or 'two'; found '{conventions}'.")
    if conventions == "one":
        return faces
    split = split_conventions(faces)
    first, second = np.bincount(kaggle.sources(split), minlength=2)
    if not (first and second):
        raise InputError(f"Two conventions need faces of both sources; found {first} of the fifteen-point source and "
                         f"{second} of the four-point source. Train on all faces (--keypoints any), or with "
                         "one convention.")
    return split
