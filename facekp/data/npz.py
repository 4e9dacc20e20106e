"""A look at an ``.npz`` before it is loaded: NumPy reserves whatever memory an array's header asks for."""

import math
import zipfile
from pathlib import Path

from numpy.lib import format as npy

ALWAYS_ALLOWED = 64 << 20  # bytes that any array may take
MAX_RATIO = 100  # more than pixels and labels can be packed; zeros can be packed a thousandfold


def check_npz(path: str | Path) -> None:
    """Look at the headers alone.

    Raises:
        ValueError: an array claims another size than its member of the zip has, or far more than was packed; or it
            holds Python objects, which loading would execute.
    """
    with zipfile.ZipFile(path) as z:
        for info in z.infolist():
            if info.file_size > max(ALWAYS_ALLOWED, MAX_RATIO * info.compress_size):
                raise ValueError(f"{info.filename} claims {info.file_size >> 20} MB in {info.compress_size >> 10} KB")
            with z.open(info) as member:
                version = npy.read_magic(member)
                read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                shape, _, dtype = read(member)
                if dtype.hasobject:
                    raise ValueError(f"{info.filename} holds Python objects")
                if math.prod(shape) * dtype.itemsize != info.file_size - member.tell():
                    raise ValueError(f"{info.filename} claims an array {shape}, and has {info.file_size} bytes")
