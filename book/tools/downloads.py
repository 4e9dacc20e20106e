"""A Sphinx extension that puts the downloads beside the pages: ``_build/html/downloads``.

The notebooks and their student versions are zipped in every build. The PDF and the slides take minutes, so
``make downloads`` makes them in ``_build/downloads``, and the next build of the pages takes them from there. On the
pages their links lead to the published book; what is there in this build is linked to this build.
"""

import io
import shutil
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
MADE = ROOT / "_build" / "downloads"
NOTEBOOKS, STUDENT = "facekp-notebooks.zip", "facekp-student.zip"
sys.path.insert(0, str(ROOT / "book" / "tools"))

README = """These notebooks belong to "Facial keypoints: learn to find them", {url}

They need Python 3.11 or newer:

    pip install "facekp[photo,widgets] @ git+{repository}@{branch}" jupyterlab
    jupyter lab

In Colab, upload a notebook and choose a GPU; its first cell installs the library.{more}
Code MIT, text and figures CC BY 4.0.
"""

FEEDBACK = """Feedback on "Facial keypoints: learn to find them"

No name is needed. Give the form to your instructor, or send it in an issue: {url}

1. You are (a student in a class / reading alone / teaching / using the library):
2. Which chapters did you work through, and how long did each take?
3. Where did you get stuck, and what helped?
4. Which sentence, figure or exercise did you not understand?
5. Did anything not run? (chapter, message, system)
6. What should stay exactly as it is?
7. What did you want to learn and did not find?
"""


def zipped(files: dict[str, str]) -> bytes:
    """A zip of these texts by name; the same texts give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def archives(config) -> dict[str, bytes]:
    """The two zips by their names."""
    import student

    theme = config.html_theme_options
    words = {"url": config.html_baseurl, "repository": theme["repository_url"], "branch": theme["repository_branch"]}
    plain = {path.name: path.read_text(encoding="utf-8") for path in student.NOTEBOOKS}
    short = {path.name: student.text(path) for path in student.NOTEBOOKS}
    more = "\nThe solutions of the exercises are not in these notebooks; `check` says whether an answer is right.\n"
    form = {"FEEDBACK.txt": FEEDBACK.format(url=f"{words['repository']}/issues")}
    return {NOTEBOOKS: zipped(plain | form | {"README.txt": README.format(**words, more="\n")}),
            STUDENT: zipped(short | form | {"README.txt": README.format(**words, more=more)})}


def finished(app, error) -> None:
    """Write the zips, take what ``make downloads`` made, and link the page to them."""
    if error is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir) / "downloads"
    shutil.rmtree(folder, ignore_errors=True)
    if MADE.is_dir():
        shutil.copytree(MADE, folder)
    folder.mkdir(exist_ok=True)
    for name, data in archives(app.config).items():
        (folder / name).write_bytes(data)
    page = Path(app.outdir) / "book" / "downloads.html"
    text = page.read_text(encoding="utf-8")
    for path in folder.rglob("*.*"):
        name = path.relative_to(folder).as_posix()
        text = text.replace(f'"{app.config.html_baseurl}downloads/{name}"', f'"../downloads/{name}"')
    page.write_text(text, encoding="utf-8")


def setup(app) -> dict:
    app.connect("build-finished", finished)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
