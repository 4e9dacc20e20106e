"""The widgets' JavaScript against the library: the same numbers within 1e-4 px."""

import numpy as np
import pytest
import torch
from javascript import run

from facekp import heatmaps, metrics, plots
from facekp.augment import about_centre, blur, warp_images, warp_points
from facekp.heads import HeatmapHead
from facekp.keypoints import KAGGLE

SIGMAS = (0.5, 0.7, 1.0, 1.5, 2.0, 2.5, 3.3, 5.0)


def scenes():
    """Points, sizes and widths of maps: some with noise, some with their peak on the border or in a corner."""
    rng = np.random.default_rng(0)
    out = []
    for i in range(64):
        w, h = (int(n) for n in rng.integers(12, 97, 2))
        border = [(0.2, 0.3), (w - 1, 3.7), (5.5, h - 0.6)][i // 4 % 3]
        x, y = rng.uniform(-0.5, (w - 0.5, h - 0.5)) if i % 4 else border
        out.append({"x": float(x), "y": float(y), "w": w, "h": h, "sigma": SIGMAS[i % 8],
                    "noise": [0.0, 0.02, 0.2][i % 3], "background": [0.0, 0.003][i % 2]})
    return out


def library_map(scene, rng) -> np.ndarray:
    point = torch.tensor([[[scene["x"], scene["y"]]]], dtype=torch.float64)
    clean = heatmaps.gaussian(point, (scene["h"], scene["w"]), scene["sigma"])[0, 0].numpy()
    return clean + scene["background"] + scene["noise"] * rng.standard_normal(clean.shape)


def test_heatmaps_are_those_of_the_library():
    found = run("heatmaps", "return input.map((s) => [...gaussian(s.x, s.y, s.w, s.h, s.sigma).values]);", scenes())
    for scene, values in zip(scenes(), found, strict=True):
        expected = library_map(scene | {"noise": 0, "background": 0}, np.random.default_rng(0))
        np.testing.assert_allclose(np.reshape(values, expected.shape), expected, atol=1e-9)


def test_each_decoder_finds_the_library_s_point():
    rng = np.random.default_rng(1)
    maps = [library_map(scene, rng) for scene in scenes()]
    asked = [scene | {"values": values.ravel().tolist()} for scene, values in zip(scenes(), maps, strict=True)]
    found = run("heatmaps", """return input.map(({ w, h, values, sigma }) => Object.fromEntries(
        Object.entries(DECODERS).map(([name, decode]) => [name, decode({ w, h, values }, sigma)])));""", asked)
    assert len(found[0]) == 6 and set(found[0]) <= set(heatmaps.DECODERS)  # one that is new may be in Python alone
    for scene, values, points in zip(scenes(), maps, found, strict=True):
        for name, point in points.items():
            head = HeatmapHead(1, scene["sigma"], name)
            fitting = {"local_mean": {"radius": max(1, round(2 * scene["sigma"]))}, "dark": {"blur": scene["sigma"]},
                       "soft_argmax": {"temperature": 0.05}}.get(name, {})
            tensor = torch.from_numpy(values)[None, None]
            expected = heatmaps.DECODERS[name](tensor, **fitting)[0, 0].numpy()
            np.testing.assert_allclose(point, expected, atol=1e-4, err_msg=f"{name} {scene}")
            # What a head makes of it, in float32, is the same but where the noise leaves two pixels equal.
            if not scene["noise"] and name != "argmax":
                np.testing.assert_allclose(head.decode(tensor)[0][0, 0], expected, atol=5e-3, err_msg=name)


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
def test_the_two_grids_meet_as_in_the_library(stride):
    there, back = run("heatmaps", "return [toHeatmap(33.3, input), toImage(33.3, input)];", stride)
    assert there == pytest.approx(float(heatmaps.to_heatmap(torch.tensor(33.3, dtype=torch.float64), stride)))
    assert back == pytest.approx(float(heatmaps.to_image(torch.tensor(33.3, dtype=torch.float64), stride)))


def test_the_lab_s_noise_is_standard_normal_and_its_first_image_that_of_the_chapter():
    noise = np.array(run("heatmap_lab", "return [...NOISE];"))
    assert abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03
    answers = run("heatmap_lab", "return decoded(START, sceneMap(START));")
    point = heatmaps.to_heatmap(torch.tensor([[[40.3, 52.6]]]), 4)
    maps = heatmaps.gaussian(point, (24, 24), 1.5) + 0.003
    for answer in answers:
        expected = HeatmapHead(4, 1.5, answer["name"]).decode(maps)[0][0, 0].numpy()
        np.testing.assert_allclose((answer["x"], answer["y"]), expected, atol=2e-3, err_msg=answer["name"])


VIEWS = [{"rotation": 0, "scale": 1, "right": 0, "down": 0, "flipped": False},
         {"rotation": 25, "scale": 1.2, "right": 5, "down": -4.5, "flipped": False},
         {"rotation": -60, "scale": 0.5, "right": -30, "down": 12, "flipped": True},
         {"rotation": 180, "scale": 2, "right": 0.5, "down": 0, "flipped": True}]


def library_matrix(view: dict, size: tuple[int, int]) -> torch.Tensor:
    angle, scale, right, down = (torch.tensor([float(v)], dtype=torch.float64) for v in (
        np.radians(view["rotation"]), view["scale"], view["right"], view["down"]))
    return about_centre(size, angle, scale, torch.tensor([view["flipped"]]), right, down)


@pytest.mark.parametrize("view", VIEWS)
def test_pixels_and_points_are_warped_as_in_the_library(view):
    rng, (h, w) = np.random.default_rng(2), (48, 64)
    image, points = rng.random((h, w)), rng.uniform(0, 47, (15, 2))
    found = run("augment", """const matrix = aboutCentre(input.w, input.h, input.view);
        return { points: warpPoints(input.points, matrix), values: [...warpImage(input, matrix).values] };""",
                {"w": w, "h": h, "values": image.ravel().tolist(), "points": points.ravel().tolist(), "view": view})
    matrix = library_matrix(view, (h, w))
    expected = warp_points(torch.from_numpy(points)[None], matrix)[0].numpy()
    np.testing.assert_allclose(np.reshape(found["points"], (-1, 2)), expected, atol=1e-4)
    pixels = warp_images(torch.from_numpy(image)[None, None], matrix)[0, 0].numpy()
    np.testing.assert_allclose(np.reshape(found["values"], (h, w)), pixels, atol=1e-4)


def test_grey_values_are_changed_as_in_the_library():
    image = np.random.default_rng(3).random((40, 56))
    view = {"brightness": 0.1, "contrast": 1.7, "blur": 1.3}
    asked = {"w": 56, "h": 40, "values": image.ravel().tolist()}
    found = run("augment", f"return [...photometric(input, {view}).values];", asked)
    x = torch.from_numpy(image)[None, None]
    x = (x - x.mean()) * 1.7 + x.mean() + 0.1
    expected = blur(x, torch.tensor([1.3], dtype=torch.float64), 1.3).clamp(0, 1)[0, 0].numpy()
    np.testing.assert_allclose(np.reshape(found, image.shape), expected, atol=1e-5)


def test_a_flip_that_forgets_the_swap_leaves_the_places_and_exchanges_the_names():
    points = np.random.default_rng(4).uniform(20, 70, (15, 2)).ravel().tolist()
    asked = {"w": 96, "h": 96, "values": [0.5] * 96 * 96, "points": points, "swap": KAGGLE.swap.tolist()}
    script = """return ["no", "swapped", "forgotten"].map((flip) =>
        viewed(input, input.points, { rotation: 0, scale: 1, right: 0, down: 0, flip }, input.swap, []).points);"""
    plain, swapped, forgotten = (np.reshape(p, (15, 2)) for p in run("augmentation_playground", script, asked))
    np.testing.assert_allclose(plain.ravel(), points)
    np.testing.assert_allclose(forgotten[KAGGLE.swap], swapped)
    np.testing.assert_allclose(forgotten[:, 0], 95 - plain[:, 0])


def test_a_point_that_leaves_the_image_has_no_place():
    asked = {"w": 96, "h": 96, "values": [0.5] * 96 * 96, "points": [90.0, 50.0, None, None], "swap": [0, 1]}
    view = "{ rotation: 0, scale: 1, right: 10, down: 0, flip: 'no' }"
    assert run("augmentation_playground", f"return viewed(input, input.points, {view}, input.swap, []).points;",
               asked) == [None] * 4


def test_random_views_keep_to_the_limits_of_the_augmentation():
    limits = {"rotation": 20, "scale": 0.2, "shift": 4, "flip": 0.5, "brightness": 0.1, "contrast": 0.3, "blur": 1.0,
              "noise": 0.03}
    views = run("augmentation_playground", "const u = uniforms(1); return Array.from({ length: 400 }, () => "
                "randomView(input, u));", limits)
    assert 10 < max(abs(v["rotation"]) for v in views) <= 20 and 1.1 < max(v["scale"] for v in views) <= 1.2
    assert min(v["scale"] for v in views) >= 1 / 1.2 and max(abs(v["right"]) for v in views) <= 4
    assert 140 < sum(v["flip"] == "swapped" for v in views) < 260 and min(v["blur"] for v in views) >= 0


def test_errors_are_those_of_the_library():
    rng = np.random.default_rng(5)
    found, truth = rng.uniform(0, 95, (2, 15, 2))
    truth[3] = np.nan
    asked = [found.ravel().tolist(), [None if np.isnan(v) else v for v in truth.ravel().tolist()]]
    assert run("faces", "return rmse(...input);", asked) == pytest.approx(metrics.rmse(found[None], truth[None]))
    off = run("viewer", "return distances(...input);", asked)
    np.testing.assert_allclose(np.array(off, float), metrics.distances(found[None], truth[None])[0])


def test_the_worst_face_comes_first_and_one_without_an_error_last():
    networks = [{"errors": [1.0, None, 3.0, 2.0]}, {"errors": [9.0, None, 1.0, 1.0]}]
    orders = run("viewer", "return [0, 1, 'all', 'file'].map((by) => order(input, by, 4));", networks)
    assert orders == [[2, 3, 0, 1], [0, 2, 3, 1], [0, 2, 3, 1], [0, 1, 2, 3]]


def test_a_replay_keeps_the_last_points_that_there_were():
    kept = run("training_replay", "return [1, 2, 3].map((epoch) => pointsAt(['a', null, 'c'], epoch));")
    assert kept == ["a", "a", "c"]


def test_colours_are_those_of_the_figures():
    found = run("ui", "return { TRUTH, PREDICTED, SERIES };")
    assert found == {"TRUTH": plots.TRUTH, "PREDICTED": plots.PREDICTED, "SERIES": list(plots.SERIES)}
