"""From an ONNX graph, float or QDQ, to the operators of a ``.tflite`` file: the graph is walked once, node after node.

1. A Relu or Clip behind a layer becomes the layer's fused activation where TFLite has it.
2. An operator that runs on codes (see `detquant.integer` and `kernels`) writes what its QuantizeLinear would have
   written.
3. Inputs of four axes are NHWC, as everything made for TFLite expects; outputs are as ONNX has them.
4. Where all is to run in integers, inputs and outputs are codes, outputs lie as the last operator writes them, and an
   operator that would run in float is refused.
"""

from __future__ import annotations

import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.bounds import bounds
from detquant.graph.grids import grid_of, sink_of
from detquant.graph.values import constant, is_op
from detquant.integer.on_codes import OnCodes, activation_behind, on_codes
from detquant.targets.tflite.clamping import clamp_results
from detquant.targets.tflite.file import File, Tensor
from detquant.targets.tflite.kernels import CLAMPS, FUSES, TAKES_IN, as_stored, takes
from detquant.targets.tflite.layout import Order, channels_last, plain, stored
from detquant.targets.tflite.operators import operator
from detquant.targets.tflite.schema import LAYOUTS, PROPERTIES
from detquant.targets.tflite.site import Site
from detquant.targets.tflite.values import Values, shape_of


def lower(model: ir.Model, *, half: bool = False, integer: bool = False) -> bytes:
    """The file of a prepared graph.

    Args:
        model: float, or with Q and DQ around what runs in integers.
        half: weights in float16, which a DEQUANTIZE widens again when the file is opened.
        integer: no floats at all, case 4; the graph's outputs are codes.

    Raises:
        MissingExtra: LiteRT is not installed.
        UnsupportedOperator: TFLite has no such builtin operator, or none for codes where there is to be nothing else.
    """
    return _Walk(model, Values(File(), half=half), integer=integer).run()


class _Walk:
    """The lowering of one graph into one file."""

    def __init__(self, model: ir.Model, values: Values, *, integer: bool) -> None:
        self.model, self.values, self.file, self.integer = model, values, values.file, integer
        self._taken_in: set[ir.Node] = set()

    def run(self) -> bytes:
        """Lowers the whole graph; gives the bytes of the file."""
        graph = self.model.graph
        inputs, layouts = {}, {}
        for value in graph.inputs:
            name, rank = value.name or "", len(shape_of(value))
            order = channels_last(rank) if rank == 4 else plain(rank)
            inputs[name], layouts[name] = self._input(value, order), _layout(order)
        for node in graph:
            self._lower(node)
        outputs = {value.name or "": self._output(value, layouts) for value in graph.outputs}
        metadata = {PROPERTIES: dict(self.model.metadata_props), LAYOUTS: layouts}
        return self.file.finish(inputs, outputs, metadata)

    def _lower(self, node: ir.Node) -> None:
        if node in self._taken_in or is_op(node, "Constant"):
            return
        if is_op(node, "DequantizeLinear", "QuantizeLinear"):
            self._require_grid(node)
            if node.op_type == "QuantizeLinear" and node.outputs[0] not in self.values:
                self._quantize(node)
            return
        write = operator(node)
        taken = activation_behind(node) if is_op(node, *TAKES_IN) else None
        codes = _on_kernels(node, taken)
        if taken is not None and codes is None and (bounds(taken) not in CLAMPS or node.op_type not in FUSES):
            taken = None
        if taken is not None:
            self._taken_in.add(taken)
        if self.integer and codes is None:
            raise UnsupportedOperator(
                f"{node.op_type} '{node.name}' would run in float, and this file is to hold integers only: LiteRT has "
                f"no kernel for its grids; keep it out of the graph, or choose target tflite."
            )
        site = Site(self.values, node, taken, codes)
        write(site)
        clamp_results(site)

    def _quantize(self, node: ir.Node) -> None:
        value, codes, grid = node.inputs[0], node.outputs[0], grid_of(node)
        assert value is not None and grid is not None
        tensor = self.values.read(value)
        kept = as_stored(grid)
        assert kept is not None, node
        made = self.file.tensor(codes.name or "codes", tensor.shape, str(kept.qtype), kept)
        self.file.operator("QUANTIZE", [tensor], [made])
        self.values.give(codes, self.values.order_of(value), made)

    def _require_grid(self, node: ir.Node) -> None:
        grid = grid_of(node)
        if (grid is None or as_stored(grid) is None) and (node.inputs[0] is None or constant(node.inputs[0]) is None):
            raise UnsupportedOperator(
                f"{node.op_type} '{node.name}' is not of 8 bits with one scale and a zero point, or of 16 around "
                f"zero, which is all that LiteRT's kernels take for activations: choose a recipe with such ones."
            )

    def _input(self, value: ir.Value, order: Order) -> Tensor:
        """The image, as floats or as the codes that they become."""
        name, shape = value.name or "", stored(shape_of(value), order)
        sink = sink_of(value) if self.integer else None
        grid = None if sink is None else as_stored(sink.grid)
        if self.integer and grid is None:
            raise UnsupportedOperator(
                f"The model's input '{name}' is read in float too, and this file is to hold integers only: choose "
                f"target tflite."
            )
        made = self.file.tensor(name, shape, "float32" if grid is None else str(grid.qtype), grid)
        self.values.give(value if sink is None else sink.value, order, made)
        return made

    def _output(self, value: ir.Value, layouts: dict[str, str]) -> Tensor:
        """The value under its own name, in ONNX's own order, or as it lies where nothing but codes is to be moved."""
        order, name = plain(len(shape_of(value))), value.name or ""
        if self.integer and self.values.order_of(value) == channels_last(len(order)):
            order = self.values.order_of(value)
        if self.integer:
            layouts[name] = _layout(order)
        tensor = self.values.read(value, order)
        self.file.rename(tensor, name)
        return tensor


def _on_kernels(node: ir.Node, activation: ir.Node | None) -> OnCodes | None:
    """The operator as one on codes, if LiteRT runs it so."""
    found = on_codes(node, activation)
    return found if found is not None and takes(found) else None


def _layout(order: Order) -> str:
    """The name of an order in a file's metadata."""
    return "NHWC" if len(order) == 4 and order == channels_last(4) else "as in ONNX"
