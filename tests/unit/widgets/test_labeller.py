"""Labelling a folder, without a browser: what the page is given, and what is written."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from javascript import run
from PIL import Image

from facekp.data import load
from facekp.errors import InputError
from facekp.keypoints import Scheme
from facekp.models import create_model
from facekp.synthetic import beetles
from facekp.widgets.labeller import Session, labeller

NAMES = beetles.BEETLE.names


@pytest.fixture
def folder(tmp_path) -> Path:
    """Six images of beetles, two of them in a folder of their own, one enlarged to 900 x 700."""
    for i, image in enumerate(beetles.generate(6, seed=8).faces.images):
        path = tmp_path / ("more" if i > 3 else "") / f"beetle {i}.png"
        path.parent.mkdir(exist_ok=True)
        pixels = Image.fromarray(image)
        (pixels.resize((900, 700)) if i == 5 else pixels).save(path)
    return tmp_path


def model(names=NAMES):
    torch.manual_seed(0)
    made = create_model("hourglass-s", Scheme("b", tuple(names)), size=64, channels=8, stem_pool=True)
    for p in made.network.heads.parameters():
        torch.nn.init.normal_(p, std=0.3)
    return made.eval()


def rows(folder: Path) -> list[dict]:
    with open(folder / "keypoints.csv", newline="") as f:
        return list(csv.DictReader(f))


def test_each_image_that_is_saved_is_in_the_table_and_the_table_trains_as_it_is(folder):
    session = Session(folder, NAMES, None)
    files = session.order(correct=False)
    assert len(files) == 6
    points = [[1.5 * k, 3.25] for k in range(12)] + [None]
    assert session.save({"file": files[0], "points": points}) == {"saved": files[0]}
    assert [r["file"] for r in rows(folder)] == [files[0]]
    assert session.save({"file": files[1], "points": points[::-1]}) == {"saved": files[1]}
    faces = load(folder)
    found = faces.files.to_files(faces.keypoints, faces.images.shape[1])
    np.testing.assert_allclose(found[0][:12], points[:12], atol=1e-4)
    assert np.isnan(found[0][12]).all() and len(faces) == 2 and faces.scheme.names == NAMES
    assert len(faces.scheme.pairs) == 5


def test_the_next_call_goes_on_where_the_last_one_ended(folder):
    first = Session(folder, NAMES, None)
    done = first.order(correct=False)[:2]
    for name in done:
        first.save({"file": name, "points": [[k, k] for k in range(13)]})
    again = Session(folder, (), None)
    assert again.names == NAMES and sorted(again.order(correct=False)) == sorted(set(first.paths) - set(done))
    assert sorted(again.order(correct=True)) == sorted(done)
    again.save({"file": done[0], "points": [[9, k] for k in range(13)]})  # corrected: still one line for it
    assert [r["file"] for r in rows(folder)] == done and rows(folder)[0]["head_x"] == "9.00"


def test_a_model_fills_in_its_points_in_the_pixels_of_the_file(folder):
    session = Session(folder, (), model())
    data = session.data(session.order(correct=False))
    assert data["names"] == list(NAMES) and json.dumps(data)
    large = next(f for f in data["faces"] if f["file"] == "more/beetle 5.png")
    points = np.array(large["points"])
    assert (large["width"], large["height"]) == (900, 700) and points.shape == (13, 2)
    at = list(session.paths).index(large["file"])
    np.testing.assert_allclose(points, session.points[at], atol=0.01)
    assert (points > -20).all() and (points < 930).all() and points.max() > 64
    assert all(f["image"].startswith("data:image/") for f in data["faces"])


def test_the_order_begins_with_what_the_model_doubts(folder):
    session = Session(folder, (), model())
    session.confidence = np.full(6, 0.999)
    session.confidence[3] = 0.0
    assert session.order(correct=False)[0] == list(session.paths)[3]


def test_corrections_begin_where_the_model_disagrees_most(folder):
    session = Session(folder, (), model())
    files = list(session.paths)
    for shift, i in ((0, 0), (30, 1), (3, 2)):
        session.save({"file": files[i], "points": (session.points[i] + shift).tolist()})
    assert session.order(correct=True) == [files[1], files[2], files[0]]


def test_without_a_place_to_write_the_page_says_so_and_nothing_is_lost(folder, monkeypatch):
    session = Session(folder, NAMES, None)
    files = session.order(correct=False)
    points = [[1, 2]] * 13
    session.save({"file": files[0], "points": points})
    before = (folder / "keypoints.csv").read_bytes()

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    assert "No space left" in session.save({"file": files[1], "points": points})["error"]
    assert (folder / "keypoints.csv").read_bytes() == before
    monkeypatch.undo()
    session.save({"file": files[2], "points": points})
    assert [r["file"] for r in rows(folder)] == files[:3]


@pytest.mark.parametrize("bad", [{}, {"file": "other.png", "points": [[1, 2]] * 13}, "text",
                                 {"file": "beetle 0.png", "points": [[1, 2]]}, {"file": "beetle 0.png", "points": 5}])
def test_a_message_that_makes_no_sense_changes_nothing(folder, bad):
    assert "error" in Session(folder, NAMES, None).save(bad)
    assert not (folder / "keypoints.csv").exists()


class TestRefused:
    def test_no_names_and_nothing_that_has_them(self, folder):
        with pytest.raises(InputError, match="names of the points"):
            labeller(folder)

    def test_no_folder_no_image(self, tmp_path):
        with pytest.raises(InputError, match="there is none"):
            labeller(tmp_path / "nothing", NAMES)
        with pytest.raises(InputError, match="found none"):
            labeller(tmp_path, NAMES)

    def test_other_names_than_the_tables_or_the_models(self, folder):
        Session(folder, NAMES, None).save({"file": "beetle 0.png", "points": [[1, 2]] * 13})
        with pytest.raises(InputError, match="found head"):
            labeller(folder, ("nose",))
        with pytest.raises(InputError, match="a model of the points"):
            labeller(folder, model=model([f"p{i}" for i in range(13)]), names=NAMES)

    def test_a_folder_with_a_manifest(self, folder):
        (folder / "manifest.json").write_text("{}")
        with pytest.raises(InputError, match=r"delete manifest\.json"):
            labeller(folder, NAMES)


def test_the_widget_writes_what_the_page_sends_and_answers(folder):
    shown = labeller(folder, NAMES, count=2)
    sent = []
    shown.send = lambda content, buffers=None: sent.append(content)
    assert len(shown.data["faces"]) == 2
    name = shown.data["faces"][0]["file"]
    shown._handle_custom_msg({"file": name, "points": [[1, 2]] * 13}, [])
    assert sent == [{"saved": name}] and rows(folder)[0]["file"] == name


def test_the_pages_own_table_is_the_one_that_python_writes(folder):
    session = Session(folder, NAMES, None)
    name = 'beetle 1.png'
    points = [[1.5, 2.25], *[None] * 11, [63.4, -0.5]]
    session.save({"file": name, "points": points})
    faces = [{"file": name, "points": points, "done": True}, {"file": "other", "points": points}]
    text = run("labeller", "return csv(input.names, input.faces);", {"names": list(NAMES), "faces": faces})
    assert text == (folder / "keypoints.csv").read_text()


def test_what_is_seen_when_enlarged_stays_within_the_image():
    boxes = run("labeller", "return [[1, [5, 5]], [2, [0, 0]], [2, [99, 49]], [4, [50, 20]]].map(([z, p]) => "
                            "seen({ width: 100, height: 50 }, z, p));")
    assert boxes == [[0, 0, 100, 50], [0, 0, 50, 25], [50, 25, 50, 25], [38, 14.25, 25, 12.5]]


def test_the_nearest_point_and_the_next_one_that_is_missing():
    found = run("labeller", """const p = [[0, 0], null, [10, 0], [12, 0]];
        return [nearest(p, [11.4, 0], 5), nearest(p, [6, 0], 3), nearest(p, [1, 1], 5),
                nextMissing(p, 0), nextMissing(p, 1), nextMissing([[0, 0]], 0)];""")
    assert found == [3, -1, 0, 1, 1, 0]
