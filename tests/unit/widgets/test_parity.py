"""The widgets' JavaScript against the library: the same numbers within 1e-4 px."""

import numpy as np
import pytest
import torch
from javascript import run

from facekp import heatmaps, plots
from facekp.heads import HeatmapHead

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
    assert set(found[0]) == set(heatmaps.DECODERS)
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


def test_the_lab_s_noise_is_standard_normal_and_its_first_picture_that_of_the_chapter():
    noise = np.array(run("heatmap_lab", "return [...NOISE];"))
    assert abs(noise.mean()) < 0.03 and abs(noise.std() - 1) < 0.03
    answers = run("heatmap_lab", "return decoded(START, sceneMap(START));")
    point = heatmaps.to_heatmap(torch.tensor([[[40.3, 52.6]]]), 4)
    maps = heatmaps.gaussian(point, (24, 24), 1.5) + 0.003
    for answer in answers:
        expected = HeatmapHead(4, 1.5, answer["name"]).decode(maps)[0][0, 0].numpy()
        np.testing.assert_allclose((answer["x"], answer["y"]), expected, atol=2e-3, err_msg=answer["name"])


def test_colours_are_those_of_the_figures():
    found = run("ui", "return { TRUTH, PREDICTED, SERIES };")
    assert found == {"TRUTH": plots.TRUTH, "PREDICTED": plots.PREDICTED, "SERIES": list(plots.SERIES)}
