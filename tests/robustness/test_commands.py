"""A first day with the book: every command that a page shows is typed in, every Python snippet of the README run.

In a folder of its own each, on small stand-ins for what the reader has by then: Kaggle-shaped files, photos of drawn
people, a folder of animals. What a command reads and another shown command writes (``data/faces``, ``runs/first``) is
made by that other command. A command of a kind that is not listed here fails the test.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
import programs
import pytest
import shown
from kaggle_files import lookup_lines, test_lines, training_lines, write
from PIL import Image

from facekp import synthetic, training
from facekp.cli import demo_command
from facekp.data.faces import Faces
from facekp.models import create_model
from facekp.results import community
from facekp.synthetic.group import group

ROOT = shown.ROOT
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TINY_NETWORK = ("--option", "channels=24", "--option", "depth=1")
SHORTER = {  # what is added so that minutes become seconds; the command itself stays as it is shown
    "demo": ("--seconds", "1"),  # two epochs, on fewer faces: see the fixture
    "train": ("--epochs", "1", *TINY_NETWORK),
    "check": TINY_NETWORK,
    "find-lr": (*TINY_NETWORK, "--set", "batch_size=8"),
}
SMALLER = {"2000": "20", "DATA": "data/faces", "...": None}  # fewer faces; a stand-in for a placeholder; "and so on"
TOO_LONG: dict = {}
OUTPUTS = {"extract": 1, "generate": 1, "train": 1, "import": 1}  # which argument (0, 1, ...) is a folder that it makes
NOT_OURS = {  # programs that only a look can be taken at, and why
    "git": "needs the network; its address must be that of pyproject.toml",
    "cd": "goes into what git cloned",
    "source": "activates the environment in a shell",
    "sudo": "installs software of the system",
    "apt-get": "installs software of the system",
    "jupyter": "opens a server until it is stopped; its notebook folder must exist",
    "jupyter-book": "builds the book: a minute; make html does it in every test run",
    "wsl": "is a program of Windows",
    "brew": "is a program of macOS",
    "df": "only looks at the disk",
    "export": "sets a variable of the shell",
}


def command_line(words, capsys) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of ``facekp`` with these words, in this process."""
    before = sys.argv
    capsys.readouterr()
    try:
        programs.run(words)
        code = 0
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = before
    return code, *capsys.readouterr()


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory) -> Path:
    """What a reader has, or brings: small, drawn, under the names that the pages use."""
    folder = tmp_path_factory.mktemp("first-day")
    faces = synthetic.sample()
    whole = np.flatnonzero(np.isfinite(faces.keypoints).all((1, 2)))
    faces = faces.select(np.r_[whole[:20], len(faces) - 10 : len(faces)])
    kaggle = folder / "data" / "kaggle"
    kaggle.mkdir(parents=True)
    write(kaggle / "training.csv", training_lines(faces.images, faces.keypoints))
    write(kaggle / "test.csv", test_lines(faces.images[:4]))
    write(kaggle / "IdLookupTable.csv", lookup_lines(4))
    shutil.copy(kaggle / "training.csv", folder)
    for name in ("face.png", "photo.png"):
        Image.fromarray(faces.images[0]).save(folder / name)
    for name in ("party.jpg", "scene.png"):
        Image.fromarray(group(1, 2, seed=1)[0]).save(folder / name)
    shutil.copytree(ROOT / "data" / "sample", folder / "data" / "sample")
    (folder / "photos").mkdir()
    shutil.copy(folder / "party.jpg", folder / "photos")
    annotations = [{"image_id": 1, "category_id": 1, "bbox": [10 * i, 10, 60, 60],
                    "keypoints": [10 * i + 40, 30, 2, 10 * i + 20, 31 + i % 3, 1]} for i in range(12)]
    (folder / "annotations.json").write_text(json.dumps({
        "images": [{"id": 1, "file_name": "party.jpg"}], "annotations": annotations,
        "categories": [{"id": 1, "name": "face", "keypoints": ["left_ear", "right_ear"]}]}))
    (folder / "my-animals" / "images").mkdir(parents=True)
    rows = ["file,left_ear_x,left_ear_y,right_ear_x,right_ear_y"]
    for i in range(12):
        Image.fromarray(faces.images[i]).resize((120, 100)).save(folder / "my-animals" / "images" / f"{i}.jpg")
        rows.append(f"images/{i}.jpg,{70 + i},20,{30 + i},21")
    (folder / "my-animals" / "keypoints.csv").write_text("\n".join(rows) + "\n")
    (folder / "my-animals" / "pairs.csv").write_text("left,right\nleft_ear,right_ear\n")
    shutil.copytree(folder / "my-animals", folder / "my-images")
    shutil.copytree(folder / "photos", folder / "clip.mp4")  # a folder of frames: a video needs an optional package
    plan = 'protocol = "A"\n[common]\nkeypoints = "15"\nseeds = [0]\n[[run]]\nname = "mean face"\nmodel = "mean face"\n'
    (folder / "book" / "plans").mkdir(parents=True)
    for path in [Path("mine.toml"), *(p.relative_to(ROOT) for p in (ROOT / "book" / "plans").glob("*.toml"))]:
        (folder / path).write_text(plan)
    return folder


@pytest.fixture
def day(stand_ins, tmp_path, monkeypatch):
    """A reader's folder with the stand-ins in it, as the working directory; what takes minutes is made shorter."""
    shutil.copytree(stand_ins, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo_command, "generate", lambda count, **options: synthetic.generate(40, **options))
    monkeypatch.setattr(demo_command, "create_model", lambda name: create_model(name, channels=24, depth=1))
    truth = community.board_truth().astype(np.float32)  # the community's test faces, without rendering them
    blank = Faces(np.zeros((len(truth), 96, 96), np.uint8), truth)
    monkeypatch.setattr(community, "board_faces", lambda: blank)
    monkeypatch.setattr(training, "overfit", partial(training.overfit, steps=20))
    monkeypatch.setattr(training, "find_lr", partial(training.find_lr, steps=30))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    monkeypatch.setenv("FACEKP_KAGGLE", "")
    monkeypatch.setenv("COLUMNS", "120")
    return tmp_path


def tour() -> str:
    """What ``facekp --help`` prints."""
    return subprocess.run([sys.executable, "-m", "facekp", "--help"], capture_output=True, text=True, cwd=ROOT,
                          check=True).stdout


COMMANDS = shown.commands(tour())


def of(*programs: str) -> list:
    """The shown commands of these programs, as cases of a test."""
    return [pytest.param(c, id=f"{c.page}: {c}") for c in COMMANDS if program(c) in programs]


def program(command: shown.Command) -> str:
    """``facekp``, ``make`` ...; a ``torchrun`` or ``python -m facekp`` counts as what it starts."""
    first = command.words[0]
    started = first in ("torchrun", "python") and "facekp" in command.words
    return "facekp" if started else {"python3": "python"}.get(first, first)


def typed(command: shown.Command) -> list[str]:
    """The words after ``facekp``, with the stand-ins' sizes."""
    words = command.words[command.words.index("facekp") + 1 :]
    return [small for word in words if (small := SMALLER.get(word, word)) is not None]


def output(words: list[str]) -> str | None:
    """The folder that ``facekp`` with these words writes, if it must be a new one."""
    at = 1 + OUTPUTS.get(words[0], len(words)) if words else 0
    return words[at] if 0 < at < len(words) else None


MAKERS = {made: typed(c) for c in reversed(COMMANDS) if program(c) == "facekp" and (made := output(typed(c)))}
MAKERS |= {words[words.index("--out") + 1]: ["run_plan", *words[words.index("--plan"):]] for c in COMMANDS
           if "book.experiments.run_plan" in (words := [SMALLER.get(w, w) for w in c.words]) and "--faces" in words}


def run_shown(words: list[str], capsys) -> tuple[int, str, str]:
    """Run it, after the shown commands that write what it reads and is not there yet."""
    own = {output(words), words[words.index("--out") + 1] if "--out" in words else None}
    for word in words:
        if "/" in word and word in MAKERS and word not in own and not Path(word).exists():
            assert run_shown(MAKERS[word], capsys)[0] == 0, word
    return command_line([*words, *SHORTER.get(words[0] if words else "", ())], capsys)


@pytest.mark.tried("commands that the pages show", "typing each `facekp` command", "it ends well")
@pytest.mark.parametrize("command", of("facekp"))
def test_a_shown_command_runs(command, day, capsys):
    words = [word for word in typed(command) if command.words not in TOO_LONG or word != "OUT.json"]
    code, shown_text, errors = run_shown(words, capsys)
    if "..." in command.words or command.inline or command.words in TOO_LONG:  # perhaps a beginning
        incomplete = re.search(r"Missing (argument|option|command)", errors) or "Usage" in shown_text + errors
        assert code == 0 or incomplete, errors
        assert "No such" not in errors
    else:
        assert code == 0, errors


@pytest.mark.tried("commands that the pages show", "looking for each `make` target", "the Makefile has it")
@pytest.mark.parametrize("command", of("make"))
def test_a_shown_target_is_in_the_makefile(command):
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    variables = set(re.findall(r"^(\w+) [?:]?=", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for word in command.words[1:]:
        name, is_variable, _ = word.partition("=")
        assert word == "|" or name in (variables if is_variable else targets), word


@pytest.mark.tried("commands that the pages show", "looking at each `pip install`",
                   "the extra exists, the address is the project's")
@pytest.mark.parametrize("text", sorted({m for _, text in shown.pages() for m in
                                         re.findall(r"pip install ([^`;)\n]+)", text)}))
def test_a_shown_installation_names_what_there_is(text):
    extras = re.search(r"(?:facekp|\.)\[([^\]]+)\]", text)
    if extras:
        assert set(extras[1].split(",")) <= PROJECT["optional-dependencies"].keys()
    elif "git+" in text:
        assert f"git+{PROJECT['urls']['Repository']}@" in text
    else:
        assert text.split()[0] in {".", "-q"} or (text.startswith("-r ") and (ROOT / text.split()[1]).is_file()), text


def of_module(name: str) -> Path:
    """The file that ``python -m name`` runs."""
    spec = importlib.util.find_spec(name)
    return Path((importlib.util.find_spec(f"{name}.__main__") if spec.submodule_search_locations else spec).origin)


@pytest.mark.tried("commands that the pages show", "asking each Python script for its options", "it has them")
@pytest.mark.parametrize("command", of("python"))
def test_a_shown_script_has_the_options(command):
    words = list(command.words[1:])
    name = words[1] if words[0] == "-m" else words[0]
    path = of_module(name) if words[0] == "-m" else ROOT / name
    source = path.read_text()
    assert all(f'"{word}"' in source for word in words[1:] if word.startswith("--")), words
    assert words[0] == "-m" or "__main__" in source


@pytest.mark.tried("commands that the pages show", "looking at those of other programs", "what they name exists")
@pytest.mark.parametrize("command", of(*NOT_OURS))
def test_a_command_of_another_program_names_what_there_is(command):
    words = command.words
    if words[:2] == ("git", "clone"):
        assert words[2] == PROJECT["urls"]["Repository"]
    elif words[0] == "cd":
        assert words[1] == PROJECT["urls"]["Repository"].rpartition("/")[2]
    elif words[0].startswith("jupyter"):
        assert (ROOT / words[2]).is_dir()
    assert NOT_OURS[program(command)]


@pytest.mark.tried("commands that the pages show", "sorting them all", "none is of an unknown kind")
def test_no_command_is_of_an_unknown_kind():
    known = {"facekp", "make", "pip", "python", *NOT_OURS}
    assert {str(c): c.page for c in COMMANDS if program(c) not in known} == {}
    assert len(of("facekp")) > 30 and TOO_LONG.keys() <= {c.words for c in COMMANDS}


@pytest.mark.tried("Python snippets of the README", "running them one after the other", "none raises")
def test_the_snippets_of_the_readme_and_of_the_command_reference_run(day, monkeypatch):
    monkeypatch.setattr(matplotlib.pyplot, "show", lambda: None)
    names: dict = {}
    snippets = [*shown.snippets("README.md"), *shown.snippets("book/commands.md")]
    assert len(snippets) == 2
    for snippet in snippets:
        exec(snippet.replace("epochs=10", "epochs=1"), names)
    assert names["points"].shape == (len(names["test"]), 15, 2) and isinstance(names["config"], training.TrainConfig)
    assert names["record"]["curve"] and os.environ["TQDM_DISABLE"]
