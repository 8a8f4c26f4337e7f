"""COCO's category ids, 1 to 90 with holes, as TensorFlow's detectors count classes."""

from __future__ import annotations

import numpy as np

from detquant.families.class_names import COCO_NAMES
from detquant.numerics.arrays import Ints

HIGHEST_ID = 90
# Ids of things that were never labelled, such as "street sign" and "hat".
HOLES = (12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
COCO_IDS = tuple(one for one in range(1, HIGHEST_ID + 1) if one not in HOLES)


def count_of_slots(slots: int, named: int | None) -> int:
    """How many classes so many score slots are: 90 are COCO's ids, that is 80 classes, unless 90 are named."""
    return len(COCO_NAMES) if slots == HIGHEST_ID and named != slots else slots


def ids_of_classes(count: int, slots: int) -> Ints:
    """The id of each class, counted from 1: COCO's for 80 classes in 90 slots, else 1, 2, 3 ..."""
    return np.array(COCO_IDS if count < slots == HIGHEST_ID else range(1, count + 1), np.int64)
