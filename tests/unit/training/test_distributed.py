"""Two processes on one model find what one process finds on the joined batch."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from blobs import blob_faces

from facekp.errors import InputError
from facekp.metrics import rmse
from facekp.models import create_model, load_model
from facekp.predict import predict
from facekp.training import TrainConfig, fit
from facekp.training import distributed as distributed_module
from facekp.training.distributed import Distributed

# cnn3 without dropout has neither batch statistics nor randomness of its own, and no augmentation here: nothing
# differs between one process and two but the order in which numbers are added up.
CONFIG = TrainConfig(epochs=2, batch_size=8, lr=1e-5, device="cpu", augment=None, clip=1e9, optimizer="sgd")


def model():
    torch.manual_seed(3)
    return create_model("cnn3", channels=4, hidden=32, dropout=0.0)


def faces_with_gaps():
    faces = blob_faces(40)
    gone = np.random.default_rng(0).random(faces.keypoints.shape[:2]) < 0.4
    faces.keypoints[gone] = np.nan  # so that the two halves of a batch have unlike numbers of points
    return faces.split(0.2)


def run_both(code: str, folder: Path, size: int = 2) -> None:
    """``code`` in each of two processes, with the variables that torchrun would set."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    here = os.path.dirname(__file__)
    preamble = (f"import sys; sys.path.insert(0, {here!r}); from test_distributed import *; "
                f"folder = Path({str(folder)!r})\n")
    world = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    children = [
        subprocess.Popen([sys.executable, "-c", preamble + code], stderr=subprocess.PIPE, text=True,
                         env=os.environ | world | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(size)
    ]
    for child in children:
        _, errors = child.communicate(timeout=600)
        assert child.returncode == 0, errors


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with what two processes left that trained two networks: starting them takes most of the time."""
    folder = tmp_path_factory.mktemp("two")
    run_both("""
gradients = []
from facekp.training import loop
real = loop.nn.utils.clip_grad_norm_
def kept(parameters, norm):
    parameters = list(parameters)
    if not gradients:
        gradients.append([p.grad.clone() for p in parameters])
    return real(parameters, norm)
loop.nn.utils.clip_grad_norm_ = kept
network = model()
record = fit(network, *faces_with_gaps(), CONFIG, folder / "run", progress=False)
torch.save(gradients[0], folder / f"gradients{os.environ['RANK']}.pt")
(folder / f"metrics{os.environ['RANK']}.json").write_text(json.dumps(record["metrics"]))
loop.nn.utils.clip_grad_norm_ = real

torch.manual_seed(3)
network = create_model("hourglass-s", channels=16, depth=2)
config = TrainConfig(epochs=2, batch_size=8, device="cpu", precision="fp32", ema=0.5)
record = fit(network, *faces_with_gaps(), config, folder / "hourglass", progress=False)
torch.save(network.state_dict(), folder / f"weights{os.environ['RANK']}.pt")
(folder / f"hourglass{os.environ['RANK']}.json").write_text(json.dumps(record["metrics"]))
""", folder)
    return folder


def test_two_processes_find_the_gradient_and_the_metrics_of_one(trained):
    alone, gradients = model(), []
    real = torch.nn.utils.clip_grad_norm_

    def kept(parameters, norm):
        parameters = list(parameters)
        if not gradients:
            gradients.extend(p.grad.clone() for p in parameters)
        return real(parameters, norm)

    torch.nn.utils.clip_grad_norm_ = kept
    try:
        record = fit(alone, *faces_with_gaps(), CONFIG, progress=False)
    finally:
        torch.nn.utils.clip_grad_norm_ = real
    for rank in "01":
        other = torch.load(trained / f"gradients{rank}.pt", weights_only=True)
        for mine, theirs in zip(gradients, other, strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)
        metrics = json.loads((trained / f"metrics{rank}.json").read_text())
        assert metrics["rmse"] == pytest.approx(record["metrics"]["rmse"], rel=1e-4)
        assert metrics["mean_face_rmse"] == pytest.approx(record["metrics"]["mean_face_rmse"], rel=1e-6)
    together = load_model(trained / "run" / "model.safetensors")
    images = faces_with_gaps()[1].images
    np.testing.assert_allclose(predict(alone, images)[0], predict(together, images)[0], atol=0.05)
    written = json.loads((trained / "run" / "record.json").read_text())
    assert written["processes"] == 2 and record["processes"] == 1
    for line, other in zip(record["curve"], written["curve"], strict=True):
        assert line["loss"] == pytest.approx(other["loss"], rel=1e-4)


def test_batch_statistics_are_the_main_ones_in_every_process(trained):
    """Each process averages those of its own faces; the record must be of the one model that is written."""
    first, second = (torch.load(trained / f"weights{rank}.pt", weights_only=True) for rank in "01")
    assert any("running_mean" in name for name in first)
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=1e-6, msg=name)
    test = faces_with_gaps()[1]
    points, _ = predict(load_model(trained / "hourglass" / "model.safetensors"), test.images)
    for rank in "01":
        recorded = json.loads((trained / f"hourglass{rank}.json").read_text())["rmse"]
        assert recorded == pytest.approx(rmse(points, test.keypoints), rel=1e-4)


def test_the_command_line_works_under_torchrun(tmp_path):
    from torch.distributed.run import get_args_parser  # what torchrun parses with: the command below is a real one

    data = tmp_path / "faces.npz"
    faces_with_gaps()[0].save(data)
    arguments = ["--nproc-per-node", "2", "--standalone", "-m", "facekp", "train", str(data), str(tmp_path / "run"),
                 "--model", "cnn3", "--option", "channels=4", "--option", "hidden=32", "--keypoints", "any",
                 "--epochs", "2", "--batch-size", "8", "--device", "cpu"]
    assert get_args_parser().parse_args(arguments).module
    done = subprocess.run([sys.executable, "-m", "torch.distributed.run", *arguments], capture_output=True, text=True,
                          env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("RMSE") == done.stdout.count("mean face has") + 2 == 3  # a line per epoch, one at the end
    assert json.loads((tmp_path / "run" / "record.json").read_text())["processes"] == 2


def test_a_process_alone_changes_nothing():
    alone, rows = Distributed(), np.arange(5)
    assert alone.is_main and alone.weight(torch.zeros(2, 3, 2)) == 1.0 and alone.gather(rows) is rows
    assert alone.wrap(network := model()) is network and not alone.any(False) and alone.any(True)


def test_a_batch_too_small_for_the_processes_is_refused(monkeypatch):
    monkeypatch.setattr("facekp.training.loop.init_distributed", lambda device: Distributed(0, 9))
    with pytest.raises(InputError, match="at least one face for each of 9 processes; found 8"):
        fit(model(), *faces_with_gaps(), CONFIG, progress=False)


def test_gathered_rows_are_in_order(monkeypatch):
    whole = np.arange(7)

    def all_gather_object(parts, part):
        parts[:] = [whole[0::3], whole[1::3], whole[2::3]]

    monkeypatch.setattr(distributed_module.dist, "all_gather_object", all_gather_object)
    assert (Distributed(1, 3).gather(whole[1::3]) == whole).all()
