"""Whether rows of what was found hold corners: read so, boxes of another form have their right edge left of the left.

Centre and size, or left, top and size, are of the same shape as corners. Of a box that is narrower than it is far from
the left of the picture, or lower than it is far from the top, the third or the fourth number is then the lesser one,
which no corner is.
"""

from __future__ import annotations

import numpy as np

from detquant.errors import ModelError
from detquant.numerics.arrays import Floats

NOTICEABLE = 0.05
"""Score from which a row is of something; rows of padding have none."""
FEW, SHARE = 2, 0.3
"""How many rows, and which share of all that are noticeable, must be no corners: two of a damaged model may be."""


def require_corners(name: str, box: Floats, score: Floats) -> None:
    """Refuses boxes that are read as corners and are none.

    Args:
        name: name of the family.
        box: [n, 4], as the model gives them.
        score: [n], 0 to 1.

    Raises:
        ModelError: many of them are not.
    """
    seen = box[(score >= NOTICEABLE) & np.isfinite(box).all(axis=1)]
    turned = int((seen[:, 2:] < seen[:, :2]).any(axis=1).sum())
    if turned >= FEW and turned > SHARE * len(seen):
        raise ModelError(
            f"Of {len(seen)} boxes that the model scores {NOTICEABLE} or more, {turned} end left of or above where "
            f"they begin, if they are left, top, right, bottom as those of {name} are: so they have another form. Say "
            f"--reads cxcywh for centre and size, --reads xywh for left, top and size, or --reads xyxy all the same."
        )
