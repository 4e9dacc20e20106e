"""Label Studio's JSON, JSON-MIN and CSV: key points as percentages of the image's width and height.

Percentages count from the image's edge (https://labelstud.io/tags/keypointlabels), so the centre of the first of W
columns is at 50 / W. Points in one rectangle or have one parent are one face; there is no flag for occluded
points. Of several annotations of an image that were not cancelled, the one marked as ground truth counts, else the
first; without one, the first prediction. The image is the entry of a task with an image's ending. In the CSV a cell
holds the regions of an image, as JSON-MIN has them.
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import numpy as np

from facekp.data.formats.source import Source
from facekp.data.labels import Face, Labels, grouped
from facekp.errors import InputError
from facekp.files import write_json
from facekp.images import ENDINGS

NAME, PIXEL_OFFSET, FRACTIONS = "Label Studio", 0.5, True
IMAGE = "image"
"""The name of the task's entry with the image, in what :func:`write` writes."""


def recognises(source: Source) -> bool:
    """Whether it is one."""
    if source.json is None:
        return '""keypointlabels""' in source.head and "," in source.first
    found = source.json
    task = found[0] if isinstance(found, list) and found else None
    if not isinstance(task, dict):
        return False
    return "data" in task or any(_is_points(value) for value in task.values())


def faces(source: Source) -> Iterator[Face]:
    """A face for each group of points."""
    for task in _tasks(source):
        file, results = _parts(task)
        boxes = {r.get("id"): _box(r["value"]) for r in results if "width" in r["value"] and "height" in r["value"]}
        points = []
        for r in results:
            value = r["value"]
            label = next((value[key] for key in ("keypointlabels", "labels") if value.get(key)), None)
            if label is None or "height" in value or "x" not in value:
                continue
            if r.get("image_rotation"):
                raise InputError(f"{source.path}, '{file}': expected an image that is not turned; found one that was "
                                 f"turned by {r['image_rotation']} degrees in Label Studio. Turn the file instead.")
            parent = r.get("parentID") or _around(boxes, value)
            points.append((parent, label[0], (value["x"] / 100, value["y"] / 100, False)))
        for parent, some in grouped(points, f"{source.path}, '{file}'").items():
            yield Face(file, some, boxes.get(parent))


def remarks(sources: list[Source]) -> list[str]:
    """What of the tasks was not taken, and what was not made by hand."""
    tasks = [task for source in sources for task in _tasks(source) if "data" in task]
    several = sum(len(_made(task)) > 1 for task in tasks)
    guessed = sum(not _made(task) and any(p.get("result") for p in task.get("predictions") or []) for task in tasks)
    found = [(several, "Annotated more than once: {} images. The annotation marked as ground truth was taken, else the "
                       "first."),
             (guessed, "Without an annotation: {} images, whose predictions were taken. See that they are right.")]
    return [sentence.format(count) for count, sentence in found if count]


def _tasks(source: Source) -> list[dict]:
    """The tasks of the file, those of a CSV as JSON-MIN has them."""
    if source.json is not None:
        return source.json
    import pandas as pd  # as elsewhere: only who reads such a table waits for it

    rows = pd.read_csv(io.StringIO(source.text), dtype=str, keep_default_na=False).to_dict("records")
    return [{name: json.loads(cell) if cell.startswith("[{") else cell for name, cell in row.items()} for row in rows]


def _is_points(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(v, dict) and "keypointlabels" in v for v in value)


def _made(task: dict) -> list[dict]:
    """The annotations of a task that were not cancelled, those marked as ground truth first."""
    made = [a for a in task.get("annotations") or task.get("completions") or [] if not a.get("was_cancelled")]
    return sorted(made, key=lambda a: not a.get("ground_truth"))


def _parts(task: dict) -> tuple[str, list[dict]]:
    """(the image's name, its regions) of a task in either form."""
    if "data" in task:
        result = [r for r in (_made(task) or task.get("predictions") or [{}])[0].get("result", []) if "value" in r]
        values = task["data"]
    else:  # JSON-MIN: the regions of each tag under its name
        lists = [v for v in task.values() if isinstance(v, list)]
        result = [{"value": r, **r} for values in lists for r in values if isinstance(r, dict) and "x" in r]
        values = task
    names = [_name(v) for v in values.values() if isinstance(v, str)]
    images = [name for name in names if PurePosixPath(name).suffix.lower() in ENDINGS]
    return (images or names or [""])[0], result


def _name(text: str) -> str:
    """``/data/local-files/?d=a%20b.png`` or an address -> the path of a file."""
    return unquote(text.rpartition("?d=")[2].partition("?")[0])


def _box(value: dict) -> tuple[float, float, float, float]:
    return value["x"] / 100, value["y"] / 100, value["width"] / 100, value["height"] / 100


def _around(boxes: dict, value: dict) -> str | None:
    """The id of the first rectangle that a point is in."""
    px, py = value["x"] / 100, value["y"] / 100
    return next((key for key, (x, y, w, h) in boxes.items() if x <= px <= x + w and y <= py <= y + h), None)


def write(path: Path, labels: Labels) -> None:
    """``labels`` as tasks with predictions, for Label Studio's import; the image's entry is called ``image``.

    Its labelling setup needs the tags ``<Image name="image" value="$image"/>`` and ``<KeyPointLabels name="points"
    toName="image">`` with a label for each point; where an image has several faces, which become rectangles round
    their points, ``<RectangleLabels name="faces" toName="image">`` too, with the label ``face``.
    """
    several = len(set(labels.files)) < len(labels)
    tasks: dict[str, dict] = {}
    for i, file in enumerate(labels.files):
        task = tasks.setdefault(file, {"data": {IMAGE: file}, "predictions": [{"result": []}]})
        width, height = map(int, labels.sizes[i])
        region = {"from_name": "points", "to_name": IMAGE, "original_width": width, "original_height": height,
                  "image_rotation": 0}
        if several:
            x, y, w, h = map(float, labels.box(i) / (width, height, width, height) * 100)
            task["predictions"][0]["result"].append(region | {
                "id": f"face{i}", "type": "rectanglelabels", "from_name": "faces",
                "value": {"x": x, "y": y, "width": w, "height": h, "rotation": 0, "rectanglelabels": ["face"]}})
        percent = (labels.points[i] - labels.pixel_offset + PIXEL_OFFSET) / (width, height) * 100
        task["predictions"][0]["result"] += [region | {
            "id": f"face{i}-{name}", "type": "keypointlabels", **({"parentID": f"face{i}"} if several else {}),
            "value": {"x": px, "y": py, "width": 0.5, "keypointlabels": [name]}}
            for name, (px, py) in zip(labels.names, percent.tolist(), strict=True) if np.isfinite(px)]
    write_json(path, list(tasks.values()))
