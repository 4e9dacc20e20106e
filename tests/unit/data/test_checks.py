"""What is likely wrong with a data set is named, and nothing is named where nothing is wrong."""

from dataclasses import replace

import numpy as np
import pytest
from dots import EARS, dots, on_disk
from PIL import Image

from facekp import synthetic
from facekp.data import folder, load
from facekp.data.checks import beyond, check, look_first
from facekp.data.checks.shapes import exchanged
from facekp.data.image_files import ImageFiles, turn
from facekp.images import read
from facekp.keypoints import KAGGLE, Scheme


def kinds(faces, **more):
    return [f.kind for f in check(faces, **more)]


def only(faces, kind, **more):
    """The one finding of that kind; no other is there."""
    found = check(faces, **more)
    assert [f.kind for f in found] == [kind], [(f.kind, f.faces) for f in found]
    return found[0]


@pytest.fixture(scope="module")
def sample():
    faces = synthetic.sample().complete()
    inside = ((faces.keypoints > 0) & (faces.keypoints < 95)).all((1, 2))  # some heads do not fit in their image
    return faces.select(inside).select(slice(60))


# ---- nothing where nothing is wrong ------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 5, 40])
def test_faces_without_a_fault_get_no_finding(n, sample):
    assert kinds(sample.select(slice(n))) == []
    assert kinds(dots(n)) == []


def test_faces_without_labels_or_no_faces(sample):
    assert kinds(sample.select(slice(0))) == []
    assert kinds(replace(sample, keypoints=np.full_like(sample.keypoints, np.nan))) == []


def test_beyond_is_far_above_the_others():
    values = np.random.default_rng(0).lognormal(0, 0.5, 1000)
    rows, score = beyond(np.append(values, 60), 0.0)
    assert 1000 in rows and len(rows) <= 3 and score[0] > 1 and rows[0] == 1000
    assert beyond(np.zeros(4), 1.0)[0].size == 0 and beyond(np.array([np.nan, 2.0]), 3.0)[0].size == 0


# ---- labels --------------------------------------------------------------------------------------------


@pytest.mark.tried("labels", "a missing point written as -1, 0 or another fixed place", "named, with its count")
@pytest.mark.parametrize(("place", "certain"), [((-1, -1), True), ((0, 0), False), ((999, 999), True)])
@pytest.mark.parametrize("offset", [0.0, 0.5, 1.0])
def test_a_place_that_means_missing(place, certain, offset):
    faces = dots(20)
    points = faces.keypoints.copy()
    points[::2, 2] = np.array(place) - offset
    found = only(replace(faces, keypoints=points), "placeholder", pixel_offset=offset)
    assert found.about["position"] == place and found.about["points"] == ["nose"] and found.about["annotated"] == 20
    assert found.faces.tolist() == list(range(0, 20, 2))
    assert found.certain == (certain or offset == 1.0)  # (0, 0) of labels that count from 1 is outside


def test_points_that_no_face_has_and_names_of_one_side():
    faces = dots()
    points = faces.keypoints.copy()
    points[:, 2] = np.nan
    assert only(replace(faces, keypoints=points), "nowhere").about["points"] == ["nose"]
    alone = replace(faces, scheme=Scheme("x", ("left_ear", "right_ear", "mouth_l"), EARS.pairs))
    assert only(alone, "one side").about["points"] == ["mouth_l"]


@pytest.mark.parametrize("high", [1.0, 0.5])
def test_fractions_are_certain(high):
    faces = dots()
    found = only(replace(faces, keypoints=faces.keypoints / 96 * np.float32(high)), "fractions")
    assert found.certain and found.about["high"] < high


def test_faces_with_fractions_among_others_are_certain():
    faces = dots(24)
    faces.keypoints[[4, 7]] /= 96
    found = only(faces, "fractions of some")
    assert found.certain and found.faces.tolist() == [4, 7]


def test_a_name_written_in_another_way():
    """In one face 'Nose' and in another 'nos' stand for 'nose': said before training on three points."""
    faces = dots(24)
    points = np.full((24, 5, 2), np.nan, np.float32)
    points[:, :3] = faces.keypoints
    points[3, [2, 3]], points[5, [2, 4]] = points[3, [3, 2]], points[5, [4, 2]]
    found = check(replace(faces, keypoints=points, scheme=replace(EARS, names=(*EARS.names, "Nose", "nos"))))
    assert [(f.kind, f.faces.tolist(), f.about["points"]) for f in found] == [
        ("alike", [], ["nose / Nose"]), ("rare", [3, 5], ["Nose", "nos"])]


READINGS = {
    "y counts from the lower edge": lambda p, size: np.stack([p[..., 0], size[..., 1] - 1 - p[..., 1]], -1),
    "x counts from the right edge": lambda p, size: np.stack([size[..., 0] - 1 - p[..., 0], p[..., 1]], -1),
    "in percent": lambda p, size: (p + 0.5) / size * 100,
    "of about 256 x 256 pixels": lambda p, size: (p + 0.5) / size * 256 - 0.5,
    "of half the size": lambda p, size: (p + 0.5) / 2 - 0.5,
    "of the line below": lambda p, size: np.roll(p, 1, 0),
    "of the line above": lambda p, size: np.roll(p, -1, 0),
    "all x, then all y": lambda p, size: np.moveaxis(p, 2, 1).reshape(p.shape),
    "": lambda p, size: p}


@pytest.mark.parametrize("way", READINGS)
def test_labels_that_fit_the_pixels_when_read_otherwise(way, tmp_path, sample):
    """Faces at a place of its own in each file, of four sizes."""
    rng = np.random.default_rng(0)
    images, points, sizes = {}, [], []
    for i, face in enumerate(sample.images[:24]):
        width, height = [(180, 140), (150, 190), (220, 160), (140, 150)][i % 4]
        x, y = rng.integers(0, (width - 95, height - 95))
        images[f"{i:02d}.png"] = np.full((height, width), face.mean(), np.uint8)
        images[f"{i:02d}.png"][y:y + 96, x:x + 96] = face
        points.append(sample.keypoints[i] + [x, y])
        sizes.append([[width, height]])
    points = READINGS[way](np.array(points), np.array(sizes))
    header = ",".join(["file", *KAGGLE.columns])
    faces = load(on_disk(tmp_path, images, list(zip(images, points, strict=True)), header))
    found = [f.about["way"] for f in check(faces) if f.kind == "reading"]
    assert [way in said for said in found] == [True] * bool(way), found


def test_labels_of_smaller_copies(tmp_path):
    images = {f"{i}.png": np.kron(image, np.ones((3, 3), np.uint8)) for i, image in enumerate(dots().images)}
    labels = [(name, p) for name, p in zip(images, dots().keypoints, strict=True)]
    assert only(load(on_disk(tmp_path / "small", images, labels)), "upper left").about["part"] < 0.35


def test_outside_is_of_the_file_not_of_its_square(tmp_path):
    """A landscape and a large file: the point below the image is outside, though it is inside the padded square."""
    rng = np.random.default_rng(0)
    wide = {f"{i}.png": rng.integers(0, 255, (100, 200), dtype=np.uint8) for i in range(2)}
    one = on_disk(tmp_path / "wide", wide, [("0.png", (100, 150)), ("1.png", (100, 50))], "file,nose_x,nose_y")
    found = only(load(one), "outside")
    assert found.faces.tolist() == [0] and found.about == {"count": 1, "annotated": 2}
    large = {f"{i}.png": rng.integers(0, 255, (960, 960), dtype=np.uint8) for i in range(3)}
    lines = [("0.png", (3, 3)), ("1.png", (963, 500)), ("2.png", (500, 500))]
    found = only(load(on_disk(tmp_path / "large", large, lines, "file,nose_x,nose_y")), "outside")
    assert found.faces.tolist() == [1]


# ---- images -----------------------------------------------------------------------------------------


def test_a_file_named_twice_with_other_points(tmp_path):
    faces = dots(8)
    images = {f"{i}.png": image for i, image in enumerate(faces.images)}
    labels = list(zip(images, faces.keypoints, strict=True))
    elsewhere = on_disk(tmp_path / "a", images, [*labels, ("0.png", faces.keypoints[0] + (20, 10))])
    found = only(load(elsewhere), "twice")
    assert found.faces.tolist() == [8] and found.about["each"] == pytest.approx([np.hypot(20, 10)], abs=0.1)
    again = on_disk(tmp_path / "b", images, [*labels, ("0.png", faces.keypoints[0] + (0.5, -0.5))])  # a second opinion
    assert kinds(load(again)) == []


def test_faces_cut_out_of_one_file_are_no_contradiction_and_boxes_have_to_hold_them(tmp_path):
    """Two faces in a file, each in its square; then squares as tools write them that give centres, or fractions."""
    rng, lines = np.random.default_rng(0), {1: [], 0.05: [], "centre": []}
    left, right = dots(12), dots(12, seed=1)
    for i in range(12):
        Image.fromarray(np.hstack([left.images[i], right.images[i]])).save(tmp_path / f"{i}.png")
        for j, points in enumerate((left.keypoints[i], right.keypoints[i])):
            shift = rng.uniform(-9, 9, 2)  # the faces are at a place of their own in each square
            for how in lines:
                x, y, side = 96 * j + shift[0], shift[1], 96
                box = (x + 48, y + 48, side) if how == "centre" else (how * max(x, 0), how * max(y, 0), how * side)
                lines[how].append(",".join(map(str, [f"{i}.png", *np.add(points, (96 * j, 0)).ravel(), *box])))
    kinds_of = {}
    for how, rows in lines.items():
        header = "file,left_ear_x,left_ear_y,right_ear_x,right_ear_y,nose_x,nose_y,box_x,box_y,box_side"
        (tmp_path / "keypoints.csv").write_text("\n".join([header, *rows]) + "\n")
        kinds_of[how] = {(f.kind, f.certain) for f in check(load(tmp_path))}
    assert {kind for kind, _ in kinds_of[1]} <= {"elsewhere"}
    assert ("outside square", True) in kinds_of[0.05] and "outside square" in dict(kinds_of["centre"])


def test_copies_of_an_image_that_disagree(sample):
    images, points = sample.images.copy(), sample.keypoints.copy()
    images[7] = images[3] ^ np.uint8(1)  # another file, the same to the eye
    points[7] = points[3] + np.float32(12)
    found = [f for f in check(replace(sample, images=images, keypoints=points)) if f.kind == "contradicting"]
    assert len(found) == 1 and found[0].faces[0] == 7 and found[0].about["each"][0] == 3


def test_twelve_bits_blank_and_unlike(tmp_path, sample):
    faces = dots(6)
    deep = {f"{i}.png": image.astype(np.uint16) * 16 for i, image in enumerate(faces.images)}
    found = only(load(on_disk(tmp_path / "deep", deep, list(zip(deep, faces.keypoints, strict=True)))), "12 bits")
    assert found.about["highest"] == 255 * 16 or found.about["highest"] < 4096
    full = {name: image * 16 for name, image in deep.items()}
    assert kinds(load(on_disk(tmp_path / "full", full, list(zip(full, faces.keypoints, strict=True))))) == []
    images = sample.images.copy()
    images[5] = 200
    images[9] = np.random.default_rng(0).integers(0, 255, (96, 96))
    found = {f.kind: f.faces.tolist() for f in check(replace(sample, images=images))}
    assert found.pop("blank") == [5] and 9 in found.get("unlike", [9])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_points_turn_with_their_file(tmp_path, orientation):
    """A dot, saved as it is and turned by Pillow: its place is computed right for every EXIF orientation."""
    stored = np.zeros((40, 64), np.uint8)
    stored[9, 50] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    photo = read(tmp_path / "a.png")
    y, x = np.unravel_index(photo.pixels[..., 0].argmax(), photo.pixels.shape[:2])
    files = ImageFiles.of(["a.png"], [photo], np.full((1, 3), np.nan))
    assert turn(np.array([[[50.0, 9.0]]]), files.sizes, files.orientation).tolist() == [[[x, y]]]
    assert photo.orientation == orientation and photo.size == photo.pixels.shape[1::-1]


@pytest.mark.tried("labels", "images that EXIF turns, labels of the upright or the stored pixels",
                   "the right one found")
@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize("reading", ["upright", "sideways", "not to be turned"])
def test_whether_labels_count_in_the_turned_image(tmp_path, orientation, reading):
    faces, path = dots(10, seed=1), tmp_path / "set"
    on_disk(path, {f"{i}.png": im for i, im in enumerate(faces.images)}, [])
    back = {3: 2, 6: 1, 8: -1}[orientation]  # quarter turns from the upright image to the stored one
    labels, exif = [], Image.Exif()
    exif[0x0112] = orientation
    for i, (image, points) in enumerate(zip(faces.images, faces.keypoints, strict=True)):
        if i < 4:
            stored = image if reading == "not to be turned" else np.rot90(image, back)
            Image.fromarray(np.ascontiguousarray(stored)).save(path / f"{i}.png", exif=exif)
        if i < 4 and reading == "sideways":
            x, y = points.T
            points = np.stack({3: (95 - x, 95 - y), 6: (y, 95 - x), 8: (95 - y, x)}[orientation], 1)
        labels.append((f"{i}.png", points))
    found = check(load(on_disk(path, {}, labels)))
    if reading == "upright":
        assert found == []
        return
    assert [f.kind for f in found] == ["turned"] and found[0].faces.tolist() == [0, 1, 2, 3]
    assert found[0].about == {"turn labels": reading == "sideways", "orientations": [orientation]}


# ---- shapes -------------------------------------------------------------------------------------------


@pytest.mark.tried("labels", "left and right of some faces exchanged, others with gaps", "these faces named, no other")
@pytest.mark.parametrize("rows", [[], [7], [0, 3, 11]])
def test_exchanged_sides_are_found(rows):
    faces = synthetic.sample().select(slice(60))  # with gaps, as in Kaggle's files
    points = faces.keypoints.copy()
    points[rows] = points[rows][:, KAGGLE.swap]
    found = exchanged(replace(faces, keypoints=points))
    named = [r for r in rows if np.isfinite(points[r, KAGGLE.index("left_eye_center", "right_eye_center")]).all()]
    assert set(named) <= set(found.tolist()) <= set(rows)
    more = set(kinds(replace(faces, keypoints=points))) - set(kinds(faces)) - {"contradicting"}  # copies that were not
    assert more == ({"exchanged"} if len(found) else set())


def test_half_a_face_is_not_called_exchanged(sample):
    points = sample.keypoints.copy()
    for left, right in KAGGLE.pairs[:3]:  # half of the pairs: more likely a slip than the other side
        points[4, KAGGLE.index(left, right)] = points[4, KAGGLE.index(right, left)]
    faces = replace(sample, keypoints=points)
    assert exchanged(faces).size == 0
    assert 4 in only(faces, "out of place").faces


@pytest.mark.parametrize("k", [0, 7, 10, 14])
def test_a_point_out_of_place_is_named(sample, k):
    points = sample.keypoints.copy()
    points[11, k] += (14, -9)
    found = only(replace(sample, keypoints=points), "out of place")
    assert found.faces[0] == 11 and found.about["each"][0] == KAGGLE.names[k]


def test_a_face_elsewhere_and_axes_exchanged(sample):
    points = sample.keypoints.copy()
    points[20] = points[20] * 0.25 + 60
    assert 20 in next(f for f in check(replace(sample, keypoints=points)) if f.kind == "elsewhere").faces
    assert "axes" in kinds(replace(sample, keypoints=sample.keypoints[..., ::-1].copy()))


def test_what_to_look_at_first(sample):
    points = sample.keypoints.copy()
    points[3] = points[3][KAGGLE.swap]
    points[11, 10] += 25
    points[11, 0] = (150, 20)
    found = check(replace(sample, keypoints=points))
    first = look_first(found)
    assert {i for i, _, _ in first[:2]} == {3, 11}
    assert [score for _, score, _ in first] == sorted((s for _, s, _ in first), reverse=True)
    assert {f.kind for f in {i: why for i, _, why in first}[11]} >= {"outside", "out of place"}


# ---- points in the file's own pixels -------------------------------------------------------------------


@pytest.mark.parametrize("offset", [0.0, 0.5, 1.0])
def test_points_come_back_in_the_pixels_of_any_file(tmp_path, offset):
    """Sizes and aspect ratios of all kinds: what is read goes back to the label less the offset, to 1e-4 px."""
    rng = np.random.default_rng(3)
    sizes = [(96, 96), (97, 96), (40, 300), (300, 40), (33, 17), (640, 480), (960, 1280), (9, 9)]
    sizes += [tuple(map(int, size)) for size in rng.integers(9, 700, (12, 2))]
    images = {f"{i}.png": np.zeros(size[::-1], np.uint8) for i, size in enumerate(map(tuple, sizes))}
    points = np.array([rng.uniform(0, size, (3, 2)) for size in sizes]).round(2)
    on_disk(tmp_path / "set", images, list(zip(images, points, strict=True)))
    faces = load(tmp_path / "set", pixel_offset=offset)
    assert np.abs(faces.in_files(faces.keypoints) - (points - offset)).max() < 1e-4
    assert faces.files.sizes.tolist() == [list(map(int, size)) for size in sizes]
    assert np.allclose(faces.summary()["x max"], points[..., 0].max(0) - offset, atol=1e-3)
    some = faces.select(np.array([4, 1]))
    assert some.files.names.tolist() == ["4.png", "1.png"]
    # A dot drawn at the label is where the grid's point is, within a pixel of the grid.
    side = np.array([max(size) for size in sizes])
    grid = (points - offset + 0.5) * (96 / side)[:, None, None] - 0.5
    assert np.abs(faces.keypoints - grid).max() < 1e-4


def test_a_folder_that_was_extracted_has_the_same_points(tmp_path, sample):
    back = folder.read_folder(folder.extract(sample.select(slice(5)), tmp_path / "out"))
    assert np.array_equal(back.in_files(back.keypoints).astype(np.float32), sample.keypoints[:5])
