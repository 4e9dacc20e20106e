"""The record behind two widgets: what the experiment does to a face, the page does too."""

import numpy as np
import pytest
from blobs import blob_faces
from javascript import run

from book.experiments import two_heads
from facekp.errors import InputError
from facekp.keypoints import KAGGLE
from facekp.widgets import regression_and_heatmap


@pytest.mark.parametrize(("kind", "amount"), [("turn", 35.0), ("turn", -90.0), ("blur", 2.5), ("cover", 12.0)])
def test_the_page_changes_a_face_as_the_experiment_did(kind, amount):
    faces = blob_faces(1)
    changed = two_heads.CHANGES[kind](faces, amount)
    eye = faces.keypoints[0, KAGGLE.names.index("right_eye_center")].tolist()
    asked = [{"w": 96, "h": 96, "values": (faces.images[0] / 255).ravel().tolist()},
             faces.keypoints[0].ravel().tolist(), kind, amount, eye, two_heads.PATCH]
    found = run("regression_and_heatmap", "const now = changedFace(...input);"
                "return { values: [...now.face.values], points: now.points };", asked)
    np.testing.assert_allclose(np.reshape(found["points"], (15, 2)), changed.keypoints[0], atol=1e-4)
    # The experiment's faces are bytes; on the edge of the disc a float32 distance may fall on the other side.
    off = np.abs(255 * np.reshape(found["values"], (96, 96)) - changed.images[0])
    assert np.quantile(off, 0.999) <= 0.51
    assert np.abs(changed.images[0].astype(int) - faces.images[0]).max() > 20


def test_a_short_run_gives_all_that_the_widgets_need(monkeypatch):
    faces = blob_faces(8)
    monkeypatch.setattr(two_heads, "eight_faces", lambda: faces)
    amounts = {"turn": np.array([0, 30]), "blur": np.array([0.0]), "cover": np.array([0])}
    monkeypatch.setattr(two_heads, "AMOUNTS", amounts)
    networks = [two_heads.trained("hourglass-s", faces, faces, epochs=2, seed=0)] * 2
    assert np.shape(networks[0]["by_epoch"]) == (2, 8, 30) and len(networks[0]["curve"]) == 2
    assert np.shape(networks[0]["changes"]["turn"]) == (2, 8, 30)
    assert networks[0]["changes"]["turn"][0] == networks[0]["changes"]["blur"][0] == networks[0]["by_epoch"][1]
    record = {"amounts": {"turn": [0, 30], "blur": [0.0], "cover": [0]}, "networks": networks}
    made = regression_and_heatmap(record, faces)
    assert made.data["networks"][0]["label"] == "hourglass-s (regression)" and made.data["patch"] == two_heads.PATCH
    with pytest.raises(InputError, match="points of 3 faces"):
        regression_and_heatmap(record, faces.select(slice(3)))
