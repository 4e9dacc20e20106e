"""Photos: what the crop rule promises of pixels and points, and level faces."""

import io
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facekp import images, load_pretrained, photo, plots
from facekp.data import load
from facekp.errors import InputError
from facekp.keypoints import KAGGLE, Scheme
from facekp.models import create_model
from facekp.photo.similarity import warp
from facekp.predict import predict
from facekp.results import records_folder
from facekp.synthetic.group import group

SHARE = st.floats(0, 1)


def spot(shape, at, sigma):
    """A photo (H, W) uint8 with one blurred spot at (x, y)."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.round(220 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2) / (2 * sigma**2))).astype(np.uint8)


def centroid(image):
    """Of what is brighter than 30: in the flat foot of a spot, grey values of 0 and 1 are too coarse to move."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    weight = (image.astype(np.float64) - 30).clip(0)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


def rmse(found, truth):
    return np.sqrt(((found - truth) ** 2).mean())


# ---- the crop rule ------------------------------------------------------------------------------


@given(
    x=st.floats(-1e4, 1e4), y=st.floats(-1e4, 1e4), width=st.floats(8, 8000), height=st.floats(8, 8000),
    size=st.sampled_from([32, 96, 224]), at=st.tuples(st.floats(-50, 300), st.floats(-50, 300)),
)
def test_points_come_back(x, y, width, height, size, at):
    box = photo.Box(x, y, width, height)
    there = photo.to_photo(np.array([at]), box, size)
    np.testing.assert_allclose(photo.to_crop(there, box, size), [at], atol=1e-6)
    side = max(width, height)  # the crop's edges are the square's
    corners = photo.to_photo(np.array([[-0.5, -0.5], [size - 0.5, size - 0.5]]), box, size) + 0.5
    middle = np.array([x + width / 2, y + height / 2])
    np.testing.assert_allclose(corners, [middle - side / 2, middle + side / 2], atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(side=st.floats(math.log(16), math.log(700)), x=SHARE, y=SHARE, out_x=SHARE, out_y=SHARE, w=SHARE, h=SHARE)
def test_pixels_move_as_points_do(side, x, y, out_x, out_y, w, h):
    """A spot anywhere in the middle of a box of any size anywhere, partly off the photo: at home within 0.05 px.

    Pixels of the coarser of the two images: between the pixels of a small photo the spot's position is not visible.
    """
    side = math.exp(side)
    scale = side / 96  # pixels of the photo per pixel of the crop
    on_crop = np.array([30 + 35 * x, 30 + 35 * y])
    before = np.array([25 + 60 * out_x, 25 + 60 * out_y]) * scale  # from the photo's edge to the spot
    after = np.array([25 + 60 * w, 25 + 60 * h]) * scale
    at = before - 0.5
    W, H = np.ceil(before + after).astype(int)
    corner = at - photo.to_photo(on_crop, photo.Box(0, 0, side, side))
    box = photo.Box(*corner, side, side)
    found = centroid(photo.crop(spot((H, W), at, 5 * scale), box))
    np.testing.assert_allclose(found, on_crop, atol=0.05 * max(1 / scale, 1))
    np.testing.assert_allclose(photo.to_photo(found, box), at, atol=0.05 * max(scale, 1))


def test_a_crop_of_the_same_size_is_the_photo_itself():
    pixels = np.random.default_rng(0).integers(0, 256, (150, 130), np.uint8)
    assert np.array_equal(photo.crop(pixels, photo.Box(20, 40, 96, 96)), pixels[40:136, 20:116])
    assert np.array_equal(photo.crop(pixels[:96, :96], photo.whole(pixels[:96, :96])), pixels[:96, :96])


def test_beyond_the_photo_its_edge_is_repeated():
    pixels = np.random.default_rng(0).integers(0, 256, (60, 60), np.uint8)
    found = photo.crop(pixels, photo.Box(-36, -20, 96, 96))
    padded = np.pad(pixels, ((20, 16), (36, 0)), mode="edge")
    assert np.array_equal(found, padded)


def test_each_new_pixel_is_a_mean_of_all_below_it():
    """Lines one pixel wide become an even grey: nothing is skipped."""
    pixels = np.zeros((960, 960), np.uint8)
    pixels[::2] = 200
    found = photo.crop(pixels, photo.Box(3.3, 3.3, 940, 940))
    assert found.std() < 1.5 and abs(found.mean() - 100) < 1


def test_a_box_that_is_not_square_becomes_square_around_its_centre():
    assert photo.Box(10, 20, 40, 100).square() == photo.Box(-20, 20, 100, 100)
    assert photo.whole(np.zeros((50, 80), np.uint8)) == photo.Box(0, 0, 80, 80)


def test_colour_is_turned_to_grey_and_grey_stays():
    grey = np.random.default_rng(0).integers(0, 256, (96, 96), np.uint8)
    colour = np.stack([grey] * 3, -1)
    assert np.array_equal(photo.crop(colour, photo.whole(colour)), grey)
    red = np.zeros((96, 96, 3), np.uint8)
    red[..., 0] = 255
    assert (photo.crop(red, photo.whole(red)) == 76).all()  # 0.299 * 255


@pytest.mark.parametrize("text, message", [
    ("1,2,3", "four numbers"), ("1,2,3,4,5", "four numbers"), ("a,b,c,d", "found 'a,b,c,d'"), ("", "four numbers"),
    ("1,2,0,5", "above 0"), ("1,2,5,-5", "above 0"), ("nan,2,5,5", "finite"), ("1,inf,5,5", "finite"),
])
def test_a_box_that_is_none(text, message):
    with pytest.raises(InputError, match=message):
        photo.Box.parse(text)


@pytest.mark.parametrize("box", [(200, 0, 50, 50), (-60, 0, 50, 50), (0, -50, 50, 50), (95, 95, 40, 40), (1, 1, 3, 3),
                                 (-1e300, 0, 5, 5)])
def test_a_box_with_nothing_of_the_photo_in_it(box):
    with pytest.raises(InputError, match="at least 8 x 8 pixels of the photo"):
        photo.crop(np.zeros((100, 100), np.uint8), photo.Box(*box))


@pytest.mark.parametrize("side", [8001, 1e9, 1e300])
def test_a_box_that_would_take_all_memory(side):
    with pytest.raises(InputError, match="at most 8000 pixels a side"):
        photo.crop(np.zeros((100, 100), np.uint8), photo.Box(-side / 2, -side / 2, side, side))


def test_the_rule_is_where_faces_are_in_kaggles_labels_and_in_the_synthetic_ones():
    means = json.loads((records_folder() / "kaggle-labels.json").read_text())["source_of_fifteen"]
    kaggle = np.array([means[name]["mean"] for name in KAGGLE.eyes])
    drawn = load("sample").complete().keypoints[:, KAGGLE.index(*KAGGLE.eyes)].mean(0)
    for left, right in (kaggle, drawn):
        assert math.dist(left, right) / 96 == pytest.approx(images.EYES_APART, abs=0.005)
        assert ((left + right) / 2 + 0.5) / 96 == pytest.approx([0.5, images.EYES_DOWN], abs=0.01)
    box = photo.square_of_eyes(*kaggle)
    np.testing.assert_allclose(box.as_tuple(), (0, 0, 96, 96), atol=0.5)


# ---- points of a photo --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scene():
    """Six drawn people, and the points of each."""
    return group(2, 3, seed=3)


def test_a_trained_network_finds_the_points_in_a_larger_scene(scene):
    pixels, points = scene
    boxes = [photo.square_of_eyes(p[0], p[1]) for p in points]
    found = photo.predict_photo(load_pretrained("hourglass-s-synthetic"), pixels, boxes)
    errors = [rmse(f.points, p) * 96 / f.box.width for f, p in zip(found, points, strict=True)]
    assert max(errors) < 2 and np.mean(errors) < 1.2  # pixels of the crop; the mean face is 4 px off
    assert all(f.scheme.names == KAGGLE.names and (f.confidence > 0).all() for f in found)
    values = found[0].to_dict()
    assert json.loads(json.dumps(values)) == values and list(values["points"]) == list(KAGGLE.names)


def test_a_crop_given_whole_gets_the_points_of_predict():
    faces = load("sample").complete().select(slice(3))
    model = load_pretrained("hourglass-s-synthetic")
    expected, sure = predict(model, faces.images)
    for image, points, confidence in zip(faces.images, expected, sure, strict=True):
        found, = photo.predict_photo(model, image)
        np.testing.assert_allclose(found.points, points, atol=1e-4)
        np.testing.assert_allclose(found.confidence, confidence, atol=1e-5)


def test_points_of_a_photo_count_from_the_centre_of_the_first_pixel_whatever_the_labels_did():
    image = load("sample").images[0]
    model, moved = create_model("hourglass-s"), create_model("hourglass-s", pixel_offset=0.5)
    moved.load_state_dict(model.state_dict())
    a, b = (photo.predict_photo(m, image)[0].points for m in (model, moved))
    np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("boxes, message", [("look", "found \"look\""), ([(1, 2, 3)], "x, y, width, height"),
                                            (["abcd"], "x, y, width, height"), (7, "x, y, width, height")])
def test_boxes_that_are_none(boxes, message):
    with pytest.raises(InputError, match=message):
        photo.predict_photo(create_model("hourglass-s"), np.zeros((96, 96), np.uint8), boxes)


@pytest.mark.parametrize("array", [np.zeros((96, 96)), np.zeros((96, 96, 4), np.uint8), np.zeros(96, np.uint8)])
def test_arrays_that_are_not_a_photo(array):
    with pytest.raises(InputError, match="uint8, RGB"):
        photo.predict_photo(create_model("hourglass-s"), array)


def test_a_drawn_photo_has_its_marks_where_the_points_are():
    """Also where it is drawn smaller: 3000 pixels are drawn as 1500."""
    for side, dpi in ((300, 75), (3000, 75)):
        at = np.array([[0.7, 0.3]]) * side
        face = photo.FaceResult(at, np.ones(1), photo.Box(-10, -10, 5, 5), Scheme("one", ("a",)))
        buffer = io.BytesIO()
        plots.photo(np.full((side, side, 3), 128, np.uint8), [face]).savefig(buffer, dpi=dpi)
        drawn = np.asarray(Image.open(buffer).convert("RGB")).astype(float)
        assert drawn.shape[:2] == (600, 600)
        y, x = np.nonzero(drawn[..., 0] - drawn[..., 2] > 60)
        np.testing.assert_allclose((x.mean() + 0.5, y.mean() + 0.5), (at[0] + 0.5) * 600 / side, atol=0.7)


# ---- level faces --------------------------------------------------------------------------------


def turned(scale, degrees, shift):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return photo.Similarity(scale, np.array([[c, -s], [s, c]]), np.array(shift, float))


@given(st.floats(0.05, 20), st.floats(-179, 179), st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
       st.integers(2, 15))
def test_umeyama_finds_the_similarity_that_was_used(scale, degrees, shift, K):
    points = np.random.default_rng(K).uniform(0, 100, (K, 2))
    points[0] += 30
    move = turned(scale, degrees, shift)
    found = photo.umeyama(points, move(points))
    assert found.scale == pytest.approx(scale, rel=1e-6)
    assert found.degrees == pytest.approx(degrees, abs=1e-5)
    np.testing.assert_allclose(found.inverse()(found(points)), points, atol=1e-6)


def test_umeyama_is_a_least_squares_solution_and_no_mirror():
    rng = np.random.default_rng(0)
    points = rng.uniform(0, 100, (8, 2))
    for places in (points + rng.normal(0, 5, (8, 2)), points * (-1, 1)):
        found = photo.umeyama(points, places)
        assert np.linalg.det(found.turn) == pytest.approx(1)

        def loss(s, places=places):
            return ((places - s(points)) ** 2).sum()

        for _ in range(50):
            near = turned(found.scale * rng.normal(1, 0.01), found.degrees + rng.normal(0, 1),
                          found.shift + rng.normal(0, 0.5, 2))
            assert loss(found) <= loss(near) + 1e-9


def test_umeyama_refuses_what_has_no_answer():
    one = np.array([[1.0, 1], [np.nan, 2]])
    with pytest.raises(InputError, match="at least two points"):
        photo.umeyama(one, one)
    with pytest.raises(InputError, match="different positions"):
        photo.umeyama(np.ones((3, 2)), np.eye(3)[:, :2])
    with pytest.raises(InputError, match="reference points that differ"):
        photo.umeyama(np.eye(3)[:, :2], np.ones((3, 2)))
    with pytest.raises(InputError, match="has none"):
        photo.align(np.zeros((96, 96), np.uint8), np.ones((1, 2)), scheme=Scheme("one", ("a",)))


@settings(max_examples=30, deadline=None)
@given(st.floats(math.log(0.3), math.log(3)), st.floats(-180, 180), SHARE, SHARE)
def test_a_turned_image_moves_as_its_points_do(zoom, degrees, x, y):
    zoom = math.exp(zoom)
    move = turned(zoom, degrees, (0, 0))
    at = np.array([110, 120]) / zoom + 30.3
    on_crop = np.array([30 + 35 * x, 30 + 35 * y])
    move = turned(zoom, degrees, on_crop - move(at))
    side = int(260 / zoom + 60)
    found = centroid(warp(spot((side, side), at, 5 / zoom), move, 96))
    np.testing.assert_allclose(found, on_crop, atol=0.05 * max(zoom, 1))
    np.testing.assert_allclose(move.inverse()(on_crop), at, atol=1e-9)


def test_align_levels_the_eyes_and_the_way_back_is_exact(scene):
    pixels, points = scene
    model = load_pretrained("hourglass-s-synthetic")
    straight, level = [], []
    for face in points:
        tilted = turned(1.0, 40, (0, 0))
        shift = np.array([200.0, 200]) - tilted(face.mean(0))
        tilted = turned(1.0, 40, shift)
        shown, where = warp(pixels, tilted, 400), tilted(face)
        image, move = photo.align(shown, where)
        np.testing.assert_allclose(move(where)[:2], photo.standard_eyes(), atol=1e-9)
        assert abs(move(where)[0, 1] - move(where)[1, 1]) < 1e-9 and image.shape == (96, 96)
        on_photo = move.inverse()(predict(model, image[None])[0][0])
        level.append(rmse(on_photo, where) * move.scale)
        box = photo.square_of_eyes(*where[:2])
        found, = photo.predict_photo(model, shown, [box])
        straight.append(rmse(found.points, where) * 96 / box.width)
    assert np.mean(level) < 1.2 and np.mean(straight) > 3 * np.mean(level)


def test_align_by_all_points_to_given_places(scene):
    pixels, points = scene
    mean_face = load("sample").complete().keypoints.mean(0)
    image, move = photo.align(pixels, points[0], mean_face)
    assert rmse(move(points[0]), mean_face) < 5 and image.std() > 5
