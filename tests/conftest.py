"""One thread for torch, here and in the commands that tests start.

Networks in tests are tiny, and two threads of one process wait for each other where another process is busy.
"""

import os
import sys
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded
sys.path.insert(0, str(Path(__file__).parents[1]))  # book.experiments runs from a checkout

import torch

torch.set_num_threads(1)
