"""Kaggle's files in Colab: by a token, from Google Drive, or uploaded. No cell fails: it says what to do.

::

    print(fetch("token"))   # or "drive", or "upload"
"""

from importlib import import_module
from pathlib import Path

from facekp.data import PLACES, find_kaggle
from facekp.data.download import FILES, download
from facekp.data.packed import COMPETITION
from facekp.errors import check_choice

DRIVE, FOLDER = PLACES[2], PLACES[0]
WAYS = {
    "token": "the key symbol on the left (Secrets), a secret KAGGLE_API_TOKEN with notebook access",
    "drive": f"the competition's zip in the folder {Path(DRIVE).name} of your Google Drive",
    "upload": f"{COMPETITION}.zip from your computer, chosen in a dialogue (80 MB)",
}
NOT_COLAB = "This way needs Google Colab. Elsewhere put the files into data/kaggle, or use 'token'."


def fetch(way: str | None = None) -> str:
    """Bring the competition's files where :func:`facekp.data.find_kaggle` looks.

    Args:
        way: one of ``WAYS``; None says which there are.

    Returns:
        A line that says where the files are, or what failed and what to do next.

    Raises:
        InputError: there is no such way. Everything else is said in the returned text.
    """
    if (place := find_kaggle()) is not None:
        return f"Kaggle's files: {place}."
    if way is None:
        return "\n".join(["Kaggle's files: not found. Ways to bring them here:",
                          *(f'  fetch("{name}")  {what}' for name, what in WAYS.items())])
    check_choice("way to Kaggle's files called", way, WAYS)
    try:
        {"token": _token, "drive": _drive, "upload": _upload}[way]()
    except ModuleNotFoundError as e:
        return NOT_COLAB if str(e.name).startswith("google") else f"{e}."
    except Exception as e:  # noqa: BLE001  # Colab's own errors have no common parent: a dialogue closed, no permission
        return f"Kaggle's files: not found. {e}"
    if (place := find_kaggle()) is not None:
        return f"Kaggle's files: {place}."
    names = f"{COMPETITION}.zip or {' or '.join(FILES[0])}"
    return f"Kaggle's files: not found. Expected {names} in {DRIVE if way == 'drive' else FOLDER}; put it there."


def _token() -> None:
    download(FOLDER)


def _drive() -> None:
    import_module("google.colab.drive").mount("/content/drive")


def _upload() -> None:
    sent = import_module("google.colab.files").upload(FOLDER)  # {name: bytes}, written into the folder
    if not sent:
        raise ValueError("No file was chosen. Run the cell again.")
