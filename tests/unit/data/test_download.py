"""The download: kagglehub's real errors become steps to take; what is there already is left alone."""

import sys

import pytest
from kaggle_files import arrays, competition_zip, lookup_lines, text

from facekp.data import kaggle
from facekp.data.download import download
from facekp.errors import InputError

kagglehub = pytest.importorskip("kagglehub")
requests = pytest.importorskip("requests")
from kagglehub import exceptions  # noqa: E402
from kagglehub.config import KaggleApiCredentials  # noqa: E402

FILES = ["IdLookupTable.csv", "test.zip", "training.zip"]


class FakeKaggle:
    """Stands for ``kagglehub.competition_download``: a folder with files, or an error."""

    def __init__(self, folder, files=FILES, error=None):
        self.folder, self.error, self.calls = folder, error, []
        folder.mkdir()
        for name in files:
            (folder / name).write_text(f"Kaggle's {name}")

    def __call__(self, handle, path=None, *, force_download=False, output_dir=None):
        self.calls.append((handle, force_download))
        if self.error:
            raise self.error
        return str(self.folder)


@pytest.fixture
def fake(tmp_path, monkeypatch):
    def make(**options):
        fake = FakeKaggle(tmp_path / "kagglehub", **options)
        monkeypatch.setattr(kagglehub, "competition_download", fake)
        return fake
    return make


def listing(folder):
    return {p.name: p.read_text() for p in folder.iterdir()}


def http_error(status):
    response = requests.Response()
    response.status_code = status
    return exceptions.KaggleApiHTTPError(f"{status} Client Error.\n\nYou don't have permission", response=response)


def test_files_are_copied_and_not_fetched_twice(tmp_path, fake):
    kaggle_hub = fake()
    out = download(tmp_path / "a" / "kaggle")
    assert out == tmp_path / "a" / "kaggle" and listing(out) == {n: f"Kaggle's {n}" for n in FILES}
    assert kaggle_hub.calls == [("facial-keypoints-detection", False)]
    download(out)
    assert len(kaggle_hub.calls) == 1
    (out / "test.zip").unlink()
    (out / "training.zip").write_text("mine")
    download(out)
    assert len(kaggle_hub.calls) == 2 and listing(out)["training.zip"] == "mine" and "test.zip" in listing(out)
    download(out, force=True)
    assert kaggle_hub.calls[-1] == ("facial-keypoints-detection", True)
    assert listing(out)["training.zip"] == "Kaggle's training.zip"


def test_csv_or_the_whole_zip_count_as_there(tmp_path, fake):
    kaggle_hub = fake(error=AssertionError("asked the network"))
    images, keypoints = arrays()
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "facial-keypoints-detection.zip").write_bytes(competition_zip(images, keypoints))
    download(tmp_path / "one")
    (tmp_path / "two").mkdir()
    for name in ("training.csv", "test.csv", "IdLookupTable.csv"):
        (tmp_path / "two" / name).write_bytes(text(lookup_lines(1)))
    download(tmp_path / "two")
    assert not kaggle_hub.calls
    assert len(kaggle.read_lookup(tmp_path / "one")) == 180


BY_HAND = ["By hand", "facial-keypoints-detection/data", "Download All"]
NO_ACCOUNT = ["kaggle.com/settings", "token", "KAGGLE_API_TOKEN", "~/.kaggle/kaggle.json", "Colab"]
ERRORS = {
    "not signed in": (exceptions.UnauthenticatedError(), ["not authenticated", *NO_ACCOUNT]),
    "no token": (exceptions.CredentialError("A JWT Token is required"), NO_ACCOUNT),
    "kaggle.json without key": (ValueError("Kaggle credentials file at x is missing 'key' key"),
                                ["missing 'key'", *NO_ACCOUNT]),
    "kaggle.json no JSON": (ValueError("Invalid Kaggle credentials file at x"), NO_ACCOUNT),
    "token refused": (http_error(401), ["401", *NO_ACCOUNT]),
    "rules": (http_error(403), ["403", "facial-keypoints-detection/rules", "Accept the rules", "Late Submission"]),
    "not found": (http_error(404), ["404"]),
    "no response": (exceptions.KaggleApiHTTPError("odd"), ["odd"]),
    "no network": (requests.exceptions.ConnectionError("no route"), ["could not be reached", "ConnectionError"]),
    "proxy": (requests.exceptions.ProxyError("no"), ["could not be reached", "ProxyError"]),
    "slow": (requests.exceptions.ReadTimeout("slow"), ["could not be reached", "ReadTimeout"]),
    "damaged": (exceptions.DataCorruptionError("checksum"), ["DataCorruptionError", "force=True"]),
    "server": (exceptions.BackendError("down", 500), ["BackendError: down"]),
    "environment": (exceptions.KaggleEnvironmentError("odd"), ["KaggleEnvironmentError"]),
    "value": (ValueError("Invalid competition handle"), ["Invalid competition handle"]),
    "disk": (OSError(28, "No space left on device"), ["No space left"]),
}


@pytest.mark.tried("facekp download", "no account, rules not accepted, no network, a server's errors",
                   "one error with the steps to take; no file in the folder")
@pytest.mark.parametrize("case", ERRORS)
def test_errors_are_steps_to_take(case, tmp_path, fake):
    error, parts = ERRORS[case]
    fake(error=error)
    with pytest.raises(InputError) as seen:
        download(tmp_path / "out")
    for part in [*parts, *BY_HAND]:
        assert part in str(seen.value)
    assert not (tmp_path / "out").exists()


def test_an_interrupt_stays_one(tmp_path, fake):
    fake(error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        download(tmp_path / "out")


def test_the_real_kagglehub_without_credentials(tmp_path, monkeypatch):
    """No fake here: kagglehub finds no account before it asks the network."""
    for name in ("KAGGLE_API_TOKEN", "KAGGLE_USERNAME", "KAGGLE_KEY", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setattr("kagglehub.config._kaggle_credentials", None)
    with pytest.raises(InputError, match="No credentials were found"):
        download(tmp_path / "out")
    monkeypatch.setattr("kagglehub.config._kaggle_credentials", KaggleApiCredentials(api_key="none"))
    with pytest.raises(InputError, match="could not be reached"):
        download(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_kagglehub(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(InputError, match=r'pip install "facekp\[kaggle\]"'):
        download(tmp_path / "out")


def test_what_kaggle_sent_may_lack_a_file(tmp_path, fake):
    fake(files=["training.zip", "test.zip"])
    with pytest.raises(InputError, match=r"expected IdLookupTable.csv .* found test.zip, training.zip"):
        download(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_copy_that_fails_leaves_no_half_file(tmp_path, fake, monkeypatch):
    fake()

    def full(source, target):
        target.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(InputError, match="No space left on device"):
        download(tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="found a file"):
        download(tmp_path / "file")
