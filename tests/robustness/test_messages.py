"""Bad files through the command line: code 2, one line on stderr, nothing written; with --debug, where it happened."""

import sys

import programs
import pytest
from kaggle_files import arrays, lookup_lines, test_lines, text, training_lines, zipped

from facekp.errors import MAX_MESSAGE, InputError

IMAGES, KEYPOINTS = arrays(2, 96)
TRAINING = text(training_lines(IMAGES, KEYPOINTS))
LOOKUP = text(lookup_lines(2))
WRONG = TRAINING.replace(b"left_eye_center_x", b"\x1b[31mleft\r\neye", 1)

COMMANDS = {
    "cut training.csv": ("training.csv", TRAINING[:-100], "inspect {} --picture out.png"),
    "escape codes in a header": ("training.csv", WRONG, "inspect {}"),
    "a zip cut short": ("training.zip", zipped({"training.csv": TRAINING})[:-50], "extract {} out"),
    "a zip without training.csv": ("my.zip", zipped({"a.txt": b""}), "train {} out"),
    "a file that is no .npz": ("faces.npz", b"PK\x03\x04", "train {} out"),
    "a folder's table": ("keypoints.csv", b"file,a_x,a_y\n../x,1,2\n", "inspect ."),
    "a folder's manifest": ("manifest.json", b"[" * 100_000, "inspect ."),
    "a plan": ("plan.toml", b"[[run]]\nname = 5", "run_plan --plan {} --faces sample --out out --work out"),
    "a record": ("a.json", b'{"metrics": 5}', "results table ."),
    "a record to draw": ("a.json", b"{", "results plots . out"),
    "the lookup of a submission": ("IdLookupTable.csv", LOOKUP.replace(b"nose_tip_x", b"nose", 1),
                                   "submit hourglass-s . out.csv"),
    "a setting": ("x", b"", "train sample out --set seed=-1"),
    "a setting without end": ("x", b"", "train sample out --set lr=1e400"),
    "a setting that is an argument too": ("x", b"", "train sample out --set original_recipe=5"),
    "a setting whole and in part": ("x", b"", "train sample out --set augment=5 --set augment.rotation=3"),
    "a setting in part and whole": ("x", b"", "train sample out --set augment.rotation=3 --set augment=5"),
    "a setting of brackets": ("x", b"", "train sample out --set lr=" + "[" * 5000),
    "a device": ("x", b"", "train sample out --device cuda:99"),
    "a name too long": ("x", b"", "inspect " + "x" * 300),
}


def call(arguments, monkeypatch):
    monkeypatch.setattr(sys, "argv", [])
    programs.run(arguments.split())


@pytest.fixture
def case(request, tmp_path, monkeypatch):
    """The command of a case, in a folder with its file."""
    name, content, command = COMMANDS[request.param]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keypoints.csv").write_bytes(b"file,a_x,a_y\na.png,1,2\n")
    if "submission" in request.param:
        (tmp_path / "test.csv").write_bytes(text(test_lines(IMAGES)))
    (tmp_path / name).write_bytes(content)
    return command.format(name)


@pytest.mark.tried("facekp on the command line", "bad files and settings in every command that reads them",
                   "code 2 and one line on stderr, nothing written")
@pytest.mark.parametrize("case", COMMANDS, indirect=True)
def test_one_line_and_code_2(case, tmp_path, monkeypatch, capfd):
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as stopped:
        call(case, monkeypatch)
    out, err = capfd.readouterr()
    assert stopped.value.code == 2 and out == ""
    assert err.startswith("facekp: ") and err.endswith("\n") and err[:-1].isprintable() and "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.tried("facekp --debug", "the same bad files", "the exception itself, with the place it came from")
@pytest.mark.parametrize("case", ["cut training.csv", "a plan", "a record"], indirect=True)
def test_debug_raises(case, monkeypatch):
    with pytest.raises(InputError):
        call(case + " --debug", monkeypatch)


@pytest.mark.tried("messages", "line breaks, control characters and 100,000 letters in what is quoted",
                   "one printable line, its beginning and end kept")
@pytest.mark.parametrize("found", ["a\nb", "\x1b[2J", "\r", "\ud800", "\u202e", "\x00", "x" * 100_000])
def test_messages_are_one_line(found):
    message = str(InputError(f"file.csv, row 3: expected a number; found '{found}'. Repair it."))
    assert message.isprintable() and len(message) <= MAX_MESSAGE + 5
    assert message.startswith("file.csv, row 3") and message.endswith("Repair it.")
    assert str(InputError(message)) == message
