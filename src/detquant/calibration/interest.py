"""Which calibration images show what the model was made to find.

Many do not: of photographs of streets, one in ten shows what a model of some rare thing would call one. Its activations
are small on all others, and ranges or damage judged by those say little about what counts. So an image's interest is
the sum of what the model is sure of, and the images that make up nearly all of the interest are the ones looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detquant.numerics.grid import FloatArray

CELLS = 50
SURE = 0.1
NEARLY_ALL = 0.9


def interest(scores: FloatArray) -> float:
    """Sum of the best scores of an image, as far as they are at least `SURE`.

    Args:
        scores: ``[cells, classes]``; the `CELLS` best cells count.
    """
    best = np.sort(scores.max(axis=1, initial=0.0))[::-1][:CELLS]
    return float(best[best >= SURE].sum(dtype=np.float64))


def telling(found: Sequence[float], count: int) -> list[int]:
    """The images to look at, evenly spread over those that together have `NEARLY_ALL` of the interest.

    Args:
        found: interest of each image, finite and not negative; where all have none, all are equal.
        count: how many are wanted; all where there are no more.

    Returns:
        Their places in ascending order, each once.
    """
    order = np.argsort(-np.asarray(found, np.float64), kind="stable")
    total = np.cumsum(np.asarray(found, np.float64)[order])
    if not len(order) or total[-1] <= 0:
        first = len(order)
    else:
        first = max(count, int(np.searchsorted(total, NEARLY_ALL * total[-1])) + 1)
    chosen = order[:first]
    which = np.rint(np.linspace(0, len(chosen) - 1, min(count, len(chosen)))).astype(int)
    return sorted(int(place) for place in chosen[which])


def effective(found: Sequence[float]) -> float:
    """How many images of equal interest would tell as much: ``(sum x)^2 / sum x^2`` (Kish 1965)."""
    values = np.asarray(found, np.float64)
    squares = float(np.square(values).sum())
    return float(values.sum()) ** 2 / squares if squares else 0.0
