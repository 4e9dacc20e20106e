"""One thread for torch, and the helpers for every test, here and in the processes that tests start.

Networks in tests are tiny, and two threads of one process wait for each other where another process is busy.
"""

import os
import sys
from pathlib import Path

TESTS = Path(__file__).parent
PLACES = [str(TESTS / "helpers"), str(TESTS.parent)]  # and the checkout, from which book.experiments runs

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded
os.environ["PYTHONPATH"] = os.pathsep.join([*PLACES, *filter(None, [os.environ.get("PYTHONPATH")])])
sys.path[:0] = PLACES

import torch

torch.set_num_threads(1)
