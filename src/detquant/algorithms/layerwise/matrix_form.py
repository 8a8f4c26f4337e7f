"""Matrix products: the rows of the input as they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.numerics.arrays import Array, Floats, Ints


@dataclass(frozen=True, slots=True)
class MatrixForm(LayerForm):
    """Case 3.

    Attributes:
        turned: whether the weight is ``[out, in]``.
        count: rows of the input.
        factor: number that the product is multiplied with.
    """

    turned: bool
    count: int
    factor: float = 1.0

    @property
    def positions(self) -> int:
        """Rows of the input."""
        return self.count

    def rows(self, weight: Array) -> Array:
        """The weight, inputs last."""
        return (weight if self.turned else weight.T)[None]

    def weight(self, rows: Array) -> Array:
        """The weight as it was turned."""
        whole: Array = rows[0]
        return whole if self.turned else whole.T

    def by_channel(self, values: Ints) -> Ints:
        """All outputs are of one group."""
        return values[None]

    def inputs(self, x: Array, positions: Ints) -> Floats:
        """Rows of the input."""
        rows = np.asarray(x.reshape(-1, x.shape[-1])[positions], np.float32)
        return np.asarray(rows.T * self.factor, np.float32)[None]

    def outputs(self, y: Array, positions: Ints) -> Floats:
        """Rows of the output."""
        return np.asarray(y.reshape(-1, y.shape[-1])[positions].T, np.float32)[None]
