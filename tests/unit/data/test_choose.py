"""The order in which images should be labelled."""

import numpy as np
import pytest

from facekp import synthetic
from facekp.data.choose import label_order
from facekp.errors import InputError


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Three kinds of images, four variants of each: 0-3, 4-7, 8-11."""
    faces = synthetic.generate(3, seed=50).images.astype(int)
    noise = np.random.default_rng(0).normal(0, 4, (4, 1, 96, 96))
    return (faces[None] + noise).swapaxes(0, 1).reshape(12, 96, 96).clip(0, 255).astype(np.uint8)


def test_one_of_each_kind_comes_before_a_second_of_any(images):
    order = label_order(images)
    assert sorted(order) == list(range(12))
    assert sorted(order[:3] // 4) == [0, 1, 2]


def test_what_is_labelled_is_left_out_and_its_kind_waits(images):
    labelled = np.zeros(12, bool)
    labelled[[0, 5]] = True
    order = label_order(images, labelled)
    assert sorted(order) == [i for i in range(12) if i not in (0, 5)]
    assert order[0] // 4 == 2


def test_doubt_goes_before_likeness_where_it_is_large_enough(images):
    confidence = np.full(12, 0.99)
    confidence[6] = 0.0
    labelled = np.zeros(12, bool)
    labelled[0] = True
    assert label_order(images, labelled, confidence)[0] == 6
    confidence[:] = 1.0  # sure of everything: likeness alone decides
    np.testing.assert_array_equal(label_order(images, labelled, confidence), label_order(images, labelled))


def test_the_order_does_not_depend_on_light(images):
    darker = (images // 2 + 20).astype(np.uint8)
    np.testing.assert_array_equal(label_order(images)[:3], label_order(darker)[:3])


def test_all_labelled_and_none_at_all(images):
    assert len(label_order(images, np.ones(12, bool))) == 0
    assert len(label_order(images[:0])) == 0


@pytest.mark.parametrize("wrong", [{"labelled": np.zeros(3, bool)}, {"confidence": np.zeros((12, 2))}])
def test_arrays_of_other_shapes_are_refused(images, wrong):
    with pytest.raises(InputError, match="Expected images"):
        label_order(images, **wrong)
