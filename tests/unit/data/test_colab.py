"""Kaggle's files in Colab: each way with its own message, and none of them an error in the cell."""

import errno
import importlib
import os
import sys
import types
from pathlib import Path

import pytest
from kaggle_files import arrays, competition_zip

from facekp.data import colab, find_kaggle
from facekp.errors import InputError

download = importlib.import_module("facekp.data.download")
ZIP = "facial-keypoints-detection.zip"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty machine like Colab's: no files, a Drive that can be mounted, a dialogue that sends nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FACEKP_KAGGLE", raising=False)
    monkeypatch.setattr("facekp.data.PLACES", ("data/kaggle", str(tmp_path / "drive" / "facekp")))
    monkeypatch.setattr(colab, "DRIVE", str(tmp_path / "drive" / "facekp"))
    drive = types.ModuleType("google.colab.drive")
    files = types.ModuleType("google.colab.files")
    drive.mount, files.upload = lambda place: None, lambda folder: {}
    for name, module in (("google", types.ModuleType("google")), ("google.colab", types.ModuleType("google.colab")),
                         ("google.colab.drive", drive), ("google.colab.files", files)):
        monkeypatch.setitem(sys.modules, name, module)
    return types.SimpleNamespace(folder=tmp_path, drive=drive, files=files)


def zip_file(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ZIP).write_bytes(competition_zip(*arrays(6, size=96)))


def test_no_way_chosen_lists_them_and_an_unknown_one_is_refused(here):
    said = colab.fetch()
    assert "not found" in said and all(f'fetch("{way}")' in said for way in ("token", "drive", "upload"))
    with pytest.raises(InputError, match="Known: token, drive, upload"):
        colab.fetch("post")


def test_files_that_are_here_are_not_fetched(here, monkeypatch):
    zip_file(here.folder / "data" / "kaggle")
    monkeypatch.setattr(colab, "download", lambda folder: pytest.fail("asked Kaggle"))
    assert colab.fetch("token") == "Kaggle's files: data/kaggle."


@pytest.mark.parametrize(("message", "shown"), [
    ("Kaggle needs to know whose account this is. It refused the token that it was given (401).", "refused the token"),
    ("Kaggle could not be reached (ConnectionError).", "could not be reached"),
])
def test_a_wrong_token_and_no_network_are_reported_and_do_not_fail(here, monkeypatch, message, shown):
    def refused(folder):
        raise InputError(message, "What to do: ...")
    monkeypatch.setattr(colab, "download", refused)
    said = colab.fetch("token")
    assert said.startswith("Kaggle's files: not found.") and shown in said and "What to do" in said


def test_a_token_brings_the_files(here, monkeypatch):
    monkeypatch.setattr(colab, "download", lambda folder: zip_file(Path(folder)))
    assert colab.fetch("token") == "Kaggle's files: data/kaggle." and find_kaggle() == Path("data/kaggle")


def test_a_full_disk_is_reported_and_leaves_no_half_file(here, monkeypatch, tmp_path):
    hub = tmp_path / "hub"
    hub.mkdir()
    for name in ("training.zip", "test.zip", "IdLookupTable.csv"):
        (hub / name).write_text("x")

    def full(source, target):
        Path(target).write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    monkeypatch.setattr(download, "_fetch", lambda force: hub)
    monkeypatch.setattr(download.shutil, "copyfile", full)
    said = colab.fetch("token")
    assert "No space left" in said and "Make room" in said
    assert not any(p.is_file() for p in (tmp_path / "data").rglob("*"))


def test_the_drive_is_mounted_and_an_empty_one_says_what_to_put_where(here):
    asked = []
    here.drive.mount = asked.append
    said = colab.fetch("drive")
    assert asked == ["/content/drive"] and ZIP in said and str(here.folder / "drive" / "facekp") in said
    here.drive.mount = lambda place: zip_file(here.folder / "drive" / "facekp")
    assert colab.fetch("drive") == f"Kaggle's files: {here.folder / 'drive' / 'facekp'}."


def test_a_drive_that_is_not_allowed_is_reported(here):
    def refused(place):
        raise ValueError("mount failed: access was denied")
    here.drive.mount = refused
    assert "access was denied" in colab.fetch("drive")


def test_an_upload_lands_where_the_files_are_looked_for_and_a_closed_dialogue_is_reported(here):
    assert "No file was chosen" in colab.fetch("upload")

    def sent(folder):
        zip_file(Path(folder))
        return {f"{folder}/{ZIP}": b""}
    here.files.upload = sent
    assert colab.fetch("upload") == "Kaggle's files: data/kaggle."


def test_elsewhere_than_in_colab_drive_and_upload_say_so(here, monkeypatch):
    for name in ("google.colab.drive", "google.colab.files", "google.colab", "google"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(colab, "import_module", lambda name: (_ for _ in ()).throw(
        ModuleNotFoundError(f"No module named '{name}'", name="google")))
    for way in ("drive", "upload"):
        assert colab.fetch(way) == colab.NOT_COLAB
