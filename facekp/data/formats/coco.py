"""COCO keypoints: one JSON file with ``images``, ``annotations`` and, in ``categories``, the points' names.

``keypoints`` is a list x, y, v for each point: v = 0 is not annotated (x = y = 0), 1 occluded, 2 visible. COCO counts
pixels from 0, and its tools take a point at 0 as the centre of the first pixel (https://cocodataset.org/#format-data;
Detectron2 adds 0.5 to come to edges). Tools that export what was clicked on a canvas as COCO (CVAT, Label Studio) count
from the edge: ``--pixel-offset 0.5``.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from facekp.data.formats.source import Source
from facekp.data.labels import Face, Labels
from facekp.data.schemes import scheme_of
from facekp.errors import InputError, listed
from facekp.files import write_json

NAME, PIXEL_OFFSET = "COCO keypoints", 0.0


def recognises(source: Source) -> bool:
    """Whether it is one."""
    found = source.json
    return isinstance(found, dict) and all(isinstance(found.get(key), list) for key in ("images", "annotations"))


def faces(source: Source) -> Iterator[Face]:
    """A face for each annotation with a point."""
    images = {str(image["id"]): image for image in source.json["images"]}
    names = _names(source)
    for annotation in source.json["annotations"]:
        named = names.get(str(annotation.get("category_id")))
        points = _triples(annotation["keypoints"], named) if annotation.get("keypoints") else np.empty((0, 3))
        if not (points[:, 2] > 0).any():
            continue
        image = images.get(str(annotation["image_id"]))
        if image is None:
            raise InputError(f"{source.path}: expected the image of each annotation among the images; found none with "
                             f"the id {annotation['image_id']}. Export the labels again, whole.")
        box = [float(v) for v in annotation.get("bbox") or []]
        yield Face(image["file_name"],
                   [(name, (x, y, v == 1) if v > 0 else (np.nan, np.nan, False))
                    for name, (x, y, v) in zip(named or map(str, range(len(points))), points.tolist(), strict=True)],
                   (box[0], box[1], box[2], box[3]) if box and min(box[2:]) > 0 else None,
                   (image["width"], image["height"]) if "width" in image and "height" in image else None, not named)


def remarks(sources: list[Source]) -> list[str]:
    """The categories, where there are several; InputError where two of them have no point in common."""
    used: dict[str, list[str]] = {}
    for source in sources:
        names, titles = _names(source), {str(c["id"]): c.get("name") for c in source.json.get("categories", [])}
        for key in dict.fromkeys(str(a.get("category_id")) for a in source.json["annotations"] if a.get("keypoints")):
            used[f"{titles.get(key)}"] = names.get(key, [])
    (first, points), *others = used.items() or [("", [])]
    for other, more in others:
        if points and set(points).isdisjoint(more):
            raise InputError(f"{sources[0].path}: expected the points of one kind of thing; found categories without a "
                             f"common point, '{first}' and '{other}'. Keep the annotations of one.")
    return [f"Read as one kind of face: the categories {listed(list(used))}."] if others else []


def _names(source: Source) -> dict[str, list[str]]:
    """The points' names of each category that has some, by its id as text: tools mix 1 and "1"."""
    return {str(c["id"]): c["keypoints"] for c in source.json.get("categories", []) if c.get("keypoints")}


def _triples(numbers: list, names: list[str] | None) -> np.ndarray:
    """(K, 3) x, y, flag of a list of numbers; where ``names`` or the numbers tell that there are no flags, all are 2.

    Raises:
        ValueError: another count of numbers than the names ask for.
    """
    flat = np.array(numbers, float).ravel()
    flags = flat[2::3]
    pairs = flat.size == 2 * len(names) if names else bool(flat.size % 3 or ((flags > 2) | (flags < 0)).any())
    if flat.size % (2 if pairs else 3) or (names and flat.size != (2 if pairs else 3) * len(names)):
        raise ValueError(f"{flat.size} numbers for {len(names) if names else 'unnamed'} points")
    return np.insert(flat.reshape(-1, 2), 2, 2.0, axis=1) if pairs else flat.reshape(-1, 3)


def write(path: Path, labels: Labels) -> None:
    """``labels`` as COCO keypoints; where a face has no box, it is the one round its points."""
    place = {file: i for i, file in enumerate(dict.fromkeys(labels.files))}
    sizes = dict(zip(labels.files, labels.sizes.tolist(), strict=True))
    points = labels.points - labels.pixel_offset + PIXEL_OFFSET
    flags = np.where(np.isnan(points[..., :1]), 0, np.where(labels.occluded[..., None], 1, 2))
    triples = np.concatenate([np.where(flags == 0, 0, points), flags], -1).reshape(len(labels), -1)
    annotations = []
    for i, file in enumerate(labels.files):
        x, y, width, height = map(float, labels.box(i))
        annotations.append({
            "id": i + 1, "image_id": place[file] + 1, "category_id": 1, "iscrowd": 0,
            "keypoints": [int(v) if k % 3 == 2 else float(v) for k, v in enumerate(triples[i])],
            "num_keypoints": int((flags[i] > 0).sum()), "bbox": [x, y, width, height], "area": width * height})
    skeleton = [[labels.names.index(a) + 1, labels.names.index(b) + 1] for a, b in scheme_of(labels.names, "").joined]
    write_json(path, {
        "images": [{"id": i + 1, "file_name": file, "width": sizes[file][0], "height": sizes[file][1]}
                   for file, i in place.items()],
        "categories": [{"id": 1, "name": "face", "keypoints": list(labels.names), "skeleton": skeleton}],
        "annotations": annotations})
