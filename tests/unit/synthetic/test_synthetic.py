"""The synthetic faces: labels on the surface, mirror symmetry, Kaggle's statistics, the shipped sample."""

from dataclasses import replace

import numpy as np
import pytest

from facekp import synthetic
from facekp.errors import InputError
from facekp.keypoints import KAGGLE, KAGGLE_FOUR
from facekp.synthetic import Ingredients, camera, hair, light, paint, people, render, scene
from facekp.synthetic.head import Head, landmarks

# Mean x, mean y, std x, std y of the 2140 complete rows of Kaggle's training.csv.
KAGGLE_POINTS = np.array([
    [66.2, 36.8, 2.1, 2.3], [29.6, 37.1, 2.1, 2.2], [59.3, 37.9, 2.0, 2.0], [73.4, 37.6, 2.7, 2.7],
    [36.6, 37.9, 1.8, 2.0], [22.4, 38.0, 2.8, 2.7], [56.1, 29.2, 2.8, 2.9], [79.6, 29.7, 3.3, 3.6],
    [39.3, 29.4, 2.6, 2.8], [15.8, 30.5, 3.3, 3.6], [48.0, 57.3, 3.3, 4.5], [63.4, 75.9, 3.6, 4.4],
    [33.0, 76.1, 3.6, 4.3], [48.1, 72.7, 2.7, 5.1], [48.1, 82.6, 3.0, 4.8],
])


def heads(n: int, **changes) -> list[Head]:
    """Random heads with some of their numbers fixed."""
    return [replace(people.random_head(np.random.default_rng([4, i])), **changes) for i in range(n)]


def test_face_depends_on_seed_and_number_only():
    ten, four = synthetic.generate(10, seed=3), synthetic.generate(4, seed=3)
    assert np.array_equal(ten.images[:4], four.images) and np.array_equal(ten.keypoints[:4], four.keypoints)
    assert not np.array_equal(synthetic.generate(4, seed=4).images, four.images)
    assert len(np.unique(ten.duplicates())) == 10
    assert ten.annotated.all() and ten.scheme == KAGGLE


def test_no_faces_and_negative_numbers():
    assert synthetic.generate(0).images.shape == (0, 96, 96)
    for bad in ({"n": -1}, {"n": 1, "seed": -1}):
        with pytest.raises(InputError, match="0 or more"):
            synthetic.generate(**bad)


@pytest.mark.parametrize("yaw", [-8.0, 0.0, 8.0])
def test_a_dot_painted_on_the_surface_lies_under_its_keypoint(yaw):
    """At the size that is shipped: a dot on the surface, averaged down to 96 x 96; its centroid is the label."""
    rows, columns = np.mgrid[:96, :96]
    off = []
    for h in heads(5, yaw=yaw, bald=True, hat=-9.0):
        pixels, where = render.rasterise(h), render.keypoints(h)
        for name, (theta, y) in landmarks(h).items():
            large = np.zeros((192, 192))
            large.ravel()[pixels.where] = np.exp(-((pixels.theta - theta) ** 2 + (pixels.y - y) ** 2) / (2 * 0.015**2))
            dot = large.reshape(96, 2, 96, 2).mean((1, 3))
            off.append(np.array([(dot * columns).sum(), (dot * rows).sum()]) / dot.sum() - where[name])
    # A dot of this size has room to bend: on the tip of the nose or between the lips it is drawn a little lopsided.
    assert np.abs(off).max() < 0.4 and np.abs(off).mean() < 0.04


@pytest.mark.parametrize("yaw", [-45.0, -30.0, 0.0, 30.0, 45.0])
def test_a_point_of_the_surface_is_seen_where_its_keypoint_is(yaw, monkeypatch):
    """Six times the size, a tiny dot, and a fit that takes the surface's bend out of its place: within 0.1 px.

    A point seen nearly edge-on covers few pixels, and says little about where it is; it is left out.
    """
    monkeypatch.setattr(render, "SCALE", 6)
    monkeypatch.setattr(render, "COLUMNS", 1300)
    monkeypatch.setattr(render, "ROWS", 800)
    monkeypatch.setattr(render, "THETA", render._theta(np.arange(1300)).astype(np.float32)[None])
    monkeypatch.setattr(render, "Y", render._y(np.arange(800)).astype(np.float32)[:, None])
    off = []
    for h in heads(2, yaw=yaw, bald=True, hat=-9.0):
        pixels, where = render.rasterise(h), render.keypoints(h)
        found = {name: seen_at(pixels, *point, size=576) for name, point in landmarks(h).items()}
        off += [place - where[name] for name, place in found.items() if place is not None]
    assert len(off) > 34 * (0.6 if abs(yaw) > 40 else 0.8)
    assert np.abs(off).max() < 0.1 and np.abs(off).mean() < 0.02


def seen_at(pixels: render.Pixels, theta: float, y: float, size: int, dot: float = 0.012) -> np.ndarray | None:
    """Where in the 96 x 96 image the surface's point (theta, y) is seen; None if it is hidden or edge-on."""
    a, b = (pixels.theta - theta) / dot, (pixels.y - y) / dot
    near = a**2 + b**2 < 2.5**2
    a, b, places = a[near], b[near], np.stack(np.divmod(pixels.where[near], size)[::-1], 1)
    if near.sum() < 64:
        return None
    weight = np.exp(-(a**2 + b**2) / 4)[:, None]
    terms = np.stack([np.ones_like(a), a, b, a * a, a * b, b * b], 1)
    middle = np.linalg.lstsq(terms * weight, places * weight, rcond=None)[0][0]
    return (middle + 0.5) * 96 / size - 0.5


def test_a_mirrored_head_gives_the_mirrored_image(monkeypatch):
    for module in (paint, hair):  # texture is random, so it has no mirror image
        monkeypatch.setattr(module, "look_up", lambda table, theta, y: np.full(np.broadcast(theta, y).shape, 0.5))

    def image(h: Head) -> np.ndarray:
        pixels, large = render.rasterise(h), np.full((192, 192), 0.3)
        large.ravel()[pixels.where] = light.shade(h, pixels)
        depth = np.full(large.shape, -np.inf)
        depth.ravel()[pixels.where] = pixels.depth
        return scene.glasses(h, large, depth)

    for h in heads(6, glasses=(0.33, 0.25)):
        mirrored = replace(h, yaw=-h.yaw, roll=-h.roll, skew=-h.skew, part=-h.part, gaze=(-h.gaze[0], h.gaze[1]),
                           light=(-h.light[0], *h.light[1:]), eyes_at=(95 - h.eyes_at[0], h.eyes_at[1]))
        points, other = (np.stack([render.keypoints(p)[n] for n in KAGGLE.names]) for p in (h, mirrored))
        assert np.allclose(other[KAGGLE.swap], points * [-1, 1] + [95, 0], atol=1e-6)
        # Where two surfaces meet, a few pixels may show the other one.
        difference = np.abs(image(mirrored)[:, ::-1] - image(h))
        assert difference.mean() < 3e-4 and (difference > 0.1).mean() < 2e-3
        assert np.abs(image(h)[:, ::-1] - image(h)).mean() > 0.02  # without the mirror it would show


def test_statistics_are_near_kaggles():
    points = np.array([[render.keypoints(h)[n] for n in KAGGLE.names] for h in heads(400)])
    assert np.abs(points.mean(0) - KAGGLE_POINTS[:, :2]).max() < 2.0
    assert np.abs(points.std(0) - KAGGLE_POINTS[:, 2:]).max() < 1.5


@pytest.mark.parametrize("without", [
    {"pose": 0.0}, {"expression": False}, {"light": False}, {"hair": False}, {"occluders": False}, {"camera": False},
])
def test_an_ingredient_left_out_changes_the_image_and_not_the_person(without):
    for i in range(6):
        h = people.random_head(np.random.default_rng([4, i]))
        kept = people.with_ingredients(h, Ingredients(**without))
        assert (kept.eye_x, kept.nose_long, kept.skin, kept.texture) == (h.eye_x, h.nose_long, h.skin, h.texture)
    full, less = (synthetic.generate(10, 3, ingredients=i) for i in (Ingredients(), Ingredients(**without)))
    assert not np.array_equal(full.images, less.images)
    moved = np.abs(full.keypoints - less.keypoints).max() > 0.01
    assert moved == bool({"pose", "expression"} & set(without))


def test_everything_is_the_default_and_pose_turns_heads_farther():
    h = people.random_head(np.random.default_rng(3))
    assert people.with_ingredients(h, Ingredients()) == h
    assert people.with_ingredients(h, Ingredients(pose=2.0)).yaw == pytest.approx(2 * h.yaw)
    assert abs(people.with_ingredients(h, Ingredients(pose=1e4)).yaw) == 60


def test_the_nose_casts_a_shadow_away_from_the_lamp():
    h = Head(bald=True, light=(0.8, -0.3, 0.5))  # the lamp stands on the image's right
    pixels = render.rasterise(h)
    lit = light.reached(pixels, np.array(h.light) / np.linalg.norm(h.light), 0.06)

    def at(theta: float, y: float) -> float:
        return lit[np.argmin((pixels.theta - theta) ** 2 + (pixels.y - y) ** 2)]

    assert at(-0.40, 0.6) < 0.3 and at(0.40, 0.6) > 0.9


@pytest.mark.parametrize("thing", ["microphone", "hand", "lock", "caption"])
def test_a_thing_before_the_face_hides_a_part_of_it(thing):
    h, plain = Head(before=thing), np.random.default_rng(0).random((192, 192), dtype=np.float32)
    shown = [scene.before(h, np.random.default_rng(i), plain) for i in range(8)]
    hidden = [np.abs(image - plain).mean() > 0.002 for image in shown]
    assert np.mean(hidden) > 0.8 and max(np.abs(p - plain).mean() for p in shown) < 0.2
    assert scene.before(Head(), np.random.default_rng(0), plain) is plain


def test_compression_changes_little_and_less_with_less_loss():
    image = synthetic.generate(1, 3).images[0] / 255
    harsh, mild = (np.abs(camera.compress(image, loss) - image).max() for loss in (0.06, 0.002))
    assert 0.02 < harsh < 0.5 and mild < 0.05
    assert np.allclose(camera.coarse(np.full((96, 96), 0.4), 40), 0.4)


def test_images_show_a_face_at_the_keypoints():
    """Eyes and brows are darker than the skin between and below them, on average and on most faces."""
    faces = synthetic.generate(60, seed=9)

    def at(p, i: int) -> int:
        x, y = np.clip(np.round(p), 0, 95).astype(int)
        return faces.images[i, y, x]

    eyes, cheeks = [], []
    for i, p in enumerate(faces.keypoints):
        left, right, nose = p[KAGGLE.index("left_eye_center", "right_eye_center", "nose_tip")]
        eyes.append(min(at(left, i), at(right, i)))
        cheeks.append(max(at([left[0], nose[1]], i), at([right[0], nose[1]], i)))
    assert np.mean(np.array(eyes) < np.array(cheeks)) > 0.8
    assert faces.images.std((1, 2)).min() > 8  # no blank image


def test_kaggle_shaped_has_two_sources_gaps_and_copies():
    """The shape alone, on as many rows as Kaggle has, with stand-ins for the images."""
    n, k = 7049, len(KAGGLE)
    rng = np.random.default_rng(0)
    originals = rng.integers(0, 256, (n, 3, 4), dtype=np.uint8)
    points = rng.uniform(0, 95, (n, k + 2, 2))
    images, labels = synthetic._like_kaggle(originals.copy(), points, np.random.default_rng(1))
    annotated = ~np.isnan(labels[..., 0])
    four = np.isin(np.arange(k), KAGGLE.index(*KAGGLE_FOUR))
    assert (annotated[2284:] == four).all() and not (annotated[:2284] == four).all(1).any()
    assert abs(annotated.all(1).sum() - 2140) < 40 and annotated[:2284].sum(1).min() == 11
    # In a few rows left and right are mixed up. What follows is about the others.
    own = (images == originals).all((1, 2))
    mixed = own & (np.abs(labels[:, 0] - points[:, 1]).max(1) < 2)
    assert 0.001 < mixed.mean() < 0.008
    own &= ~mixed
    # The second source's nose tip is the nose's base, its lower lip the mouth's middle; noise is small.
    meant = points[:, :k].copy()
    meant[2284:, KAGGLE.index("nose_tip", "mouth_center_bottom_lip")] = points[2284:, k:]
    assert np.nanstd((labels - meant)[own]) == pytest.approx(synthetic.LABEL_NOISE, rel=0.03)
    # A copy shows an image of its own source, with labels that differ a little.
    copies = (images != originals).any((1, 2))
    assert 0.07 < copies.mean() < 0.09
    for row in np.flatnonzero(copies):
        twin = np.flatnonzero((images[:row] == images[row]).all((1, 2)))[0]
        assert (twin < 2284) == (row < 2284) and 0 < np.nanmax(np.abs(labels[row] - labels[twin])) < 5


def test_kaggle_shaped_faces_keep_their_images():
    shaped, plain = synthetic.generate(40, 5, kaggle_shaped=True), synthetic.generate(40, 5)
    own = (shaped.images == plain.images).all((1, 2))
    assert own.mean() > 0.85
    shift = (shaped.keypoints - plain.keypoints)[own & (np.arange(40) >= 13)][..., 1].mean(0)
    nose, lip, eye = KAGGLE.index("nose_tip", "mouth_center_bottom_lip", "left_eye_center")
    assert shift[nose] > 4 and shift[lip] < -3 and abs(shift[eye]) < 0.3  # y points down


def test_shipped_sample_is_what_the_code_draws():
    faces = synthetic.sample()
    assert len(faces) == synthetic.SAMPLE_SIZE and len(faces.complete()) > 0.25 * len(faces)
    assert len(np.unique(faces.duplicates())) < len(faces)
    first = np.unique(faces.duplicates(), return_index=True)[1]
    for i in np.sort(first)[::25][:10]:  # not the copies: their number's own face was replaced
        image, _ = synthetic.draw_face(synthetic.SAMPLE_SEED, int(i))
        difference = np.abs(image.astype(int) - faces.images[i])
        # Another processor may round a few pixels the other way, and with them a block of the compression.
        assert (difference > 1).mean() < 0.02 and (difference > 0).mean() < 0.03


def test_a_written_sample_is_read_back(tmp_path, monkeypatch):
    faces = synthetic.write_sample(tmp_path / "facekp" / "data" / "sample", n=20, seed=1)
    monkeypatch.setattr(synthetic, "__file__", str(tmp_path / "facekp" / "synthetic" / "__init__.py"))
    read = synthetic.sample()
    assert np.array_equal(read.images, faces.images)
    assert np.allclose(read.keypoints, faces.keypoints, atol=1e-3, equal_nan=True)
    (tmp_path / "facekp" / "data" / "sample" / "faces.png").unlink()
    with pytest.raises(InputError, match="shipped sample"):
        synthetic.sample()
