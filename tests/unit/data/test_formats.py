"""Labels of other programs: read, imported, written; to 1e-4 pixels of the file, at every size of file."""

import json
from dataclasses import replace

import h5py
import label_files
import numpy as np
import pytest
from label_files import Set
from PIL import Image
from videos import write_video

from facekp.data import formats, load
from facekp.data.folder import read_folder, read_labels
from facekp.data.image_files import turn
from facekp.data.importing import import_labels
from facekp.data.labels import Face, gathered
from facekp.errors import InputError
from facekp.keypoints import KAGGLE

NUMBERS = {K: tuple(map(str, range(K))) for K in (68, 98)}
FLAGS = {"coco", "cvat", "cvat_points", "labelme", "yolo", "sleap", "sleap_old", "table"}
"""Formats that tell occluded points apart."""
GAPS = FLAGS | {"label_studio", "label_studio_min", "deeplabcut", "deeplabcut_animals", "deeplabcut_h5",
                "deeplabcut_h5_animals"}
"""Formats in which a point may be absent."""
POINTS = {"pts": 68, "course": 68, "wflw": 98}


@pytest.fixture
def saved(tmp_path):
    """Forty images and their labels, as a tool saves them: (the set, what to import)."""
    def save(form, n=40, **options):
        names = NUMBERS[POINTS[form]] if form in POINTS else label_files.NAMES
        faces = Set(tmp_path / "set", n, names, gaps=form in GAPS, **options)
        return faces, getattr(label_files, form)(faces, tmp_path / "set")
    return save


@pytest.mark.parametrize("form", sorted(GAPS | set(POINTS)))
def test_forty_images_in_each_format_read_back(form, saved, tmp_path):
    faces, path = saved(form)
    done = import_labels(path, tmp_path / "out", tmp_path / "set")
    labels, loaded = read_labels(tmp_path / "out"), load(tmp_path / "out")
    order = [labels.files.index(file) for file in faces.files]
    columns = [labels.names.index(name) for name in faces.names]
    np.testing.assert_allclose(labels.points[order][:, columns], faces.points, atol=1e-5)
    expected = faces.occluded if form in FLAGS else np.zeros_like(faces.occluded)
    assert np.array_equal(labels.occluded[order][:, columns], expected)
    in_files = loaded.in_files(loaded.keypoints)[order][:, loaded.scheme.index(*faces.names)]
    np.testing.assert_allclose(in_files, faces.points, atol=1e-4)
    assert not done.missing and done.turned == 0 and not done.cropped
    if len(faces.names) == 5:
        assert set(loaded.scheme.pairs) == {("left_eye", "right_eye"), ("mouth_left", "mouth_right")}
    else:
        assert loaded.scheme.name == {68: "300-W", 98: "WFLW"}[len(faces.names)]
    for file in faces.files:
        assert (tmp_path / "out" / "images" / file).read_bytes() == (tmp_path / "set" / file).read_bytes()


@pytest.mark.parametrize("form", ["coco", "labelstudio", "pts"])
@pytest.mark.parametrize("counted", [0.0, 0.5, 1.0])
def test_what_is_written_reads_back(form, counted, tmp_path):
    """Labels that count from anywhere; what other programs read back is in their own count."""
    faces = Set(tmp_path / "set", 40, gaps=form != "pts")
    labels, _ = formats.read_labels(label_files.coco(faces, tmp_path))
    labels = replace(labels, points=labels.points + counted, pixel_offset=counted)
    out = tmp_path / ("out" if form == "pts" else "out.json")
    formats.write(form, out, labels)
    import_labels(out, tmp_path / "back", tmp_path / "set")
    back = read_labels(tmp_path / "back")
    order = [back.files.index(file) for file in faces.files]
    columns = slice(None) if form == "pts" else [back.names.index(name) for name in faces.names]
    np.testing.assert_allclose(back.points[order][:, columns], faces.points, atol=1e-5)
    assert back.occluded.sum() == (faces.occluded.sum() if form == "coco" else 0)


def test_several_faces_of_an_image_become_squares_of_it(tmp_path):
    """Each face is cut out where its box is; points and squares come back in the file's pixels."""
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (300, 400), dtype=np.uint8)).save(tmp_path / "party.png")
    points = {name: (x, y, False) for name, x, y in (("left_eye", 80.25, 60.5), ("right_eye", 50, 61.125))}
    other = {name: (x + 200, y + 100, hidden) for name, (x, y, hidden) in points.items()}
    labels = gathered([Face("party.png", points, (30, 40, 80, 96), (400, 300)),
                       Face("party.png", other, None, (400, 300))], "x")
    for form in ("coco", "labelstudio"):
        formats.write(form, tmp_path / f"{form}.json", replace(labels, sizes=np.array([(400, 300)] * 2)))
        done = import_labels(tmp_path / f"{form}.json", tmp_path / form)
        assert done.cropped
        faces = read_folder(tmp_path / form)
        np.testing.assert_allclose(faces.files.squares[0], (22, 40, 96), atol=0.01)
        np.testing.assert_allclose(faces.in_files(faces.keypoints), labels.points, atol=1e-4)
        whole = import_labels(tmp_path / f"{form}.json", tmp_path / f"{form}-whole", crop=False)
        assert not whole.cropped and read_folder(tmp_path / f"{form}-whole").files.whole.all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("upright", [True, False])
def test_labels_of_the_stored_pixels_are_turned_with_the_image(orientation, upright, tmp_path):
    """A dot at a point: after the import it lies where the point is, whichever way the tool looked at the file."""
    pixels = np.zeros((60, 100), np.uint8)
    pixels[11:14, 81:84] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    stored = np.array([[82.0, 12.0]])
    size = [60, 100] if upright and orientation > 4 else [100, 60]
    point = turn(stored[None], np.array([size]), np.array([orientation]))[0] if upright else stored
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"images": [{"id": 1, "file_name": "a.png", "width": size[0], "height": size[1]}],
                                "categories": [{"id": 1, "keypoints": ["dot"]}], "annotations": [
                                    {"image_id": 1, "category_id": 1, "keypoints": [*point[0], 2]}]}))
    done = import_labels(path, tmp_path / "out")
    faces = read_folder(tmp_path / "out", size=100)
    x, y = faces.keypoints[0, 0].round().astype(int)
    assert done.turned == (not upright and orientation > 4)
    if upright or orientation > 4 or orientation == 1:  # a file that is mirrored or upside down has one size only
        assert faces.images[0, y - 1:y + 2, x - 1:x + 2].min() > 200


def test_an_image_of_another_size_is_named(saved, tmp_path):
    _, path = saved("coco", 5)
    Image.new("L", (50, 50)).save(tmp_path / "set" / "face 03.png")
    with pytest.raises(InputError, match=r"of the size that the labels say.*face 03\.png \(50 x 50, not 300 x 310\)"):
        import_labels(path, tmp_path / "out")


def test_missing_images_are_named_together_or_skipped(saved, tmp_path):
    faces, path = saved("coco", 9)
    for i in (2, 4, 7):
        (tmp_path / "set" / faces.files[i]).unlink()
    with pytest.raises(InputError, match=r"9 images.*3 are not there: face 02\.png, face 04\.png, face 07\.png"):
        import_labels(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    done = import_labels(path, tmp_path / "out", skip_missing=True)
    kept = [i for i in range(9) if i not in (2, 4, 7)]
    assert done.missing == ("face 02.png", "face 04.png", "face 07.png")
    labels = read_labels(tmp_path / "out")
    assert labels.files == [faces.files[i] for i in kept]
    np.testing.assert_allclose(labels.points, faces.points[kept], atol=1e-9)


def test_a_pixel_offset_goes_before_that_of_the_format(saved, tmp_path):
    faces, path = saved("coco", 8)
    import_labels(path, tmp_path / "out", pixel_offset=0.5)
    np.testing.assert_allclose(read_labels(tmp_path / "out").points, faces.points - 0.5, atol=1e-9)


def test_images_in_an_npz_beside_their_table(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (96, 96, 7), dtype=np.uint8)
    points = np.random.default_rng(1).uniform(5, 90, (7, 15, 2))
    points[3, 4] = np.nan
    cells = [",".join("" if np.isnan(v) else repr(float(v)) for v in face.ravel()) for face in points]
    (tmp_path / "facial_keypoints.csv").write_text("\n".join([",".join(KAGGLE.columns), *cells]) + "\n")
    np.savez(tmp_path / "face_images.npz", face_images=images)
    for given in (tmp_path, tmp_path / "face_images.npz", tmp_path / "facial_keypoints.csv"):
        with pytest.raises(InputError, match=r"repackaged Kaggle files.*facekp import .* OUT_DIR"):
            load(given)
    table = tmp_path / "facial_keypoints.csv"
    import_labels(tmp_path, tmp_path / "out")
    faces = load(tmp_path / "out")
    assert np.array_equal(faces.images, np.moveaxis(images, 2, 0)) and faces.scheme is KAGGLE
    np.testing.assert_array_equal(faces.keypoints, points.astype(np.float32))
    np.savez(tmp_path / "face_images.npz", face_images=images[..., :5])
    with pytest.raises(InputError, match=r"expected 7 grey images, .*found an array \(96, 96, 5\)"):
        import_labels(table, tmp_path / "again")


def test_frames_of_a_cvat_video(tmp_path):
    for i in (3, 4):
        Image.new("L", (40, 30), i).save(tmp_path / f"frame_00000{i}.PNG", format="png")
    (tmp_path / "annotations.xml").write_text(
        "<annotations><meta><task><original_size><width>40</width><height>30</height></original_size></task></meta>"
        '<track id="0" label="face"><skeleton frame="3"><points label="nose" points="5.50,6.50"/></skeleton>'
        '<skeleton frame="4"><points label="nose" points="7.50,8.50" occluded="1"/></skeleton>'
        '<skeleton frame="5" outside="1"><points label="nose" points="7.50,8.50"/></skeleton></track></annotations>')
    labels = import_labels(tmp_path, tmp_path / "out").labels
    assert labels.points[:, 0].tolist() == [[5, 6], [7, 8]] and labels.occluded[:, 0].tolist() == [False, True]


def test_deeplabcut_writes_its_table_twice(saved, tmp_path):
    """The .h5 beside a .csv is passed over; of another form, it says what to name."""
    faces, _ = saved("deeplabcut", 5)
    label_files.deeplabcut_h5(faces, tmp_path / "set")
    assert import_labels(tmp_path / "set", tmp_path / "out").labels.files == faces.files
    with h5py.File(tmp_path / "other.h5", "w") as f:
        f["df_with_missing/table"] = np.zeros(3)
    with pytest.raises(InputError, match=r"other\.h5: expected DeepLabCut's labels in pandas' fixed format.*\.csv"):
        import_labels(tmp_path / "other.h5", tmp_path / "again")


def test_frames_of_a_sleap_video(tmp_path):
    """Frame n of the video is grey 20 n; the labelled ones become images."""
    faces = Set(tmp_path / "set", 4)
    numbers = [0, 2, 3, 7]
    backend = {"type": "MediaVideo", "filename": "C:\\lab\\clip.mkv"}
    path = label_files.sleap(faces, tmp_path, backend=backend, numbers=numbers)
    with pytest.raises(InputError, match=r"4 are not there: clip\.mkv/frame_000000\.png.*that of clip\.mkv.*--images"):
        import_labels(path, tmp_path / "out")
    write_video(tmp_path / "videos" / "clip.mkv", [np.full((40, 64, 3), 20 * n, np.uint8) for n in range(6)])
    with pytest.raises(InputError, match=r"1 are not there: clip\.mkv/frame_000007\.png"):
        import_labels(path, tmp_path / "out", tmp_path / "videos")
    done = import_labels(path, tmp_path / "out", tmp_path / "videos", skip_missing=True)
    assert done.missing == ("clip.mkv/frame_000007.png",)
    labels, loaded = read_labels(tmp_path / "out"), load(tmp_path / "out")
    np.testing.assert_allclose(labels.points[:, [labels.names.index(n) for n in faces.names]], faces.points[:3])
    assert loaded.files.sizes.tolist() == [[64, 40]] * 3
    np.testing.assert_allclose(loaded.images[:, 20, 30], [0, 40, 60], atol=1)
    assert len(import_labels(tmp_path / "out", tmp_path / "copy").labels) == 3  # a folder has the video's name now
    backend = {"type": "HDF5Video", "filename": ".", "dataset": "video0/video"}
    packed = label_files.sleap(faces, tmp_path, backend=backend)
    with pytest.raises(InputError, match=r"packed in the file itself\. Name the \.slp"):
        import_labels(packed, tmp_path / "again")


def test_an_image_of_another_program_is_never_one_outside_the_folder(tmp_path):
    """Names that look like frames of a video lead nowhere else."""
    (tmp_path / "set").mkdir()
    Image.new("L", (9, 9)).save(tmp_path / "frame_000001.png")
    for name in ("../frame_000001.png", f"{tmp_path}/frame_000001.png"):
        (tmp_path / "set" / "labels.csv").write_text(f"file,a_x,a_y\n{name},1,2\n")
        with pytest.raises(InputError, match="1 are not there"):
            import_labels(tmp_path / "set", tmp_path / "out")


def test_yolo_without_settings(tmp_path):
    """Flags are distinguished from coordinates by their values."""
    Image.new("L", (50, 20)).save(tmp_path / "a.png")
    for line, points in {"0 .5 .5 1 1 0.11 0.275 2 0 0 0": [[5, 5], [np.nan] * 2],
                         "0 .5 .5 1 1 0.11 0.275 0.31 0.525": [[5, 5], [15, 10]]}.items():
        (tmp_path / "a.txt").write_text(line + "\n")
        labels = import_labels(tmp_path / "a.txt", tmp_path / line[-3:].strip()).labels
        np.testing.assert_allclose(labels.points[0], points, atol=1e-9)


def test_a_folder_with_labels_of_two_formats_names_them(saved, tmp_path):
    faces, _ = saved("coco", 3)
    label_files.cvat(faces, tmp_path / "set")
    with pytest.raises(InputError, match=r"annotations\.xml \(CVAT\).*person_keypoints\.json \(COCO keypoints\)"):
        import_labels(tmp_path / "set", tmp_path / "out")
    (tmp_path / "two").mkdir()
    for i in "ab":
        (tmp_path / "two" / f"{i}.csv").write_text("file,a_x,a_y\na.png,1,2\n")
    with pytest.raises(InputError, match=r"a\.csv, .*b\.csv\. Name the file"):
        formats.read_labels(tmp_path / "two")


@pytest.mark.parametrize("form", ["coco", "cvat", "label_studio", "deeplabcut", "wflw", "table"])
def test_a_data_set_is_wanted_and_labels_are_given(form, saved):
    _, path = saved(form, 3)
    with pytest.raises(InputError, match=r"labels in a format of other programs .* facekp import"):
        load(path)
    with pytest.raises(InputError, match=r"facekp import"):
        load(path.parent)


def test_pts_needs_every_point(tmp_path):
    labels = gathered([Face("a.png", {"a": (1, 2, False), "b": (np.nan, np.nan, False)})], "x")
    with pytest.raises(InputError, match=r"none for 'b' in a\.png"):
        formats.write("pts", tmp_path / "out", labels)
    assert not (tmp_path / "out").exists()
