"""Downloads that break off, or bring something else: one message, nothing half kept, and the second try ends whole."""

import base64
import functools
import hashlib
import http.server
import importlib.util
import io
import socketserver
import tarfile
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from facekp.data.download import download
from facekp.errors import InputError
from facekp.models.resnet import imagenet

ROOT = Path(__file__).parents[2]
FAULTS = ("cut off", "cut off at once", "something else", "refused")


class Shelf(http.server.BaseHTTPRequestHandler):
    """Serves ``files``, a dictionary of bytes; what ``faults`` names next goes wrong once."""

    def __init__(self, files: dict, faults: list, asked: list, *args) -> None:
        self.files, self.faults, self.asked = files, faults, asked
        super().__init__(*args)

    def do_GET(self) -> None:
        name = self.path.rsplit("/", 1)[-1]
        if name not in self.files:
            self.send_response(302)
            self.send_header("Location", "/" + next(iter(self.files)))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        data, first = self.files[name], 0
        self.asked.append(self.headers.get("Range", "all"))
        if "Range" in self.headers:
            first = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "refused":
            self.send_error(503)
            return
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(data) - first))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("x-goog-hash", "md5=" + base64.b64encode(hashlib.md5(data).digest()).decode())
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.end_headers()
        stop = {"cut off": (first + len(data)) // 2, "cut off at once": first}.get(fault, len(data))
        self.wfile.write((data if fault != "something else" else bytes(len(data)))[first:stop])
        self.close_connection = True

    do_POST = do_GET

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def shelf():
    """files, faults, asked, address: what a web server on this machine gives, what goes wrong, what was asked for."""
    files, faults, asked = {}, [], []
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), functools.partial(Shelf, files, faults, asked)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield SimpleNamespace(files=files, faults=faults, asked=asked,
                              address=f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()
        thread.join()


# ---- ImageNet's weights -----------------------------------------------------------------------------


@pytest.fixture
def weights(shelf, tmp_path, monkeypatch):
    """A small file of weights that torchvision believes to be its own; where torch will keep it."""
    buffer = io.BytesIO()
    torch.save({"weight": torch.arange(5000.0)}, buffer)
    data = buffer.getvalue()
    name = f"small-{hashlib.sha256(data).hexdigest()[:8]}.pth"
    shelf.files[name] = data
    url = f"{shelf.address}/{name}"
    entry = SimpleNamespace(url=url, get_state_dict=functools.partial(torch.hub.load_state_dict_from_url, url))
    monkeypatch.setattr("torchvision.models.get_model_weights", lambda _: SimpleNamespace(DEFAULT=entry))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub._hub_dir", None)
    return tmp_path / "hub" / "checkpoints" / name


@pytest.mark.tried("ImageNet's weights", "a download that is cut off, refused, or brings other bytes; then again",
                   "one error that says so, nothing kept; the second try has the right weights")
@pytest.mark.parametrize("fault", FAULTS)
def test_imagenet_is_checked(shelf, weights, fault):
    shelf.faults.append(fault)
    with pytest.raises(InputError, match=r"Expected to download ImageNet's weights .* that failed"):
        imagenet("small")
    assert not list(weights.parent.iterdir())
    assert torch.equal(imagenet("small")["weight"], torch.arange(5000.0))
    assert [p.name for p in weights.parent.iterdir()] == [weights.name]


@pytest.mark.tried("ImageNet's weights", "a kept file that is cut, empty, or has one bit turned",
                   "one error that names the file; once it is deleted, the right weights")
@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b[:9000] + bytes([b[9000] ^ 1])
                                    + b[9001:], lambda b: b + b"x"])
def test_a_damaged_kept_file_is_noticed(shelf, weights, damage):
    imagenet("small")
    weights.write_bytes(damage(weights.read_bytes()))
    with pytest.raises(InputError, match=f"{weights.name}: expected the file .* Delete it"):
        imagenet("small")
    weights.unlink()
    assert torch.equal(imagenet("small")["weight"], torch.arange(5000.0))


# ---- the live page's runtime --------------------------------------------------------------------------


@pytest.fixture
def live(shelf, tmp_path, monkeypatch):
    """book/tools/live_page.py with two small files for its runtime; no npm."""
    spec = importlib.util.spec_from_file_location("live_page", ROOT / "book" / "tools" / "live_page.py")
    live = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(live)
    shelf.files.update({"one.mjs": b"1" * 50_000, "two.wasm": b"2" * 70_000})
    pins = {name: hashlib.sha256(data).hexdigest() for name, data in shelf.files.items()}
    monkeypatch.setattr(live, "RUNTIME_FILES", pins)
    monkeypatch.setattr(live, "CDN", shelf.address + "/{version}/{file}")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return live


@pytest.mark.tried("the live page's runtime", "a download that is cut off, refused, or brings other bytes; then again",
                   "one error, no wrong file is used; the second try has the right files")
@pytest.mark.parametrize("file", [0, 1])
@pytest.mark.parametrize("fault", FAULTS)
def test_the_runtime_is_checked(shelf, live, tmp_path, fault, file):
    shelf.faults.extend([""] * file + [fault])
    with pytest.raises(live.Missing, match="could not be fetched"):
        live.runtime(tmp_path / "cache")
    assert live.runtime(tmp_path / "cache") == shelf.files
    asked = len(shelf.asked)
    assert live.runtime(tmp_path / "cache") == shelf.files and len(shelf.asked) == asked


@pytest.mark.tried("the live page's runtime", "npm gives a package that is cut off, or none, or one without the files",
                   "the runtime comes from the next place")
@pytest.mark.parametrize("package", ["whole", "cut off", "cut in its head", "no package", "without the files"])
def test_a_damaged_package_is_passed_over(shelf, live, tmp_path, package):
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        for name, data in shelf.files.items():
            entry = tarfile.TarInfo(f"package/dist/{name}" if package != "without the files" else name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    data = whole.getvalue()
    data = {"cut off": data[: len(data) * 3 // 4], "cut in its head": data[:20]}.get(package, data)
    (tmp_path / "package").write_bytes(data)
    npm = tmp_path / "bin" / "npm"
    npm.write_text("#!/bin/sh\n" + ("" if package == "no package" else f"/bin/cp {tmp_path}/package ./x.tgz\n"))
    npm.chmod(0o755)
    assert live.runtime(tmp_path / "cache") == shelf.files
    assert bool(shelf.asked) == (package != "whole")


# ---- Kaggle's files -----------------------------------------------------------------------------------


@pytest.mark.tried("facekp download", "the archive is cut off, refused, or brings other bytes; then again",
                   "one error, no file in the folder; the second try goes on and ends whole, by its checksum")
@pytest.mark.parametrize("fault", FAULTS)
def test_kaggle_is_resumed_and_checked(shelf, tmp_path, monkeypatch, fault):
    pytest.importorskip("kagglehub")
    environment = pytest.importorskip("kagglesdk.kaggle_env")
    if not hasattr(environment, "_env_to_endpoint"):
        pytest.skip("this kagglehub finds its server in another way")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as z:
        for name in ("training.zip", "test.zip", "IdLookupTable.csv"):
            z.writestr(name, name.encode() * 20_000)
    shelf.files["archive.zip"] = archive.getvalue()
    monkeypatch.setattr(environment, "_env_to_endpoint", dict.fromkeys(environment._env_to_endpoint, shelf.address))
    monkeypatch.setenv("KAGGLE_USERNAME", "nobody")
    monkeypatch.setenv("KAGGLE_KEY", "none")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("no_proxy", "*")
    shelf.faults.append(fault)
    with pytest.raises(InputError, match="again"):
        download(tmp_path / "kaggle")
    assert not (tmp_path / "kaggle").exists()
    download(tmp_path / "kaggle")
    for name in ("training.zip", "test.zip", "IdLookupTable.csv"):
        assert (tmp_path / "kaggle" / name).read_bytes() == name.encode() * 20_000
    if fault == "cut off":
        assert shelf.asked[-1].startswith("bytes="), "begun anew, not resumed"
