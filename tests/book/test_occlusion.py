"""The experiments on hidden points: what the masks hide, what the control sees, what the records say."""

import numpy as np
import pytest
import torch
from blobs import blob_faces

from book.experiments import occlusion, shape_fit
from facekp.models import create_model
from facekp.results import load_record


def test_the_mask_hides_pixels_and_keeps_points():
    faces = occlusion.downsampled(blob_faces(4))
    twice = occlusion.both(faces)
    assert faces.images.shape == (4, 48, 48) and len(twice) == 8
    assert (twice.images[4:, occlusion.GREY_FROM :] == 128).all()
    assert np.array_equal(twice.images[4:, : occlusion.GREY_FROM], faces.images[:, : occlusion.GREY_FROM])
    assert np.array_equal(twice.keypoints[4:], faces.keypoints)


def test_the_control_is_the_same_regressor_without_parts():
    torch.manual_seed(0)
    model = create_model("parts-s", **occlusion.OPTIONS)
    torch.nn.init.normal_(model.network.regressor[-2].weight)
    images = np.random.default_rng(0).integers(0, 256, (2, 48, 48), dtype=np.uint8)
    logits, maps = occlusion.answers(model, images)
    _, blind = occlusion.answers(model, images, parts=False)
    model.network = occlusion.ImageAlone(model.network.regressor, 15)
    nothing, alone = occlusion.answers(model, images)
    assert torch.equal(alone, blind) and not torch.equal(alone, maps)
    assert nothing.isnan().all() and logits.isfinite().all()


def test_control_and_stages_make_equally_many_steps():
    stages = occlusion.STAGES
    assert stages["detector"][0] + 2 * (stages["regressor"][0] + stages["joint"][0]) == 2 * occlusion.CONTROL[0]


def test_a_square_of_any_width_lies_over_the_eye_and_within_the_image():
    faces = blob_faces(3)
    faces.keypoints[0, 0] = (1.0, 2.0)
    for width in shape_fit.WIDTHS:
        grey = (shape_fit.covered(faces, width) != faces.images).reshape(3, -1).sum(1)
        assert (grey <= width**2).all() and (width == 0 or (grey > 0).all())
    assert np.array_equal(shape_fit.covered(faces, 0), faces.images)


def test_the_shape_fit_was_scored_on_the_faces_of_protocol_a():
    record, row = load_record("shape-fit"), load_record("protocol-a/lgcn-s-0")
    assert record["fingerprint"] == row["data"]["val"]["fingerprint"]
    assert record["rows"][0]["predicted"]["all"] == pytest.approx(row["metrics"]["rmse"], abs=1e-3)


def test_the_record_says_what_the_chapter_says():
    record = load_record("occlusion")

    def mean(row):
        return float(np.mean([row(seed) for seed in record["seeds"]]))

    joint = mean(lambda s: s["stages"]["joint"]["masked, regressor"])
    control = mean(lambda s: s["control"]["masked, regressor"])
    mean_face = record["mean face"]["masked"]
    assert joint < mean_face and control < 1.1 * joint
    assert mean(lambda s: s["stages"]["regressor"]["masked, detector"]) > 2 * mean_face
    whole = mean(lambda s: s["stages"]["joint"]["open, regressor"])
    assert mean(lambda s: s["control"]["open, regressor"]) < whole
    assert mean(lambda s: s["without the image"]["open, regressor"]) < 1.3 * whole
    assert mean(lambda s: s["without the parts"]["open, regressor"]) > 3 * whole
    assert mean(lambda s: s["separation"]["joint"]) < mean(lambda s: s["separation"]["detector"])
