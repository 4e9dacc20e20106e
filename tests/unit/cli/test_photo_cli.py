"""``facekp predict`` on photos, as a user types it: good ones and bad ones."""

import json

import numpy as np
import pandas as pd
import pytest
from commands import facekp
from PIL import Image
from test_cli import facekp as in_a_process_of_its_own

from facekp import photo
from facekp.data import folder, load
from facekp.files import write_json
from facekp.keypoints import KAGGLE
from facekp.models import create_model, save_model
from facekp.synthetic.group import group

DRAWN = "hourglass-s-synthetic"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with a scene of two people (photo.png), its points, and bad files."""
    work = tmp_path_factory.mktemp("photos")
    pixels, points = group(1, 2, seed=5)
    Image.fromarray(pixels).convert("RGB").save(work / "photo.png")
    write_json(work / "points.json", points.tolist())
    Image.fromarray(load("sample").images[0]).resize((240, 240)).save(work / "face.jpg")
    Image.new("L", (300, 200), 128).save(work / "grey.png")
    Image.new("L", (1, 1)).save(work / "one.png")
    Image.new("L", (20_000, 90)).save(work / "wide.png")
    (work / "empty.jpg").write_bytes(b"")
    (work / "cut.jpg").write_bytes((work / "face.jpg").read_bytes()[:900])
    frames = [Image.fromarray(pixels), Image.new("L", (768, 384))]
    frames[0].save(work / "moving.gif", save_all=True, append_images=frames[1:])
    return work


def refused(result):
    """The one message of a command that exits with 2."""
    assert result.returncode == 2 and result.stdout == "", result
    return result.stderr


def truth(work):
    return np.array(json.loads((work / "points.json").read_text()))


def test_detect_json_table_and_figure_at_once(work):
    pytest.importorskip("cv2")
    result = in_a_process_of_its_own("predict", DRAWN, work / "photo.png", work / "faces.csv", "--detect", "--json",
                                     "--out", work / "seen.png")
    assert result.returncode == 0, result.stderr
    faces, points = json.loads(result.stdout), truth(work)
    assert len(faces) == 2 and "Wrote 2 lines" in result.stderr
    table = pd.read_csv(work / "faces.csv")
    assert table.columns.tolist() == ["file", *KAGGLE.columns, "confidence", "box_x", "box_y", "box_side"]
    for face, row in zip(faces, table.iloc[:, 1:31].to_numpy().reshape(2, 15, 2), strict=True):
        found = np.array([face["points"][name] for name in KAGGLE.names])
        np.testing.assert_allclose(found, row, atol=1e-3)
        assert np.abs(points - found).mean((1, 2)).min() * 96 / face["box"][2] < 2
    seen = np.asarray(Image.open(work / "seen.png").convert("RGB")).astype(int)
    assert seen.shape[1] == 2 * seen.shape[0]  # as the photo is
    assert ((seen[..., 0] - seen[..., 2]) > 100).sum() > 200  # orange marks on a grey photo


def test_boxes_by_hand_and_a_list_to_read(work):
    boxes = [photo.square_of_eyes(p[0], p[1]) for p in truth(work)]
    options = [o for b in boxes for o in ("--box", ",".join(f"{v:.1f}" for v in b.as_tuple()))]
    result = facekp("predict", f"pretrained:{DRAWN}", work / "photo.png", *options)
    assert result.returncode == 0 and result.stderr == "", result
    lines = result.stdout.splitlines()
    assert len(lines) == 32 and lines[16].startswith("face 2: a square of")
    x, y = map(float, lines[1].split()[1:3])
    assert lines[1].split()[0] == "left_eye_center" and np.hypot(*(truth(work)[0, 0] - (x, y))) < 8


def test_a_box_may_leave_the_photo(work):
    result = facekp("predict", DRAWN, work / "photo.png", "--box", "-30,-20.5,200,190", "--json")
    assert result.returncode == 0 and json.loads(result.stdout)[0]["box"] == [-30, -25.5, 200, 200]


def test_weights_that_learnt_from_photographs_tell_their_terms(work):
    result = facekp("predict", "hourglass-s", work / "face.jpg", "--json")
    assert result.returncode == 0 and "hourglass-s: research and teaching only" in result.stderr
    assert len(json.loads(result.stdout)) == 1
    assert "research" not in facekp("predict", DRAWN, work / "face.jpg").stderr


def test_of_an_animation_the_first_image(work):
    result = facekp("predict", DRAWN, work / "moving.gif", work / "gif.csv")
    assert result.returncode == 0 and "holds 2 images" in result.stderr and "Wrote 1 line to" in result.stdout


def test_a_network_without_confidence_writes_none(work):
    save_model(create_model("cnn3"), work / "plain.safetensors")
    result = facekp("predict", work / "plain.safetensors", work / "face.jpg", work / "plain.csv", "--json")
    assert result.returncode == 0, result.stderr
    assert set(json.loads(result.stdout)[0]["confidence"].values()) == {None}
    assert "confidence" not in pd.read_csv(work / "plain.csv")
    assert "confidence" not in facekp("predict", work / "plain.safetensors", work / "face.jpg").stdout


def test_the_points_of_a_photo_that_is_drawn_are_printed(work):
    result = facekp("predict", DRAWN, work / "face.jpg", "--out", work / "drawn.png")
    assert result.returncode == 0 and "left_eye_center" in result.stdout and "drawn.png" in result.stderr
    (work / "drawn.png").unlink()


def test_a_folder_of_photos_is_one_table(work, tmp_path):
    """No labels, no data set: each image is read as it would be alone; what is not an image is passed over."""
    (tmp_path / "notes.txt").write_text("not an image")
    for name in ("photo.png", "face.jpg"):
        (tmp_path / name).write_bytes((work / name).read_bytes())
    result = facekp("predict", DRAWN, tmp_path, tmp_path / "points.csv")
    assert result.returncode == 0 and "Wrote 2 lines of 2 images" in result.stdout, result
    table = pd.read_csv(tmp_path / "points.csv")
    assert table["file"].tolist() == ["face.jpg", "photo.png"]
    for name in table["file"]:
        alone = facekp("predict", DRAWN, work / name, tmp_path / "alone.csv")
        assert alone.returncode == 0
        pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "alone.csv"), table[table["file"] == name]
                                      .reset_index(drop=True))
    assert "expected one photo" in refused(facekp("predict", DRAWN, tmp_path, "--out", tmp_path / "seen.png"))
    assert "Expected OUT.csv" in refused(facekp("predict", DRAWN, tmp_path))


@pytest.mark.tried("photos", "a folder with a photo cut off, an empty one, subfolders", "the others; a note on each")
def test_a_photo_that_cannot_be_read_is_a_note_not_the_end(work, tmp_path):
    (tmp_path / "sub" / "deep").mkdir(parents=True)
    for name, source in (("a2.jpg", "face.jpg"), ("a10.jpg", "face.jpg"), ("b.jpg", "cut.jpg"), ("c.jpg", "empty.jpg"),
                         ("sub/deep/d.jpg", "face.jpg")):
        (tmp_path / name).write_bytes((work / source).read_bytes())
    result = facekp("predict", DRAWN, tmp_path, tmp_path / "points.csv")
    assert result.returncode == 0 and "Wrote 2 lines of 2 images" in result.stdout, result
    assert "Left out, as they cannot be read: b.jpg, c.jpg. The first:" in result.stderr
    assert "damaged or cut off" in result.stderr
    assert "Subfolders were not looked into: sub. --recursive" in result.stderr
    assert pd.read_csv(tmp_path / "points.csv")["file"].tolist() == ["a2.jpg", "a10.jpg"]  # 2 before 10
    result = facekp("predict", DRAWN, tmp_path, tmp_path / "points.csv", "--recursive")
    assert result.returncode == 0 and "Subfolders" not in result.stderr
    assert pd.read_csv(tmp_path / "points.csv")["file"].tolist() == ["a2.jpg", "a10.jpg", "sub/deep/d.jpg"]
    assert "found them only in its subfolders (deep)" in refused(
        facekp("predict", DRAWN, tmp_path / "sub", tmp_path / "o.csv"))
    for name in ("a2.jpg", "a10.jpg"):
        (tmp_path / name).unlink()
    assert "none of the 2 images can be read" in refused(facekp("predict", DRAWN, tmp_path, tmp_path / "o.csv"))
    assert not (tmp_path / "o.csv").exists()


def test_of_a_folder_the_photos_without_a_face_are_named(work, tmp_path):
    pytest.importorskip("cv2")
    for name in ("photo.png", "grey.png"):
        (tmp_path / name).write_bytes((work / name).read_bytes())
    result = facekp("predict", DRAWN, tmp_path, tmp_path / "points.csv", "--detect")
    assert result.returncode == 0 and "No face was found in 1 of 2 images: grey.png." in result.stderr, result
    assert pd.read_csv(tmp_path / "points.csv")["file"].tolist() == ["photo.png"] * 2
    (tmp_path / "photo.png").unlink()
    assert "no face was found" in refused(facekp("predict", DRAWN, tmp_path, tmp_path / "o.csv", "--detect"))


def test_points_of_a_data_set_are_in_its_files_own_pixels(tmp_path):
    """Faces of 96 x 96, and the same in files twice as large: the points are twice as far from the corner."""
    faces = load("sample").complete().select(slice(4))
    folder.extract(faces, tmp_path / "small")
    (tmp_path / "large").mkdir()
    for path in (tmp_path / "small" / "images").iterdir():
        Image.open(path).resize((192, 192), Image.Resampling.NEAREST).save(tmp_path / "large" / path.name)
    table = pd.read_csv(tmp_path / "small" / "keypoints.csv")
    table[KAGGLE.columns] = (table[KAGGLE.columns] + 0.5) * 2 - 0.5
    table.to_csv(tmp_path / "large" / "keypoints.csv", index=False)
    found = {}
    for size in ("small", "large"):
        result = facekp("predict", DRAWN, tmp_path / size, tmp_path / f"{size}.csv")
        assert result.returncode == 0, result
        found[size] = pd.read_csv(tmp_path / f"{size}.csv")
        assert found[size].columns.tolist() == [*table.columns, "confidence"]
        assert found[size]["file"].tolist() == table["file"].tolist()
    points = {size: found[size][KAGGLE.columns].to_numpy() for size in found}
    apart = np.abs(points["large"] - ((points["small"] + 0.5) * 2 - 0.5))  # a little: shrinking blurs
    assert np.median(apart) < 0.2 and apart.max() < 2
    off = np.sqrt(np.mean((points["large"] - table[KAGGLE.columns].to_numpy()) ** 2))
    assert off < 6  # of 192 pixels: they are the faces' own points, in the files' own pixels


@pytest.mark.parametrize(("arguments", "message"), [
    (["{w}/grey.png", "--detect"], "no face was found"),
    (["{w}/photo.png", "--detect", "--box", "1,2,30,40"], "found both"),
    (["{w}/photo.png", "--box", "1,2,30"], "four numbers"),
    (["{w}/photo.png", "--box", "a,b,c,d"], "found 'a,b,c,d'"),
    (["{w}/photo.png", "--box", "10,10,0,20"], "above 0"),
    (["{w}/photo.png", "--box", "10,10,-20,20"], "above 0"),
    (["{w}/photo.png", "--box", "nan,10,20,20"], "finite"),
    (["{w}/photo.png", "--box", "5000,10,20,20"], "found 0 x"),
    (["{w}/photo.png", "--box", "0,0,1e9,1e9"], "at most 8000"),
    (["{w}/one.png"], "at least 8 x 8"),
    (["{w}/wide.png"], "at most 8000"),
    (["{w}/empty.jpg"], "an empty file"),
    (["{w}/cut.jpg"], "damaged or cut off"),
    (["{w}/nowhere.jpg"], "no such file"),
    (["{w}/photo.png", "--out", "{w}/seen.xyz"], "ends in one of"),
    (["{w}", "--json"], "found a folder"),
    (["sample"], "Expected OUT.csv"),
    (["sample", "--detect"], "no such file"),
])
def test_bad_input_gets_one_message_code_2_and_no_file(work, arguments, message):
    if "--detect" in arguments and "grey.png" in arguments[0]:
        pytest.importorskip("cv2")
    before = sorted(work.rglob("*"))
    error = refused(facekp("predict", DRAWN, *[a.format(w=work) for a in arguments]))
    assert message in error and len(error.splitlines()) == 1
    assert sorted(work.rglob("*")) == before


def test_a_name_without_weights(work):
    assert "no such file" in refused(facekp("predict", "hourglas-s", work / "face.jpg"))
