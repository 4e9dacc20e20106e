"""The exercises of Metrics and baselines: the solution passes, typical mistakes get their hint."""

import numpy as np
import pytest

from facekp import metrics
from facekp.exercises import check
from facekp.keypoints import KAGGLE


def nme(predicted, truth, eyes=KAGGLE.eyes, mean=np.nanmean):
    unit = np.linalg.norm(np.diff(truth[:, KAGGLE.index(*eyes)], axis=1)[:, 0], axis=-1)
    return mean(np.linalg.norm(predicted - truth, axis=-1), axis=1) / unit


@pytest.mark.parametrize(("name", "answer", "text"), [
    ("mean_face_rmse", lambda train, test: np.sqrt(np.nanmean((np.nanmean(train, 0) - test) ** 2)), "Correct."),
    ("mean_face_rmse", lambda train, test: np.sqrt(np.mean((train.mean(0) - test) ** 2)), "Not yet: the result is NaN"),
    ("mean_face_rmse", lambda train, test: metrics.mean_face_rmse(test, test), "Not yet: this mean face was computed"),
    ("mean_face_rmse", lambda train, test: 2**0.5 * metrics.mean_face_rmse(train, test), "Not yet: this is a root"),
    ("convert", lambda v: 48 * v**0.5, "Correct."),
    ("convert", lambda v: 48 * v, "Not yet: a mean *squared* error"),
    ("convert", lambda v: 96 * v**0.5, "Not yet: the unit is half of the width"),
    ("nme_per_face", nme, "Correct."),
    ("nme_per_face", lambda p, t: nme(p, t, mean=np.mean), "Not yet: some are NaN"),
    ("nme_per_face", lambda p, t: 100 * nme(p, t), "Not yet: give a fraction"),
    ("nme_per_face", lambda p, t: nme(p, t).mean(), "Not yet: expected one number per face"),
    ("nme_per_face", lambda p, t: np.nanmean(np.linalg.norm(p - t, axis=-1), axis=1), "Not yet: these are pixels"),
    ("failure_rate", lambda errors, limit: (errors > limit).mean(), "Correct."),
    ("failure_rate", lambda errors, limit: (errors < limit).mean(), "Not yet: this is the fraction of faces *below*"),
    ("failure_rate", lambda errors, limit: (errors > limit).sum(), "Not yet: give a fraction"),
])
def test_the_verdict(name, answer, text):
    assert repr(check(f"metrics.{name}", answer)).startswith(text), check(f"metrics.{name}", answer)
