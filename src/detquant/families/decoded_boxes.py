"""Whether an output holds boxes as corners in pixels, whatever the picture, or codes that anchors are needed for.

Where the cells of a detector without anchors happen to be as many as an SSD has anchors (630 at 160 by 192), shapes do
not tell which it is. Corners do: the right one of a box is right of the left one, and pixels go up to the input's size.
"""

from __future__ import annotations

import numpy as np

from detquant.families.signature import Signature
from detquant.families.told_by_values import LARGEST_PART

NEARLY_ALL = 0.95


def holds_corners(signature: Signature, output: str) -> bool:
    """Whether an output [1, n, 4] holds corners in pixels; False where no values are known."""
    values = signature.values()
    if output not in values:
        return False
    box = np.nan_to_num(np.asarray(values[output], np.float32).reshape(-1, 4))
    ordered = (box[:, 2:] >= box[:, :2]).all(axis=1)
    return bool(len(box) and ordered.mean() > NEARLY_ALL and np.abs(box).max() > LARGEST_PART)
