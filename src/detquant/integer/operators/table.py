"""A function of one number as a table of codes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from detquant.integer.operators._base import CodeArray, IntegerOperator


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table(IntegerOperator):
    """A function of one number, looked up: any activation, a change of grid, a constant that is added or multiplied.

    Attributes:
        entries: the code of each code, from the smallest on: ``[codes]``, or ``[channels, codes]``.
        first: the code of the first entry.
        axis: axis of the channels, where each channel has a table of its own.
        bits: width of the codes that are looked up.
    """

    entries: npt.NDArray[np.int32]
    first: int
    bits: int
    axis: int | None = None

    def run(self, *codes: CodeArray) -> CodeArray:
        """Codes of the same shape."""
        places = codes[0].astype(np.intp) - self.first
        if self.axis is None:
            return np.take(self.entries, places)
        shape = [-1 if k == self.axis else 1 for k in range(places.ndim)]
        return np.asarray(self.entries[np.arange(len(self.entries)).reshape(shape), places])
