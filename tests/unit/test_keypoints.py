import numpy as np
import pytest

from facekp.errors import InputError
from facekp.keypoints import KAGGLE, KAGGLE_FOUR, Scheme, pairs_by_name


def test_kaggle_has_fifteen_points_and_six_pairs():
    assert len(KAGGLE) == 15 and len(KAGGLE.pairs) == 6
    assert KAGGLE.columns[:2] == ["left_eye_center_x", "left_eye_center_y"] and len(KAGGLE.columns) == 30
    assert KAGGLE.index(*KAGGLE_FOUR) == [0, 1, 10, 14]


def test_swap_exchanges_every_left_with_its_right():
    swapped = [KAGGLE.names[i] for i in KAGGLE.swap]
    for old, new in zip(KAGGLE.names, swapped, strict=True):
        assert new == old.replace("left", "*").replace("right", "left").replace("*", "right")
    assert (KAGGLE.swap[KAGGLE.swap] == np.arange(15)).all()


def test_a_scheme_survives_json():
    assert Scheme.from_dict(KAGGLE.to_dict()) == KAGGLE
    own = Scheme("own", ("a", "b"))
    assert Scheme.from_dict(own.to_dict()) == own


@pytest.mark.parametrize(("change", "message"), [
    ({"names": ("a", "a")}, "found twice: .*'a'"),
    ({"pairs": (("a", "z"),)}, "not keypoints of 'own': .*'z'"),
    ({"pairs": (("a", "b"), ("b", "c"))}, "one left/right pair only"),
    ({"eyes": ("a", "q")}, "'q'"),
])
def test_a_wrong_scheme_says_what_is_wrong(change, message):
    with pytest.raises(InputError, match=message):
        Scheme(**({"name": "own", "names": ("a", "b", "c")} | change))


def test_names_that_differ_in_left_and_right_are_pairs():
    names = ["nose", "right_ear", "left_ear", "Left Eye", "Right Eye", "left_horn", "upleft", "upright", "mouth_left_1",
             "mouth_right_1"]
    assert pairs_by_name(names) == (("left_ear", "right_ear"), ("Left Eye", "Right Eye"),
                                    ("mouth_left_1", "mouth_right_1"))
    assert pairs_by_name(KAGGLE.names) == tuple(sorted(KAGGLE.pairs, key=lambda pair: KAGGLE.index(pair[0])))
