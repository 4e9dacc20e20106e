"""Named points, and points that show their side."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from blobs import blob_faces
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from facekp.keypoints import KAGGLE, Scheme
from facekp.plots import portrait


def texts(figure) -> dict[str, str]:
    """Each name beside the face, in one line, and its colour."""
    return {t.get_text().replace("\n", " "): t.get_color() for t in figure.axes[0].texts}


def test_every_point_is_named_on_its_own_side_of_the_image():
    faces = blob_faces(1)
    figure = portrait.named(faces.images[0], faces.keypoints[0], KAGGLE)
    words = texts(figure)
    assert set(words) == {n.replace("_", " ") for n in KAGGLE.names}
    for left, right in KAGGLE.pairs:
        assert words[left.replace("_", " ")] == portrait.LEFT and words[right.replace("_", " ")] == portrait.RIGHT
    for text in figure.axes[0].texts:
        x, _ = text.get_position()
        assert x > 95.5 if text.get_color() == portrait.LEFT else x < -0.5 or text.get_color() == portrait.MIDDLE
    ends = {tuple(t.xy) for t in figure.axes[0].texts}
    assert ends == {tuple(p) for p in faces.keypoints[0]}
    assert plt.get_fignums() == []


def test_a_missing_point_has_no_name_and_a_colour_can_be_chosen():
    faces = blob_faces(1)
    faces.keypoints[0, KAGGLE.index("nose_tip")] = np.nan
    words = texts(portrait.named(faces.images[0], faces.keypoints[0], KAGGLE,
                                 colours={"mouth_center_top_lip": "#CC79A7"}))
    assert len(words) == 14 and "nose tip" not in words and words["mouth center top lip"] == "#CC79A7"


def test_a_scheme_without_pairs_or_with_one_point_is_named_too():
    image = np.zeros((96, 96), np.uint8)
    for names in (("tip",), ("a", "b", "c")):
        points = np.full((len(names), 2), 40.0)
        assert set(texts(portrait.named(image, points, Scheme("mine", names)))) == set(names)


def test_a_swap_of_left_and_right_is_seen():
    faces = blob_faces(2)
    faces.keypoints[1] = faces.keypoints[0][KAGGLE.swap]
    figure = portrait.sides(faces, count=2, titles=["right", "wrong"])
    drawn = [{to_hex(c.get_facecolor()[0]).upper(): c.get_offsets() for c in axis.collections}
             for axis in figure.axes]
    assert [a.get_title() for a in figure.axes] == ["right", "wrong"]
    assert np.allclose(drawn[0][portrait.LEFT], drawn[1][portrait.RIGHT])
    assert np.allclose(drawn[0][portrait.MIDDLE], drawn[1][portrait.MIDDLE])


@pytest.mark.parametrize(("name", "text"), [
    ("nose_tip", "nose tip"), ("left_eyebrow_outer_end", "left eyebrow\nouter end"),
    ("left_eye_center", "left eye center"), ("supercalifragilistic", "supercalifragilistic")])
def test_long_names_take_two_lines(name, text):
    assert portrait.broken(name) == text


@given(n=st.integers(1, 9), seed=st.integers(0, 999))
def test_lines_from_names_to_points_do_not_cross(n, seed):
    points = np.random.default_rng(seed).uniform(0, 96, (n, 2))
    labels = [(100.0, y) for y in np.linspace(5, 90, n)]
    order = portrait.uncrossed(list(range(n)), points, labels)
    assert sorted(order) == list(range(n))

    def side(a, b, c):  # of the line from a to b is c
        return np.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))

    lines = [(np.array(label), points[k]) for k, label in zip(order, labels, strict=True)]
    for i, (a, b) in enumerate(lines):
        for c, d in lines[:i]:
            assert side(a, b, c) == side(a, b, d) or side(c, d, a) == side(c, d, b)
