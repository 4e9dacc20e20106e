"""facekp: facial keypoint detection, small enough to read.

The way of the data, one function per arrow::

    training.csv -> Faces -> split -> device -> augment -> Network -> raw -> Head.decode -> keypoints -> metrics

Importing this package does nothing else: no download, no device, no print. Each room is
imported by its own name (``from facekp.data import kaggle``), so that a reader sees where a
function lives.
"""

__version__ = "0.2.0"


def __getattr__(name: str):
    """``facekp.load_pretrained``, imported when it is asked for."""
    if name == "load_pretrained":
        from facekp.pretrained import load_pretrained

        return load_pretrained
    raise AttributeError(f"module 'facekp' has no attribute '{name}'")
