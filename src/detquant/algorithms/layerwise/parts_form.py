"""Layers of so many inputs that a matrix of inputs by inputs would not fit in memory, in parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.numerics.arrays import Array, Floats, Ints

MOST_INPUTS, MOST_PARTS = 4608, 64
"""Inputs of a layer that are solved together: 3x3 of 512 channels, of which each matrix takes 170 MB."""


@dataclass(frozen=True, slots=True)
class PartsForm(LayerForm):
    """Case 4.

    Attributes:
        form: the layer, of one group.
        parts: how many parts its inputs are cut in.
    """

    form: LayerForm
    parts: int

    @property
    def positions(self) -> int:
        """As of the whole layer."""
        return self.form.positions

    def rows(self, weight: Array) -> Array:
        """Parts of each row."""
        (rows,) = self.form.rows(weight)
        cut: Array = rows.reshape(len(rows), self.parts, -1)
        return cut.swapaxes(0, 1)

    def weight(self, rows: Array) -> Array:
        """The parts beside each other."""
        return self.form.weight(rows.swapaxes(0, 1).reshape(1, rows.shape[1], -1))

    def by_channel(self, values: Ints) -> Ints:
        """All parts of a row are of its channel."""
        (of_rows,) = self.form.by_channel(values)
        return np.broadcast_to(of_rows, (self.parts, len(of_rows)))

    def whole_bias(self, biases: Floats) -> Floats:
        """The sum over the parts."""
        return np.asarray(biases.sum(axis=0), np.float32)

    def product(self, x: Floats, weight: Floats) -> Floats:
        """The sum over the parts."""
        return np.asarray((weight @ x).sum(axis=0, keepdims=True), np.float32)

    def targets(self, x: Floats, y: Floats, start: Floats) -> Floats:
        """What a part gives in float, and its share of what all are off."""
        own = start @ x
        return np.asarray(own + (y - own.sum(axis=0)) / self.parts, np.float32)

    def inputs(self, x: Array, positions: Ints) -> Floats:
        """Parts of the inputs."""
        (all_of_them,) = self.form.inputs(x, positions)
        return np.asarray(all_of_them.reshape(self.parts, -1, all_of_them.shape[1]), np.float32)

    def outputs(self, y: Array, positions: Ints) -> Floats:
        """As of the whole layer."""
        return self.form.outputs(y, positions)


def in_parts(form: LayerForm, shape: Sequence[int]) -> LayerForm | None:
    """The layer, its inputs in as few parts as will do; None where they cannot be cut into equal ones."""
    groups, _, inputs = shape
    if inputs <= MOST_INPUTS:
        return form
    parts = (count for count in range(-(-inputs // MOST_INPUTS), MOST_PARTS + 1) if inputs % count == 0)
    return next((PartsForm(form, count) for count in parts if groups == 1), None)
