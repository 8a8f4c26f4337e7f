"""The best few whole numbers to stand for many real ones: k-means on a line, solved exactly.

    min over c_1 < ... < c_k, whole numbers of a type,   sum_i  w_i  min_j (x_i - c_j)^2

On a line, what lies between two neighbouring centres depends on these two alone, so the best k of them are found by
dynamic programming over the last one (Wang and Song 2011, Ckmeans.1d.dp), and with no more places than an integer type
has codes that takes no time. There is no start to choose and nothing is drawn at random.
"""

from __future__ import annotations

import numpy as np

from detquant.numerics.arrays import Doubles, Floats, Ints


def best_book(numbers: Floats, weights: Floats, k: int, low: int, high: int, *, zero: bool = False) -> Ints:
    """The codes with the least weighted squared error, ascending.

    Args:
        numbers: in units of a code, of any shape; those beyond the type count as its ends.
        weights: how much each counts, of the same shape.
        k: how many codes.
        low: smallest code of the type.
        high: largest one.
        zero: whether 0 must be among them.

    Returns:
        ``[k]``, or all codes of the type where it has no more.
    """
    codes = np.arange(low, high + 1)
    if k >= len(codes):
        return codes
    below, between, above = _costs(numbers, weights, codes)
    if zero:
        below[codes > 0], above[codes < 0] = np.inf, np.inf
        between[np.ix_(codes < 0, codes > 0)] = np.inf
    least, before = below, list[Ints]()
    for _ in range(k - 1):
        through = least[:, None] + between
        before.append(np.asarray(through.argmin(axis=0), np.int64))
        least = through.min(axis=0)
    last = int((least + above).argmin())
    places = [last]
    for step in reversed(before):
        places.append(int(step[places[-1]]))
    return codes[places[::-1]]


def _costs(numbers: Floats, weights: Floats, codes: Ints) -> tuple[Doubles, Doubles, Doubles]:
    """Costs of what lies below each first code, between each two neighbours ``[n, n]``, and above each last one.

    Neighbours meet half-way, so sums over cells of half a code are all that is needed.
    """
    x = np.clip(np.asarray(numbers, np.float64).reshape(-1) - codes[0], 0, len(codes) - 1)
    w, cells = np.asarray(weights, np.float64).reshape(-1), 2 * len(codes) - 1
    cell = (2 * x).astype(np.int64)
    sums = [np.bincount(cell, weights=w * x**power, minlength=cells) for power in range(3)]
    mass, first, second = (np.concatenate([[0.0], np.cumsum(one)]) for one in sums)

    def cost(start: Ints, stop: Ints, code: Ints) -> Doubles:
        """Of the cells from one to before another, drawn to a code counted from the lowest."""
        found = (second[stop] - second[start]) - 2 * code * (first[stop] - first[start])
        return np.asarray(np.maximum(found + code**2 * (mass[stop] - mass[start]), 0.0))

    place = np.arange(len(codes))
    i, j = place[:, None], place[None, :]
    between = cost(2 * i, i + j, i) + cost(i + j, 2 * j, j)
    between[i >= j] = np.inf
    return cost(0 * place, 2 * place, place), between, cost(2 * place, np.full_like(place, cells), place)
