"""One layer's codes from a book of k: which k, which of them each weight has, and the steps, by what outputs lose.

For a layer wished for at ``w*``, with the cost ``(w - w*) H (w - w*)^T`` of its outputs (`refit.rounding`):

1. Each weight by itself, counting as much as the diagonal of ``H`` and its channel's step squared say: the best book
   for the steps (`best_book`) and the best steps for the book, by turns.
2. All of them together: rounding with the error carried on and coordinate descent, among the codes of the book alone.
3. The book for what each weight has chosen: with ``Z`` the choice and ``s`` the steps, the cost is a square in the
   centres, ``M c = r``; ``M_ab = sum s Z_a H Z_b s`` and ``r_a = sum s Z_a H w*``. It is solved in real numbers, and
   then code by code in whole ones. Then choices and steps again, as long as it gets better.

Stock, Joulin, Gribonval, Graham and Jegou (2020), And the Bit Goes Down, let outputs decide on centres as well, of
vectors of weights; these are of single ones, shared by all channels, for kernels take codes and one scale a channel.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from detquant.algorithms.cluster.best_book import best_book
from detquant.algorithms.refit.layer_solver import Codes
from detquant.algorithms.refit.rounding import Rounding
from detquant.numerics.arrays import Doubles, Floats, Ints

TURNS = 3
"""Of steps and book, before weights are looked at together; more change nothing that counts."""
ROUNDS = 4
"""Of book, choices and steps, at most."""
SWEEPS = 20
"""Over the centres, at most, as whole numbers."""


def clustered(rounding: Rounding, k: int) -> Codes:
    """The layer with at most k different codes.

    Args:
        rounding: the layer; without a book.
        k: how many codes at most.
    """
    on = replace(rounding, book=_first_book(rounding, k))
    codes, steps = on.codes(on.first_steps())
    least = _error(on, codes, steps)
    for _ in range(ROUNDS):
        book, codes_of_it = _solved_book(on, codes, steps)
        other = replace(rounding, book=book)
        fresh, scale = other.refined(codes_of_it, steps, rounds=1)
        error = _error(other, fresh, scale)
        if error >= least:
            break
        on, codes, steps, least = other, fresh, scale, error
    assert on.book is not None
    return Codes(codes, steps, _used(on, codes))


def needs_zero(rounding: Rounding) -> bool:
    """Whether 0 must be in the book: what a mask hides is 0, and neighbours that would overflow are drawn to it."""
    return rounding.limit is not None or rounding.mask is not None


def _first_book(rounding: Rounding, k: int) -> Ints:
    """Case 1."""
    diagonal = np.diagonal(rounding.hessian, axis1=1, axis2=2)[:, None, :]
    shown = 1.0 if rounding.mask is None else rounding.mask
    steps, book = rounding.first_steps(), None
    for _ in range(TURNS):
        spread = rounding.steps_of(steps)
        weights = np.asarray(np.square(spread) * diagonal * shown, np.float32)
        book = best_book(rounding.wished / spread, weights, k, rounding.qmin, rounding.qmax, zero=needs_zero(rounding))
        steps = replace(rounding, book=book).first_steps()
    assert book is not None
    return book


def _solved_book(rounding: Rounding, codes: Floats, steps: Floats) -> tuple[Ints, Floats]:
    """The best book for what each weight has chosen, and the codes of the same choices (case 3)."""
    book, spread = rounding.book, rounding.steps_of(steps)
    assert book is not None
    which = np.searchsorted(book, codes)
    matrix, wanted = np.zeros((len(book), len(book))), np.zeros(len(book))
    for place in range(len(book)):
        pulled = ((which == place) * spread) @ rounding.hessian
        wanted[place] = (pulled * rounding.wished).sum(dtype=np.float64)
        matrix[place] = np.bincount(which.reshape(-1), (pulled * spread).reshape(-1), minlength=len(book))
    centres = _whole_centres(matrix, wanted, book, rounding)
    return np.unique(centres), np.asarray(centres[which], np.float32)


def _whole_centres(matrix: Doubles, wanted: Doubles, book: Ints, rounding: Rounding) -> Ints:
    """Whole numbers ``c`` of the type with a small ``c M c - 2 c r``, in the order of the book.

    A code that no weight has stays as it is; so does 0 where it is needed.
    """
    own = np.diagonal(matrix)
    free = (own > 1e-9 * own.max()) & ~((book == 0) & needs_zero(rounding))
    inner, there = matrix[np.ix_(free, free)], book[free].astype(np.float64)
    ridge = 1e-6 * np.eye(len(inner)) * own.max()
    solved = np.linalg.solve(inner + ridge, wanted[free] + ridge @ there)
    codes = np.clip(np.rint(solved), rounding.qmin, rounding.qmax)
    for _ in range(SWEEPS):
        before = codes.copy()
        for place in range(len(codes)):
            pull = wanted[free][place] - inner[place] @ codes + inner[place, place] * codes[place]
            codes[place] = np.clip(np.rint(pull / inner[place, place]), rounding.qmin, rounding.qmax)
        if (codes == before).all():
            break
    found = book.copy()
    found[free] = codes
    return found


def _used(rounding: Rounding, codes: Floats) -> Ints:
    """The codes that there are, and 0 where it is needed."""
    found = np.unique(codes.astype(np.int64))
    return np.union1d(found, [0]) if needs_zero(rounding) else found


def _error(rounding: Rounding, codes: Floats, steps: Floats) -> float:
    return float(rounding.error(codes * rounding.steps_of(steps)).sum(dtype=np.float64))
