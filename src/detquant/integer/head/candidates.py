"""Candidates: the pairs of cell and class whose code reaches the threshold, in one total order, in a memory of a size.

The order is: higher code first; of equal codes the lower cell first; of equal cells the lower class. Cells are counted
through all maps, finest first, row by row. No two pairs are equal in it, so what a memory of K places holds when all
pairs have been shown to it, the first K of the order, does not depend on how it is built or in which order they are
shown: a heap that gives up its last when a better one comes does it, or K comparators. Those that are given up are
counted, and the count is told with the detections: each of them was a worse candidate than all that were kept, but
might have been a detection where many of these are suppressed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detquant.integer.operators import CodeArray
from detquant.numerics.arrays import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The first of the order.

    Attributes:
        cells: int64 ``[n]``, best first.
        classes: int64 ``[n]``.
        codes: int64 ``[n]``.
        left_out: how many more reached the threshold.
    """

    cells: Ints
    classes: Ints
    codes: Ints
    left_out: int


def candidates(codes: CodeArray, threshold: int, capacity: int) -> Candidates:
    """The candidates among all pairs.

    Args:
        codes: codes of the class logits, ``[cells, classes]``, on one grid.
        threshold: smallest code that counts.
        capacity: places of the memory.
    """
    flat = codes.reshape(-1).astype(np.int64)
    places = np.flatnonzero(flat >= threshold)
    # Places rise with cell, then class: a stable sort by code alone leaves ties in that order.
    order = places[np.argsort(-flat[places], kind="stable")][:capacity]
    cells, classes = np.divmod(order, codes.shape[1])
    return Candidates(cells, classes, flat[order], len(places) - len(order))
