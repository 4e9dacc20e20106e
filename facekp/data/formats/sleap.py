"""SLEAP's ``.slp``: an HDF5 file with tables of frames, instances and points; needs: pip install "facekp[labels]".

Points count from the centre of the first pixel; files of formats before 1.1 count from its edge, which is taken off
here. ``visible`` false is kept as occluded, NaN is not annotated. Only labels by hand are taken, and only of images:
of a video, save the labelled frames as images in SLEAP first. (https://docs.sleap.ai, ``sleap/io/format/hdf5.py``.)
"""

import json
from collections.abc import Iterator

from facekp.data.formats.source import Source
from facekp.data.labels import Face
from facekp.errors import InputError

NAME, PIXEL_OFFSET = "SLEAP", 0.0


def recognises(source: Source) -> bool:
    """Whether it is one."""
    return source.start[:8] == b"\x89HDF\r\n\x1a\n"


def faces(source: Source) -> Iterator[Face]:
    """A face for each instance that was labelled by hand."""
    try:
        import h5py
    except ImportError:
        raise InputError(f'{source.path}: SLEAP\'s files need h5py: pip install "facekp[labels]".') from None
    try:
        opened = h5py.File(source.path, "r")
    except OSError as e:
        raise ValueError(e) from None
    with opened as f:
        version, about = float(f["metadata"].attrs["format_id"]), json.loads(f["metadata"].attrs["json"])
        order = [node["id"] for node in about["skeletons"][0]["nodes"]]
        names = [about["nodes"][i]["name"] for i in order]
        videos = [json.loads(text)["backend"] for text in f["videos_json"][()]]
        frames, instances, points = (f[name][()] for name in ("frames", "instances", "points"))
    for frame in frames:
        video, number = videos[int(frame["video"])], int(frame["frame_idx"])
        files = video.get("filenames") or []
        for instance in instances[int(frame["instance_id_start"]):int(frame["instance_id_end"])]:
            if instance["instance_type"] != 0:  # predicted
                continue
            if number >= len(files):
                raise InputError(f"{source.path}: expected labels of images; found some of the video "
                                 f"'{video.get('filename')}'. Save its labelled frames as images in SLEAP first.")
            rows = points[int(instance["point_id_start"]):int(instance["point_id_end"])]
            shift = 0.5 if version < 1.1 else 0.0
            yield Face(files[number], {name: (float(row["x"]) - shift, float(row["y"]) - shift, not row["visible"])
                                       for name, row in zip(names, rows, strict=True)})
