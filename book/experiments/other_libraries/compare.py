"""How far off each method's eight points are, on faces that no network of this library learnt from."""

import time

import numpy as np
import torch

from book.experiments.other_libraries.methods import EIGHT, Method, dlib_methods, mediapipe_methods, our_method
from book.experiments.unseen import unseen
from facekp import pretrained
from facekp.data.faces import Faces
from facekp.data.similar import nearest
from facekp.errors import InputError
from facekp.results import commit, environment
from facekp.show import bar

WARM_UP = 10  # faces before the clock counts


def test_faces(names: list[str], photographs: Faces) -> Faces:
    """The faces that none of the shipped networks called ``names`` learnt from.

    Raises:
        InputError: the networks held out different faces.
    """
    sides = [unseen(name, photographs) for name in names if pretrained.card(name)["licence"] == pretrained.RESEARCH]
    if not sides or len({side.fingerprint() for side in sides}) > 1:
        raise InputError(f"Expected networks that held out the same faces; found {len(sides)} networks of photographs, "
                         f"with different ones: {', '.join(names)}.")
    return sides[0]


def errors(points: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N,): each face's mean distance over the eight points, as a fraction of the distance between the eye centres.

    Libraries define the points a little differently, and only these labels' definition was known to the networks that
    learnt from them. So each method's median offset of each point is taken off first.

    Args:
        points, truth: (N, 8, 2); NaN where a method found no face.
    """
    unit = np.linalg.norm(truth[:, 0] - truth[:, 1], axis=-1)
    difference = points - truth
    return np.linalg.norm(difference - np.nanmedian(difference, axis=0), axis=-1).mean(axis=1) / unit


def run(method: Method, images: np.ndarray) -> tuple[np.ndarray, float]:
    """The points (N, 8, 2) of one method, a face at a time; and its processor time, the median in ms a face."""
    for image in images[:WARM_UP]:
        method.find(image)
    points, seconds = [], []
    for image in bar(iterable=images, desc=method.name):
        start = time.process_time()  # of all threads, so that other programs do not count
        points.append(method.find(image))
        seconds.append(time.process_time() - start)
    return np.array(points), 1000 * float(np.median(seconds))


def summary(each: np.ndarray, answered_by_all: np.ndarray, unfamiliar: np.ndarray) -> dict:
    """What a table needs of one method's errors (N,)."""
    there = each[answered_by_all]
    return {"nme": there.mean(), "standard_error": there.std(ddof=1) / len(there) ** 0.5, "median": np.median(there),
            "nme_unfamiliar": each[answered_by_all & unfamiliar].mean(), "nme_of_its_own": np.nanmean(each),
            "over_10_percent": (there > 0.1).mean(), "no_face_found": int(np.isnan(each).sum())}


def compare(photographs: Faces) -> dict:
    """The record of all methods.

    Args:
        photographs: those that the shipped networks were trained on, all rows.

    Returns:
        ``faces``, how many; ``answered_by_all``, on which the methods are compared; ``methods``, by name: ``nme`` (a
        fraction of the eye distance) and its ``standard_error`` on those; ``nme_unfamiliar``, on the half of them
        that is least like any training face; ``nme_of_its_own``, on all that the method itself found;
        ``no_face_found``; ``ms_per_face``; ``face_nme`` (N,), None where no face was found.
    """
    torch.set_num_threads(1)
    names = pretrained.names()
    test = test_faces(names, photographs)
    complete = photographs.complete()
    train = complete.select(~np.isin(complete.rows, test.rows))
    likeness = nearest(test.images, train.images)
    methods = [*dlib_methods(), *mediapipe_methods(), *map(our_method, names)]
    truth = test.keypoints[:, test.scheme.index(*EIGHT)].astype(np.float64)
    found = {m.name: run(m, test.images) for m in methods}
    each = {name: errors(points, truth) for name, (points, _) in found.items()}
    by_all = ~np.isnan(np.stack(list(each.values()))).any(axis=0)
    unfamiliar = likeness <= np.median(likeness)
    return {
        "faces": len(test), "fingerprint": test.fingerprint(), "answered_by_all": int(by_all.sum()),
        "points": list(EIGHT), "environment": environment(), "commit": commit(),
        "methods": {m.name: {
            "software": m.software, "licence": m.licence, "learnt_from": m.learnt_from, "settings": m.settings,
            "parameters": m.parameters, "ms_per_face": round(found[m.name][1], 2),
            **{k: v if isinstance(v, int) else round(float(v), 5)
               for k, v in summary(each[m.name], by_all, unfamiliar).items()},
            "face_nme": [None if np.isnan(v) else round(float(v), 4) for v in each[m.name]]} for m in methods},
    }


def table(record: dict) -> str:
    """The record as Markdown, best first."""
    lines = [f"| {record['answered_by_all']} faces | NME | median face | least familiar half "
             "| faces off by more than 10 % | no face found | ms a face |", "|---" * 7 + "|"]
    for name, m in sorted(record["methods"].items(), key=lambda item: item[1]["nme"]):
        lines.append(f"| {name} | {m['nme']:.2%} ± {m['standard_error']:.2%} | {m['median']:.2%} | "
                     f"{m['nme_unfamiliar']:.2%} | "
                     f"{m['over_10_percent']:.1%} | {m['no_face_found']} | {m['ms_per_face']:.1f} |")
    return "\n".join(lines)
