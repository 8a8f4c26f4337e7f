"""Layers over maps as convolutions: patches of the input under the kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detquant.algorithms.layerwise.layer_form import LayerForm
from detquant.graph.window import Window
from detquant.numerics.arrays import Array, Floats, Ints


@dataclass(frozen=True, slots=True)
class MapForm(LayerForm):
    """A layer over a map, as a convolution.

    Attributes:
        shape: of the weight.
        window: kernel, strides, dilations and pads of the convolution.
        groups: number of groups.
        size: rows and columns of the output.
    """

    shape: tuple[int, ...]
    window: Window
    groups: int
    size: tuple[int, int]

    @property
    def positions(self) -> int:
        """Cells of the output."""
        return self.size[0] * self.size[1]

    def outputs(self, y: Array, positions: Ints) -> Floats:
        """Columns of the map, group by group."""
        flat = np.take(y.reshape(y.shape[1], -1), positions, axis=1)
        return np.asarray(flat.reshape(self.groups, -1, len(positions)), np.float32)

    def patches(self, around: Array, positions: Ints) -> Floats:
        """Patches of a padded map ``[channels, rows, columns]``: ``[G, K, P]``."""
        (high, wide), (down, right) = self.window.dilations, self.window.strides
        below, across = (np.arange(k) * d for k, d in zip(self.window.kernel, (high, wide), strict=True))
        top, left = np.divmod(positions, self.size[1])
        rows = (below[:, None] + (top * down)[None, :])[:, None, :]
        places = rows * around.shape[2] + (across[:, None] + (left * right)[None, :])[None, :, :]
        cut = np.take(around.reshape(len(around), -1), places.reshape(-1), axis=1)
        return np.asarray(cut.reshape(self.groups, -1, len(positions)), np.float32)


@dataclass(frozen=True, slots=True)
class ConvForm(MapForm):
    """Case 1; the weight is ``[out, in / groups, rows, columns]``."""

    def rows(self, weight: Array) -> Array:
        """Groups lie one after another along the outputs."""
        return weight.reshape(self.groups, len(weight) // self.groups, -1)

    def weight(self, rows: Array) -> Array:
        """Back in one array."""
        return rows.reshape(self.shape)

    def by_channel(self, values: Ints) -> Ints:
        """Outputs of a group beside each other."""
        return values.reshape(self.groups, -1)

    def inputs(self, x: Array, positions: Ints) -> Floats:
        """Patches of the map and the zeros around it."""
        return self.patches(np.pad(x[0], ((0, 0), *self.window.pads)), positions)


@dataclass(frozen=True, slots=True)
class TransposedForm(MapForm):
    """Case 2; the weight is ``[in, out / groups, rows, columns]``.

    Attributes:
        spread: strides of the layer, down and right.
    """

    spread: tuple[int, int]

    def rows(self, weight: Array) -> Array:
        """The kernel turned around, inputs last."""
        inner = len(weight) // self.groups
        grouped = weight.reshape(self.groups, inner, *self.shape[1:]).swapaxes(1, 2)
        return grouped[..., ::-1, ::-1].reshape(self.groups, self.shape[1], -1)

    def weight(self, rows: Array) -> Array:
        """Turned back."""
        inner = self.shape[0] // self.groups
        grouped = rows.reshape(self.groups, self.shape[1], inner, *self.shape[2:])[..., ::-1, ::-1]
        return grouped.swapaxes(1, 2).reshape(self.shape)

    def by_channel(self, values: Ints) -> Ints:
        """Outputs of a group beside each other; those of the weight's axis, which the groups share, in each."""
        if len(values) == self.shape[1]:
            return np.broadcast_to(values, (self.groups, self.shape[1]))
        return values.reshape(self.groups, -1)

    def inputs(self, x: Array, positions: Ints) -> Floats:
        """Patches of the map with zeros between its cells; pads below zero cut off what no output reads."""
        channels, rows, columns = x.shape[1:]
        down, right = self.spread
        apart = np.zeros((channels, (rows - 1) * down + 1, (columns - 1) * right + 1), x.dtype)
        apart[:, ::down, ::right] = x[0]
        around = np.pad(apart, ((0, 0), *((max(a, 0), max(b, 0)) for a, b in self.window.pads)))
        (top, _), (left, _) = self.window.pads
        return self.patches(around[:, max(-top, 0) :, max(-left, 0) :], positions)
