"""Near-duplicates: frames of one video must not be on both sides of a split."""

import numpy as np
import pytest
from blobs import blob_faces

from facekp.data import load
from facekp.data.similar import _shrunk, near_duplicates, nearest
from facekp.errors import InputError


def frames(images: np.ndarray, step: int) -> np.ndarray:
    """The same images a little later: moved by ``step`` pixels and a little darker."""
    return (np.roll(images, step, axis=2) * 0.9).astype(np.uint8)


def test_a_copy_is_nearest_and_light_does_not_count():
    images = load("sample").images[:40]
    darker = (images[:3] * 0.5).astype(np.uint8)
    found = nearest(np.concatenate([images[:1], darker, 255 - images[3:4]]), images)
    assert (found[:4] > 0.999).all() and found[4] < 0.9


def test_frames_of_one_video_are_one_group_and_a_chain_holds_together():
    first = load("sample").images[:30]
    chain = np.concatenate([frames(first, step) for step in (0, 2, 4, 6)])
    group = near_duplicates(chain, 0.85).reshape(4, 30)
    assert (group == group[0]).all()
    # by themselves the two ends of a chain would not have been joined
    ends = [nearest(chain[90 + i : 91 + i], first[i : i + 1])[0] for i in range(30)]
    assert np.median(ends) < 0.85


def test_no_held_out_face_resembles_a_training_face():
    faces = load("sample")
    alike = 0.8
    train, test = faces.split(0.2, seed=0, groups=near_duplicates(faces.images, alike))
    assert len(train) + len(test) == len(faces)
    assert nearest(test.images, train.images).max() <= alike + 1e-5
    careless = faces.split(0.2, seed=0, groups=np.arange(len(faces)))
    assert nearest(careless[1].images, careless[0].images).max() > alike  # there was something to keep apart


def test_order_does_not_matter_and_grey_images_stand_alone():
    images = np.concatenate([load("sample").images[:20], np.full((2, 96, 96), 7, np.uint8)])
    order = np.random.default_rng(0).permutation(len(images))
    a, b = near_duplicates(images, 0.7)[order], near_duplicates(images[order], 0.7)
    assert ((a[:, None] == a) == (b[:, None] == b)).all()
    assert len(set(near_duplicates(images, 0.7)[-2:])) == 2


@pytest.mark.parametrize("alike", [0.0, 1.0, -0.5, 2.0])
def test_a_correlation_outside_its_range_is_refused(alike):
    with pytest.raises(InputError, match="between 0 and 1"):
        near_duplicates(load("sample").images[:3], alike)


@pytest.mark.parametrize("size", [20, 32, 97, 100])
def test_images_of_any_size_are_compared(size):
    images = blob_faces(6, size=size).images
    assert np.allclose(nearest(images, images), 1, atol=1e-5)
    darker = (images * 0.8).astype(np.uint8)
    assert nearest(darker, images).min() > 0.99 and len(np.unique(near_duplicates(images, 0.999))) == 6
    ordinary = blob_faces(6).images
    assert np.allclose(_shrunk(ordinary, 24), ordinary.reshape(6, 24, 4, 24, 4).mean((2, 4)), atol=1e-3)
