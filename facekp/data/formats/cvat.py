"""CVAT's XML, version 1.1, for images and for videos: skeletons, or single points with a label each.

``outside="1"`` is not annotated, ``occluded="1"`` occluded. Points are those of a canvas that begins at the image's
edge, so the centre of the first pixel is 0.5 (https://docs.cvat.ai/docs/other/xml_format; the last corner of a file of
1920 x 1080 is 1920, 1080: cvat-ai/cvat#9973). A video's frames are looked for as CVAT exports them, ``frame_000012``.
"""

import math
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from facekp.data.formats.source import Source
from facekp.data.labels import Face, Point, grouped

NAME, PIXEL_OFFSET = "CVAT", 0.5
ABSENT = (math.nan, math.nan, False)


def recognises(source: Source) -> bool:
    """Whether it is one."""
    return source.xml is not None and source.xml.tag == "annotations"


def faces(source: Source) -> Iterator[Face]:
    """A face for each skeleton; the single points of an image or a frame, or of a group in it, are one face."""
    root = source.xml
    assert root is not None  # recognises() has seen it
    for image in root.iter("image"):
        size = (int(image.attrib["width"]), int(image.attrib["height"]))
        for skeleton in image.findall("skeleton"):
            yield Face(image.attrib["name"], _points(skeleton.findall("points")), None, size)
        yield from _of_points(image.attrib["name"], [(p.get("group_id"), p) for p in image.findall("points")], size,
                              source)
    width, height = (int(root.findtext(f".//original_size/{side}", "0")) for side in ("width", "height"))
    single: dict[int, list[tuple[str | None, Element]]] = {}  # by frame
    for track in root.iter("track"):
        for skeleton in track.findall("skeleton"):
            if skeleton.get("outside") != "1":
                frame = int(skeleton.attrib["frame"])
                yield Face(f"frame_{frame:06d}", _points(skeleton.findall("points")), None, (width, height))
        for point in track.findall("points"):
            point.set("label", track.attrib["label"])
            single.setdefault(int(point.attrib["frame"]), []).append((track.get("group_id"), point))
    for frame, points in sorted(single.items()):
        if any(point.get("outside") != "1" for _, point in points):
            yield from _of_points(f"frame_{frame:06d}", points, (width, height), source)


def _of_points(file: str, elements: list[tuple[str | None, Element]], size: tuple[int, int],
               source: Source) -> Iterator[Face]:
    """The faces of (group, element with one point or several); several elements with many points are a face each."""
    many = [element for _, element in elements if ";" in element.attrib["points"]]
    if len(many) == len(elements) > len({element.attrib["label"] for element in many}):
        yield from (Face(file, _points([element]), None, size) for element in many)
        return
    points = ((group, *point) for group, element in elements for point in _points([element]))
    for some in grouped(points, f"{source.path}, '{file}'").values():
        yield Face(file, some, None, size)


def _points(elements: list[Element]) -> list[tuple[str, Point]]:
    """The points of one face with their labels; several in one element are numbered."""
    found = []
    for element in elements:
        label, absent = element.attrib["label"], element.get("outside") == "1"
        pairs = [pair.split(",") for pair in element.attrib["points"].split(";")]
        for k, (x, y) in enumerate(pairs):
            name = label if len(pairs) == 1 else f"{label}_{k}"
            found.append((name, ABSENT if absent else (float(x), float(y), element.get("occluded") == "1")))
    return found
