"""A QDQ graph read as integer operators: which they are is one literal table.

The graph is the network alone, from the image to the codes of its heads (see `detquant.graph.cut_decode`): an operator
in it that runs in float is refused, with what it reads in float.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.grids import Codes, grid_of, sink_of, source_of
from detquant.graph.values import is_op
from detquant.integer import arithmetic, blending, layers, moving, tables
from detquant.integer.draft import USUAL, Draft, Widths, name_of, refused, shape_of
from detquant.integer.graph import Image, IntegerGraph
from detquant.integer.on_codes import OnCodes, activation_behind, inputs_on_codes, on_codes

Build = Callable[[OnCodes, Draft], None]

LAYERS: Mapping[str, Build] = {
    "Conv": layers.convolution,
    "ConvTranspose": layers.transposed_convolution,
    "Gemm": layers.gemm,
    "MatMul": layers.matmul,
}
OF_TWO: Mapping[str, Build] = {"Add": arithmetic.add, "Mul": arithmetic.multiply, "Sub": arithmetic.subtract}
"""Operators of two activations; where one of the two is a constant, they are tables."""

BUILDERS: Mapping[str, Build] = {
    **LAYERS,
    **dict.fromkeys(tables.ELEMENTWISE, tables.table),
    **dict.fromkeys(moving.MOVES, moving.move),
    "AveragePool": arithmetic.average_pool,
    "Concat": moving.concat,
    "GlobalAveragePool": arithmetic.global_average_pool,
    "MaxPool": moving.max_pool,
    "ReduceMean": arithmetic.reduce_mean,
    "Resize": blending.resize,
}


def read(network: ir.Model, widths: Widths = USUAL) -> IntegerGraph:
    """The integer operators of a network.

    Args:
        network: prepared, of static shapes; its inputs become codes, its outputs are codes. Not changed.
        widths: bits of what the graph says nothing of.

    Raises:
        UnsupportedOperator: an operator runs in float, has no integer counterpart, or could overflow its accumulator.
    """
    reader = _Reader(Draft(widths))
    for value in network.graph.inputs:
        reader.image(value)
    for node in network.graph:
        reader.node(node)
    return reader.graph(network.graph)


class _Reader:
    """The reading of one graph."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.images: dict[str, Image] = {}
        self.done: set[ir.Node] = set()

    def image(self, value: ir.Value) -> None:
        """Adds an input of the network, which is rounded to codes first."""
        sink, name = sink_of(value), value.name or ""
        if sink is None:
            raise UnsupportedOperator(
                f"The model's input '{name}' is not rounded to one grid, or is read in float too: an integer network "
                f"takes codes. Choose a recipe that quantises the image."
            )
        [quantize] = value.consumers()
        self.done.add(quantize)
        self.images[name] = Image(codes=name_of(sink), grid=sink.grid)
        self.draft.grids[name_of(sink)] = sink.grid
        self.draft.shapes[name_of(sink)] = shape_of(quantize, value)

    def node(self, node: ir.Node) -> None:
        """Reads an operator, or what stands between operators."""
        if node in self.done or is_op(node, "Constant", "DequantizeLinear"):
            return
        if is_op(node, "QuantizeLinear"):
            self._rounded_again(node)
            return
        activation = activation_behind(node)
        found = on_codes(node, activation)
        if found is not None and activation is not None:
            self.done.add(activation)
        if found is None and not self._with_chain(node):
            raise refused(node, _why_float(node))
        if found is not None:
            self._build(found)

    def _build(self, operator: OnCodes) -> None:
        kind, several = operator.node.op_type, len(operator.activations) > 1
        for value, one in zip(operator.node.inputs, operator.inputs, strict=True):
            if value is not None and one is None:
                raise refused(operator.node, f"its input '{value.name}' is computed in the graph")
        build = OF_TWO.get(kind) if several else BUILDERS.get(kind)
        if kind == "Concat":
            build = moving.concat
        if build is None:
            raise refused(operator.node, "there is no such operator on codes" + " of two activations" * several)
        build(operator, self.draft)

    def _with_chain(self, node: ir.Node) -> bool:
        """Whether an operator leads to codes through an activation without a grid, which is read with it."""
        inputs = inputs_on_codes(node)
        activations = [one for one in inputs or () if isinstance(one, Codes)]
        if inputs is None or len({name_of(one) for one in activations}) != 1:
            return False
        if node.op_type in LAYERS:
            return self._layer_with_chain(node)
        value = next(value for value, one in zip(node.inputs, inputs, strict=True) if isinstance(one, Codes))
        chain = tables.chain_behind(value, node) if value is not None else None
        if chain is None or value is None:
            return False
        nodes, sink = chain
        tables.look_up_chain(nodes, value, activations[0], sink, self.draft)
        self.done.update(nodes)
        return True

    def _layer_with_chain(self, node: ir.Node) -> bool:
        chain = tables.chain_behind(node.outputs[0])
        if chain is None:
            return False
        nodes, sink = chain
        layer = OnCodes(node, inputs_on_codes(node) or (), (sink,))
        largest, powers = layers.reach(layer), layers.shifts(layer)
        grid = tables.preactivation(nodes, node.outputs[0], sink, largest, self.draft, power_of_two=powers)
        between = Codes(ir.Value(name=f"{name_of(sink)}/preactivation"), grid)
        self._build(OnCodes(node, layer.inputs, (between,)))
        tables.look_up_chain(nodes, node.outputs[0], between, sink, self.draft)
        self.done.update(nodes)
        return True

    def _rounded_again(self, node: ir.Node) -> None:
        """Adds a change of grid where codes become codes of another grid with nothing between."""
        source, grid = source_of(node.inputs[0]), grid_of(node)
        if node.outputs[0].name in self.draft.grids:
            return  # the operator before it gives these codes
        if source is None or grid is None or grid.axis is not None:
            raise refused(node, "what it rounds is computed in float, or it has no single scale")
        output = node.outputs[0].name or ""
        tables.change_grid(self.draft, node.name or output, name_of(source), output, grid)

    def graph(self, graph: ir.Graph) -> IntegerGraph:
        """The integer graph that has been read."""
        draft, outputs = self.draft, tuple(value.name or "" for value in graph.outputs)
        for name in outputs:
            if name not in draft.grids:
                raise UnsupportedOperator(
                    f"The network's output '{name}' is no codes: give the part of the graph before its decoding."
                )
        return IntegerGraph(tuple(draft.operators), self.images, outputs, draft.grids, draft.shapes)


def _why_float(node: ir.Node) -> str:
    """A clause on what keeps an operator from running on codes."""
    if inputs_on_codes(node) is None:
        return "what it reads, or its weight, is real numbers"
    return "what it gives is read in float, or goes to several grids"
