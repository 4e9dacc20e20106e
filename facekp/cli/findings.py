"""What ``facekp inspect`` and ``facekp train`` say of a data set: its numbers, and what is likely wrong with it."""

from pathlib import Path

import numpy as np

from facekp.cli.learnt import not_learnt
from facekp.data.checks import Finding, check, look_first
from facekp.data.checks.labels import outside_image, placeholders
from facekp.data.checks.shapes import exchanged
from facekp.data.faces import Faces
from facekp.errors import InputError, listed
from facekp.files import replacing
from facekp.keypoints import KAGGLE

TURNED = {2: "x = W - 1 - x", 3: "x = W - 1 - x, y = H - 1 - y", 4: "y = H - 1 - y", 5: "x, y = y, x",
          6: "x, y = W - 1 - y, x", 7: "x, y = W - 1 - y, H - 1 - x", 8: "x, y = y, H - 1 - x"}
"""How a point of the stored file moves when that is turned upright, by EXIF orientation. The upright file is W x H."""


def report(faces: Faces, findings: list[Finding]) -> str:
    """Counts of faces, keypoints, sources and duplicates, the summary table, and the findings."""
    n = len(faces)
    annotated = faces.annotated.sum(axis=1)
    lines = [repr(faces), f"complete: {(annotated == len(faces.scheme)).sum()}"]
    if faces.scheme == KAGGLE:
        from facekp.data import kaggle

        sources = kaggle.sources(faces)
        lines += [f"source of fifteen points: {(sources == 0).sum()}, source of four points: {(sources == 1).sum()}"]
    lines += [f"exact copies of another image: {n - len(np.unique(faces.duplicates()))}",
              f"keypoints outside the image: {outside_image(faces, faces.in_files(faces.keypoints)).sum()}",
              f"left and right seem exchanged: {counted(faces, exchanged(faces))}"]
    pairs = [f"{left} / {right}" for left, right in faces.scheme.pairs]
    lines.append(f"pairs that a flip exchanges: {listed(pairs) if pairs else 'none'}")
    if faces.files is not None and (turned := np.flatnonzero(faces.files.orientation > 1)).size:
        lines.append("turned upright, as their EXIF entry says (points count in the upright image): "
                     f"{counted(faces, turned)}")
    if faces.occluded is not None:
        lines.append(f"occluded: {faces.occluded.sum()} of {faces.annotated.sum()} points")
    grid = "" if faces.files is None else ", in pixels of the files"
    lines += [f"fingerprint: {faces.fingerprint()}", "", f"keypoints{grid}:", faces.summary().round(1).to_string()]
    if findings:
        lines += ["", "Likely wrong:", *(f"- {sentence(f, faces)}" for f in findings)]
    if first := look_first(findings):
        lines += ["", f"Look at these first ({len(first)} faces):", *(
            f"{rank:4}. {name(faces, i)}: {'; '.join(brief(f, i, faces) for f in why)}"
            for rank, (i, _, why) in enumerate(first[:10], 1))]
    return "\n".join(lines)


def before_training(faces: Faces, source: str | Path, pixel_offset: float = 0.0) -> list[str]:
    """A line for each finding, and where to see the faces; [] where there is none.

    Raises:
        InputError: something that cannot be right.
    """
    findings = check(faces, pixel_offset)
    if findings and findings[0].certain:
        raise InputError(f"{source}: {sentence(findings[0], faces)}")
    lines = [f"check: {sentence(f, faces)}" for f in findings]
    if any(f.faces.size for f in findings):
        lines.append(f"See them: facekp inspect {source} --suspects suspects.csv --picture suspects.png")
    return lines


def write_suspects(faces: Faces, findings: list[Finding], out: str | Path) -> int:
    """The faces to look at first, as a table: rank, file or row, score and why; how many there are."""
    import pandas as pd

    first = look_first(findings)
    columns = ["rank", *(["file"] if faces.files is not None else []), "row", "score", "why"]
    rows = [{"rank": rank, "file": name(faces, i), "row": faces.rows[i], "score": round(score, 2),
             "why": "; ".join(brief(f, i, faces) for f in why)} for rank, (i, score, why) in enumerate(first, 1)]
    with replacing(out) as temporary:
        pd.DataFrame(rows, columns=columns).to_csv(temporary, index=False)
    return len(first)


def sheet(faces: Faces, findings: list[Finding], count: int = 32):
    """A figure of ``count`` faces: those to look at first, with the reason, then the others in their order."""
    from facekp import plots

    first = look_first(findings)[:count]
    suspects = [i for i, _, _ in first]
    others = np.setdiff1d(np.arange(len(faces)), suspects)[: count - len(first)]
    titles = [f"{name(faces, i)}: {why[0].kind}" for i, _, why in first] + [""] * len(others)
    return plots.faces(faces.select(np.array([*suspects, *others], np.int64)), count=count, titles=titles)


def name(faces: Faces, i: int) -> str:
    """A face for people: its file, or its row in the source."""
    return f"row {faces.rows[i]}" if faces.files is None else str(faces.files.names[i])


def counted(faces: Faces, positions: np.ndarray) -> str:
    """How many, and the first few: "2 (row 7, row 970)"."""
    return f"{len(positions)} ({listed([name(faces, i) for i in positions])})" if len(positions) else "0"


def brief(finding: Finding, i: int, faces: Faces) -> str:
    """A finding of one face in a few words."""
    if "each" not in finding.about:
        return finding.kind
    value = finding.about["each"][int(np.flatnonzero(finding.faces == i)[0])]
    of = {"twice": lambda: f"{value:.0f} px apart", "contradicting": lambda: f"like {name(faces, value)}"}
    return f"{finding.kind} ({of.get(finding.kind, lambda: value)()})"


def sentence(finding: Finding, faces: Faces) -> str:
    """A finding for people: what was found, and what to do."""
    about, n = finding.about, len(finding.faces)
    these = counted(faces, finding.faces)
    if finding.kind == "placeholder":
        x, y = about["position"]
        return (f"{listed(about['points'])} at exactly ({x:g}, {y:g}) in {n} of {about['annotated']} faces. If that "
                "means not annotated, leave the cells empty.")
    if finding.kind == "turned":
        ways = ", ".join(f"orientation {o}: {TURNED[o]}" for o in about["orientations"])
        advice = (f"Turn the labels too ({ways})." if about["turn labels"] else "These files are upright as they are "
                  "stored: remove their EXIF orientation, or label what a photo viewer shows.")
        return ("Files that their EXIF entry turns, with labels that fit the stored, unturned pixels better: "
                f"{these}. {advice}")
    if finding.kind == "outside":
        many = about["count"] > 0.3 * about["annotated"]
        advice = ("So many may be labels of larger copies, or x and y exchanged." if many else
                  "Correct the labels, or leave the cells empty.")
        return (f"{about['count']} of {about['annotated']} points are outside their image, in {these} face"
                f"{'s' if n > 1 else ''}. {advice}")
    if finding.kind in ("twice", "contradicting"):
        apart = finding.score.max() * 5  # both count in 5 % of the image's side
        return TEXT[finding.kind].format(these=these, apart=apart, **about)
    return TEXT[finding.kind].format(these=these, **{k: listed(v) if k == "points" else v for k, v in about.items()})


TEXT = {
    "nowhere": "Points that no face has: {points}. Nothing can be learnt of them: remove their columns.",
    "one side": "Names that look like left or right and are in no pair: {points}. A horizontal flip would not exchange "
                "them: name both sides alike, or write pairs.csv.",
    "fractions": "All points are between {low:.3g} and {high:.3g}, within the first pixel: fractions of width and "
                 "height? Expected pixels: multiply x by the width of each file, y by its height.",
    "fractions of some": "Faces all of whose points are within the first pixel, unlike those of the others: {these}. "
                         "Fractions of width and height, or labels of another program? Expected pixels.",
    "rare": "Points that few faces have, in {these}: {points}. A name written in another way? Rename them, or remove "
            "their columns.",
    "alike": "Names that differ in capitals or separators alone, of which no face has both: {points}. Make them one.",
    "upper left": "All points are in the upper left {part:.0%} of their images (up to {high:.0f}): do they count in "
                  "smaller copies, or in percent? Expected pixels of the files: multiply the labels.",
    "12 bits": "Images of 16 bits with no value above {highest}, read as nearly black: {these}. Multiply their pixels, "
               "so that white is 65535, or save them with 8 bits.",
    "blank": "Images without contrast (empty, black or white): {these}. Remove them, or fetch them again.",
    "twice": "Named more than once, with points up to {apart:.0f} % of the image's side apart: {these}. A photo of "
             "several faces has to be cut, a file for each face; of two labels of one face, keep one.",
    "contradicting": "Nearly the same as another image, with points up to {apart:.0f} % of the image's side apart: "
                     "{these}. Correct the wrong label, or remove one of the two.",
    "unlike": "Images that resemble no other one: {these}. Are they faces, cropped as the others?",
    "outside square": "Many points are outside the square of the image that is the face: {these}. Boxes in fractions, "
                      "or with their centre? Correct them, or leave them out: squares are then put round the points.",
    "reading": "What is around the points is far more alike in all images if {way}: a correlation of {best:.2f}, not "
               "{given:.2f}. Are the labels meant so? Then write them anew.",
    "axes": "In {fraction:.0%} of the pairs the left point is above or below the right one: are x and y exchanged, or "
            "are the images turned by 90 degrees?",
    "exchanged": "Left and right seem exchanged: {these}. Left is the subject's left, on the right of the image. "
                 "Exchange the labels; of heads that look far away they may be right.",
    "out of place": "A point out of place, beside the shape of the other faces: {these}. Correct it, or leave its "
                    "cells empty.",
    "elsewhere": "Faces whose position, size or angle differs from the others: {these}. Crop them as the others, "
                 "or correct their labels.",
}


# ---- models that have not learnt ---------------------------------------------------------------------



def after_training(scores: dict, faces: Faces, pixel_offset: float = 0.0) -> list[str]:
    """Lines on what was not learnt, where something was not.

    Args:
        scores: of ``results.scores``.
        faces: whose labels may explain it.
    """
    return [*not_learnt(scores["rmse"], scores["mean_face_rmse"]),
            *far_worse(scores["rmse_per_keypoint"], faces, pixel_offset)]


def far_worse(errors: dict[str, float | None], faces: Faces, pixel_offset: float = 0.0) -> list[str]:
    """A line on points whose error is far above that of the others, and on placeholders that explain it."""
    from facekp import results  # with PyTorch, which 'facekp inspect' does not need

    found = placeholders(faces, pixel_offset)[0]
    explained = {point for f in found for point in f.about["points"]}
    return [*(sentence(f, faces) for f in found),
            *results.left_out_line({name: e for name, e in errors.items() if name not in explained})]


def which_pixels(faces: Faces) -> str:
    """A sentence on the pixels of an error, where they are not those of the files; empty where they are."""
    size = faces.images.shape[2]
    same = faces.files is None or (faces.files.scale(size) == 1).all()
    return "" if same else f"(px of the {size}x{size} images; 'facekp evaluate' gives px of the files too.) "
