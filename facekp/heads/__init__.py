"""Heads: what a network's raw output means.

A head is the only difference between direct regression and the kinds of heatmap regression. Each one has

    loss(raw, keypoints)  -> scalar             keypoints (B, K, 2) in image pixels, NaN = not annotated
    decode(raw)           -> (points, confidence)   (B, K, 2) image pixels and (B, K)

and holds nothing that learns: the network does. Heads are frozen dataclasses, so that one can be
written into a checkpoint and changed with ``dataclasses.replace``. ``reads`` says what raw is; a head
that reads "maps" can also take the place of one that reads "two maps".
"""

from facekp.heads.base import check_decoder, check_positive
from facekp.heads.coordinate import CoordinateHead
from facekp.heads.dsnt import DSNTHead
from facekp.heads.heatmap import HeatmapHead
from facekp.heads.lgcn import LGCNHead
from facekp.heads.parts import PartHead
from facekp.heads.simcc import SimCCHead
from facekp.heatmaps import stack_list
from facekp.losses import annotated

Head = CoordinateHead | HeatmapHead | DSNTHead | LGCNHead | SimCCHead  # and PartHead, which is a HeatmapHead


HEADS: dict[str, type[Head]] = {"coordinate": CoordinateHead, "heatmap": HeatmapHead, "dsnt": DSNTHead,
                                "parts": PartHead, "lgcn": LGCNHead, "simcc": SimCCHead}


__all__ = [
    "HEADS", "CoordinateHead", "DSNTHead", "Head", "HeatmapHead", "LGCNHead", "PartHead", "SimCCHead", "annotated",
    "check_decoder", "check_positive", "stack_list",
]
