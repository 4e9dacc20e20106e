"""One thread for torch: networks in tests are tiny, and on a busy machine two threads wait for each other."""

import torch

torch.set_num_threads(1)
