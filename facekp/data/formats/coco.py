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
from facekp.files import write_json

NAME, PIXEL_OFFSET = "COCO keypoints", 0.0


def recognises(source: Source) -> bool:
    """Whether it is one."""
    found = source.json
    return isinstance(found, dict) and all(isinstance(found.get(key), list) for key in ("images", "annotations"))


def faces(source: Source) -> Iterator[Face]:
    """A face for each annotation with a point."""
    images = {image["id"]: image for image in source.json["images"]}
    names = {c["id"]: c["keypoints"] for c in source.json.get("categories", []) if c.get("keypoints")}
    for annotation in source.json["annotations"]:
        points = np.array(annotation.get("keypoints") or [], float).reshape(-1, 3)
        if not (points[:, 2] > 0).any():
            continue
        image = images[annotation["image_id"]]
        named = names.get(annotation.get("category_id"), [str(k) for k in range(len(points))])
        box = annotation.get("bbox")
        yield Face(image["file_name"],
                   {name: (x, y, v == 1) if v > 0 else (np.nan, np.nan, False)
                    for name, (x, y, v) in zip(named, points.tolist(), strict=True)},
                   (float(box[0]), float(box[1]), float(box[2]), float(box[3])) if box and min(box[2:]) > 0 else None,
                   (image["width"], image["height"]) if "width" in image and "height" in image else None)


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
