"""The codes that a layer's weight may have, where a step has decided that it may not have all of its type.

1. A mask (pruning of single weights): where it is False the code is 0 and stays so, whoever solves or trains the rest.
2. A codebook (clustering): every code is one of a few.

They are limits like those of the target's kernels, and `WeightLimits` keeps them: each step after the one that has
decided brings its codes within these, and `invariant_violation` looks at what it leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detquant.numerics.arrays import Bools, Floats, Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AllowedCodes:
    """What one layer's codes may be.

    Attributes:
        mask: in the weight's own shape, True where a code may be other than 0; None where all may.
        book: the codes that there are, ascending, without repetition; None for all of the type. Zero is among them
            wherever there is a mask.
    """

    mask: Bools | None = None
    book: Ints | None = None

    def __post_init__(self) -> None:
        if self.book is not None:
            assert self.book.size and (np.diff(self.book) > 0).all(), "a codebook ascends"
            assert self.mask is None or 0 in self.book, "what a mask hides is 0"

    def project(self, codes: Floats) -> Floats:
        """The nearest codes that are allowed.

        Args:
            codes: whole or real numbers in the weight's own shape.
        """
        found = codes if self.book is None else nearest_of(self.book, codes)
        return found if self.mask is None else np.asarray(np.where(self.mask, found, 0), np.float32)

    def violation(self, codes: Ints) -> str | None:
        """What is wrong with codes in the weight's own shape, in a few words; None where they are allowed."""
        if self.mask is not None and (shown := int(np.count_nonzero(codes[~self.mask]))):
            return f"{shown} codes are not 0 where its mask says so"
        if self.book is not None and (strange := int((~np.isin(codes, self.book)).sum())):
            return f"{strange} codes are not in its codebook of {self.book.size}"
        return None


def nearest_of(book: Ints, numbers: Floats) -> Floats:
    """The entry of an ascending codebook that is nearest to each number."""
    entries = book.astype(np.float32)
    return np.asarray(entries[np.searchsorted((entries[1:] + entries[:-1]) / 2, numbers)], np.float32)


def drawn_to_zero(book: Ints, numbers: Floats) -> Floats:
    """The entry of a codebook with 0 that is nearest to each number among those between it and 0."""
    entries = book.astype(np.float32)
    below = entries[np.maximum(np.searchsorted(entries, numbers, side="right") - 1, 0)]
    above = entries[np.minimum(np.searchsorted(entries, numbers, side="left"), entries.size - 1)]
    return np.asarray(np.where(numbers >= 0, below, above), np.float32)
