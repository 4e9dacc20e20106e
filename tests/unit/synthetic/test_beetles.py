"""Synthetic beetles: exact labels, the same ones each time."""

import numpy as np
import pytest

from facekp.errors import InputError
from facekp.synthetic import beetles


def test_beetle_i_depends_on_the_seed_and_i_alone():
    few, more = beetles.generate(2, seed=4), beetles.generate(4, seed=4)
    np.testing.assert_array_equal(few.faces.images, more.faces.images[:2])
    np.testing.assert_array_equal(few.faces.keypoints, more.faces.keypoints[:2])
    assert (beetles.generate(2, seed=5).faces.images != few.faces.images).any()


def test_shapes_points_and_grounds():
    made = beetles.generate(30, seed=1)
    points = made.faces.keypoints
    assert made.faces.images.shape == (30, 64, 64) and points.shape == (30, 13, 2)
    assert np.isfinite(points).all() and ((points > -4) & (points < 67)).all()
    assert set(made.grounds) <= set(range(4)) and len(set(made.grounds)) > 1


def test_left_is_the_beetles_own_left():
    """Seen from above and heading up, its left is on the left of the image; the body's axis leads from tail to head."""
    points = beetles.generate(20, seed=2).faces.keypoints
    index = beetles.BEETLE.index
    head, tail, left, right = (points[:, index(n)[0]] for n in ("head", "tail", "left_shoulder", "right_shoulder"))
    ahead, across = head - tail, right - left
    assert (ahead[:, 0] * across[:, 1] - ahead[:, 1] * across[:, 0] > 0).all()


def test_a_label_is_where_its_point_is_rendered(monkeypatch):
    """A black beetle's limb on white ground: the end of each leg is dark at its label, and light beyond it."""
    rng = np.random.default_rng(3)
    body, place = beetles.limbs_of(rng), beetles.placed(rng)
    grid = np.stack(np.meshgrid(*[np.arange(64.0)] * 2), -1)
    image = beetles.painted(np.ones((64, 64)), grid, body, place, np.random.default_rng(0))
    for name in ("left_front_foot", "right_front_foot", "left_hind_foot", "right_hind_foot"):
        knee = body["bends"][name][1]
        foot, along = place(body["points"][name]), place(body["points"][name]) - place(knee)
        along /= np.linalg.norm(along)
        inside, beyond = (foot + step * along for step in (-1.5, 4))
        values = [image[tuple(np.clip(p.round().astype(int), 0, 63)[::-1])] for p in (inside, beyond)]
        assert values[0] < values[1] - 0.1, name


def test_every_pair_is_a_pair_in_the_mirror():
    swap = beetles.BEETLE.swap
    assert (swap[swap] == np.arange(13)).all() and (swap == np.arange(13)).sum() == 3


def test_a_negative_number_is_refused():
    with pytest.raises(InputError, match="0 or more"):
        beetles.generate(-1)
    assert len(beetles.generate(0).faces) == 0
