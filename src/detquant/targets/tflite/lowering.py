"""From an ONNX graph, float or QDQ, to the operators of a ``.tflite`` file.

1. Values become tensors when they are written, in the order that suits the writer; other orders, and floats of codes,
   are made where they are first asked for and kept for the next one who asks.
2. A Relu or Clip behind a layer becomes the layer's fused activation where TFLite has it.
3. An operator that runs on codes (see `grids`) writes what its QuantizeLinear would have written.
4. Inputs of four axes are NHWC, as everything made for TFLite expects; outputs are as ONNX has them.
5. Where all is to run in integers, inputs and outputs are codes, outputs lie as the last operator writes them, and an
   operator that would run in float is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.values import constant, is_op, is_used_once, static_shape
from detquant.targets.tflite.flatbuffer import Array, File, Tensor
from detquant.targets.tflite.grids import CLAMPS, bounds, constant_of, grid_of, runs_on_codes, sink_of
from detquant.targets.tflite.layout import Order, Shape, channels_last, moves, moves_nothing, plain, stored

FUSES = frozenset({"Conv", "Gemm", "MatMul", "Add", "Sub", "Mul"})
"""Operators with a fused activation."""

TAKES_IN = FUSES | {"ConvTranspose"}
"""Operators on codes that end in the bounds of a Relu or Clip behind them, fused or as operators of their own."""

LAYOUTS = "layouts"
PROPERTIES = "properties"


def lower(model: ir.Model, *, half: bool = False, integer: bool = False) -> bytes:
    """The file of a prepared graph.

    Args:
        model: float, or with Q and DQ around what runs in integers.
        half: weights in float16, which a DEQUANTIZE widens again when the file is opened.
        integer: no floats at all, case 5; the graph's outputs are codes.

    Raises:
        MissingExtra: LiteRT is not installed.
        UnsupportedOperator: TFLite has no such builtin operator, or none for codes where there is to be nothing else.
    """
    return Lowering(model, half=half, integer=integer).run()


class Lowering:
    """One graph on its way into one file.

    Attributes:
        file: what is written to.
        half: whether weights are float16.
        integer: whether nothing may run in float.
    """

    def __init__(self, model: ir.Model, *, half: bool = False, integer: bool = False) -> None:
        self.model, self.file, self.half, self.integer = model, File(), half, integer
        self._views: dict[ir.Value, dict[Order, Tensor]] = {}
        self._taken_in: set[ir.Node] = set()

    def run(self) -> bytes:
        """Lowers everything."""
        graph = self.model.graph
        inputs, layouts = {}, {}
        for value in graph.inputs:
            name, rank = value.name or "", len(shape_of(value))
            order = channels_last(rank) if rank == 4 else plain(rank)
            inputs[name], layouts[name] = self._input(value, order), layout(order)
        for node in graph:
            self._lower(node)
        outputs = {value.name or "": self._output(value, layouts) for value in graph.outputs}
        metadata = {PROPERTIES: dict(self.model.metadata_props), LAYOUTS: layouts}
        return self.file.finish(inputs, outputs, metadata)

    def give(self, value: ir.Value, order: Order, tensor: Tensor) -> None:
        """Makes known that a value lies in a tensor, in this order."""
        self._views.setdefault(value, {})[order] = tensor

    def order_of(self, value: ir.Value) -> Order:
        """An order in which a value lies in the file, or will."""
        views = self._views.get(value)
        if views:
            return next(iter(views))
        node = value.producer()
        if is_op(node, "DequantizeLinear") and node is not None and node.inputs[0] in self._views:
            return self.order_of(node.inputs[0])
        return plain(len(shape_of(value)))

    def read(self, value: ir.Value, order: Order | None = None) -> Tensor:
        """A tensor with the value, in this order or in any."""
        views = self._views.get(value)
        if not views:
            views = self._views[value] = self._first_view(value, order)
        if order is None:
            return next(iter(views.values()))
        if order not in views:
            have, tensor = next(iter(views.items()))
            views[order] = self.turned(tensor, shape_of(value), have, order)
        return views[order]

    def turned(self, tensor: Tensor, shape: Shape, have: Order, want: Order) -> Tensor:
        """A tensor in another order, as cheaply as can be."""
        if have == want:
            return tensor
        made = self.file.tensor(f"{self.name_of(tensor)}/turned", stored(shape, want), tensor.dtype, tensor.grid)
        if moves_nothing(shape, have, want):
            self.reshape(tensor, made)
        else:
            perm = self.file.constant("permutation", np.array(moves(have, want), np.int32))
            self.file.operator("TRANSPOSE", [tensor, perm], [made])
        return made

    def reshape(self, tensor: Tensor, made: Tensor) -> None:
        """Writes the same numbers in another shape."""
        shape = self.file.constant("shape", np.array(made.shape, np.int32))
        self.file.operator("RESHAPE", [tensor, shape], [made])

    def name_of(self, tensor: Tensor) -> str:
        """A tensor's name in the file."""
        return self.file.name_of(tensor)

    def _first_view(self, value: ir.Value, order: Order | None) -> dict[Order, Tensor]:
        known = constant_of(value)
        if known is not None:
            order = order or plain(known.ndim)
            return {order: self.file.constant(value.name or "constant", float32(known.transpose(order)))}
        node = value.producer()
        assert node is not None and is_op(node, "DequantizeLinear") and node.inputs[0] is not None, value
        codes = node.inputs[0]
        order = order or self.order_of(codes)
        tensor = self.read(codes, order)
        made = self.file.tensor(value.name or "float", tensor.shape, "float32")
        self.file.operator("DEQUANTIZE", [tensor], [made])
        return {order: made}

    def _lower(self, node: ir.Node) -> None:
        from detquant.targets.tflite.operators import operator
        from detquant.targets.tflite.site import Site

        if node in self._taken_in or is_op(node, "Constant"):
            return
        if is_op(node, "DequantizeLinear", "QuantizeLinear"):
            self._require_grid(node)
            if node.op_type == "QuantizeLinear" and node.outputs[0] not in self._views:
                self._quantize(node)
            return
        write = operator(node)
        taken = self._activation_behind(node)
        results = list((taken or node).outputs)
        codes = runs_on_codes(node, results)
        if taken is not None and not codes and (bounds(taken) not in CLAMPS or node.op_type not in FUSES):
            taken, results = None, list(node.outputs)
        if taken is not None:
            self._taken_in.add(taken)
        if self.integer and not codes:
            raise UnsupportedOperator(
                f"{node.op_type} '{node.name}' would run in float, and this file is to hold integers only: LiteRT has "
                f"no kernel for its grids; keep it out of the graph, or choose target tflite."
            )
        site = Site(self, node, results, codes=codes, activation=bounds(taken) if taken else None)
        write(site)
        site.close()

    def _activation_behind(self, node: ir.Node) -> ir.Node | None:
        """The Relu or Clip that alone reads the operator's result."""
        if not is_op(node, *TAKES_IN) or not is_used_once(node.outputs[0]):
            return None
        reader = next(iter(node.outputs[0].uses())).node
        return reader if is_op(reader, "Relu", "Clip") and reader.inputs[0] is node.outputs[0] else None

    def _quantize(self, node: ir.Node) -> None:
        value, codes, grid = node.inputs[0], node.outputs[0], grid_of(node)
        assert value is not None and grid is not None
        tensor = self.read(value)
        made = self.file.tensor(codes.name or "codes", tensor.shape, "int8", grid)
        self.file.operator("QUANTIZE", [tensor], [made])
        self.give(codes, self.order_of(value), made)

    def _require_grid(self, node: ir.Node) -> None:
        if grid_of(node) is None and (node.inputs[0] is None or constant(node.inputs[0]) is None):
            raise UnsupportedOperator(
                f"{node.op_type} '{node.name}' is not of 8 bits with one scale and a zero point, which is all that "
                f"LiteRT's kernels take for activations: choose a recipe with 8-bit activations."
            )

    def _input(self, value: ir.Value, order: Order) -> Tensor:
        """The image, as floats or as the codes that they become."""
        name, shape = value.name or "", stored(shape_of(value), order)
        sink = sink_of(value) if self.integer else None
        if self.integer and sink is None:
            raise UnsupportedOperator(
                f"The model's input '{name}' is read in float too, and this file is to hold integers only: choose "
                f"target tflite."
            )
        codes, grid = sink or (value, None)
        made = self.file.tensor(name, shape, "float32" if grid is None else "int8", grid)
        self.give(codes, order, made)
        return made

    def _output(self, value: ir.Value, layouts: dict[str, str]) -> Tensor:
        """The value under its own name, in ONNX's own order, or as it lies where nothing but codes is to be moved."""
        order, name = plain(len(shape_of(value))), value.name or ""
        if self.integer and self.order_of(value) == channels_last(len(order)):
            order = self.order_of(value)
        if self.integer:
            layouts[name] = layout(order)
        tensor = self.read(value, order)
        self.file.rename(tensor, name)
        return tensor


def shape_of(value: ir.Value) -> Shape:
    """The static shape of a value.

    Raises:
        UnsupportedOperator: it has none.
    """
    shape = static_shape(value)
    if shape is None:
        node = value.producer()
        who = f"{node.op_type} '{node.name}'" if node is not None else "the model's input"
        raise UnsupportedOperator(
            f"The shape of '{value.name}', which comes from {who}, depends on the image: LiteRT needs shapes that are "
            f"known, so give the image's size with --imgsz or leave that operator out of the graph."
        )
    return shape


def layout(order: Order) -> str:
    """What a file's metadata calls an order."""
    return "NHWC" if len(order) == 4 and order == channels_last(4) else "as in ONNX"


def float32(array: Array) -> Array:
    """Numbers as TFLite computes with them."""
    return array.astype(np.float32) if array.dtype in (np.float64, np.float16) else array


def widths(shape: Sequence[int], rank: int) -> Shape:
    """A shape with axes of length 1 before it, so that it has this rank: what broadcasting means."""
    return (*[1] * (rank - len(shape)), *map(int, shape))
