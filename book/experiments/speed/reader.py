"""Reading training.csv, measured side by side: each way in a Python of its own, one after the other."""

import json
import os
import subprocess
import sys
from pathlib import Path

from facekp.data.pixels import read_header
from facekp.errors import InputError

# As the tutorials have it: each row's text to floats. KIND is what np.fromstring makes of it.
USUAL = """
import numpy as np
import pandas as pd

def read():
    table = pd.read_csv(path)
    images = np.stack([np.fromstring(text, dtype=KIND, sep=" ") for text in table["Image"]]).astype(np.uint8)
    return images, table.drop(columns="Image").to_numpy(np.float32)
"""

OURS = """
from facekp.data.kaggle import read_training

def read():
    faces = read_training(path)
    return faces.images, faces.keypoints.reshape(len(faces), -1)
"""

# A process's peak as Linux counts it for getrusage begins with its parent's; VmHWM is its own.
MEASURE = """
import hashlib, json, sys, time
path = sys.argv[1]
start, start_cpu = time.perf_counter(), time.process_time()
images, keypoints = read()
seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
try:
    peak = next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmHWM"))
except (OSError, StopIteration):
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
arrays = hashlib.sha256(images.tobytes() + keypoints.tobytes()).hexdigest()
print(json.dumps({"seconds": round(seconds, 3), "cpu_seconds": round(cpu, 3), "peak_mb": round(peak),
                  "rows": len(images), "arrays": arrays}))
"""


def reader(path: str | Path) -> dict:
    """Reading training.csv: the usual way (pandas, and np.fromstring for each row), and ours.

    Returns:
        ``file_mb``, ``rows``, ``cores``; for each of ``usual``, ``usual_uint8`` (np.fromstring given the
        type, as few do) and ``cold`` (ours) a dictionary of ``seconds`` (imports not counted), ``cpu_seconds`` and
        ``peak_mb`` (the process's, imports and arrays included); ``cold_ratio``, how many times faster than
        ``usual``; ``same``, whether all gave the same images and keypoints.
    """
    path = Path(path).expanduser()
    if path.is_dir():
        path = path / "training.csv"
    if not path.is_file():
        raise InputError(f"{path}: expected Kaggle's training.csv; there is no such file. Check the path.")
    with open(path, "rb") as f:  # a zip, say: pandas would need other words for it
        if read_header(f, path.name)[-1] != "Image":
            raise InputError(f"{path}: expected Kaggle's training.csv; found another table. Name that file.")
    # Ours first: should the file not be in memory yet, it is ours that waits for the disk.
    cold = _run(OURS, path)
    usual = _run(USUAL.replace("KIND", "float"), path)
    usual_uint8 = _run(USUAL.replace("KIND", "np.uint8"), path)
    runs = {"usual": usual, "usual_uint8": usual_uint8, "cold": cold}
    arrays = {run.pop("arrays") for run in runs.values()}
    rows = {run.pop("rows") for run in runs.values()}
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"file_mb": round(path.stat().st_size / 1e6, 1), "rows": max(rows), "cores": cores, **runs,
            "cold_ratio": round(usual["seconds"] / cold["seconds"], 1), "same": len(arrays) == len(rows) == 1}


def _run(way: str, path: Path) -> dict:
    """What MEASURE prints after ``way`` in a fresh Python."""
    # The same packages as here, from wherever this Python has them.
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run([sys.executable, "-c", way + MEASURE, str(path)], env=environment, capture_output=True,
                          text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"{path}: could not be read for the measurement: {reason}")
    return json.loads(done.stdout)
