"""What no code of the project may do, found by reading it: a list of (line, what) for a piece of Python."""

import ast
import json
import re
from pathlib import Path

UNPICKLERS = {"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle"}
RUNNERS = {"eval", "exec", "compile", "execfile", "__import__"}
SHELLS = {"os.system", "os.popen", "os.startfile", "subprocess.getoutput", "subprocess.getstatusoutput",
          "commands.getoutput"}
DOWNLOADERS = {"urlopen", "urlretrieve", "load_state_dict_from_url", "download_url_to_file", "load_url",
               "competition_download", "dataset_download", "model_download", "hf_hub_download"}
WEB = {"requests", "httpx", "aiohttp", "urllib3"}
PLAIN = re.compile(r"http://(?!www\.w3\.org/|127\.0\.0\.1|localhost|\{)\S")


def name_of(node: ast.AST) -> str:
    """``a.b.c`` of a call's function; "" for what has no name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return ""


def of_call(node: ast.Call) -> list[str]:
    """What is wrong with a call."""
    name, last = name_of(node.func), name_of(node.func).rpartition(".")[2]
    options = {k.arg: getattr(k.value, "value", ...) for k in node.keywords}
    found = []
    if name in RUNNERS or (name.removeprefix("builtins.") in RUNNERS and name.startswith("builtins.")):
        found.append(f"{last}() of a text")
    if name in SHELLS or name.startswith("os.spawn"):
        found.append(f"{name}(), a shell")
    if options.get("shell", False) is not False:
        found.append("shell=True")
    if name == "torch.load" and options.get("weights_only") is not True:
        found.append("torch.load without weights_only=True")
    if last == "load" and name.startswith(("np.", "numpy.")) and options.get("allow_pickle", False) is not False:
        found.append("np.load with allow_pickle")
    if name in ("torch.jit.load", "torch.package.PackageImporter", "pd.read_pickle", "pandas.read_pickle"):
        found.append(f"{name}(), which unpickles")
    if name in ("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load") and "Safe" not in ast.dump(node):
        found.append("yaml.load without a safe loader")
    if last in ("extractall", "unpack_archive") and options.get("filter") != "data":
        found.append(f"{last} without filter='data'")
    if last in DOWNLOADERS or name.split(".")[0] in WEB:
        found.append(f"a download: {last}")
    return found


def findings(source: str) -> list[tuple[int, str]]:
    """All of it in one file's source."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            found += [(node.lineno, f"imports {n}") for n in names if n.split(".")[0] in UNPICKLERS]
            whole = [f"{names[0]}.{a.name}" for a in node.names] if isinstance(node, ast.ImportFrom) else []
            found += [(node.lineno, f"imports {n}") for n in whole if n in SHELLS | {"torch.load", "numpy.load"}]
        elif isinstance(node, ast.Call):
            found += [(node.lineno, what) for what in of_call(node)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and PLAIN.search(node.value):
            found.append((node.lineno, f"an address without https: {PLAIN.search(node.value)[0]}"))
    return found


def code_of(path: Path) -> str:
    """The Python of a file; of a notebook, that of its code cells, without lines that are commands to Jupyter."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = ["".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "code"]
    return re.sub(r"^(\s*)[%!].*$", r"\1pass", "\n".join(cells), flags=re.MULTILINE)


def of_policy(html: str) -> list[str]:
    """What is missing in, or wrong with, the Content-Security-Policy of a page that must not send anything."""
    found = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', html)
    if len(found) != 1:
        return [f"{len(found)} policies"]
    policy = {d.split()[0]: d.split()[1:] for d in found[0].split(";") if d.strip()}
    wrong = [f"no {name}" for name in ("default-src", "base-uri", "form-action") if policy.get(name) != ["'none'"]]
    free = {"'self'", "'none'", "'wasm-unsafe-eval'"}
    wrong += [f"{name} {v}" for name, values in policy.items() for v in values
              if v not in free and not (name == "img-src" and v in ("blob:", "data:"))]
    wrong += [f"{name} is there" for name in policy if name in ("connect-src", "object-src", "frame-src", "worker-src")]
    before = html[: html.index("<meta http-equiv")]
    wrong += ["something comes before the policy"] if re.search(r"<(script|link|img|style)", before) else []
    wrong += ["a script in the page"] if re.search(r"<script(?![^>]* src=)|\son\w+=", html) else []
    return wrong
