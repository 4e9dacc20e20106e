"""Place and drag keypoints on a folder of images, one image at a time, in the order in which a label helps most."""

import base64
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from facekp.data.choose import label_order
from facekp.data.folder import read_labels
from facekp.data.image_files import ImageFiles
from facekp.errors import InputError, listed
from facekp.files import replacing
from facekp.images import ENDINGS, Photo, crop, read, whole
from facekp.keypoints import pairs_by_name
from facekp.models import KeypointModel
from facekp.predict import predict
from facekp.widgets.front import widget

SHOWN = 640  # pixels of an image's longer side in the page, at most


def labeller(folder: str | Path, names: Sequence[str] = (), model: KeypointModel | None = None, count: int = 20,
             correct: bool = False) -> Any:
    """Label images: the result is the folder's ``keypoints.csv``, which ``facekp train`` reads as it is.

    Images without labels come in the order of :func:`facekp.data.choose.label_order`. A model's predictions are shown
    to be corrected; without a model each touch places the next point. The table is written anew, whole, after each
    image that is saved, in the pixels of the files. Chapter: Your own labels.

    Args:
        folder: with images in it or below, and ``keypoints.csv`` if some are labelled.
        names: of the points; the table's or the model's, where there is one.
        model: whose points are shown first.
        count: how many images, the most useful ones; the next call goes on with others.
        correct: show the images that are labelled already, those first in which the model disagrees most.

    Raises:
        InputError: no folder or no image, names that differ from the table's or the model's, a folder that
            ``extract`` wrote (its manifest would no longer be true), or anywidget is not installed.
    """
    session = Session(Path(folder).expanduser(), tuple(names), model)
    shown = widget("labeller", session.data(session.order(correct)[:count]))
    shown.on_msg(lambda _, content, buffers: shown.send(session.save(content)))
    return shown


class Session:
    """The images of a folder, the labels so far, and the table they go to."""

    def __init__(self, folder: Path, names: tuple[str, ...], model: KeypointModel | None) -> None:
        self.table, self.model = folder / "keypoints.csv", model
        if not folder.is_dir():
            raise InputError(f"{folder}: expected a folder with images; there is none.")
        if (folder / "manifest.json").exists():
            raise InputError(f"{folder}: expected a folder of your own; found one that facekp extracted, with a "
                             "manifest of what is in it. Copy images and keypoints.csv elsewhere, or delete "
                             "manifest.json.")
        self.paths = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*"))
                      if p.suffix.lower() in ENDINGS and not p.name.startswith(".")}
        if not self.paths:
            raise InputError(f"{folder}: expected images in it; found none.")
        self.names, self.labels = self._read(names or (model.scheme.names if model is not None else ()))
        if model is not None and model.scheme.names != self.names:
            raise InputError(f"Expected a model of the points {listed(list(self.names))}; found one of "
                             f"{listed(list(model.scheme.names))}.")
        side = model.size if model is not None else 64
        crops: list[np.ndarray] = []
        self.files = ImageFiles.of(list(self.paths), self._photos(side, crops), np.full((len(self.paths), 3), np.nan))
        self.images = np.stack(crops)
        self.points, self.confidence = self._predict()

    def _photos(self, side: int, crops: list[np.ndarray]) -> Iterator[Photo]:
        """Each photo once, one after another; what a network sees of it goes to ``crops``."""
        for path in self.paths.values():
            photo = read(path, SHOWN)
            crops.append(crop(photo.pixels, whole(photo).divided(photo.reduced), side, least=1))
            yield photo

    def _read(self, names: tuple[str, ...]) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
        """The points' names, and the labels (K, 2) of the table by file."""
        if not self.table.is_file():
            if not names or len(set(names)) < len(names):
                raise InputError("Expected names of the points, each once, or a table or a model that has them; found "
                                 f"{listed(list(names))}.")
            return names, {}
        found = read_labels(self.table.parent)
        if names and names != found.names:
            raise InputError(f"{self.table}: expected the points {listed(list(names))}; found "
                             f"{listed(list(found.names))}. Leave the names out, or use another folder.")
        known = {f: next((p for p in self.paths if p == f or p == f"images/{f}"), f) for f in found.files}
        return found.names, {known[f]: p for f, p in zip(found.files, found.points, strict=True)}

    def _predict(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The model's points (N, K, 2) in the files' pixels, and its confidence (N,)."""
        if self.model is None:
            return None, None
        images = self.images if self.model.channels == 1 else np.repeat(self.images[..., None], 3, -1)
        points, confidence = predict(self.model, images)
        return self.files.to_files(points, self.model.size), confidence.mean(1)

    def order(self, correct: bool) -> list[str]:
        """The files in the order in which they are shown."""
        files = list(self.paths)
        labelled = np.array([f in self.labels for f in files])
        if not correct:
            return [files[i] for i in label_order(self.images, labelled, self.confidence)]
        mine = list(np.flatnonzero(labelled))
        if self.points is not None:
            off = [np.nan_to_num(np.linalg.norm(self.points[i] - self.labels[files[i]], axis=1)).max() for i in mine]
            mine = [mine[j] for j in np.argsort(off)[::-1]]
        return [files[i] for i in mine]

    def data(self, files: list[str]) -> dict[str, Any]:
        """What the page needs: names, pairs, and each image with its points so far."""
        place = {name: i for i, name in enumerate(self.paths)}
        faces = []
        for name in files:
            i = place[name]
            points = self.labels.get(name, self.points[i] if self.points is not None else None)
            width, height = self.files.sizes[i].tolist()
            image = data_url(read(self.paths[name], SHOWN))
            faces.append({"file": name, "width": width, "height": height, "image": image,
                          "points": [None] * len(self.names) if points is None else
                          [None if np.isnan(p).any() else [round(float(v), 2) for v in p] for p in points]})
        return {"names": list(self.names), "pairs": [list(p) for p in pairs_by_name(self.names)], "faces": faces}

    def save(self, content: Any) -> dict[str, str]:
        """Write the table with one more face; the answer to the page: ``saved`` or ``error``."""
        try:
            name, points = content["file"], np.array([p or (np.nan, np.nan) for p in content["points"]], float)
            if name not in self.paths or points.shape != (len(self.names), 2) or np.isinf(points).any():
                raise ValueError(f"{name}: {points.shape}")
            self.labels[name] = points
            self.write()
        except (KeyError, TypeError, ValueError, OSError) as e:
            return {"error": f"Not saved: {e}"}
        return {"saved": name}

    def write(self) -> None:
        """The whole table, under another name first, then moved."""
        with replacing(self.table) as temporary, open(temporary, "w", newline="", encoding="utf-8") as f:
            writer = csv.writer(f, lineterminator="\n")
            writer.writerow(["file", *(f"{n}_{axis}" for n in self.names for axis in "xy")])
            for name, points in self.labels.items():
                writer.writerow([name, *("" if np.isnan(v) else f"{v:.2f}" for v in points.ravel())])


def data_url(photo: Photo) -> str:
    """The photo as a data URL, at most ``SHOWN`` pixels a side; small ones without loss."""
    image = Image.fromarray(photo.pixels)
    image.thumbnail((SHOWN, SHOWN))
    kind, out = ("PNG" if max(image.size) <= 128 else "JPEG"), io.BytesIO()
    image.save(out, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"
