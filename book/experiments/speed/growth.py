"""Time per epoch and memory against the number of faces, each number in a Python of its own."""

import json
import os
import subprocess
import sys

import numpy as np

from facekp.errors import InputError

# A process's peak as Linux counts it for getrusage begins with its parent's; VmHWM is its own.
CHILD = """
import json, sys, time
import numpy as np, torch
from facekp.data.faces import Faces
from facekp.models import create_model
from facekp.training.recipes import recipe
from facekp.training import pick_device
from facekp.training.loader import Loader
from facekp.training.loop import start, train_epoch

n, name = int(sys.argv[1]), sys.argv[2]
rng = np.random.default_rng(0)
images = np.empty((n, 96, 96), np.uint8)
for begin in range(0, n, 500):
    images[begin:begin + 500] = rng.integers(0, 256, images[begin:begin + 500].shape, np.uint8)
faces = Faces(images, rng.uniform(20, 76, (n, 15, 2)).astype(np.float32))
options = {"channels": 8, "hidden": 64} if name == "cnn3" else {}
config = recipe(name, epochs=9)
run = start(create_model(name, **options), config, n)
loader, times = Loader(faces, run.losses.device), []
for epoch in range(3):
    began = time.perf_counter()
    train_epoch(run, loader, config)
    run.losses.sum().item()
    times.append(time.perf_counter() - began)
    run.order = None
if run.losses.device.type == "cuda":
    peak = torch.cuda.max_memory_allocated()
else:
    peak = next(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"faces": n, "seconds": min(times[1:]), "peak_mb": peak / 1e6}))
"""


def growth(base: int = 4000, times: tuple[int, ...] = (1, 2, 4, 8), name: str = "cnn3") -> dict:
    """Epochs on 1, 2, 4 and 8 (``times``) times ``base`` faces of noise.

    The network is a very small one, so that what grows with the data is not lost beside what does not.

    Returns:
        ``rows``: ``faces``, ``seconds`` per epoch and ``peak_mb`` of each; ``bytes_per_face``, the slope of the
        memory (a face has 96 x 96 + 120 bytes); ``exponent`` of the time: 1 means linear.
    """
    if not os.path.exists("/proc/self/status"):
        raise InputError("Peak memory is read from /proc, which this system does not have; run this on Linux.")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    rows = []
    for n in [base * t for t in times]:
        done = subprocess.run([sys.executable, "-c", CHILD, str(n), name], env=environment, check=False,
                              capture_output=True, text=True)
        if done.returncode:
            raise InputError(f"The measurement with {n} faces failed: {done.stderr.strip()[-300:]}")
        rows.append(json.loads(done.stdout))
    faces = np.array([row["faces"] for row in rows])
    slope = np.polyfit(faces, [row["peak_mb"] * 1e6 for row in rows], 1)[0]
    exponent = np.polyfit(np.log(faces), np.log([row["seconds"] for row in rows]), 1)[0]
    return {"network": name, "rows": rows, "bytes_per_face": float(slope), "exponent": float(exponent)}
