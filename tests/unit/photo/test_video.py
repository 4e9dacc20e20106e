"""Videos and frames: read in order, smoothed with little lag; large JPEGs decoded at a part of their size."""

import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from commands import facekp, refused
from PIL import Image
from videos import write_video

from facekp import images, load_pretrained, synthetic
from facekp.data.video import frames
from facekp.images import Box, crop, read, whole
from facekp.keypoints import Scheme
from facekp.photo import predict_photo
from facekp.photo.face_result import FaceResult
from facekp.photo.video import one_euro, smoothed
from facekp.predict import predict

DRAWN = "hourglass-s-synthetic"
ONE = Scheme("one", ("tip",))


def face(x, y, side=100.0, at=None):
    at = (x, y) if at is None else at
    box = Box(at[0] - side / 2, at[1] - side / 2, side, side)
    return FaceResult(np.array([[x, y]], float), np.ones(1, np.float32), box, ONE)


def moving(shifts, seed):
    """A synthetic head, shifted to the right by so many pixels in each frame, with noise."""
    wide, rng = np.pad(synthetic.sample().complete().images[3], 16, mode="edge"), np.random.default_rng(seed)
    shown = [crop(wide, Box(16 - dx, 16, 96, 96)) + rng.normal(0, 4, (96, 96)) for dx in shifts]
    return np.stack(shown).clip(0, 255).astype(np.uint8)


def test_the_filter_is_as_quiet_and_as_quick_as_the_manual_says():
    """The table of the manual, measured again: jitter at rest, lag in motion."""
    t = np.arange(60) / 30
    shift = 8 * np.sin(2 * np.pi * 0.5 * t)
    model = load_pretrained(DRAWN)
    rest, move = (predict(model, moving(s, seed))[0] for s, seed in ((0 * t, 0), (shift, 1)))
    text = (Path(__file__).parents[3] / "book" / "commands.md").read_text()
    table = text.partition("<!-- one-euro -->")[2][:400]
    shown = re.findall(r"^\| [^|]+ \| ([\d.]+) \| (\d+) \|$", table, re.MULTILINE)
    filters = (lambda p: p, lambda p: one_euro(p / 96, t, beta=0) * 96, lambda p: one_euro(p / 96, t) * 96)
    for smooth, (jitter, lag) in zip(filters, shown, strict=True):
        x, delays = smooth(move)[10:, :, 0].mean(1), np.linspace(0, 0.2, 201)
        errors = [np.var(x - np.interp(t[10:] - d, t, shift)) for d in delays]
        assert smooth(rest)[10:].std(0).mean() == pytest.approx(float(jitter), abs=0.006)
        assert 1000 * delays[np.argmin(errors)] == pytest.approx(float(lag), abs=8)


def test_what_stands_still_stays_and_scale_does_not_matter():
    still = np.ones((9, 3, 2)) * 0.4
    assert np.array_equal(one_euro(still, np.arange(9) / 30), still)
    path = np.cumsum(np.random.default_rng(0).normal(0, 0.02, (40, 2, 2)), 0)
    assert np.allclose(one_euro(path, np.arange(40) / 25)[0], path[0])
    assert np.abs(one_euro(path, np.arange(40) / 25, cutoff=1e6) - path).max() < 1e-4  # nothing is filtered


def test_faces_are_smoothed_along_their_own_tracks():
    """Two faces that exchange their order, one missing for two frames, a third far away: no point is mixed up."""
    rng = np.random.default_rng(0)
    found, t = [], np.arange(30) / 30
    for i in range(30):
        left, right = face(100 + rng.normal(), 100, at=(100, 100)), face(400 + rng.normal(), 100, at=(400, 100))
        found.append([left] if i in (11, 12) else [left, right] if i % 2 else [right, left])
    out = smoothed(found, t)
    assert [len(faces) for faces in out] == [len(faces) for faces in found]
    xs = np.array([f.points[0, 0] for faces in out for f in faces])
    assert set(np.round(xs / 100)) == {1, 4}
    before = np.std([f.points[0, 0] for faces in found for f in faces if f.points[0, 0] < 200])
    assert np.std(xs[xs < 200]) < 0.6 * before


def test_a_video_and_a_folder_of_its_frames_agree(tmp_path):
    shown = moving(np.linspace(0, 6, 8), 0)
    (tmp_path / "frames").mkdir()
    for i, image in enumerate(shown):
        Image.fromarray(image).save(tmp_path / "frames" / f"f{i}.png")
    write_video(tmp_path / "clip.mkv", np.repeat(shown[..., None], 3, -1))
    read_back = list(frames(tmp_path / "clip.mkv"))
    assert [round(s, 2) for s, _ in read_back] == [round(i / 30, 2) for i in range(8)]
    assert np.array_equal(np.stack([p.pixels[..., 0] for _, p in read_back]), shown)
    for options in ((), ("--smooth",)):
        for source, out in (("clip.mkv", "v.csv"), ("frames", "f.csv")):
            result = facekp("predict", DRAWN, tmp_path / source, tmp_path / out, *options)
            assert result.returncode == 0 and "Wrote 8 lines of 8 images" in result.stdout, result
        v, f = pd.read_csv(tmp_path / "v.csv"), pd.read_csv(tmp_path / "f.csv")
        assert v["file"].tolist() == [f"frame {i}" for i in range(8)] and v["seconds"].is_monotonic_increasing
        columns = [c for c in f.columns if c.endswith(("_x", "_y"))]
        assert np.abs(v[columns] - f[columns]).to_numpy().max() < 0.02
    (tmp_path / "no.mp4").write_bytes(b"not a video" * 50)
    for name, message in (("no.mp4", "expected a video; found something else"), ("none.mp4", "no such file")):
        assert message in refused(facekp("predict", DRAWN, tmp_path / name, tmp_path / "o.csv"))
    assert "expected a video or a folder" in refused(facekp("predict", DRAWN, "sample", tmp_path / "o.csv", "--smooth"))
    assert not (tmp_path / "o.csv").exists()


def test_without_pyav_one_line_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    assert "found no such file" in refused(facekp("predict", DRAWN, tmp_path / "a.mp4", tmp_path / "o.csv"))
    (tmp_path / "a.mp4").write_bytes(b"frames")
    assert 'pip install "facekp[video]"' in refused(facekp("predict", DRAWN, tmp_path / "a.mp4", tmp_path / "o.csv"))


# ---- large photos ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "reduced"), [((1600, 1600), 4), ((3200, 1600), 8), ((3201, 1600), 1),
                                               ((1000, 800), 1), ((1604, 1604), 4), ((1602, 1602), 2)])
@pytest.mark.parametrize("orientation", [1, 6, 3])
def test_a_large_jpeg_is_decoded_small_and_nothing_moves(tmp_path, size, reduced, orientation):
    rng, exif = np.random.default_rng(0), Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    image.save(tmp_path / "a.jpg", quality=92, exif=exif)
    full, small = read(tmp_path / "a.jpg"), read(tmp_path / "a.jpg", 96)
    assert small.reduced == reduced and full.reduced == 1 and small.size == full.size == full.pixels.shape[1::-1]
    assert whole(small) == whole(full)
    a, b = (crop(p.pixels, whole(p).divided(p.reduced), 96).astype(int) for p in (full, small))
    assert np.abs(a - b).max() <= 4 and abs((a - b).mean()) < 0.3


def test_points_of_a_large_jpeg_are_in_its_own_pixels(tmp_path):
    image = Image.fromarray(synthetic.sample().images[0])
    image.resize((1920, 1920), Image.Resampling.BICUBIC).save(tmp_path / "a.jpg", quality=95)
    model = load_pretrained(DRAWN)
    small, = predict_photo(model, tmp_path / "a.jpg")
    full, = predict_photo(model, read(tmp_path / "a.jpg"))
    assert images.LARGE < 1920**2 and small.box == full.box
    assert np.abs(small.points - full.points).max() < 0.1 * 20  # a tenth of a pixel of the network's image
