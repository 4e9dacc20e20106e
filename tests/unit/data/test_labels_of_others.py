"""Labels as people have them from other programs: read right, or refused with one line that says what to do."""

import json
import zipfile

import label_files
import numpy as np
import pandas as pd
import pytest
from label_files import NAMES, Set

from facekp.data import formats
from facekp.data.importing import import_labels
from facekp.errors import InputError


def imported(path, tmp_path, faces, names=NAMES, **options):
    """The import's labels, which are ``faces`` to 1e-4 px."""
    done = import_labels(path, tmp_path / "out", crop=False, **options).labels
    order = [[f.rsplit("/", 1)[-1] for f in done.files].index(file.rsplit("/", 1)[-1]) for file in faces.files]
    np.testing.assert_allclose(done.points[order][:, [done.names.index(n) for n in names]], faces.points, atol=1e-4)
    return done


@pytest.fixture
def faces(tmp_path):
    return Set(tmp_path / "set", 6, gaps=False)


def edited(path, edit):
    """A JSON file after ``edit`` changed what is in it."""
    found = json.loads(path.read_text())
    path.write_text(json.dumps(edit(found) or found))
    return path


# ---- COCO ------------------------------------------------------------------------------------------


def ids_as_text(found):
    for image in found["images"]:
        image["id"] = str(image["id"])
    found["annotations"][0]["category_id"] = "3"


def no_flags(found):
    for annotation in found["annotations"]:
        annotation["keypoints"] = [v for i, v in enumerate(annotation["keypoints"]) if i % 3 < 2]


def nested(found):
    for annotation in found["annotations"]:
        annotation["keypoints"] = np.reshape(annotation["keypoints"], (-1, 3)).tolist()


def for_addresses(found):
    for image in found["images"]:
        image["file_name"] = image["file_name"].replace(" ", "%20")


def other_order(found):
    found["categories"].append({"id": 4, "name": "side", "keypoints": [*reversed(NAMES)]})
    for annotation in found["annotations"][::2]:
        points = np.reshape(annotation["keypoints"], (-1, 3))[::-1]
        annotation |= {"category_id": 4, "keypoints": points.ravel().tolist()}


@pytest.mark.parametrize("edit", [ids_as_text, no_flags, nested, for_addresses, other_order])
def test_coco_as_tools_write_it(edit, faces, tmp_path):
    done = imported(edited(label_files.coco(faces, tmp_path / "set"), edit), tmp_path, faces)
    assert done.notes == (("Read as one kind of face: the categories side, face.",) if edit is other_order else ())


def test_coco_without_names_or_flags(faces, tmp_path):
    """Six points have twelve numbers, which might be four with flags: none is 0, 1 or 2."""
    def edit(found):
        no_flags(found)
        del found["categories"]
        for annotation in found["annotations"]:
            annotation["keypoints"] = [v + 3 for v in [*annotation["keypoints"], 1, 1]]

    labels, _ = formats.read_labels(edited(label_files.coco(faces, tmp_path / "set"), edit))
    assert labels.names == tuple("012345")
    np.testing.assert_allclose(labels.points[:, :5], faces.points + 3)


def test_coco_that_cannot_be_meant(faces, tmp_path):
    path = label_files.coco(faces, tmp_path / "set")
    with pytest.raises(InputError, match="found none with the id 100"):
        formats.read_labels(edited(path, lambda found: found["images"].pop(0) and None))

    def two_kinds(found):
        found["categories"].append({"id": 9, "name": "person", "keypoints": ["hip"]})
        found["annotations"].append({"image_id": 101, "category_id": 9, "keypoints": [1, 2, 2]})

    with pytest.raises(InputError, match="without a common point, 'face' and 'person'"):
        formats.read_labels(edited(label_files.coco(faces, tmp_path / "set"), two_kinds))


# ---- several people in an image --------------------------------------------------------------------


def doubled_labelme(faces, folder):
    label_files.labelme(faces, folder)
    for path in folder.rglob("*.json"):
        edited(path, lambda found: found["shapes"].append(found["shapes"][0] | {"points": [[1, 2]]}))
    return folder


def doubled_cvat(faces, folder):
    path = label_files.cvat_points(faces, folder)
    again = '<points label="left_eye" points="1,2"/></image>'
    path.write_text(path.read_text().replace("</image>", again))
    return path


def doubled_label_studio(faces, folder):
    def edit(found):
        for task in found:
            result = task["annotations"][1]["result"]
            result.append(result[0] | {"value": result[0]["value"] | {"x": 1}})

    return edited(label_files.label_studio(faces, folder), edit)


@pytest.mark.parametrize("form", [doubled_labelme, doubled_cvat, doubled_label_studio])
def test_two_points_of_one_name_are_never_one(form, faces, tmp_path):
    """Of two people without groups, the second one's points took the place of the first one's."""
    with pytest.raises(InputError, match=r"each point once in a face; found 'left_eye' twice.*into a group or a rect"):
        formats.read_labels(form(faces, tmp_path / "set"))


def test_a_point_that_was_left_out_of_its_group_is_named(faces, tmp_path):
    def edit(found):
        for shape in found["shapes"]:
            shape["group_id"] = None if shape["label"] == "nose" else 1

    label_files.labelme(faces, tmp_path / "set")
    path = min((tmp_path / "set").rglob("*.json"))
    with pytest.raises(InputError, match="in the group or rectangle of its face; found 'nose' in none"):
        formats.read_labels(edited(path, edit))


def test_cvat_shapes_of_many_points_are_a_face_each_and_tracks_of_points_one_of_a_frame(tmp_path):
    path = tmp_path / "annotations.xml"
    shapes = ('<points label="eyes" points="1,2;3,4"/>', '<points label="eyes" points="5,6;7,8"/>')
    image = f'<image id="0" name="a.png" width="9" height="9">{"".join(shapes)}</image>'
    path.write_text(f"<annotations>{image}</annotations>")
    labels, _ = formats.read_labels(path)
    assert labels.names == ("eyes_0", "eyes_1") and labels.points.ravel().tolist() == [*range(1, 9)]
    track = ('<track id="{0}" label="{1}"><points frame="0" outside="{2}" points="1,2"/>'
             '<points frame="4" outside="0" points="3,{0}"/></track>')
    path.write_text(f"<annotations>{track.format(5, 'nose', 0)}{track.format(6, 'chin', 1)}</annotations>")
    labels, _ = formats.read_labels(path)
    assert labels.files == ["frame_000000", "frame_000004"] and labels.names == ("nose", "chin")
    np.testing.assert_array_equal(labels.points, [[[1, 2], [np.nan] * 2], [[3, 5], [3, 6]]])


# ---- Label Studio ----------------------------------------------------------------------------------


@pytest.mark.parametrize("mini", [False, True])
def test_the_image_of_a_task_is_the_entry_with_an_images_ending(mini, faces, tmp_path):
    def edit(found):
        for task in found:
            inner = task if mini else task["data"]
            image = inner.pop("img")
            rest = dict(inner)
            inner.clear()
            inner |= {"annotator": "me@x.org", "created_at": "2024", "img": image} | rest

    imported(edited(label_files.label_studio(faces, tmp_path / "set", mini), edit), tmp_path, faces)


def test_several_annotations_and_predictions_are_said(faces, tmp_path):
    def edit(found):
        wrong = [r | {"value": r["value"] | {"x": 50}} for r in found[0]["annotations"][1]["result"]]
        found[0]["annotations"][1]["ground_truth"] = True
        found[0]["annotations"].insert(0, {"result": wrong})
        found[1]["predictions"] = [found[1].pop("annotations")[1]]

    done = imported(edited(label_files.label_studio(faces, tmp_path / "set"), edit), tmp_path, faces)
    assert [note.partition(" images")[0] for note in done.notes] == [
        "Annotated more than once: 1", "Without an annotation: 1"]


# ---- YOLO ------------------------------------------------------------------------------------------

SETTINGS = {"of lines": "kpt_shape:\n- 5\n- 3  # x, y, v\nflip_idx:\n  - 1\n  - 0\n  - 2\n  - 4\n  - 3\n",
            "on several lines": "kpt_shape: [5,\n  3]\nflip_idx: [1, 0, 2,\n 4, 3]\nnames: {0: face}\n",
            "of names": "kpt_shape: [5, 3]\nflip_idx: [1, 0, 2, 4, 3]\nkpt_names:\n  0: [left_eye, right_eye, nose, "
                        "mouth_left, mouth_right]\n"}


@pytest.mark.parametrize("settings", SETTINGS)
def test_yolo_settings_in_any_way_of_yaml(settings, faces, tmp_path):
    path = label_files.yolo(faces, tmp_path / "set")
    (path / "data.yaml").write_text(SETTINGS[settings])
    names = NAMES if settings == "of names" else tuple("01234")
    done = imported(path, tmp_path, faces, names)
    assert done.pairs == ((names[0], names[1]), (names[3], names[4]))


@pytest.mark.parametrize("flip", ["[1, 0, 2, 3]", "[1, 2, 0, 3, 4]", "[1, 0, 2, 3, 5]"])
def test_yolo_pairs_that_are_none(flip, faces, tmp_path):
    path = label_files.yolo(faces, tmp_path / "set")
    (path / "data.yaml").write_text(f"kpt_shape: [5, 3]\nflip_idx: {flip}\n")
    with pytest.raises(InputError, match=r"flip_idx to exchange pairs of 5 points.*Correct the YAML file"):
        formats.read_labels(path)


def test_yolo_splits_with_the_same_names_boxes_over_the_edge_and_files_of_boxes(tmp_path):
    """train/labels/0.txt belongs to train/images/0.png; a box that a tool made 1.02 wide is a box."""
    for split, x in (("train", 0.25), ("valid", 0.5)):
        Set(tmp_path / split / "images", 1)
        (tmp_path / split / "images" / "deep" / "face 00.png").rename(tmp_path / split / "images" / "0.png")
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / "labels" / "0.txt").write_text(f"{int(x * 2)} .5 .5 1.02 1 {x} .5 2\n")
    (tmp_path / "train" / "labels" / "1.txt").write_text("0 .5 .5 .1 .1\n")
    (tmp_path / "train" / "labels" / "2.txt").write_text("")
    done = import_labels(tmp_path, tmp_path / "out", crop=False).labels
    assert dict(zip(done.files, done.points[:, 0, 0].tolist(), strict=True)) == {
        "train/images/0.png": 23.5, "valid/images/0.png": 47.5}
    assert done.notes == ("Read as one kind of face: the classes 0, 1.",
                          f"Passed over, as they are not YOLO-pose: {tmp_path / 'train/labels/1.txt'}.")


# ---- others ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("save", [
    lambda text: '"' + text.replace(",", '","').replace("\n", '"\n"')[:-1],
    lambda text: "\ufeff" + text.replace(",", ";").replace(".", ",").replace(",png", ".png")])
def test_deeplabcut_saved_by_a_spreadsheet(save, faces, tmp_path):
    path = label_files.deeplabcut(faces, tmp_path / "set")
    path.write_text(save(path.read_text().replace("\r", "")))
    imported(path, tmp_path, faces)


def test_deeplabcut_points_of_no_animal_and_of_a_network(tmp_path):
    rows = ["scorer,,net,net,net,net,net", "individuals,,a,a,a,single,single",
            "bodyparts,,nose,nose,nose,corner,corner", "coords,,x,y,likelihood,x,y", "v,0.png,1,2,0.9,3,4"]
    (tmp_path / "found.csv").write_text("\n".join(rows))
    labels, _ = formats.read_labels(tmp_path / "found.csv")
    assert labels.points.tolist() == [[[1, 2]]] and labels.names == ("nose",)
    assert [note.split(":")[0] for note in labels.notes] == [
        "The points have a likelihood, so a network found them. See that they are right.",
        "Left out, as they are of no individual"]


def test_numbered_points_of_another_count_are_other_points(tmp_path):
    for name, K, points in (("a", 2, "1 2\n3 4\n"), ("b", 1, "1, 2\n")):
        (tmp_path / f"{name}.pts").write_text(f"# mine\nversion: 1\nn_points: {K}\n{{\n{points}}}\n")
    assert formats.read_labels(tmp_path / "b.pts")[0].points.tolist() == [[[1, 2]]]
    with pytest.raises(InputError, match=r"as many points in each face.*found 2 in '.*a' and 1 in '.*b'"):
        formats.read_labels(tmp_path)


def test_names_in_an_old_encoding_are_not_read_wrong(faces, tmp_path):
    path = label_files.coco(faces, tmp_path / "set")
    path.write_bytes(path.read_text().replace("left_eye", "左眼").encode("gbk"))
    with pytest.raises(InputError, match="expected a text in UTF-8; found other bytes"):
        formats.read_labels(path)


def test_an_archive_or_a_workbook_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "labels.xlsx", "w") as archive:
        archive.writestr("xl/workbook.xml", "")
    with pytest.raises(InputError, match=r"found a ZIP archive or an Excel file\. Unpack it, or save"):
        formats.read_labels(tmp_path / "labels.xlsx")


# ---- tables with spaces, JSON with a record per image, converted photos ------------------------------


def spaced(faces, path, between, comment=""):
    """A table with any number of spaces and tabs between its cells; file names with a space are quoted."""
    lines = [[f"{comment}file", *(f"{n}_{a}" for n in faces.names for a in "xy")]]
    lines += [[f'"{file}"', *(repr(v) for _, *xy, _ in points for v in xy)] for file, _, points in faces]
    path.write_text("\n".join(between.join(line) for line in lines) + "\n")
    return path


@pytest.mark.parametrize(("between", "comment"), [(" ", ""), ("   ", "# "), (" \t ", "")])
def test_a_table_with_spaces_between_its_cells(between, comment, faces, tmp_path):
    assert imported(spaced(faces, tmp_path / "set/points.txt", between, comment), tmp_path, faces).names == NAMES


def test_a_name_with_a_space_wants_quotation_marks(faces, tmp_path):
    path = spaced(faces, tmp_path / "set/points.txt", " ")
    path.write_text(path.read_text().replace('"', ""))
    with pytest.raises(InputError, match="quotation marks"):
        imported(path, tmp_path, faces)


def flat(faces):
    return [{"file": file} | {n: [x, y] for n, x, y, _ in points} for file, _, points in faces]


def with_flags(faces):
    return [{"image_path": f, "size": size, "keypoints": {n: [x, y, v] for n, x, y, v in points}, "image_id": "7"}
            for f, size, points in faces]


def as_objects(faces):
    return [{"img": file, "points": {n: {"x": x, "y": y} for n, x, y, _ in points}} for file, _, points in faces]


def by_name(faces):
    return {file: {n: [x, y] for n, x, y, _ in points} for file, _, points in faces}


def halves(faces):
    return [{"file": f, "width": 9} | {f"{n}_{a}": v for n, *xy, _ in points for a, v in zip("xy", xy, strict=True)}
            for f, _, points in faces]


def in_an_entry(faces):
    return {"info": {}, "images": [{"file": file, "landmarks": [{"name": n, "x": x, "y": y} for n, x, y, _ in points]}
                                   for file, _, points in faces]}


@pytest.mark.parametrize("lines", [True, False])
@pytest.mark.parametrize("form", [flat, with_flags, as_objects, by_name, halves, in_an_entry])
def test_json_with_a_record_for_each_image(form, lines, faces, tmp_path):
    records = form(faces)
    whole = "\n".join(json.dumps(r) for r in records) + "\n" if lines and isinstance(records, list) else json.dumps(
        records)
    (path := tmp_path / "set/points.json").write_text(whole)
    done = imported(path, tmp_path, faces)
    assert done.names == NAMES and done.occluded.sum() == (faces.occluded.sum() if form is with_flags else 0)


def test_json_records_with_null_and_the_flag_0_have_points_that_are_not_annotated(tmp_path):
    faces = Set(tmp_path / "set", 9)
    kept = [{"file": file, "points": {n: None if v == 0 and i % 2 else [0, 0, 0] if v == 0 else [x, y, v]
                                      for i, (n, x, y, v) in enumerate(points)}} for file, _, points in faces]
    (path := tmp_path / "set/points.jsonl").write_text("\n".join(map(json.dumps, kept)))
    assert np.isnan(imported(path, tmp_path, faces).points).any()


@pytest.mark.parametrize("of", [lambda xy: xy, lambda xy: [v for point in xy for v in point],
                                lambda xy: [v for point in xy for v in (*point, 2)]])
def test_points_in_a_list_are_called_by_their_numbers(of, faces, tmp_path):
    records = [{"image": file, "center": [1, 2], "joints": of([[x, y] for _, x, y, _ in points])}
               for file, _, points in faces]
    (path := tmp_path / "set/points.json").write_text(json.dumps(records))
    assert imported(path, tmp_path, faces, tuple("01234")).names == tuple("01234")


@pytest.mark.parametrize(("record", "said"), [
    ({"nose": [1, 2, 0.9]}, "a flag"), ({"points": [{"name": "eye", "x": 1, "y": 2}] * 2}, "twice"),
    ({"a": {"nose": [1, 2]}, "b": {"eye": [3, 4]}}, "in one entry")])
def test_json_records_that_cannot_be_meant(record, said, faces, tmp_path):
    (path := tmp_path / "set/points.json").write_text(json.dumps([{"file": faces.files[0]} | record]))
    with pytest.raises(InputError, match=said):
        import_labels(path, tmp_path / "out")


def test_a_record_without_an_image_is_named(faces, tmp_path):
    (path := tmp_path / "set/points.json").write_text(json.dumps([*flat(faces), {"nose": [1, 2]}]))
    with pytest.raises(InputError, match="nose"):
        import_labels(path, tmp_path / "out")


def as_lines(path):
    path.write_text("\n".join(map(json.dumps, json.loads(path.read_text()))))
    return path


def as_csv(path):
    pd.DataFrame([{k: json.dumps(v) if isinstance(v, list) else v for k, v in task.items()}
                  for task in json.loads(path.read_text())]).to_csv(path.with_suffix(".csv"), index=False)
    path.unlink()
    return path.with_suffix(".csv")


@pytest.mark.parametrize(("mini", "save"), [(True, as_lines), (False, as_lines), (True, as_csv)])
def test_label_studio_as_lines_and_as_csv(mini, save, faces, tmp_path):
    path = save(label_files.label_studio(faces, tmp_path / "set", mini))
    assert formats.recognise(path) is formats.label_studio
    imported(path, tmp_path, faces)


def test_a_converted_photo_is_found_by_its_old_name_and_said(faces, tmp_path):
    path = label_files.coco(faces, tmp_path / "set")
    path.write_text(path.read_text().replace("face 01.png", "face 01.HEIC"))
    done = imported(path, tmp_path, faces)
    assert "face 01.HEIC" in " ".join(done.notes)
    (tmp_path / "set/face 01.jpg").write_bytes((tmp_path / "set/face 01.png").read_bytes())
    with pytest.raises(InputError, match="may mean"):
        import_labels(path, tmp_path / "again")
