"""Labels of other programs, damaged or made to do harm: labels, or one line; nothing is read that was not named."""

import json

import label_files
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_files import Set
from mutations import cases, damaged, little_memory, result_or_one_line

from facekp.data import formats, load
from facekp.data.importing import import_labels
from facekp.errors import InputError

ONE_FILE = ("coco", "cvat", "label_studio", "label_studio_min", "deeplabcut", "deeplabcut_h5", "sleap", "wflw",
            "table")
MANY = ("labelme", "yolo", "pts")
NAMES = {"pts": tuple(map(str, range(68))), "wflw": tuple(map(str, range(98)))}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """format -> (a file of it, its bytes)."""
    found = {}
    for form in (*ONE_FILE, *MANY):
        folder = tmp_path_factory.mktemp(form)
        path = getattr(label_files, form)(Set(folder, 3, NAMES.get(form, label_files.NAMES), gaps=form not in NAMES),
                                          folder)
        ending = {"labelme": ".json", "yolo": ".txt", "pts": ".pts"}.get(form)
        path = min(path.rglob(f"*{ending}")) if ending else path
        found[form] = path, path.read_bytes()
    return found


@pytest.mark.tried("labels of other programs", "bytes flipped, cut, doubled, put in; lines swapped, dropped, joined",
                   "labels whose points lie in an image, or one line that names the file")
@pytest.mark.parametrize("form", (*ONE_FILE, *MANY))
@cases(300)
@given(data=st.data())
def test_damaged_labels(saved, form, data):
    path, whole = saved[form]
    path.write_bytes(data.draw(damaged(whole)))
    try:
        found = result_or_one_line(lambda: formats.read_labels(path), path.parent, path.name)
    finally:
        path.write_bytes(whole)
    if found:
        points = found[0].points
        assert (np.isnan(points) | (np.abs(points) < 1e6)).all() and points.shape[2] == 2
        assert (np.isnan(points[..., 0]) == np.isnan(points[..., 1])).all()


BOMB = "<!DOCTYPE a [<!ENTITY a0 'lol'>" + "".join(
    f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 10)) + (
    "]><annotations><image name='&a9;'/></annotations>")
FILE = "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><annotations><image name='&x;'/></annotations>"
COCO = {"images": [{"id": 1, "file_name": "a.png", "width": 9, "height": 9}], "categories": [
    {"id": 1, "keypoints": ["a"]}], "annotations": [{"image_id": 1, "category_id": 1, "keypoints": [1, 2, 2]}]}


def coco(**changes):
    return json.dumps(COCO | {"annotations": [COCO["annotations"][0] | changes]})


@pytest.mark.tried("labels of other programs", "XML that unpacks to gigabytes or names other files, JSON a million "
                   "brackets deep, numbers without end, wrong types", "one line, in little memory")
@pytest.mark.parametrize("name, text", [
    ("a.xml", BOMB), ("a.xml", FILE), ("a.xml", "<annotations>" * 100_000), ("a.xml", "<annotations>"),
    ("a.xml", "<annotations><image name='a' width='9' height='x'><skeleton/></image></annotations>"),
    ("a.xml", "<annotations><image name='a' width='9' height='9'><points label='n' points='1;2'/></image>"
              "</annotations>"),
    ("a.json", "[" * 1_000_000), ("a.json", '{"a":' * 1_000_000), ("a.json", "{}"), ("a.json", "[1]"),
    ("a.json", json.dumps(COCO)[:-9]), ("a.json", coco(keypoints=[1, 2, 2, 2])), ("a.json", coco(keypoints="abc")),
    ("a.json", coco(keypoints=[1e300, 2, 2])), ("a.json", coco(keypoints=[10**400, 2, 2])),
    ("a.json", coco(keypoints=[None, 2, 2])), ("a.json", coco(keypoints={"x": 1})), ("a.json", coco(image_id=7)),
    ("a.json", coco(image_id=[1])), ("a.json", coco(keypoints=[float("inf"), 2, 2])),
    ("a.json", coco(keypoints=[1, 2, 2] * 3)), ("a.json", json.dumps(COCO | {"images": [3]})),
    ("a.json", json.dumps(COCO | {"categories": 3})), ("a.json", json.dumps(COCO | {"annotations": []})),
    ("a.json", json.dumps([{"data": {"image": 3}, "annotations": [{"result": [{"value": {}}]}]}])),
    ("a.json", json.dumps([{"data": {"image": "a"}, "annotations": 5}])),
    ("a.json", json.dumps({"shapes": [{"shape_type": "point", "label": "a", "points": []}], "imagePath": "a.png"})),
    ("a.json", json.dumps({"shapes": [3], "imagePath": "a.png"})),
    ("a.pts", "version: 1\nn_points: 2\n{\n1 2\n"), ("a.pts", "version: 1\nn_points: 2\n{\n1 2\n}\n"),
    ("a.pts", "version: 1\nn_points: 1\n{\n1 x\n}\n"), ("a.pts", "version: 1\nn_points: " + "9" * 9999 + "\n{\n}\n"),
    ("a.txt", "0 .5 .5 1 1 .5 .5\n0 .5 .5 1 1 .5\n"), ("a.txt", "0 .5 .5 1 1 1e9 1e9\n"), ("a.txt", "hello\n"),
    ("a.csv", "scorer,me,me\nbodyparts,a,a\ncoords,x,y\na.png,1\n"), ("a.csv", "scorer,me,me\nbodyparts,a,a\n"),
    ("a.csv", "\0\0\0"), ("a.slp", "\x89HDF"), ("a.npz", "PK"), ("a.bin", ""),
], ids=lambda value: value[:40] if isinstance(value, str) else None)
def test_labels_that_are_none(name, text, tmp_path):
    path = tmp_path / name
    path.write_text(text)
    with little_memory(200 << 20), pytest.raises(InputError, match=name.replace(".", r"\.")) as error:
        formats.read_labels(path)
    assert len(str(error.value)) < 1700 and str(error.value).isprintable()
    assert "lollol" not in str(error.value)


@pytest.mark.tried("labels of other programs", "images that lie outside the folder, absolute or with ..",
                   "one line; nothing outside is copied")
@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "..\\secret.png", "a/../../secret.png", "", ".."])
def test_no_image_outside_the_folder_is_copied(name, tmp_path):
    Set(tmp_path, 1)
    (tmp_path / "deep" / "face 00.png").rename(tmp_path / "secret.png")
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.json"
    path.write_text(json.dumps(COCO).replace("a.png", name.replace("\\", "\\\\")))
    with pytest.raises(InputError, match="are not there"):
        import_labels(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_of_another_kind_is_recognised_by_its_content_not_by_its_name(tmp_path):
    path = label_files.coco(Set(tmp_path, 2), tmp_path).rename(tmp_path / "labels.txt")
    assert formats.read_labels(path)[1] == "COCO keypoints"
    with pytest.raises(InputError, match="facekp import"):
        load(path)
