"""One operator at the moment it is lowered: what it reads and writes, in floats or in codes.

Functions of `operators` see this and nothing else of the graph, so most of them need not know which of the two it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from detquant.graph.bounds import FREE, bounds
from detquant.graph.dynamic_quantization import codes_of_weight
from detquant.graph.grids import Codes, constant_of
from detquant.integer.on_codes import OnCodes
from detquant.numerics import QuantParams
from detquant.numerics.arrays import Array
from detquant.targets.lowered_node import LoweredNode
from detquant.targets.tflite.file import Options, Tensor
from detquant.targets.tflite.kernels import CLAMPS, FUSES, holds, single_value_grid, stored_grid
from detquant.targets.tflite.layout import Order, Shape, plain, stored
from detquant.targets.tflite.values import Values, codes_of, float32, shape_of, widths


class Site(LoweredNode):
    """One operator of the graph while it is lowered, see `LoweredNode`.

    Attributes:
        codes: what it reads and writes where it runs on codes; None where it runs in float.
        dynamic: whether its weight is codes and its input real, which the kernel rounds as it runs.
        bounds: bounds of the activation that it takes in.
        half: whether float weights are stored in float16.
        unbounded: results on codes that still have to be brought within the bounds: from which tensor into which.
    """

    lacks = "which LiteRT's builtin operators cannot do"

    def __init__(self, values: Values, node: ir.Node, activation: ir.Node | None, codes: OnCodes | None) -> None:
        super().__init__(node)
        self.codes, self.half = codes, values.half
        self.dynamic = codes is None and codes_of_weight(node) is not None
        self.bounds = FREE if activation is None else bounds(activation)
        self.unbounded: list[tuple[Tensor, Tensor]] = []
        self._values, self._results = values, (activation or node).outputs

    # What it reads.

    def shape(self, place: int = 0) -> Shape:
        """The shape of an input, as ONNX has it."""
        return shape_of(self.value(place))

    def order(self, place: int = 0) -> Order:
        """An order in which an input lies in the file."""
        source = self._source(place)
        return self._values.order_of(self.value(place) if source is None else source.value)

    def read(self, place: int = 0, order: Order | None = None) -> Tensor:
        """An activation, in codes where the operator runs on them."""
        source = self._source(place)
        if self.codes is None:
            return self._values.read(self.value(place), order)
        return (
            self._constant_codes(self.value(place), order) if source is None else self._values.read(source.value, order)
        )

    def _source(self, place: int) -> Codes | None:
        found = None if self.codes is None else self.codes.inputs[place]
        return found if isinstance(found, Codes) else None

    def _constant_codes(self, value: ir.Value, order: Order | None) -> Tensor:
        """A constant among codes: one number on a grid of its own, or on the grid that all inputs share."""
        known = constant_of(value)
        assert known is not None
        turned = known.transpose(order or plain(known.ndim))
        if self.node.op_type == "Concat":
            grid = self.grid()
            return self.file_constant(value.name or "constant", codes_of(turned, grid), grid)
        code, grid = single_value_grid(float(known.reshape(-1)[0]), self.grid().qtype)
        return self.file_constant(value.name or "constant", np.full(turned.shape, code, str(grid.qtype)), grid)

    def read_wide(self, place: int, rank: int, order: Order) -> Tensor:
        """An activation with axes of length 1 put before its own, as broadcasting takes it."""
        known = self.constant(place)
        if known is not None and known.size == 1 and self.codes is None:
            return self.file_constant(self.value(place).name or "number", float32(known.reshape(1)))
        shape = self.shape(place)
        wide = widths(shape, rank)
        if known is not None and self.codes is None:
            array = float32(known.reshape(wide).transpose(order))
            return self.file_constant(self.value(place).name or "constant", array)
        if len(shape) == rank:
            return self.read(place, order)
        tensor = self.read(place, plain(len(shape)))
        made = self.inside("wide", wide, tensor)
        self.reshape(tensor, made)
        return self.turned(made, wide, plain(rank), order)

    # What it writes.

    def out_shape(self, place: int = 0) -> Shape:
        """The shape of an output, as ONNX has it."""
        return shape_of(self.node.outputs[place])

    def grid(self, place: int = 0) -> QuantParams:
        """The grid of an output's codes."""
        assert self.codes is not None
        return stored_grid(self.codes.outputs[place])

    def result(self, order: Order, place: int = 0) -> Tensor:
        """The tensor to write an output to, in this order."""
        value = self._results[place]
        name, shape = value.name or "result", stored(self.out_shape(place), order)
        if self.codes is None:
            made = self.tensor(name, shape, "float32")
            self._values.give(value, order, made)
            return made
        grid = self.grid(place)
        made = self.tensor(name, shape, str(grid.qtype), grid)
        self._values.give(self.codes.outputs[place].value, order, made)
        if self._is_fused() or holds(self.bounds, grid):
            return made
        raw = self.tensor(f"{value.name}/before", shape, str(grid.qtype), grid)
        self.unbounded.append((raw, made))
        return raw

    def same(self, order: Order, tensor: Tensor) -> None:
        """Gives out a tensor that exists already: the node only sees it differently."""
        self._values.give(self._results[0] if self.codes is None else self.codes.outputs[0].value, order, tensor)

    def inside(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """A tensor between two operators that one node becomes, of another's type and grid."""
        return self.tensor(f"{self.node.name}/{name}", shape, like.dtype, like.grid)

    def tensor(self, name: str, shape: Sequence[int], dtype: str, grid: QuantParams | None = None) -> Tensor:
        """A new tensor of the file."""
        return self._values.file.tensor(name, shape, dtype, grid)

    def file_constant(self, name: str, array: Array, grid: QuantParams | None = None) -> Tensor:
        """A constant of the file."""
        return self._values.file.constant(name, array, grid)

    def ints(self, name: str, numbers: Sequence[int] | Sequence[Sequence[int]] | int) -> Tensor:
        """An int32 constant of the file."""
        return self.file_constant(name, np.array(numbers, np.int32))

    def add(
        self,
        operator: str,
        inputs: Sequence[Tensor],
        outputs: Sequence[Tensor],
        options: Options | None = None,
        special: str | None = None,
    ) -> None:
        """An operator of the file, see `File.operator`."""
        self._values.file.operator(operator, inputs, outputs, options, special)

    def turned(self, tensor: Tensor, shape: Shape, have: Order, want: Order) -> Tensor:
        """A tensor in another order."""
        return self._values.turned(tensor, shape, have, want)

    def reshape(self, tensor: Tensor, made: Tensor) -> None:
        """Writes a RESHAPE from one tensor to another."""
        self._values.reshape(tensor, made)

    def _is_fused(self) -> bool:
        """Whether the kernel takes in the activation behind it."""
        return self.bounds in CLAMPS and self.node.op_type in FUSES

    def fused(self) -> int:
        """The number of the activation that the kernel takes in."""
        name = CLAMPS[self.bounds] if self._is_fused() else "NONE"
        return int(getattr(self._values.file.schema.ActivationFunctionType, name))

    def padding(self, name: str) -> int:
        """The number of a kind of padding, "SAME" or "VALID"."""
        return int(getattr(self._values.file.schema.Padding, name))
