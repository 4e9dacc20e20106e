"""Make the page in which the network runs: ``_build/html/live``. A Sphinx extension, and a command:

    python book/tools/live_page.py OUT_DIR

What a browser needs besides ``book/live`` is made here and never committed: the networks as ONNX, from the weights that
ship with the library; the synthetic faces; and ONNX Runtime Web, from its npm package, pinned by version and content.

Data travels as scripts that hold base64, see ``book/live/parts.js``: so the page works from a disk as from a server,
and can forbid itself every connection.
"""

import base64
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zlib
from http.client import HTTPException
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "book" / "live"
CACHE = ROOT / "_build" / "live-cache"
PIECE = 480_000  # bytes of a file in one script

RUNTIME = "1.30.0"
RUNTIME_FILES = {
    "ort.wasm.bundle.min.mjs": "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
    "ort-wasm-simd-threaded.wasm": "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
}
CDN = "https://cdn.jsdelivr.net/npm/onnxruntime-web@{version}/dist/{file}"

NETWORKS = {"hourglass-s-synthetic": "synthetic faces only (CC0)",
            "hourglass-s": "photographs (research and teaching only)"}
DETECTOR = "face-maps"
FACES_SEED, FACES = 77, (1, 17, 13, 4, 25, 35, 31, 21)  # a seed that no weights learnt from; the last two are hard


class Missing(Exception):
    """Something that the page needs could not be had; the message is for its readers."""


# ---- the runtime ---------------------------------------------------------------------------------


def runtime(cache: Path = CACHE) -> dict[str, bytes]:
    """The two files of ONNX Runtime Web: from the cache, otherwise from npm, otherwise from a CDN.

    Raises:
        Missing: none of them has the files as they are pinned.
    """
    folder = cache / f"onnxruntime-web-{RUNTIME}"
    for fetch in (lambda: None, lambda: from_npm(folder), lambda: from_cdn(folder)):
        try:
            fetch()
            return {name: checked(folder / name, pin) for name, pin in RUNTIME_FILES.items()}
        except (OSError, HTTPException, subprocess.SubprocessError, tarfile.TarError, EOFError, zlib.error,
                StopIteration, KeyError):  # no network; cut off on the way; damaged; another package than expected
            continue
    raise Missing(f"ONNX Runtime Web {RUNTIME} could not be fetched when these pages were built (with npm, or from a "
                  "CDN). Build them again with a connection.")


def checked(path: Path, pin: str) -> bytes:
    """The bytes of a file whose SHA-256 is ``pin``; OSError if it is another."""
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != pin:
        path.unlink()
        raise OSError(f"{path} is not the pinned file")
    return data


def from_npm(folder: Path) -> None:
    """Both files out of the npm package (33 MB, once)."""
    with tempfile.TemporaryDirectory() as work:
        subprocess.run(["npm", "pack", f"onnxruntime-web@{RUNTIME}", "--silent"], cwd=work, check=True, timeout=300,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        folder.mkdir(parents=True, exist_ok=True)
        with tarfile.open(next(Path(work).glob("*.tgz"))) as package:
            for name in RUNTIME_FILES:
                (folder / name).write_bytes(package.extractfile(f"package/dist/{name}").read())


def from_cdn(folder: Path) -> None:
    """Both files from a CDN that serves npm's packages."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in RUNTIME_FILES:
        with urllib.request.urlopen(CDN.format(version=RUNTIME, file=name), timeout=60) as answer:
            (folder / name).write_bytes(answer.read())


def as_script(module: str) -> str:
    """The runtime's ES module as a plain script that sets ``ort``: a browser loads no module from a disk.

    Where the module asks for its own address it gets one that leads nowhere: it never loads anything, as its
    WebAssembly is handed to it.
    """
    found = re.findall(r"export\{([^}]*)\};", module)
    if len(found) != 1:
        raise Missing(f"ONNX Runtime Web {RUNTIME} has another form than expected.")
    names = dict(reversed(pair.split(" as ")) for pair in found[0].split(","))
    wanted = ",".join(f"{name}:{names[name]}" for name in ("InferenceSession", "Tensor", "env"))
    body = module.replace(f"export{{{found[0]}}};", f"globalThis.ort={{{wanted}}};")
    body = body.replace("import.meta.url", '"https://nowhere.invalid/"')
    notice = body[: body.index("*/") + 2]  # the copyright stays in front
    return f'{notice}\n(()=>{{"use strict";{re.sub("//# sourceMappingURL=.*", "", body[len(notice):])}}})();\n'


# ---- networks and faces --------------------------------------------------------------------------


def network(name: str, cache: Path = CACHE) -> bytes:
    """Shipped weights as ONNX with maps, or the face detector; from the cache if all that makes them is the same.

    Raises:
        Missing: the exporter is not installed.
    """
    import torch

    from facekp import export, pretrained
    from facekp.errors import InputError
    from facekp.photo import face_maps

    library = "".join(p.read_text() for p in sorted(Path(export.__file__).parent.rglob("*.py")))
    card = face_maps.card() if name == DETECTOR else pretrained.card(name)
    made_from = card["sha256"] + library + torch.__version__
    path = cache / f"{name}-{hashlib.sha256(made_from.encode()).hexdigest()[:16]}.onnx"
    if not path.is_file():
        try:
            if name == DETECTOR:
                export.detector_to_onnx(path)
            else:
                export.export(f"pretrained:{name}", path, maps=True)
        except InputError as error:
            raise Missing(f"the network could not be exported when these pages were built. {error}") from None
    return path.read_bytes()


def drawn_faces() -> tuple[np.ndarray, np.ndarray]:
    """Images (F, 96, 96) uint8 and true points (F, 15, 2) of the faces on the page."""
    from facekp.synthetic import generate

    faces = generate(max(FACES) + 1, FACES_SEED)
    return faces.images[list(FACES)], faces.keypoints[list(FACES)]


def still(path: Path, images: np.ndarray) -> None:
    """The image that is there before the network is, or without JavaScript: the faces, and what it finds on them."""
    from PIL import Image, ImageDraw

    from facekp.predict import predict
    from facekp.pretrained import load_pretrained

    points, _ = predict(load_pretrained(next(iter(NETWORKS))), images)
    cell, scale = 240, 240 / 96
    sheet = Image.new("RGB", (4 * cell, 2 * cell))
    for i, (image, face) in enumerate(zip(images, points, strict=True)):
        tile = Image.fromarray(image).resize((cell, cell), Image.Resampling.BICUBIC).convert("RGB")
        draw = ImageDraw.Draw(tile)
        for x, y in (face + 0.5) * scale:
            for width, colour in ((5, "#101010"), (2, "#ff9f1c")):
                draw.line((x - 5, y - 5, x + 5, y + 5), colour, width)
                draw.line((x - 5, y + 5, x + 5, y - 5), colour, width)
        sheet.paste(tile, (i % 4 * cell, i // 4 * cell))
    sheet.quantize(64).save(path, optimize=True)


# ---- the page ------------------------------------------------------------------------------------


def write_parts(out: Path, name: str, path: str, data: bytes) -> dict:
    """``data`` as scripts ``out/path-0.js``, ...: packed with gzip, in pieces; its entry on the page's card."""
    packed = gzip.compress(data, 9, mtime=0)
    pieces = [packed[i : i + PIECE] for i in range(0, len(packed), PIECE)]
    for i, piece in enumerate(pieces):
        file = out / f"{path}-{i}.js"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'part("{name}", {i}, "{base64.b64encode(piece).decode()}");\n')
    return {"name": name, "path": path, "parts": len(pieces), "bytes": sum(4 * -(-len(p) // 3) for p in pieces)}


def write(out: str | Path, cache: Path = CACHE) -> dict:
    """Make the whole page in ``out``; its card. Where something is missing, the page shows its still and says why."""
    from facekp import data, metrics, pretrained
    from facekp.keypoints import KAGGLE
    from facekp.photo import face_maps

    out = Path(out)
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(SOURCE, out)
    images, truth = drawn_faces()
    still(out / "still.png", images)
    card = {
        "keypoints": KAGGLE.names, "swap": KAGGLE.swap.tolist(),
        "eyes": KAGGLE.index("right_eye_center", "left_eye_center"),
        "mean_face": metrics.mean_face(data.load("sample").complete().keypoints).round(3).ravel().tolist(),
        "faces": write_parts(out, "faces", "data/faces", images.tobytes())
                 | {"truth": truth.round(3).reshape(len(truth), -1).tolist()},
    }
    try:
        files = runtime(cache)
        folder = f"data/onnxruntime-web-{RUNTIME}"
        card["runtime"] = write_parts(out, "runtime", f"{folder}/wasm", files["ort-wasm-simd-threaded.wasm"])
        (out / folder / "ort.js").write_text(as_script(files["ort.wasm.bundle.min.mjs"].decode()))
        card["runtime"]["script"] = f"{folder}/ort.js"
        card["networks"] = [
            {k: pretrained.card(name)[k] for k in ("data", "licence")} | {"label": label}
            | write_parts(out, name, f"data/{name}", network(name, cache)) for name, label in NETWORKS.items()
        ]
        card["detector"] = {"licence": face_maps.card()["licence"]} | write_parts(
            out, DETECTOR, f"data/{DETECTOR}", network(DETECTOR, cache))
    except Missing as missing:
        print(f"The live page shows only its still image: {missing}", file=sys.stderr)
        card |= {"runtime": None, "networks": [], "missing": str(missing)}
    (out / "card.js").write_text(f'"use strict";\nconst CARD = {json.dumps(card)};\n')
    return card


def figures(app, config) -> None:
    """What book/live.md says of the page as ``{{ live_ms }}`` and the like, from the record of ``bench_live.py``."""
    record = json.loads((ROOT / "book" / "results" / "bench-live.json").read_text())
    watch = record["watch"]
    config.myst_substitutions |= {
        "live_ms": f"{record['median_ms']:.0f}", "live_runs": record["runs"], "live_browser": record["browser"],
        "live_detector_kb": f"{record['bytes']['detector'] / 1e3:.0f}",
        "live_page_kb": f"{record['bytes']['page'] / 1e3:.0f}",
        **{f"live_{part}_mb": f"{record['bytes'][part] / 1e6:.1f}" for part in ("runtime", "network")},
        **{f"live_{name.replace(' ', '_')}_{what}": f"{value:.{digits}f}"
           for what, digits in (("error", 1), ("confidence", 2)) for name, value in watch[what].items()},
        **{f"live_{eye}_{when}": f"{value:.2f}" for eye in ("covered_eye", "other_eye")
           for when, value in zip(("before", "after"), watch[eye], strict=True)},
        **{f"live_{name}": f"{watch[name]:.{digits}f}"
           for name, digits in (("blurred_eyes_px", 1), ("blurred_mouth_px", 1), ("mirror_px", 2))},
    }


def finished(app, exception: Exception | None) -> None:
    """After the pages of the book, this one."""
    if exception is None and app.builder.format == "html":
        write(Path(app.outdir) / "live")


def setup(app) -> dict:
    app.connect("config-inited", figures, priority=100)
    app.connect("build-finished", finished)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    card = write(sys.argv[1])
    print(f"Wrote {sys.argv[1]}/index.html" + ("" if card["runtime"] else ", without the network"))
