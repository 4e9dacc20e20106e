"""labelme: a JSON file beside each image, with ``shapes`` of which those of the type ``point`` are keypoints.

Points count from the image's edge, so the centre of the first pixel is 0.5 (``labelme/widgets/canvas.py``,
wkentaro/labelme#1973). Shapes with one ``group_id`` are one face; a
``rectangle`` among them is its box. A flag ``occluded`` of a shape is kept; a point without a shape is not annotated.
"""

from collections.abc import Iterator

from facekp.data.formats.source import Source
from facekp.data.labels import Face, grouped

NAME, PIXEL_OFFSET = "labelme", 0.5


def recognises(source: Source) -> bool:
    """Whether it is one."""
    return isinstance(source.json, dict) and isinstance(source.json.get("shapes"), list) and "imagePath" in source.json


def faces(source: Source) -> Iterator[Face]:
    """A face for each group of shapes."""
    found = source.json
    size = (found["imageWidth"], found["imageHeight"]) if found.get("imageWidth") and found.get("imageHeight") else None
    points, boxes = [], {}
    for shape in found["shapes"]:
        group, corners = shape.get("group_id"), [(float(x), float(y)) for x, y in shape["points"]]
        if shape.get("shape_type") == "point":
            hidden = bool((shape.get("flags") or {}).get("occluded"))
            points.append((group, shape["label"], (*corners[0], hidden)))
        elif shape.get("shape_type") == "rectangle":
            (x0, y0), (x1, y1) = map(min, *corners), map(max, *corners)
            boxes[group] = (x0, y0, x1 - x0, y1 - y0)
    file = f"{source.path.parent.as_posix()}/{found['imagePath']}"
    for group, some in grouped(points, str(source.path)).items():
        yield Face(file, some, boxes.get(group), size)
