"""``keypoints.csv`` as the world saves it; names and their sides; which image a name means."""

import io
import string
import unicodedata

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from facekp.data import load
from facekp.data.folder import read_folder, read_labels
from facekp.data.importing import import_labels
from facekp.data.schemes import FIVE, POINTS_68, POINTS_98, POINTS_106, SCHEMES, scheme_of
from facekp.errors import InputError
from facekp.keypoints import KAGGLE, eyes_of, pairs_by_name, sides_alone

HEADER = "file,right_eye_x,right_eye_y,left_eye_x,left_eye_y"
POINTS = np.array([[[40.5, 40], [60.25, 40]], [[41.5, 40], [60.25, 41]], [[42, 40.125], [np.nan, np.nan]]])
LINES = ["0.png,40.5,40,60.25,40", "1.png,41.5,40,60.25,41", "2.png,42,40.125,,"]
TABLE = "\n".join([HEADER, *LINES]) + "\n"


def folder_of(path, csv, images=("0.png", "1.png", "2.png"), size=(96, 96), encoding="utf-8"):
    """A data folder; image i is grey i, so that a mixed-up name is seen."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "keypoints.csv").write_bytes(csv.encode(encoding))
    for i, name in enumerate(images):
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full(size, i, np.uint8)).save(path / name, format="png")
    return path


def same_as_table(path):
    faces = read_folder(path)
    order = faces.scheme.index("right_eye", "left_eye")
    np.testing.assert_array_equal(faces.keypoints[:, order], POINTS.astype(np.float32))
    assert faces.images[:, 0, 0].tolist() == [0, 1, 2]
    return faces


def changed(edit):
    """The table with ``edit`` applied to a data frame of it."""
    return edit(pd.read_csv(io.StringIO(TABLE)))


@pytest.mark.parametrize("csv", [
    TABLE.replace(",", ";").replace(".5", ",5").replace(".25", ",25").replace(".125", ",125"),
    TABLE.replace(",", "\t"),
    "\ufeff" + TABLE.replace(",", ";"),
    "\ufeff" + TABLE.replace("\n", "\r\n"),
    changed(lambda t: t.to_csv()),
    changed(lambda t: t.rename_axis("index").to_csv()),
    changed(lambda t: t.to_csv().replace(",file", "Unnamed: 0,file", 1)),
    changed(lambda t: t.set_index("file").rename_axis(None).to_csv()),
    changed(lambda t: t[sorted(t.columns, reverse=True)].to_csv(index=False)),
    changed(lambda t: t.assign(confidence=0.9, left_eye_radius=1.0, right_eye_radius=2.0).to_csv(index=False)),
    changed(lambda t: t.assign(row=[5, 6, 7], box_x=0, box_y=0).to_csv(index=False)),
    changed(lambda t: t.assign(box_x=0, box_y=0, box_side=96).to_csv(index=False)),
    changed(lambda t: t.to_csv(index=False, na_rep="NA")),
    changed(lambda t: t.to_csv(index=False, na_rep="NaN")),
    *(TABLE.replace("file,", f"{name},", 1) for name in ("image", "filename", "Image_Name", "path", "img")),
    *(TABLE.replace("_x", f"{mark}x").replace("_y", f"{mark}y") for mark in (".", " ", "-")),
    TABLE.replace("_x", "X").replace("_y", "Y"),
    TABLE.replace("right_eye_x", "x_right_eye").replace("right_eye_y", "y_right_eye")
    .replace("left_eye_x", "x_left_eye").replace("left_eye_y", "y_left_eye"),
    TABLE.replace("0.png", "images/0.png").replace("1.png", "/home/me/faces/1.png").replace("2.png", "C:\\a\\2.png"),
    TABLE.replace("0.png", "./0.png").replace("1.png", "1.PNG").replace("2.png", "2"),
    TABLE.replace("0.png", "https://x.org/a/0.png?raw=1").replace("1.png", "s3://me/1.png").replace("2.png", "%32.png"),
    TABLE.replace(",", "|"),
    "sep=;\n" + TABLE.replace(",", ";"),
    "# labelled by Ann, 2024\n# in pixels\n" + TABLE,
    "# " + TABLE,
    TABLE + ",,,,\n\n,,,,\n",
    TABLE.replace("file,", "image_id,", 1),
    TABLE.replace("\n", ",7\n").replace(",7", ",image_id", 1),
    "file,right_eye,left_eye\n0.png,40.5 40,60.25 40\n1.png,41.5 40,60.25 41\n2.png,42 40.125,\n",
    'file,right_eye,left_eye\n0.png,"(40.5, 40)","[60.25, 40]"\n1.png,(41.5 40),60.25  41\n2.png,"42, 40.125",nan\n',
])
def test_a_table_as_the_world_saves_it(csv, tmp_path):
    same_as_table(folder_of(tmp_path / "set", csv))


def test_a_table_in_excels_unicode(tmp_path):
    same_as_table(folder_of(tmp_path / "set", TABLE.replace(",", "\t").replace(".5", ",5"), encoding="utf-16"))


@pytest.mark.parametrize("csv", [
    "file,point,x,y,score\n" + "".join(f"{i}.png,{name},{x},{y},1\n" for i, (right, left) in enumerate(POINTS)
                                       for name, (x, y) in (("left_eye", left), ("right_eye", right)) if x == x),
    "\ufeff ;Label;Area;X;Y\n" + "".join(f"{i};{n}.png;0;{x};{y}\n".replace(".5", ",5").replace(".25", ",25")
                                        for i, (n, (x, y)) in enumerate((n, p) for n in (0, 1) for p in POINTS[n]))])
def test_a_line_per_point(csv, tmp_path):
    """With names; and as ImageJ saves it, without, on a European computer."""
    path = folder_of(tmp_path / "set", "")
    (path / "keypoints.csv").rename(path / "points.csv").write_text(csv)
    labels = import_labels(path, tmp_path / "out").labels
    order = [labels.names.index(name) for name in (("right_eye", "left_eye") if "right_eye" in csv else ("0", "1"))]
    np.testing.assert_array_equal(labels.points[:, order], POINTS[: len(labels)])
    (path / "points.csv").write_text(csv + csv.splitlines()[-1].replace("40", "4") + "\n")
    with pytest.raises(InputError, match=r"'right_eye' twice|found 2 in '0\.png' and 3 in '1\.png'"):
        import_labels(path, tmp_path / "again")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_composed_or_not_are_one_name(form, tmp_path):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    csv = TABLE.replace("0.png", unicodedata.normalize(form, "Zoë é.png"))
    same_as_table(folder_of(tmp_path / "set", csv, (unicodedata.normalize(other, "Zoë é.png"), "1.png", "2.png")))


def test_subfolders_and_names_that_occur_twice(tmp_path):
    csv = TABLE.replace("0.png", "D:/old/anna/1.JPG").replace("1.png", "ben/1.JPG").replace("2.png", "2.png")
    images = ("images/anna/1.jpg", "images/ben/1.jpg", "deep/er/2.png")
    same_as_table(folder_of(tmp_path / "set", csv, images))
    with pytest.raises(InputError, match=r"'1\.jpg' may mean .*anna/1\.jpg or .*ben/1\.jpg"):
        read_folder(folder_of(tmp_path / "both", csv.replace("D:/old/anna/1.JPG", "1.jpg"), images))


def test_every_missing_image_is_named_in_one_message(tmp_path):
    path = folder_of(tmp_path / "set", TABLE, ("1.png",))
    with pytest.raises(InputError, match=r"2 of 3 rows.*'0\.png' \(row 1\), '2\.png' \(row 3\).*--skip-missing"):
        read_folder(path)


def test_a_file_outside_the_folder_is_never_read(tmp_path):
    path = folder_of(tmp_path / "set", TABLE.replace("0.png", "../secret.png"), ("1.png", "2.png"))
    folder_of(tmp_path, TABLE, ("secret.png",))
    with pytest.raises(InputError, match=r"row 1, column 'file': expected the image '\.\./secret\.png'"):
        read_folder(path)


def test_a_box_is_the_square_that_is_the_face(tmp_path):
    """Two faces of one image, as 'facekp predict --detect' writes them: each is cut out where its box is."""
    pixels = np.random.default_rng(0).integers(0, 256, (200, 300), dtype=np.uint8)
    csv = "file,a_x,a_y,confidence,box_x,box_y,box_side\np.png,50,60,0.9,20,30,96\np.png,210.5,90,0.8,180,40,48\n"
    path = folder_of(tmp_path / "set", csv, ())
    Image.fromarray(pixels).save(path / "p.png")
    faces = read_folder(path)
    assert np.array_equal(faces.images[0], pixels[30:126, 20:116]) and faces.files.names.tolist() == ["p.png", "p.png"]
    np.testing.assert_allclose(faces.keypoints[:, 0], [[30, 30], [31 * 2 - 0.5, 50.5 * 2 - 0.5]])
    assert faces.files.squares.tolist() == [[20, 30, 96], [180, 40, 48]]
    np.testing.assert_allclose(faces.in_files(faces.keypoints)[:, 0], [[50, 60], [210.5, 90]])


def test_occluded_points_are_kept_with_their_flag_and_absent_ones_are_not_there(tmp_path):
    csv = "file,a_x,a_y,a_v,b_x,b_y,b_v\n0.png,1,2,2,3,4,1\n1.png,0,0,0,5,6,2\n2.png,7,8,1,,,\n"
    path = folder_of(tmp_path / "set", csv)
    labels = read_labels(path)
    assert labels.occluded.tolist() == [[False, True], [False, False], [True, False]]
    expected = [[[1, 2], [3, 4]], [[np.nan] * 2, [5, 6]], [[7, 8], [np.nan] * 2]]
    np.testing.assert_array_equal(labels.points, expected)
    np.testing.assert_array_equal(read_folder(path).keypoints, np.array(expected, np.float32))
    with pytest.raises(InputError, match=r"row 1, column 'a_v': expected 2 \(visible\)"):
        read_folder(folder_of(tmp_path / "bad", csv.replace("1,2,2,", "1,2,3,")))


def test_136_numbered_columns_are_68_points(tmp_path):
    """2k and 2k + 1 are x and y of point k; 68 numbered points are those of 300-W."""
    points = np.random.default_rng(0).uniform(5, 90, (4, 68, 2)).round(1)
    table = pd.DataFrame(points.reshape(4, -1), columns=[str(i) for i in range(136)])
    table.insert(0, "Unnamed: 0", [f"A B {i}.jpg" for i in range(4)])
    path = folder_of(tmp_path / "from-one", table.rename(columns=lambda name: str(int(name) + 1) if name.isdigit() else
                                                         name).to_csv(index=False), table["Unnamed: 0"])
    np.testing.assert_array_equal(read_labels(path).points, points)
    path = folder_of(tmp_path / "set", table.to_csv(index=False), table["Unnamed: 0"])
    faces = read_folder(path)
    np.testing.assert_array_equal(faces.keypoints, points.astype(np.float32))
    assert faces.scheme == POINTS_68 and faces.scheme.eyes == ("45", "36")


def test_pandas_index_in_kaggles_own_file_is_named(tmp_path):
    row = ",".join(["0", *["1"] * 30, " ".join(["7"] * 96 * 96)])
    (tmp_path / "training.csv").write_text(f",{','.join(KAGGLE.columns)},Image\n{row}\n")
    with pytest.raises(InputError, match=r"without a name: the index that pandas writes.*index=False"):
        load(tmp_path / "training.csv")


def test_what_cannot_be_meant_is_refused(tmp_path):
    for csv, message in {"file,a_x,a_y,age\n0.png,1,2,3\n": "found 'age'", "file,a_v\n0.png,1\n": "found 'a_v'",
                         "file\n0.png\n": "no keypoint",
                         "file,0,1,2\n0.png,1,2,3\n": "found '0', '1', '2'. Rename or remove them",
                         "0.png,1,2\n1.png,3,4\n": r"a line of values \('0\.png', \.\.\.\)\. Write the column",
                         "file,point,x,y\n0.png,nose,1,2\n": "For a line per point .*, use facekp import",
                         "file,x,y,w,h,a_x,a_y\n0.png,1,2,3,4,5,6\n": "remove the columns of a box",
                         "file,x_a,y_a,x_min,y_min\n0.png,1,2,3,4\n": "found 'x_min', 'y_min'. Rename",
                         "file;a_x;a_y\n0.png;1.204;990\n": "found '1.204' beside '990'. Save the table without",
                         'file,a_x,a_y\n0.png,"1,204",990\n': "found '1,204'. Write a decimal point, and no thousands",
                         "file;a_x;a_y\n0.png;1.000,5;2\n": r"row 1, column 'a_x': expected a number.*1\.000,5",
                         "file,box_x,box_y\n0.png,4,": "only one is there"}.items():
        with pytest.raises(InputError, match=message):
            read_folder(folder_of(tmp_path / "set", csv))


# ---- names and their sides ------------------------------------------------------------------------

STYLES = {
    "left_eye": lambda side, part: f"{side}_{part}", "eye_left": lambda side, part: f"{part}_{side}",
    "leftEye": lambda side, part: side + part.title(), "eyeLeft": lambda side, part: part + side.title(),
    "LeftEye": lambda side, part: side.title() + part.title(), "lefteye": lambda side, part: side + part,
    "Left Eye": lambda side, part: f"{side.title()} {part.title()}", "LEFT_EYE": lambda side, part:
    f"{side}_{part}".upper(), "l_eye": lambda side, part: f"{side[0]}_{part}", "L_eye": lambda side, part:
    f"{side[0].upper()}_{part}", "eye_L": lambda side, part: f"{part}_{side[0].upper()}", "eyeL": lambda side, part:
    part + side[0].upper(), "LEye": lambda side, part: side[0].upper() + part.title(), "eye.l": lambda side, part:
    f"{part}.{side[0]}", "leye": lambda side, part: side[0] + part, "eye-left-1": lambda side, part:
    f"{part}-{side}-1", "left_eye_left_corner": lambda side, part: f"{side}_{part}_{side}_corner",
}
PARTS = ("eye", "ear", "mouth", "wing", "brow")


@pytest.mark.parametrize("style", STYLES)
def test_any_way_of_writing_gives_the_same_pairs(style):
    write = STYLES[style]
    names = ["nose", *(write(side, part) for side in ("right", "left") for part in PARTS), "lower_lip", "chin"]
    assert pairs_by_name(names) == tuple((write("left", part), write("right", part)) for part in PARTS)
    assert not sides_alone(names, pairs_by_name(names))
    numbered = "1" in style  # the first of several points of an eye: its position is not given
    assert eyes_of(pairs_by_name(names)) == (None if numbered else (write("left", "eye"), write("right", "eye")))


@given(st.lists(st.tuples(st.sampled_from(("left", "right", "Left", "L", "r", "", "upper", "up")),
                          st.sampled_from(PARTS), st.sampled_from(("", "left", "Right", "l", "1"))), unique=True),
       st.sampled_from(("_", "", " ", ".")))
def test_pairs_are_symmetric_and_flipping_twice_is_the_identity(parts, mark):
    names = tuple(dict.fromkeys(mark.join(p for p in part if p) for part in parts))
    pairs = pairs_by_name(names)
    assert len({n for pair in pairs for n in pair}) == 2 * len(pairs)
    assert {frozenset(pair) for pair in pairs} == {frozenset(pair) for pair in pairs_by_name(names[::-1])}
    if names:
        swap = scheme_of(names, "x").swap
        assert (swap[swap] == np.arange(len(names))).all()


@given(st.lists(st.text(string.printable + "é左", max_size=12), unique=True, max_size=8))
def test_no_name_is_an_error(names):
    assert len(sides_alone(names, pairs_by_name(names))) <= len(names)


@pytest.mark.parametrize("names", [
    ("auge_links", "auge_rechts"), ("linkes Auge", "rechtes Auge"), ("oeil_gauche", "oeil_droit"),
    ("œilGauche", "œilDroit"), ("bouche_gauche", "bouche_droite"), ("ojo_izquierdo", "ojo_derecho"),
    ("olho_esquerdo", "olho_direito"),
    ("occhio-sinistro", "occhio-destro"), ("左眼", "右眼"), ("嘴角左", "嘴角右"), ("левый глаз", "правый глаз"),
    ("vänster_öga", "höger_öga"), ("왼쪽눈", "오른쪽눈"), ("eye_lt", "eye_rt"), ("lft_ear", "rgt_ear")])
def test_sides_in_other_languages(names):
    assert pairs_by_name([*names, "nose"]) == (names,) and sides_alone(["nose", *names[:1]], ()) == [names[0]]


def test_two_sides_in_a_name():
    names = [f"{a}_eye_{b}_corner" for a in ("left", "right") for b in ("left", "right")]
    pairs = (("left_eye_left_corner", "right_eye_right_corner"), ("left_eye_right_corner", "right_eye_left_corner"))
    assert pairs_by_name(names) == pairs and eyes_of(pairs) == pairs[0]


def test_pairs_csv_goes_before_guesses(tmp_path):
    csv = HEADER + ",nose_x,nose_y\n0.png,1,2,3,4,5,6\n"
    path = folder_of(tmp_path / "set", csv)
    (path / "pairs.csv").write_text("left,right\nright_eye,nose\n")
    assert read_folder(path).scheme.pairs == (("right_eye", "nose"),)


def test_names_with_a_side_and_no_partner_are_found():
    names = ["left_ear", "nose", "mouth_r", "eye_l", "eye_r", "upright", "bright_spot", "lower_lip", "cleft"]
    assert sides_alone(names, pairs_by_name(names)) == ["left_ear", "mouth_r"]


def test_names_that_differ_in_capitals_alone_are_left_to_the_user():
    assert pairs_by_name(["left_eye", "Left_eye", "right_eye", "Right_eye"]) == ()


# ---- ready schemes --------------------------------------------------------------------------------

@pytest.mark.parametrize("scheme, unpaired", [
    (POINTS_68, [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]), (POINTS_98, [16, 51, 52, 53, 54, 57, 79, 85, 90, 94]),
    (POINTS_106, [16, 51, 52, 53, 54, 60, 87, 93, 98, 102]), (FIVE, [2])], ids=lambda s: getattr(s, "name", ""))
def test_ready_schemes(scheme, unpaired):
    """Which points lie on the middle line, as the authors' figures show; every other one has a partner."""
    K = len(scheme)
    assert np.flatnonzero(scheme.swap == np.arange(K)).tolist() == unpaired
    assert (scheme.swap[scheme.swap] == np.arange(K)).all() and SCHEMES[K] is scheme
    assert scheme.swap[scheme.index(*scheme.eyes)].tolist() == scheme.index(*reversed(scheme.eyes))
    drawn = {name for line in scheme.lines for name in line}
    mirrored = {scheme.names[scheme.swap[scheme.index(name)[0]]] for name in drawn}
    assert mirrored == drawn  # what is drawn on one side is drawn on the other


@pytest.mark.parametrize("form", ["{}", "x{}", "point_{}", "kp-{}"])
@pytest.mark.parametrize("first", [0, 1])
def test_numbered_points_are_the_benchmarks(form, first):
    for K in (68, 98, 106):
        names = [form.format(i + first) for i in range(K)]
        assert scheme_of(names, "x").swap.tolist() == SCHEMES[K].swap.tolist()
    assert scheme_of([str(i) for i in range(5)], "x").pairs == ()  # five points, of what is not given
    assert scheme_of([str(i) for i in range(69)], "x").pairs == ()
