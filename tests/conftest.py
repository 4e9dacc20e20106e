"""One thread for torch, here and in the commands that tests start.

Networks in tests are tiny, and two threads of one process wait for each other where another process is busy.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is loaded

import torch

torch.set_num_threads(1)
