"""What the commands say of a network that has not learnt its task. A photo is answered without the other findings."""

import numpy as np

UNSURE = 0.25
"""Mean confidence of a face below which a network has hardly recognised it: the shipped heatmap networks have 0.63 to
0.95 on faces of the kind that they know, at most 0.29 on noise and 0.11 on an empty image."""


def not_learnt(rmse: float, mean_face_rmse: float) -> list[str]:
    """A line if a network is no better than answering every image with the mean face."""
    if rmse < mean_face_rmse:
        return []
    return ["Worse than the mean face, which never sees an image: so far the network has learnt nothing of use. Train "
            "longer; if that does not help, 'facekp check DATA' tells whether it can learn, 'facekp inspect DATA' "
            "whether the labels are right."]


def unsure(confidence: np.ndarray) -> list[str]:
    """A line if the mean confidence of faces (N, K) is near zero; NaN, of a network without confidence, is not."""
    low = np.flatnonzero(np.mean(confidence, axis=1) < UNSURE)
    if not low.size:
        return []
    return [f"Confidence near zero (below {UNSURE}) in {len(low)} of {len(confidence)} face"
            f"{'s' if len(confidence) > 1 else ''}: the points there are guesses. Is the face cropped as in training? "
            "For photos: --detect finds faces, --box says where one is."]
