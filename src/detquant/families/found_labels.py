"""Rows of what was found, each with the number of its class and one score, as scores of all classes."""

from __future__ import annotations

import numpy as np

from detquant.numerics.arrays import Array, Floats, Ints


def scores_of_labels(label: Array, score: Array, count: int) -> Floats:
    """Scores [n, classes]: that of the row's class, 0 elsewhere and in rows whose number or score is none.

    Args:
        label: numbers of classes, from 0, ``[n]``.
        score: likewise.
        count: how many classes there are.
    """
    number: Ints = np.rint(np.clip(np.nan_to_num(label, nan=-1.0), -1, count)).astype(np.int64)
    known = np.flatnonzero((number >= 0) & (number < count) & np.isfinite(score))
    found = np.zeros((len(score), count), np.float32)
    found[known, number[known]] = score[known]
    return found
