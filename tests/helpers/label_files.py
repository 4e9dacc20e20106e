"""A set of faces as each labelling tool would save it, written out by hand from the tools' descriptions."""

import csv
import json
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

NAMES = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
SIZES = [(96, 96), (8, 11), (97, 60), (300, 310), (64, 480), (960, 540), (1, 40), (33, 32)]


class Set:
    """N images with a face each.

    Attributes:
        files: names, some in subfolders.
        sizes: width and height of each image.
        points: (N, K, 2), (0, 0) the centre of the first pixel.
        occluded: (N, K) bool.
    """

    def __init__(self, folder: Path, n: int = 40, names: tuple[str, ...] = NAMES, seed: int = 0,
                 gaps: bool = True) -> None:
        rng = np.random.default_rng(seed)
        self.names = names
        self.files = [f"{'deep/' if i % 5 == 0 else ''}face {i:02d}.png" for i in range(n)]
        self.sizes = np.array([SIZES[i % len(SIZES)] for i in range(n)])
        self.points = rng.uniform(-0.5, self.sizes[:, None] - 0.5, (n, len(names), 2))
        self.points[:, 0] = np.clip(self.points[:, 0], 0, None)  # one that is never absent
        self.points[0, :2] = [(0, 0), self.sizes[0] - 1]  # the centres of the first pixel and of the last
        absent = (rng.random((n, len(names))) < 0.15) & (np.arange(len(names)) > 1) & gaps
        self.points[absent] = np.nan
        self.occluded = (rng.random((n, len(names))) < 0.2) & ~absent & gaps
        for file, (width, height) in zip(self.files, self.sizes, strict=True):
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (height, width), dtype=np.uint8)).save(folder / file)

    def __iter__(self):
        """file, (width, height), [(name, x, y, flag)] of each face, flags as COCO's."""
        for file, size, points, hidden in zip(self.files, self.sizes.tolist(), self.points.tolist(), self.occluded,
                                              strict=True):
            yield file, size, [(name, x, y, 0 if x != x else 1 if h else 2)
                               for name, (x, y), h in zip(self.names, points, hidden, strict=True)]


def coco(faces: Set, path: Path) -> Path:
    images = [{"id": 100 + i, "file_name": f, "width": w, "height": h} for i, (f, (w, h), _) in enumerate(faces)]
    annotations = [{"id": i, "image_id": 100 + i, "category_id": 3, "num_keypoints": sum(v > 0 for *_, v in points),
                    "keypoints": [value for _, x, y, v in points for value in ((x, y, v) if v else (0, 0, 0))],
                    "bbox": [0, 0, *size], "iscrowd": 0} for i, (_, size, points) in enumerate(faces)]
    path = path / "person_keypoints.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [
        {"id": 3, "name": "face", "keypoints": list(faces.names), "skeleton": []}]}))
    return path


def cvat(faces: Set, path: Path, skeletons: bool = True) -> Path:
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations><version>1.1</version>"]
    for i, (file, (width, height), points) in enumerate(faces):
        lines.append(f'<image id="{i}" name="{file}" width="{width}" height="{height}">')
        lines += ['<skeleton label="face" occluded="0">'] * skeletons
        for name, x, y, v in points:
            if v or skeletons:
                x, y = (x + 0.5, y + 0.5) if v else (1, 1)
                lines.append(f'<points label="{name}" outside="{int(v == 0)}" occluded="{int(v == 1)}" '
                             f'points="{x:.6f},{y:.6f}"></points>')
        lines += ["</skeleton>"] * skeletons + ["</image>"]
    path = path / "annotations.xml"
    path.write_text("\n".join([*lines, "</annotations>"]))
    return path


def cvat_points(faces: Set, path: Path) -> Path:
    return cvat(faces, path, skeletons=False)


def label_studio(faces: Set, path: Path, mini: bool = False) -> Path:
    tasks = []
    for i, (file, (width, height), points) in enumerate(faces):
        values = [{"x": (x + 0.5) / width * 100, "y": (y + 0.5) / height * 100, "width": 0.3, "keypointlabels": [name]}
                  for name, x, y, v in points if v]
        about = {"original_width": width, "original_height": height, "image_rotation": 0}
        name = file.replace("/", "/0a1b2c3d-") if "/" in file else f"0a1b2c3d-{file}"
        name = name.replace(" ", "%20")
        if mini:
            tasks.append({"img": f"/data/upload/7/{name}", "id": i, "kp": [v | about for v in values]})
        else:
            result = [about | {"id": f"r{i}-{k}", "type": "keypointlabels", "from_name": "kp", "to_name": "img",
                               "value": value} for k, value in enumerate(values)]
            tasks.append({"id": i, "data": {"img": f"/data/local-files/?d={name}"}, "annotations": [
                {"was_cancelled": True, "result": []}, {"was_cancelled": False, "result": result}]})
    path = path / "project-7.json"
    path.write_text(json.dumps(tasks))
    return path


def label_studio_min(faces: Set, path: Path) -> Path:
    return label_studio(faces, path, mini=True)


def labelme(faces: Set, path: Path) -> Path:
    for file, (width, height), points in faces:
        shapes = [{"label": name, "points": [[x + 0.5, y + 0.5]], "group_id": None, "shape_type": "point",
                   "flags": {"occluded": True} if v == 1 else {}} for name, x, y, v in points if v]
        target = (path / file).with_suffix(".json")
        target.write_text(json.dumps({"version": "5.4.1", "flags": {}, "shapes": shapes, "imageData": None, "imagePath":
                                      Path(file).name, "imageHeight": height, "imageWidth": width}))
    return path


def yolo(faces: Set, path: Path) -> Path:
    (path / "data.yaml").write_text(f"path: .\nkpt_shape: [{len(faces.names)}, 3]\nflip_idx: [1, 0, 2, 4, 3]\n"
                                    "kpt_names:\n  0:\n" + "".join(f"    - {name}\n" for name in faces.names))
    for file, (width, height), points in faces:
        numbers = [value for _, x, y, v in points
                   for value in (((x + 0.5) / width, (y + 0.5) / height, v) if v else (0, 0, 0))]
        target = (path / "labels" / file).with_suffix(".txt")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(" ".join(map(str, (0, 0.5, 0.5, 1, 1, *numbers))) + "\n")
    return path


def deeplabcut(faces: Set, path: Path, individuals: bool = False) -> Path:
    K = len(faces.names)
    path = path / "CollectedData_me.csv"
    with open(path, "w", newline="") as f:
        out = csv.writer(f)
        out.writerow(["scorer", "", "", *["me"] * 2 * K])
        if individuals:
            out.writerow(["individuals", "", "", *["mouse1"] * 2 * K])
        out.writerow(["bodyparts", "", "", *(name for name in faces.names for _ in "xy")])
        out.writerow(["coords", "", "", *["x", "y"] * K])
        for file, _, points in faces:
            cells = [value for _, x, y, v in points for value in ((x, y) if v else ("", ""))]
            out.writerow(["labeled-data", Path(file).parent.name, Path(file).name, *cells])
    return path


def deeplabcut_animals(faces: Set, path: Path) -> Path:
    return deeplabcut(faces, path, individuals=True)


def deeplabcut_h5(faces: Set, path: Path, animals: bool = False) -> Path:
    """As ``DataFrame.to_hdf`` writes it: names in levels, and the place of each among its distinct ones.

    With ``animals``, there is a level for them, and the rows have one name each.
    """
    columns = [("me", *["mouse1"] * animals, name, axis) for name in faces.names for axis in "xy"]
    rows = [("labeled-data", Path(file).parent.name, Path(file).name) for file, _, _ in faces]
    path = path / "CollectedData_me.h5"
    with h5py.File(path, "w") as f:
        group = f.create_group("df_with_missing")
        if animals:
            group["axis1"] = np.array(["/".join(filter(None, row)) for row in rows], "S")
        for axis, names in (("axis0", columns), ("block0_items", columns), *([] if animals else [("axis1", rows)])):
            for i, level in enumerate(zip(*names, strict=True)):
                distinct, places = np.unique(np.array(level, "S"), return_inverse=True)
                group[f"{axis}_level{i}"], group[f"{axis}_label{i}"] = distinct, places
        group["block0_values"] = faces.points.reshape(len(rows), -1)
    return path


def deeplabcut_h5_animals(faces: Set, path: Path) -> Path:
    return deeplabcut_h5(faces, path, animals=True)


def sleap(faces: Set, path: Path, version: float = 1.3, backend: dict | None = None,
          numbers: list[int] | None = None) -> Path:
    """Of images; or of the frames with these numbers of the video of a ``backend``."""
    shift = 0.5 if version < 1.1 else 0.0
    rows = [(x + shift, y + shift, v == 2, True) for _, _, points in faces for _, x, y, v in points]
    N, K = len(faces.files), len(faces.names)
    frames = [(i, 0, numbers[i] if numbers else i, i, i + 1) for i in range(N)]
    instances = [(i, 0, i, 0, -1, -1, 0.0, i * K, (i + 1) * K) for i in range(N)]
    images = {"type": "ImageVideo", "filename": "/lab/0.png", "filenames": [f"/lab/{f}" for f in faces.files]}
    video = {"filename": None, "backend": backend or images}
    about = {"nodes": [{"name": name} for name in reversed(faces.names)],
             "skeletons": [{"nodes": [{"id": K - 1 - k} for k in range(K)], "links": []}]}
    path = path / "labels.slp"
    with h5py.File(path, "w") as f:
        f.create_group("metadata").attrs.update({"format_id": version, "json": np.bytes_(json.dumps(about))})
        f["videos_json"] = np.array([np.bytes_(json.dumps(video))])
        f["frames"] = np.array(frames, [(n, "<u8") for n in ("frame_id", "video", "frame_idx", "instance_id_start",
                                                             "instance_id_end")])
        f["instances"] = np.array(instances, [
            ("instance_id", "<i8"), ("instance_type", "u1"), ("frame_id", "<u8"), ("skeleton", "<u4"),
            ("track", "<i4"), ("from_predicted", "<i8"), ("score", "<f4"), ("point_id_start", "<u8"),
            ("point_id_end", "<u8")])
        f["points"] = np.array(rows, [("x", "<f8"), ("y", "<f8"), ("visible", "?"), ("complete", "?")])
    return path


def sleap_old(faces: Set, path: Path) -> Path:
    return sleap(faces, path, version=1.0)


def pts(faces: Set, path: Path) -> Path:
    for file, _, points in faces:
        lines = "".join(f"{x + 1:.6f} {y + 1:.6f}\n" for _, x, y, _ in points)
        (path / file).with_suffix(".pts").write_text(f"version: 1\nn_points:  {len(points)}\n{{\n{lines}}}\n")
    return path


def wflw(faces: Set, path: Path) -> Path:
    lines = []
    for file, (width, height), points in faces:
        numbers = [f"{v:.6f}" for _, x, y, _ in points for v in (x, y)]
        lines.append(" ".join([*numbers, "0", "0", str(width), str(height), *"010010", file]))
    path = path / "list_98pt_rect_attr_train.txt"
    path.write_text("\n".join(lines) + "\n")
    return path


def table(faces: Set, path: Path) -> Path:
    path = path / "labels.csv"
    lines = [";".join(["image", *(f"{name}_{axis}" for name in faces.names for axis in "xyv")])]
    for file, _, points in faces:
        cells = [cell for _, x, y, v in points for cell in ((repr(x), repr(y), str(v)) if v else ("", "", "0"))]
        lines.append(";".join([f"C:\\labels\\{file}".replace("/", "\\"), *cells]).replace(".", ",").replace(
            ",png", ".png"))
    path.write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def course(faces: Set, path: Path) -> Path:
    path = path / "training_frames_keypoints.csv"
    lines = [",".join(["Unnamed: 0", *map(str, range(2 * len(faces.names)))])]
    lines += [",".join([file, *(repr(v) for _, x, y, _ in points for v in (x, y))]) for file, _, points in faces]
    path.write_text("\n".join(lines) + "\n")
    return path
