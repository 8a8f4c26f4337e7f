"""A weighted operator as a matrix product: which inputs make which outputs, position by position, group by group.

Of a layer with ``G`` groups, each with ``K`` inputs to a position and ``O`` outputs,

    weight  [G, O, K]        inputs  [G, K, P]        outputs  [G, O, P]        for P positions,

so that ``outputs = weight inputs + bias``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from detquant.numerics.arrays import Array, Floats, Ints


class LayerForm(ABC):
    """One layer as a matrix product."""

    @property
    @abstractmethod
    def positions(self) -> int:
        """How many positions an image's output has."""

    @abstractmethod
    def rows(self, weight: Array) -> Array:
        """A weight in its own shape, or what has its shape, as ``[G, O, K]``."""

    @abstractmethod
    def weight(self, rows: Array) -> Array:
        """Rows ``[G, O, K]`` in the weight's own shape."""

    @abstractmethod
    def by_channel(self, values: Ints) -> Ints:
        """A number for each output channel, ``[channels]``, as ``[G, O]``."""

    def whole_bias(self, biases: Floats) -> Floats:
        """The bias ``[channels]`` from that of each row, ``[G, O]``."""
        return biases.reshape(-1)

    def product(self, x: Floats, weight: Floats) -> Floats:
        """What a weight ``[G, O, K]`` makes of inputs ``[G, K, P]``, as `outputs` has it."""
        return np.asarray(weight @ x, np.float32)

    def targets(self, x: Floats, y: Floats, start: Floats) -> Floats:
        """What each group is solved for, ``[G, O, P]``.

        Args:
            x: its inputs, ``[G, K, P]``.
            y: the layer's outputs in float.
            start: the float weight, ``[G, O, K]``.
        """
        return y

    @abstractmethod
    def inputs(self, x: Array, positions: Ints) -> Floats:
        """What the weight is multiplied with at some positions of one image's input: ``[G, K, P]``."""

    @abstractmethod
    def outputs(self, y: Array, positions: Ints) -> Floats:
        """One image's output at some positions: ``[G, O, P]``."""
