"""The benchmarks' readers, on small folders laid out as the authors ship them, with synthetic faces in the images."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facekp import metrics, synthetic
from facekp.data import benchmarks
from facekp.data.benchmarks import aflw19, cofw, w300, wflw
from facekp.data.schemes import POINTS_68, POINTS_98
from facekp.errors import InputError

COUNTS = {"300w": 68, "wflw": 98, "cofw": 29, "aflw19": 19}


@dataclass
class Made:
    """What was written: images (H, W, 3), points (N, K, 2) from 0, and boxes (N, 4) left, top, right, bottom from 0."""

    images: list
    points: np.ndarray
    boxes: np.ndarray


@pytest.fixture(scope="module")
def drawn() -> list[np.ndarray]:
    """Six synthetic faces, each off the middle of a larger image."""
    rng = np.random.default_rng(0)
    images = []
    for face in synthetic.generate(6, seed=40).images:
        canvas = rng.integers(0, 255, (150, 170, 3), dtype=np.uint8)
        canvas[30:126, 40:136] = face[..., None]
        images.append(canvas)
    return images


def made(images: list, points: int) -> Made:
    """Points at random in the face, the outer ones on its border so that the box is theirs too."""
    rng = np.random.default_rng(points)
    where = rng.uniform((45, 35), (130, 120), (len(images), points, 2)).round(3)
    return Made(images, where, np.concatenate([where.min(1), where.max(1)], 1))


def write_image(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_300w(folder: Path, m: Made, boxes: bool = False) -> None:
    cells: dict[str, list] = {}
    for i, place in enumerate(("afw", "helen/trainset", "lfpw/trainset", "helen/testset", "lfpw/testset", "ibug")):
        image = folder / place / f"image_{i}{'_1' if i else ''}.{'jpg' if i % 2 else 'png'}"
        write_image(image, m.images[i])
        lines = "\n".join(f"{x:.3f} {y:.3f}" for x, y in m.points[i] + 1)
        image.with_suffix(".pts").write_text(f"version: 1\nn_points:  68\n{{\n{lines}\n}}\n")
        cells[place] = [(image.name, m.boxes[i] + 1)]
    if not boxes:
        return
    io = pytest.importorskip("scipy.io", reason="scipy is not installed")
    (folder / "Bounding Boxes").mkdir()
    for place, entries in cells.items():
        array = np.empty((1, len(entries)), object)
        for j, (name, box) in enumerate(entries):  # the detector's box is another one
            array[0, j] = {"imgName": name, "bb_detector": box[None] + (-7, -9, 3, 4), "bb_ground_truth": box[None]}
        name = f"bounding_boxes_{place.replace('/', '_')}.mat"
        io.savemat(folder / "Bounding Boxes" / name, {"bounding_boxes": array})


def write_wflw(folder: Path, m: Made) -> None:
    lists = folder / "WFLW_annotations" / "list_98pt_rect_attr_train_test"
    lists.mkdir(parents=True)
    lines = []
    for i, image in enumerate(m.images):
        name = f"{i}--A place/{i}_A place_{i}.png"  # one word in the real ones
        write_image(folder / "WFLW_images" / name, image)
        flags = [int(i == 5), 0, int(i >= 4), 0, 0, 0]
        box = m.boxes[i].round().astype(int)
        lines.append(" ".join([*(f"{v:.6f}" for v in m.points[i].ravel()), *map(str, box), *map(str, flags), name]))
    (lists / "list_98pt_rect_attr_train.txt").write_text("\n".join(lines[:3]) + "\n")
    (lists / "list_98pt_rect_attr_test.txt").write_text("\n".join(lines[3:]))


def write_cofw(folder: Path, m: Made) -> None:
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    for split, end, rows in (("train", "Tr", range(3)), ("test", "T", range(3, 6))):
        with h5py.File(folder / f"COFW_{split}_color.mat", "w") as f:
            references = np.empty((1, 3), h5py.ref_dtype)
            for j, i in enumerate(rows):
                pixels = m.images[i][..., 0] if i == 4 else m.images[i]  # a grey one is among the color files
                references[0, j] = f.create_dataset(f"#refs#/{j}", data=pixels.T).ref
            f.create_dataset(f"Is{end}", data=references, dtype=h5py.ref_dtype)
            flags = np.zeros((3, 29))
            flags[1, 4] = 1
            points = m.points[list(rows)] + 1
            f[f"phis{end}"] = np.concatenate([points[..., 0], points[..., 1], flags], 1).T
            boxes = m.boxes[list(rows)]
            f[f"bboxes{end}"] = np.concatenate([boxes[:, :2] + 1, boxes[:, 2:] - boxes[:, :2]], 1).T


def write_aflw(folder: Path, m: Made) -> None:
    io = pytest.importorskip("scipy.io", reason="scipy is not installed")
    names = np.empty((6, 1), object)
    for i, image in enumerate(m.images):
        names[i, 0] = f"{(0, 2, 3)[i % 3]}/image{i:05}.png"
        write_image(folder / "flickr" / names[i, 0], image)
    seen = np.ones((6, 19), np.uint8)
    seen[1, 3] = 0
    points, b = m.points + 1, m.boxes + 1
    io.savemat(folder / "AFLWinfo_release.mat", {
        "bbox": b[:, [0, 2, 1, 3]], "data": np.concatenate([points[..., 0], points[..., 1]], 1), "mask_new": seen,
        "nameList": names, "ra": np.array([[3, 1, 6, 2, 5, 4]])})  # from 1: faces 2, 0, 5 | 1, 4, 3


WRITERS = {"300w": write_300w, "wflw": write_wflw, "cofw": write_cofw, "aflw19": write_aflw}
TEST_ROWS = {"300w": [3, 4, 5], "wflw": [3, 4, 5], "cofw": [3, 4, 5], "aflw19": [1, 4, 3]}


@pytest.fixture(params=COUNTS)
def case(request, drawn, tmp_path, monkeypatch):
    """(name, what was written, the benchmark that was read)."""
    name = request.param
    m = made(drawn, COUNTS[name])
    WRITERS[name](tmp_path / name, m)
    if name == "aflw19":  # 3 of 6 faces for training instead of 20000 of 24386
        monkeypatch.setattr(aflw19.read, "__defaults__", (3,))
    return name, m, benchmarks.read(name, tmp_path / name, size=64)


def test_points_come_back_in_the_files_own_pixels(case):
    name, m, read = case
    for part, rows in ((read.train, None), (read.test, TEST_ROWS[name])):
        found = part.faces.files.to_files(part.faces.keypoints, 64)
        assert len(found) == 3
        if rows is not None:
            np.testing.assert_allclose(found, m.points[rows], atol=1e-4)


def test_the_crop_is_a_square_around_the_box_and_shows_the_face(case):
    name, m, read = case
    rows = TEST_ROWS[name]
    x, y, side = read.test.faces.files.squares.T
    low, high = m.boxes[rows, :2] + 0.5, m.boxes[rows, 2:] + 0.5
    tolerance = 1.0 if name == "wflw" else 1e-3  # its boxes are whole numbers
    np.testing.assert_allclose(np.stack([x, y], 1) + side[:, None] / 2, (low + high) / 2, atol=tolerance)
    np.testing.assert_allclose(side, 1.25 * (high - low).max(1), atol=2 * tolerance)
    point = m.points[rows[0]][7]  # the pixel under a point is the same in file and crop, up to resampling
    area = m.images[rows[0]][..., 0].astype(float)
    x0, y0 = point.astype(int)
    around = area[y0 - 1 : y0 + 3, x0 - 1 : x0 + 3]
    u, v = read.test.faces.keypoints[0][7].round().astype(int)
    assert around.min() - 25 <= read.test.faces.images[0][v, u] <= around.max() + 25


def test_the_exact_answer_scores_zero_and_a_known_error_its_fraction_of_the_divisor(case):
    name, m, read = case
    part, rows = read.test, TEST_ROWS[name]
    exact = metrics.benchmark_scores(part.faces.keypoints, part)["full"]
    assert exact["nme"] == 0 and exact["failure_rate"] == 0 and exact["auc"] == pytest.approx(100)
    if name == "aflw19":
        units = np.sqrt(np.prod(m.boxes[rows, 2:] - m.boxes[rows, :2], axis=1))  # pixels of the file
    else:
        eyes = {"300w": (36, 45), "wflw": (60, 72), "cofw": (8, 9)}[name]
        units = np.linalg.norm(m.points[rows, eyes[0]] - m.points[rows, eyes[1]], axis=1)
    scale = part.faces.files.scale(64)
    np.testing.assert_allclose(part.units * scale, units, rtol=1e-5)
    moved = part.faces.keypoints + np.float32([3, 4]) / scale[:, None, None].astype(np.float32)  # 5 px of the file
    table = metrics.benchmark_scores(moved, part, limit=0.08)["full"]
    assert table["nme"] == pytest.approx(100 * np.mean(5 / units), rel=1e-4)
    assert table["failure_rate"] == pytest.approx(100 * np.mean(5 / units > 0.08))


def test_subsets_are_those_of_the_papers(case):
    name, _, read = case
    expected = {"300w": {"full": 3, "common": 2, "challenging": 1}, "wflw": {"pose": 1, "illumination": 2, "blur": 0},
                "cofw": {}, "aflw19": {"frontal": 2}}[name]
    found = {k: int(v.sum()) for k, v in read.test.subsets.items()}
    assert expected.items() <= found.items()
    table = metrics.benchmark_scores(read.test.faces.keypoints, read.test)
    apart = {"visible points", "occluded points"} if name in ("cofw", "aflw19") else set()
    assert set(table) == {"full", *(k for k, n in found.items() if n), *apart}


def test_occluded_points_keep_their_position_and_their_flag(case):
    name, _, read = case
    expected = {"cofw": (1, 4), "aflw19": (0, 3)}.get(name)
    if expected is None:
        assert read.test.faces.occluded is None
        return
    part = read.test
    assert np.argwhere(part.faces.occluded).tolist() == [list(expected)]
    assert not np.isnan(part.faces.keypoints).any()
    points = part.faces.keypoints.copy()
    points[expected] += (3, 4)
    table = metrics.benchmark_scores(points, part)
    assert table["visible points"]["nme"] == 0 and table["visible points"]["faces"] == 3
    assert table["occluded points"]["nme"] == pytest.approx(500 / part.units[expected[0]], rel=1e-4)
    assert table["occluded points"]["faces"] == 1


def test_colour_is_kept_when_asked_for(drawn, tmp_path):
    write_wflw(tmp_path, made(drawn, 98))
    assert benchmarks.read("wflw", tmp_path, colour=True).train.faces.images.shape == (3, 96, 96, 3)


def test_boxes_of_300w_are_the_authors_where_they_are_there(drawn, tmp_path):
    m = made(drawn, 68)
    m.boxes += (-10, -20, 10, 5)  # unlike the points'
    write_300w(tmp_path, m, boxes=True)
    part = benchmarks.read("300w", tmp_path, widen=1.0).test
    np.testing.assert_allclose(part.faces.files.squares[:, 2], (m.boxes[3:, 2:] - m.boxes[3:, :2]).max(1), atol=1e-6)


def test_the_challenge_of_2013_stands_beside_the_full_set(drawn, tmp_path):
    m = made(drawn, 68)
    write_300w(tmp_path, m)
    write_image(tmp_path / "300W/01_Indoor/indoor_001.png", m.images[0])
    (tmp_path / "300W/01_Indoor/indoor_001.pts").write_text((tmp_path / "afw/image_0.pts").read_text())
    part = benchmarks.read("300w", tmp_path).test
    table = metrics.benchmark_scores(part.faces.keypoints, part)
    assert {k: v["faces"] for k, v in table.items()} == {"full": 3, "common": 2, "challenging": 1, w300.CHALLENGE: 1}


def test_pupils_are_another_divisor_of_cofw(drawn, tmp_path):
    m = made(drawn, 29)
    write_cofw(tmp_path, m)
    part = benchmarks.read("cofw", tmp_path).test
    pupils = np.linalg.norm(m.points[3:, 16] - m.points[3:, 17], axis=1)
    np.testing.assert_allclose(cofw.by_pupils(part).units * part.faces.files.scale(96), pupils, rtol=1e-5)


@pytest.mark.parametrize("scheme", [cofw.POINTS_29, aflw19.POINTS_19, POINTS_68, POINTS_98], ids=lambda s: s.name)
def test_pairs_swap_every_point_that_has_a_side(scheme):
    assert (scheme.swap[scheme.swap] == np.arange(len(scheme))).all()
    middle = {"COFW": 7, "AFLW-19": 3, "300-W": 10, "WFLW": 10}
    assert int((scheme.swap == np.arange(len(scheme))).sum()) == middle[scheme.name]
    assert tuple(sorted(scheme.eyes)) in {tuple(sorted(pair)) for pair in scheme.pairs}


class TestBadFolders:
    def test_a_name_that_is_none(self, tmp_path):
        with pytest.raises(InputError, match="300w, cofw, wflw, aflw19"):
            benchmarks.read("lfw", tmp_path)

    def test_no_folder(self, tmp_path):
        with pytest.raises(InputError, match="there is none"):
            benchmarks.read("wflw", tmp_path / "nothing")

    @pytest.mark.parametrize("name", COUNTS)
    def test_an_empty_folder(self, name, tmp_path):
        with pytest.raises(InputError, match="expected"):
            benchmarks.read(name, tmp_path)

    def test_images_that_are_missing_are_counted(self, drawn, tmp_path):
        write_wflw(tmp_path, made(drawn, 98))
        for path in sorted((tmp_path / "WFLW_images").rglob("*.png"))[:2]:
            path.unlink()
        with pytest.raises(InputError, match="2 are missing: 0--A place/0_A place_0"):
            benchmarks.read("wflw", tmp_path)

    def test_a_line_that_is_cut_off(self, drawn, tmp_path):
        write_wflw(tmp_path, made(drawn, 98))
        path = next(tmp_path.rglob("*_train.txt"))
        path.write_text(path.read_text().replace("--", " -- ").replace("0 0 0 0", "0 0", 1))
        with pytest.raises(InputError, match=r"_train\.txt: expected WFLW; .*line 1: "):
            benchmarks.read("wflw", tmp_path)

    def test_a_pts_file_of_other_points(self, drawn, tmp_path):
        write_300w(tmp_path, made(drawn, 68))
        (tmp_path / "ibug/image_5_1.pts").write_text("version: 1\nn_points: 1\n{\n1 2\n}\n")
        with pytest.raises(InputError, match="1 points"):
            benchmarks.read("300w", tmp_path)

    def test_a_pts_file_without_an_image(self, drawn, tmp_path):
        write_300w(tmp_path, made(drawn, 68))
        (tmp_path / "afw/image_0.png").unlink()
        with pytest.raises(InputError, match="image of the same name"):
            benchmarks.read("300w", tmp_path)

    def test_files_of_another_kind(self, tmp_path):
        pytest.importorskip("h5py")
        (tmp_path / "COFW_train_color.mat").write_bytes(b"not HDF5")
        with pytest.raises(InputError, match="an HDF5 file"):
            benchmarks.read("cofw", tmp_path)
        pytest.importorskip("scipy")
        (tmp_path / "AFLWinfo_release.mat").write_bytes(b"not MATLAB" * 50)
        with pytest.raises(InputError, match="expected bbox"):
            benchmarks.read("aflw19", tmp_path)


def test_wflw_flags_and_names_are_those_of_its_page():
    assert wflw.FLAGS == ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
