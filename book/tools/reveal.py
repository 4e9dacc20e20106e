"""reveal.js (MIT, Hakim El Hattab), which shows slides: from its npm package, pinned by version and by content."""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

CACHE = Path(__file__).parents[2] / "_build" / "live-cache"
VERSION = "5.2.1"
FILES = {
    "dist/reveal.js": "46538b52db48724192f59bf46f5e851a18e302777c46f4a34c32709d010d6a29",
    "dist/reveal.css": "68f915a11ebf7203c0446576b7e952ff61c5dd02134a8a226ffaf62ed42136d2",
    "dist/reset.css": "1aa8e84c9cabcbfe4d95b19879fe48b9c2c5e6d54574cbe679bc22edb9fe12b6",
    "plugin/notes/notes.js": "df1201d19d03241a2897d39c3d38768177df1cbd4bde06327b321cb83461ae89",
}


def files(cache: Path = CACHE) -> dict[str, bytes]:
    """The files by their names, from the cache or from npm.

    Raises:
        OSError, subprocess.SubprocessError, tarfile.TarError, KeyError: they could not be had, or are others.
    """
    package = cache / f"reveal.js-{VERSION}.tgz"
    if not package.is_file():
        with tempfile.TemporaryDirectory() as work:
            subprocess.run(["npm", "pack", f"reveal.js@{VERSION}", "--silent"], cwd=work, check=True, timeout=300,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            cache.mkdir(parents=True, exist_ok=True)
            package.write_bytes(next(Path(work).glob("*.tgz")).read_bytes())
    with tarfile.open(package) as archive:
        found = {name: archive.extractfile(f"package/{name}").read() for name in FILES}
    for name, data in found.items():
        if hashlib.sha256(data).hexdigest() != FILES[name]:
            package.unlink()
            raise OSError(f"{name} of reveal.js is not the pinned file")
    return found


def put(folder: Path) -> bool:
    """Write the files into ``folder``, and whether they could be had; the slides are readable without them."""
    try:
        found = files()
    except (OSError, subprocess.SubprocessError, tarfile.TarError, KeyError, StopIteration) as error:
        print(f"reveal.js {VERSION} could not be fetched ({error}), so the slides are one long page.", file=sys.stderr)
        return False
    for name, data in found.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return True
