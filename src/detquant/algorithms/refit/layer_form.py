"""A weighted operator as a matrix product: which inputs make which outputs, position by position, group by group.

Of a layer with ``G`` groups, each with ``K`` inputs to a position and ``O`` outputs,

    weight  [G, O, K]        inputs  [G, K, P]        outputs  [G, O, P]        for P positions,

so that ``outputs = weight inputs + bias``.

1. Conv: the patch under the kernel, cut out of the padded map.
2. ConvTranspose: a convolution with the kernel turned around, over the map with zeros between its cells.
3. Gemm and MatMul: one group, the rows of the input.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from detquant.graph.traits import weight_of
from detquant.graph.values import constant, static_shape
from detquant.graph.window import Window, window_of
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

    @abstractmethod
    def inputs(self, x: Array, positions: Ints) -> Floats:
        """What the weight is multiplied with at some positions of one image's input: ``[G, K, P]``."""

    @abstractmethod
    def outputs(self, y: Array, positions: Ints) -> Floats:
        """One image's output at some positions: ``[G, O, P]``."""


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


def layer_form(node: ir.Node) -> LayerForm | None:
    """The layer as a matrix product; None where it is none of the three kinds, or of shapes that are not known.

    Args:
        node: a weighted operator with a constant weight.
    """
    weight = constant(weight_of(node))
    shape = static_shape(node.inputs[0]) if node.inputs else None
    out = static_shape(node.outputs[0])
    if weight is None or shape is None or out is None:
        return None
    if node.op_type == "Conv":
        return _conv(node, weight.shape, shape, out)
    if node.op_type == "ConvTranspose":
        return _transposed(node, weight.shape, shape, out)
    return _matrix(node, weight.shape, shape)


def _conv(node: ir.Node, weight: Sequence[int], shape: Sequence[int], out: Sequence[int]) -> LayerForm | None:
    try:
        window = window_of(node, weight[2:], shape, out)
    except ValueError:
        return None
    if shape[0] != 1:
        return None
    return ConvForm(tuple(weight), window, node.attributes.get_int("group", 1), (out[2], out[3]))


def _transposed(node: ir.Node, weight: Sequence[int], shape: Sequence[int], out: Sequence[int]) -> LayerForm | None:
    attributes = node.attributes
    if len(shape) != 4 or shape[0] != 1 or attributes.get_string("auto_pad", "NOTSET") != "NOTSET":
        return None
    strides, dilations = (tuple(attributes.get_ints(name, (1, 1))) for name in ("strides", "dilations"))
    before = tuple(attributes.get_ints("pads", (0, 0, 0, 0)))[:2]
    pads = []
    for axis in (0, 1):
        reach = dilations[axis] * (weight[2 + axis] - 1)
        first = reach - before[axis]
        rows = (shape[2 + axis] - 1) * strides[axis] + 1
        pads.append((first, out[2 + axis] + reach - rows - first))
    window = Window((weight[2], weight[3]), (1, 1), (dilations[0], dilations[1]), (pads[0], pads[1]))
    groups = attributes.get_int("group", 1)
    return TransposedForm(tuple(weight), window, groups, (out[2], out[3]), (strides[0], strides[1]))


def _matrix(node: ir.Node, weight: Sequence[int], shape: Sequence[int]) -> LayerForm | None:
    attributes = node.attributes
    if len(weight) != 2 or attributes.get_int("transA") or attributes.get_float("beta", 1.0) != 1.0:
        return None
    turned = node.op_type == "Gemm" and bool(attributes.get_int("transB", 0))
    factor = attributes.get_float("alpha", 1.0) if node.op_type == "Gemm" else 1.0
    return MatrixForm(turned, int(np.prod(shape[:-1])), factor)
