"""Fetch the competition's files with the user's own Kaggle account.

Kaggle gives them only to those who accepted the competition's rules, so facekp cannot ship them.
"""

import shutil
from pathlib import Path

from facekp.data.packed import COMPETITION
from facekp.errors import InputError
from facekp.files import replacing

PAGE = f"https://www.kaggle.com/competitions/{COMPETITION}"
FILES = (("training.csv", "training.zip"), ("test.csv", "test.zip"), ("IdLookupTable.csv", "IdLookupTable.zip"))
"""What is needed, each under the names that it may come with."""

BY_HAND = f"""\
By hand: sign in at {PAGE}/data, press "Download All", and put {COMPETITION}.zip
into the folder as it is; it need not be unpacked."""

NO_CREDENTIALS = f"""\
Kaggle needs to know whose account this is. {{found}} What to do:
  1. Sign in at https://www.kaggle.com (an account is free) and open https://www.kaggle.com/settings.
  2. Under "API", create a new token.
  3. Give it to this machine, in one of these ways:
     - set the environment variable KAGGLE_API_TOKEN to the token;
     - or save the legacy key's file as ~/.kaggle/kaggle.json;
     - in Colab: the key symbol on the left ("Secrets"), a secret named KAGGLE_API_TOKEN, and
       "Notebook access" switched on.
  4. Accept the rules once at {PAGE}/rules, and run the download again.
{BY_HAND}"""

NO_RULES = f"""\
Kaggle knows the account but refuses it the files (403). Its owner has not accepted the competition's rules, \
or the token may not read competitions. What to do:
  1. Open {PAGE}/rules while signed in to the same account.
  2. Accept the rules; the competition is over, so the button may be called "Late Submission".
     Kaggle may ask to verify a telephone number first.
  3. Run the download again.
{BY_HAND}"""

NO_NETWORK = f"""\
Kaggle could not be reached ({{error}}).
Check the network, and on Kaggle's own notebooks that "Internet" is switched on; then run the download again.
{BY_HAND}"""

OTHER = f"""\
The download failed: {{error}}. Run it again with force=True to start afresh, or fetch the files without kagglehub.
{BY_HAND}"""

NO_KAGGLEHUB = f"""\
The download needs the package kagglehub, which is not installed. Install it: pip install "facekp[kaggle]"
{BY_HAND}"""


def download(folder: str | Path, force: bool = False) -> Path:
    """Put the competition's training, test and lookup files into ``folder``; return the folder.

    Files that are there already are left alone, and if all are, nothing is asked of the network.

    Args:
        folder: need not exist.
        force: fetch and replace all of them.

    Raises:
        InputError: no kagglehub, no account, rules not accepted, no network; each with the steps to take.
    """
    folder = Path(folder).expanduser()
    if folder.is_file():
        raise InputError(f"{folder}: expected a folder; found a file. Name a folder.")
    if not force and ((folder / f"{COMPETITION}.zip").is_file() or all(_first(folder, names) for names in FILES)):
        return folder
    fetched = _fetch(force)
    sources = []
    for names in FILES:
        source = _first(fetched, names)
        if source is None:
            found = ", ".join(sorted(p.name for p in fetched.iterdir())) if fetched.is_dir() else "no folder"
            raise _error(OTHER, error=f"expected {' or '.join(names)} in what Kaggle sent, found {found}")
        sources.append(source)
    for source, names in zip(sources, FILES, strict=True):
        if force or _first(folder, names) is None:
            _place(source, folder / source.name)
    return folder


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / n for n in names if (folder / n).is_file()), None)


def _fetch(force: bool) -> Path:
    """The folder in kagglehub's own cache; what kagglehub raises becomes steps to take."""
    try:
        import kagglehub
        import requests  # kagglehub's own dependency
        from kagglehub import exceptions
    except ImportError:
        raise _error(NO_KAGGLEHUB) from None
    try:
        return Path(kagglehub.competition_download(COMPETITION, force_download=force))
    except (exceptions.UnauthenticatedError, exceptions.CredentialError) as e:
        raise _error(NO_CREDENTIALS, found=f"No credentials were found ({e}).") from None
    except requests.HTTPError as e:  # KaggleApiHTTPError is one
        status = getattr(e.response, "status_code", None)
        if status == 401:
            raise _error(NO_CREDENTIALS, found="It refused the token that it was given (401).") from None
        raise (_error(NO_RULES) if status == 403 else _error(OTHER, error=_line(e))) from None
    except requests.RequestException as e:
        raise _error(NO_NETWORK, error=type(e).__name__) from None
    except ValueError as e:  # a kaggle.json that is not JSON, or has no key
        if "redentials" in str(e):
            raise _error(NO_CREDENTIALS, found=f"{_line(e)}.") from None
        raise _error(OTHER, error=_line(e)) from None
    except Exception as e:  # noqa: BLE001  # kagglehub has many more, without a common parent
        raise _error(OTHER, error=f"{type(e).__name__}: {_line(e)}") from None


def _error(text: str, **found: str) -> InputError:
    """One of the texts above as an error; ``found``, which may hold anything, is in its first line only."""
    first, _, steps = text.partition("\n")
    return InputError(first.format(**found), steps)


def _line(error: Exception) -> str:
    """The first line of the message, without an address that may carry a signature."""
    return (str(error).splitlines() or [type(error).__name__])[0].split("?")[0].rstrip(".")


def _place(source: Path, target: Path) -> None:
    """A copy, not a link: kagglehub's cache may be emptied, or the copy edited."""
    try:
        with replacing(target) as temporary:
            shutil.copyfile(source, temporary)
    except OSError as e:
        raise InputError(f"{target}: cannot be written ({e.strerror or e}). Make room first.") from None
