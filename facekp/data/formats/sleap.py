"""SLEAP's ``.slp``: an HDF5 file with tables of frames, instances and points; needs: pip install "facekp[labels]".

Points count from the centre of the first pixel; files of formats before 1.1 count from its edge, which is taken off
here. ``visible`` false is kept as occluded, NaN is not annotated. Only labels by hand are taken. An image that is a
frame of a video is called ``clip.mp4/frame_000012.png``, see :mod:`facekp.data.video`. (https://docs.sleap.ai,
``sleap/io/format/hdf5.py``; ``sleap_io/io/slp.py``.)
"""

import json
from collections.abc import Iterator
from pathlib import PureWindowsPath

from facekp.data.formats.source import Source
from facekp.data.labels import Face
from facekp.errors import InputError

NAME, PIXEL_OFFSET = "SLEAP", 0.0


def recognises(source: Source) -> bool:
    """Whether it is one."""
    return source.tables is not None and (not source.tables or "videos_json" in source.tables)


def faces(source: Source) -> Iterator[Face]:
    """A face for each instance that was labelled by hand."""
    with source.hdf5() as f:
        version, about = float(f["metadata"].attrs["format_id"]), json.loads(f["metadata"].attrs["json"])
        order = [node["id"] for node in about["skeletons"][0]["nodes"]]
        names = [about["nodes"][i]["name"] for i in order]
        videos = [json.loads(text)["backend"] for text in f["videos_json"][()]]
        frames, instances, points = (f[name][()] for name in ("frames", "instances", "points"))
    for frame in frames:
        video, number = videos[int(frame["video"])], int(frame["frame_idx"])
        if video.get("filename") == ".":
            raise InputError(f"{source.path}: expected labels of images or of a video; found the images packed in the "
                             "file itself. Name the .slp that this package was exported from, its video beside it.")
        clip = PureWindowsPath(video.get("filename") or "").name  # knows both / and \\
        file = video["filenames"][number] if video.get("filenames") else f"{clip}/frame_{number:06d}.png"
        for instance in instances[int(frame["instance_id_start"]):int(frame["instance_id_end"])]:
            if instance["instance_type"] != 0:  # predicted
                continue
            rows = points[int(instance["point_id_start"]):int(instance["point_id_end"])]
            shift = 0.5 if version < 1.1 else 0.0
            yield Face(file, {name: (float(row["x"]) - shift, float(row["y"]) - shift, not row["visible"])
                              for name, row in zip(names, rows, strict=True)})
