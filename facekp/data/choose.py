"""Which image to label next: those of which a network is least sure, and which are least like the labelled ones.

Chapter: Your own labels.
"""

import numpy as np

from facekp.data.similar import flat
from facekp.errors import InputError


def label_order(images: np.ndarray, labelled: np.ndarray | None = None, confidence: np.ndarray | None = None,
                side: int = 16) -> np.ndarray:
    """The images without labels, in the order in which a label should help most.

    Greedy k-centre selection (Sener and Savarese 2018) on small copies of the images: each step takes the image that is
    farthest from all that are labelled or taken already. With ``confidence`` the distance is multiplied by one minus
    it, so an image on which the network is sure waits, and of several alike only one comes early.

    Args:
        images: (N, H, W) uint8.
        labelled: (N,) bool, those that have labels; None means none.
        confidence: (N,) from 0 to 1, for instance a network's mean over its keypoints; None leaves it out.
        side: height and width at which images are compared.

    Returns:
        (M,) int64 positions of the M images that are not labelled, the most useful first.

    Raises:
        InputError: arrays of other shapes.
    """
    n = len(images)
    labelled = np.zeros(n, bool) if labelled is None else np.asarray(labelled, bool)
    doubt = np.ones(n) if confidence is None else 1 - np.clip(np.asarray(confidence, float), 0, 0.999)
    if images.ndim != 3 or labelled.shape != (n,) or doubt.shape != (n,):
        raise InputError(f"Expected images (N, H, W), labelled (N,) and confidence (N,); found {images.shape}, "
                         f"{labelled.shape} and {doubt.shape}.")
    if not n:
        return np.empty(0, np.int64)
    small = flat(images, side)  # (N, side * side), of length 1
    far = np.full(n, 2.0)  # 1 - correlation, 0 to 2
    for i in np.flatnonzero(labelled):
        far = np.minimum(far, 1 - small @ small[i])
    if not labelled.any():  # begin with the image that is most like all others
        far = 1 + small @ small.mean(0)
    waiting = ~labelled
    order: list[int] = []
    while waiting.any():
        score = np.where(waiting, np.maximum(far, 1e-6) * doubt, -1)
        chosen = int(score.argmax())
        distance = 1 - small @ small[chosen]
        far = np.minimum(far, distance) if order or labelled.any() else distance
        order.append(chosen)
        waiting[chosen] = False
    return np.array(order, np.int64)
