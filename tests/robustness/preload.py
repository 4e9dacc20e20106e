"""What the server of children.py loads before it forks: all that the commands import when they need it."""

import gc
import io
import sys
from contextlib import redirect_stdout, suppress

import torch
import tqdm.auto  # noqa: F401

import book.experiments.run_plan  # noqa: F401
from facekp.cli import main

torch.set_num_threads(1)
sys.argv = ["facekp", "train", "--help"]
with suppress(SystemExit), redirect_stdout(io.StringIO()):
    main()
gc.freeze()  # else each child's first collection would copy all of this
