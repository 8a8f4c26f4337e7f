"""Which calibration images are informative: they show what the model was made to find.

Many do not: of photographs of streets, one in ten shows what a model of some rare thing would call one. Its activations
are small on all others, and ranges or damage judged by those say little about what counts. So the informativeness of an
image is the sum of the confident scores, and the images that make up nearly all of the total are the ones looked at.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detquant.numerics.arrays import Floats

CELLS = 50
"""Cells with the best scores that count for an image."""
CONFIDENT = 0.1
"""Score from which a cell counts."""
NEARLY_ALL = 0.9
"""Share of the total informativeness that the images looked at make up."""


def informativeness(scores: Floats) -> float:
    """Sum of the best scores of an image, as far as they are at least `CONFIDENT`.

    Args:
        scores: ``[cells, classes]``, 0 to 1; the `CELLS` best cells count.
    """
    best = np.sort(scores.max(axis=1, initial=0.0))[::-1][:CELLS]
    return float(best[best >= CONFIDENT].sum(dtype=np.float64))


def most_informative(found: Sequence[float], count: int) -> list[int]:
    """The images to look at, evenly spread over those that together have `NEARLY_ALL` of the informativeness.

    Args:
        found: informativeness of each image, finite and not negative; where all are 0, all images count alike.
        count: how many images are wanted; all are given where there are no more.

    Returns:
        Places of the images in ascending order, each once.
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


def effective_sample_size(found: Sequence[float]) -> float:
    """How many equally informative images these are worth: ``(sum x)^2 / sum x^2`` (Kish, Survey Sampling, 1965)."""
    values = np.asarray(found, np.float64)
    squares = float(np.square(values).sum())
    return float(values.sum()) ** 2 / squares if squares else 0.0
