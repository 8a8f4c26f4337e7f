"""The power p whose steps lose least, from the losses at a few powers (stage 2).

Between a p that rounds finely and one that clips little the loss is nearly a parabola: one is fitted to the losses, and
where it opens upwards its lowest point within the powers that were tried is p*.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def lowest_point(losses: Mapping[float, float]) -> float | None:
    """The lowest point of the parabola through losses by power, where that is not one of these powers' ends.

    Args:
        losses: loss by power, of at least three.

    Returns:
        The power; None where there are fewer, the parabola opens downwards, or its lowest point is outside.
    """
    if len(losses) < 3:
        return None
    powers = np.array(sorted(losses), np.float64)
    square, slope, _ = np.polyfit(powers, [losses[p] for p in powers], 2)
    if square <= 0:
        return None
    found = float(-slope / (2 * square))
    return found if powers[0] < found < powers[-1] else None
