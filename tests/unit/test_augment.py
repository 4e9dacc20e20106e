"""Image and points move together: a blob drawn at a point is found where the point went."""

import pytest
import torch

from facekp.augment import (
    Augment,
    augment,
    blur,
    inside,
    inverse,
    lower_resolution,
    random_field,
    random_matrices,
    to_unit,
    to_unit_matrix,
    unbend,
    warp_images,
    warp_points,
)
from facekp.errors import InputError
from facekp.keypoints import KAGGLE

GEOMETRY = {
    "flip": {"flip": 1.0},
    "rotation": {"rotation": 45.0},
    "scale": {"scale": 0.3},
    "shear": {"shear": 15.0},
    "shift": {"shift": 8.0},
    "all": {"flip": 0.5, "rotation": 30.0, "scale": 0.2, "shear": 8.0, "shift": 6.0},
}
NONE = dict.fromkeys(("flip", "rotation", "scale", "shear", "shift", "brightness", "contrast", "noise"), 0.0)
SWAP = torch.from_numpy(KAGGLE.swap)


def blobs(points: torch.Tensor, size: tuple[int, int], sigma: float = 3.0) -> torch.Tensor:
    """(B, 1, H, W): one Gaussian at each of the points (B, 2)."""
    y, x = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    square = (x - points[:, 0, None, None]) ** 2 + (y - points[:, 1, None, None]) ** 2
    return torch.exp(-square / (2 * sigma**2))[:, None]


def centroids(images: torch.Tensor) -> torch.Tensor:
    """(B, 2): the centre of mass of images (B, 1, H, W)."""
    images = images[:, 0].double()
    y, x = torch.meshgrid(torch.arange(images.shape[1]), torch.arange(images.shape[2]), indexing="ij")
    mass = images.sum(dim=(1, 2))
    return torch.stack([(images * x).sum(dim=(1, 2)) / mass, (images * y).sum(dim=(1, 2)) / mass], -1)


@pytest.mark.parametrize("size", [(96, 96), (80, 120)])
@pytest.mark.parametrize("kind", GEOMETRY)
def test_points_move_with_their_pixels(kind, size):
    generator = torch.Generator().manual_seed(1)
    points = torch.tensor(size[::-1]) / 2 + (torch.rand(200, 1, 2, generator=generator) - 0.5) * 24
    matrix, _ = random_matrices(200, size, Augment(**(NONE | GEOMETRY[kind])), generator)
    found = centroids(warp_images(blobs(points[:, 0], size), matrix))
    assert (found - warp_points(points, matrix)[:, 0]).abs().max() < 0.02


def test_a_flip_is_w_minus_1_minus_x_with_the_sides_swapped():
    generator = torch.Generator().manual_seed(0)
    images, points = torch.rand(4, 1, 96, 96, generator=generator), torch.rand(4, 15, 2, generator=generator) * 95
    new, moved = augment(images, points, SWAP, Augment(**(NONE | {"flip": 1.0})), generator)
    torch.testing.assert_close(new, images.flip(-1), atol=1e-4, rtol=0)
    left, right = KAGGLE.index("left_eye_center", "right_eye_center")
    torch.testing.assert_close(moved[:, left, 0], 95 - points[:, right, 0])
    again, back = augment(new, moved, SWAP, Augment(**(NONE | {"flip": 1.0})), generator)
    torch.testing.assert_close(back, points, atol=1e-4, rtol=0)
    torch.testing.assert_close(again, images, atol=1e-4, rtol=0)


def test_missing_points_stay_missing_on_the_other_side_of_a_flip():
    points = torch.rand(2, 15, 2) * 95
    left, right = KAGGLE.index("mouth_left_corner", "mouth_right_corner")
    points[:, left] = torch.nan
    _, moved = augment(torch.rand(2, 1, 96, 96), points, SWAP, Augment(**(NONE | {"flip": 1.0})), torch.Generator())
    assert moved[:, right].isnan().all() and not moved[:, left].isnan().any()


def test_a_point_that_leaves_the_image_is_missing_not_clipped():
    points = torch.full((64, 15, 2), 94.0)
    _, moved = augment(
        torch.rand(64, 1, 96, 96), points, SWAP, Augment(**(NONE | {"shift": 10.0})), torch.Generator().manual_seed(0)
    )
    inside = ~moved[..., 0].isnan()
    assert 0 < inside.sum() < inside.numel()
    assert (moved[inside] <= 95.5).all()


def test_grey_values_change_per_face_and_stay_in_range():
    generator = torch.Generator().manual_seed(0)
    images = torch.full((32, 1, 96, 96), 0.5)
    images[..., :48] = 0.2
    new, points = augment(
        images, torch.full((32, 15, 2), 40.0), SWAP, Augment(**(NONE | {"brightness": 0.3, "contrast": 0.5})), generator
    )
    assert (points == 40).all() and new.min() >= 0 and new.max() <= 1
    assert new.mean(dim=(1, 2, 3)).std() > 0.05 and (new[..., 60] - new[..., 10]).flatten(1).mean(1).std() > 0.02


def test_one_seed_one_result():
    images, points = torch.rand(8, 1, 96, 96), torch.rand(8, 15, 2) * 95
    a, b, c = (augment(images, points, SWAP, Augment(), torch.Generator().manual_seed(s))[0] for s in (3, 3, 4))
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_an_elastic_warp_moves_points_with_their_pixels():
    """Each pixel of the image holds its own place; so the warped image says where what it shows came from."""
    generator = torch.Generator().manual_seed(1)
    config = Augment(**(NONE | {"flip": 0.5, "rotation": 20.0, "scale": 0.1, "elastic": 4.0}))
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    places = torch.stack([x, y]).expand(200, 2, 96, 96)
    points = 48 + (torch.rand(200, 15, 2, generator=generator) - 0.5) * 40
    matrix, _ = random_matrices(200, (96, 96), config, generator)
    field = random_field(200, config, generator)
    moved = unbend(warp_points(points, matrix), field, (96, 96))
    assert (moved - warp_points(points, matrix)).abs().max() > 3
    warped = warp_images(places, matrix, field)
    grid = to_unit(moved, (96, 96))[:, :, None]
    shown = torch.nn.functional.grid_sample(warped, grid, align_corners=False)[..., 0].mT
    assert (shown - points).abs().max() < 0.05 and (shown - points).abs().mean() < 0.005


def test_blur_is_a_gaussian_of_its_own_width_for_each_face():
    images = torch.zeros(3, 1, 65, 65)
    images[:, :, 32, 32] = 1
    sigma = torch.tensor([0.0, 1.0, 2.5])
    out = blur(images, sigma, 2.5)
    torch.testing.assert_close(out.sum(dim=(1, 2, 3)), torch.ones(3))
    x = torch.arange(65) - 32
    widths = (out.sum(2)[:, 0] * x**2).sum(1).sqrt()
    torch.testing.assert_close(widths, sigma, atol=0.05, rtol=0.02)
    assert torch.equal(out[0], images[0])


def test_low_resolution_leaves_the_mean_and_takes_the_detail():
    """The finest stripes vanish from the first factor on; a step that is wider than the factor stays where it is."""
    images = torch.zeros(3, 1, 96, 96)
    images[..., ::2] = 1
    out = lower_resolution(images, torch.tensor([1, 2, 4]), 4)
    assert torch.equal(out[0], images[0])
    assert out[1:].std(dim=(1, 2, 3)).max() < 0.1 and (out.mean(dim=(1, 2, 3)) - 0.5).abs().max() < 0.01
    step = (torch.arange(96) >= 48).float().expand(3, 1, 96, 96)
    out = lower_resolution(step, torch.tensor([2, 3, 4]), 4)
    for i in range(3):
        middle = (out[i, 0, 48] > 0.5).nonzero()[0, 0]
        assert middle == 48 and (out[i, 0, 48, 1:] >= out[i, 0, 48, :-1] - 1e-6).all()


def test_low_resolution_draws_a_factor_for_each_face_and_needs_a_whole_number():
    images, points = torch.rand(400, 1, 96, 96), torch.rand(400, 15, 2) * 95
    config = Augment(**(NONE | {"low_resolution": 4}))
    new, moved = augment(images, points, SWAP, config, torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved, points)
    each = torch.stack([lower_resolution(images, torch.full((400,), f), 4) for f in (1, 2, 3, 4)])
    fits = (each - new).abs().amax((2, 3, 4)) < 1e-5  # (4, 400)
    assert (fits.sum(0) == 1).all() and fits.sum(1).min() > 70
    for wrong in (2.5, 9):
        with pytest.raises(InputError, match="whole number from 0 to 8 for low_resolution"):
            Augment(low_resolution=wrong)


def test_cutout_lays_a_rectangle_over_each_face_and_keeps_the_labels():
    images, points = torch.full((64, 1, 96, 96), 0.25), torch.rand(64, 15, 2) * 95
    new, moved = augment(images, points, SWAP, Augment(**(NONE | {"cutout": 0.5})), torch.Generator().manual_seed(0))
    torch.testing.assert_close(moved, points)
    covered = (new != 0.25).flatten(1)
    assert covered.any(1).float().mean() > 0.9 and covered.float().mean(1).max() <= 0.5**2 + 0.02
    rows, columns = (new != 0.25)[:, 0].any(2), (new != 0.25)[:, 0].any(1)
    for i in range(64):  # the covered rows and columns are in one piece, and all of their pixels are covered
        assert (new[i, 0] != 0.25).sum() == rows[i].sum() * columns[i].sum()


def test_grid_units_and_their_matrices_agree():
    matrix, _ = random_matrices(20, (80, 120), Augment(), torch.Generator().manual_seed(0))
    points = torch.rand(20, 9, 2) * 80
    one = to_unit(warp_points(points, matrix), (80, 120))
    two = warp_points(to_unit(points, (80, 120)), to_unit_matrix(matrix, (80, 120)))
    torch.testing.assert_close(one, two, atol=1e-5, rtol=0)
    torch.testing.assert_close(warp_points(warp_points(points, matrix), inverse(matrix)), points, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "wrong", [{"flip": 1.5}, {"rotation": -3.0}, {"elastic": 20.0}, {"noise": "loud"}, {"blur": 99}]
)
def test_ranges_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InputError, match=f"augmentation's {next(iter(wrong))}"):
        Augment(**wrong)


def test_places_held_inside_see_what_a_continued_border_shows():
    """What a Mac's GPU gets instead of a padding that it has not (see ``look_up``)."""
    g = torch.Generator().manual_seed(0)
    maps, grid = torch.rand(2, 3, 5, 8, generator=g), 4 * torch.rand(2, 6, 7, 2, generator=g) - 2
    wanted = torch.nn.functional.grid_sample(maps, grid, padding_mode="border", align_corners=False)
    found = torch.nn.functional.grid_sample(maps, inside(grid, (5, 8)), align_corners=False)
    assert torch.allclose(found, wanted, atol=1e-5)
