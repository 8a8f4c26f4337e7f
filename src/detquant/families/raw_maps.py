"""Which kind of head raw maps are of, where shapes are those of several: with anchors, or YOLOv8's decoded in part.

Maps [1, channels, rows, columns] of three strides may be of three anchors a cell, or hold distances and scores of each
cell (`yolov8_maps`, `yolov6_maps`). The first of these that tells anything decides:

1. the anchors a cell have an axis of their own;
2. anchors are told;
3. the number of class names in the metadata;
4. the values: the fifth of OAK's maps is the largest of those behind it, on any picture, and only where there are no
   anchors some channels are behind a sigmoid and others are not;
5. COCO's 80 classes; without these, they are YOLOv8's.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detquant.families.anchor_maps import AnchorMap
from detquant.families.anchors import told_anchors
from detquant.families.class_names import COCO_NAMES, written_names
from detquant.families.distance_layout import order_in_one_map
from detquant.families.signature import Signature
from detquant.families.yolo_heads import BOX_AND_OBJECT

BEST, SCORES = 4, 5
_NEAR = 1e-3


def are_of_anchors(signature: Signature, maps: Sequence[AnchorMap]) -> bool:
    """Whether maps are of anchors.

    Args:
        signature: signature of the model.
        maps: its outputs.
    """
    first = maps[0]
    if first.per_cell or told_anchors(signature):  # cases 1 and 2
        return True
    names = written_names(signature.metadata)
    if names is not None:  # case 3
        return _are_several(first.channels, len(names))
    values = signature.values()
    if values and len(maps) == len(values):  # case 4
        return not fifth_is_the_best(signature) and order_in_one_map(signature) is None
    return _are_several(first.channels, len(COCO_NAMES))  # case 5


def fifth_is_the_best(signature: Signature) -> bool | None:
    """Whether the fifth channel of each map is the largest of those behind it; None where no values are known."""
    values = [np.asarray(one, np.float32) for one in signature.values().values()]
    if not values or any(one.ndim != 4 or one.shape[1] <= SCORES for one in values):
        return None
    return all(bool(np.allclose(one[:, BEST], one[:, SCORES:].max(axis=1), atol=_NEAR)) for one in values)


def _are_several(channels: int, classes: int) -> bool:
    per_cell, rest = divmod(channels, BOX_AND_OBJECT + classes)
    return rest == 0 and per_cell > 1
