import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facekp.data import Faces
from facekp.errors import InputError
from facekp.keypoints import KAGGLE_FOUR
from facekp.synthetic import generate


def some(n: int, seed: int = 0, copies: int = 0) -> Faces:
    """``n`` random tiny faces, the first ``copies`` of them repeated at the end with other labels."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, 4, 4), dtype=np.uint8)
    images = np.concatenate([images, images[:copies]])
    return Faces(images, rng.uniform(0, 3, (n + copies, 15, 2)).astype(np.float32))


def test_wrong_arrays_are_refused_with_what_was_found():
    good = some(3)
    with pytest.raises(InputError, match=r"uint8; found images float64 \(3, 4, 4\)"):
        Faces(good.images.astype(float), good.keypoints)
    with pytest.raises(InputError, match=r"float32 \(3, 15, 2\)"):
        Faces(good.images, good.keypoints[:2])
    half = good.keypoints.copy()
    half[1, 10, 0] = np.nan
    with pytest.raises(InputError, match="row 1, nose_tip"):
        Faces(good.images, half)


def test_complete_and_exactly():
    faces = some(6)
    kp = faces.keypoints.copy()
    four = faces.scheme.index(*KAGGLE_FOUR)
    kp[1] = np.nan
    kp[1, four] = 1.0
    kp[2, 5] = np.nan
    kp[3, 2:] = np.nan
    faces = Faces(faces.images, kp)
    assert faces.complete().rows.tolist() == [0, 4, 5]
    assert faces.exactly(KAGGLE_FOUR).rows.tolist() == [1]
    assert faces.annotated.sum(axis=1).tolist() == [15, 4, 14, 2, 15, 15]


@settings(max_examples=60, deadline=None)
@given(n=st.integers(3, 40), copies=st.integers(0, 3), share=st.floats(0.1, 0.9), seed=st.integers(0, 99))
def test_a_split_keeps_every_face_once_and_copies_together(n, copies, share, seed):
    faces = some(n, copies=copies)
    if not 0 < round(len(faces) * share) < len(faces):
        return
    train, held = faces.split(share, seed)
    assert sorted([*train.rows, *held.rows]) == list(range(len(faces)))
    assert not {i.tobytes() for i in train.images} & {i.tobytes() for i in held.images}
    assert abs(len(held) - len(faces) * share) <= copies + 1


def test_a_split_is_the_same_for_a_seed_and_another_for_another():
    faces = some(50)
    assert (faces.split(0.2, 1)[1].rows == faces.split(0.2, 1)[1].rows).all()
    assert set(faces.split(0.2, 1)[1].rows) != set(faces.split(0.2, 2)[1].rows)


def test_known_groups_stay_together():
    faces = some(40)
    person = np.arange(40) // 4
    train, held = faces.split(0.25, groups=person)
    assert not set(person[train.rows]) & set(person[held.rows])
    for train, held in faces.folds(5, groups=person):
        assert not set(person[train.rows]) & set(person[held.rows])


def test_folds_hold_each_face_out_once():
    faces = some(31, copies=3)
    folds = faces.folds(4)
    assert sorted(r for _, held in folds for r in held.rows) == list(range(34))
    assert max(len(h) for _, h in folds) - min(len(h) for _, h in folds) <= 3
    with pytest.raises(InputError, match="2 to 31 folds"):
        faces.folds(99)


@pytest.mark.parametrize("share", [0, 1, 0.001])
def test_a_split_with_an_empty_side_is_refused(share):
    with pytest.raises(InputError, match="expected at least one each"):
        some(20).split(share)


def test_dedupe_averages_the_labels_that_are_there():
    faces = some(5, copies=2)
    kp = faces.keypoints.copy()
    kp[0, 3] = np.nan  # the copy of face 0 is face 5
    faces = Faces(faces.images, kp)
    unique = faces.dedupe()
    assert unique.rows.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(unique.keypoints[0, 3], kp[5, 3])
    np.testing.assert_allclose(unique.keypoints[1], (kp[1] + kp[6]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(unique.keypoints[4], kp[4])


def test_save_and_load_keep_every_bit(tmp_path):
    faces = some(5).select([3, 1])
    back = Faces.load(faces.save(tmp_path / "a.npz"))
    assert back.fingerprint() == faces.fingerprint() and back.rows.tolist() == [3, 1] and back.scheme == faces.scheme


def test_the_fingerprint_sees_one_changed_pixel_and_one_changed_label():
    faces = some(3)
    images, kp = faces.images.copy(), faces.keypoints.copy()
    images[0, 0, 0] ^= 1
    kp[2, 14, 1] += 0.001
    prints = {faces.fingerprint(), Faces(images, faces.keypoints).fingerprint(), Faces(faces.images, kp).fingerprint()}
    assert len(prints) == 3


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut short"])
def test_a_file_that_is_not_npz_is_refused(tmp_path, content):
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"x\.npz: expected an \.npz"):
        Faces.load(tmp_path / "x.npz")


def test_summary_agrees_with_numpy():
    faces = some(9)
    table = faces.summary()
    assert table.loc["nose_tip", "annotated"] == 9
    assert table.loc["nose_tip", "x mean"] == pytest.approx(faces.keypoints[:, 10, 0].mean(), abs=1e-5)
    assert table.loc["nose_tip", "y std"] == pytest.approx(faces.keypoints[:, 10, 1].std(), abs=1e-5)


def test_copies_of_one_image_cannot_be_split():
    faces = generate(1).select(np.zeros(10, int))
    with pytest.raises(InputError, match="only 1 images"):
        faces.split(0.1)


def test_one_grey_value_does_not_change_a_split_of_distinct_images():
    """Rendered faces may differ by a rounding from one CPU to another; their split must not."""
    images = np.random.default_rng(0).integers(0, 256, (40, 96, 96), dtype=np.uint8)
    points = np.zeros((40, 15, 2), np.float32)
    other = images.copy()
    other[3, 0, 0] ^= 1
    held_out = [Faces(i, points, rows=np.arange(40)).split(0.2, seed=1)[1].rows.tolist() for i in (images, other)]
    assert held_out[0] == held_out[1] and len(held_out[0]) == 8
