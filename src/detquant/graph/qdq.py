"""QuantizeLinear / DequantizeLinear inserted into a float graph: the one language that all targets read.

1. An activation with a grid gets one Q and one DQ. Integer operators read the DQ; so does everyone else, the
   graph's outputs included, where the producer is an integer operator, since then only the codes exist. Who
   reads a float operator's result in float reads it unrounded.
2. A weight becomes an integer initialiser and a DQ, one for each operator that reads it; the operator need not be an
   integer one.
3. A bias ``[channels]`` becomes int32 at exactly ``scale_x * scale_w`` with zero point 0: the runtimes' fused
   kernels assume that scale, and compute something else, silently, with any other. A bias of another shape
   (Gemm's ``[1, n]``) stays float.
4. A width that the type of the codes does not say is an entry of the Q's and DQ's metadata, see `graph.grids`.
5. Names of graph inputs and outputs stay: a quantised graph output is the DQ's result.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import onnx_ir as ir

from detquant.graph.grids import tell_width
from detquant.graph.traits import activation_inputs, bias_of, weight_of
from detquant.graph.values import fresh_name, new_initializer, used_names, values_by_name
from detquant.numerics.arrays import Array
from detquant.numerics.grid import QuantParams, quantize
from detquant.numerics.qtype import INT32, QType

STORAGE: dict[QType, type[np.generic]] = {
    QType(8, True): np.int8,
    QType(8, False): np.uint8,
    QType(16, True): np.int16,
    QType(16, False): np.uint16,
    QType(32, True): np.int32,
}


def storage(qtype: QType) -> type[np.generic]:
    """The numpy type that codes are stored in: the narrowest of 8, 16 or 32 bits that holds them."""
    bits = next(width for width in (8, 16, 32) if qtype.bits <= width)
    return STORAGE[QType(bits, qtype.signed or bits == 32)]


def bias_grid(x: QuantParams, w: QuantParams) -> QuantParams:
    """The accumulator's grid: ``scale_x * scale_w`` in float32, zero point 0."""
    scale = np.asarray(x.scale * w.scale, np.float32)
    return QuantParams(INT32, scale, np.zeros(scale.shape, np.int64), None if scale.ndim == 0 else 0)


class _Writer:
    """The insertion of Q and DQ into one graph; it keeps the constants that have been made."""

    def __init__(self, graph: ir.Graph) -> None:
        self.graph = graph
        self.names = used_names(graph)

    def fresh(self, stem: str) -> str:
        return fresh_name(stem, self.names)

    def constant(self, stem: str, array: Array) -> ir.Value:
        return new_initializer(self.graph, stem, np.asarray(array, order="C"), self.names)

    def grid(self, stem: str, params: QuantParams) -> tuple[ir.Value, ir.Value]:
        kind = storage(params.qtype)
        return (
            self.constant(f"{stem}_scale", np.asarray(params.scale, np.float32)),
            self.constant(f"{stem}_zero_point", np.asarray(params.zero_point).astype(kind)),
        )

    def stored(self, node: ir.Node, position: int, params: QuantParams) -> None:
        """Replaces a constant input of ``node`` by its codes and a DQ."""
        value = node.inputs[position]
        assert value is not None and value.const_value is not None and value.name is not None
        codes = quantize(value.const_value.numpy(), params).astype(storage(params.qtype))
        scale, zero_point = self.grid(value.name, params)
        dq = ir.node(
            "DequantizeLinear",
            [self.constant(f"{value.name}_quantized", codes), scale, zero_point],
            attributes={} if params.axis is None else {"axis": params.axis},
            name=self.fresh(f"{value.name}_DequantizeLinear"),
        )
        tell_width(dq, params.qtype, storage(params.qtype))
        self._describe(dq.outputs[0], f"{value.name}_dequantized", value)
        self.graph.insert_before(node, dq)
        node.replace_input_with(position, dq.outputs[0])

    def activation(
        self, value: ir.Value, params: QuantParams, readers: list[tuple[ir.Node, int]], *, outputs: bool
    ) -> None:
        """Puts Q and DQ behind ``value``; ``readers``, and the graph's outputs if asked, read the DQ."""
        assert value.name is not None
        name, producer = value.name, value.producer()
        scale, zero_point = self.grid(name, params)
        q = ir.node("QuantizeLinear", [value, scale, zero_point], name=self.fresh(f"{name}_QuantizeLinear"))
        codes = q.outputs[0]
        dq = ir.node("DequantizeLinear", [codes, scale, zero_point], name=self.fresh(f"{name}_DequantizeLinear"))
        for node in (q, dq):
            tell_width(node, params.qtype, storage(params.qtype))
        codes.name, codes.shape, codes.type = self.fresh(f"{name}_quantized"), value.shape, zero_point.type
        self._describe(dq.outputs[0], f"{name}_dequantized", value)
        if producer is None:
            self.graph.insert_before(self.graph[0], [q, dq])
        else:
            self.graph.insert_after(producer, [q, dq])
        for node, position in readers:
            node.replace_input_with(position, dq.outputs[0])
        for k, out in enumerate(self.graph.outputs):
            if outputs and out is value:
                value.name, dq.outputs[0].name = self.fresh(f"{name}_float"), name
                self.graph.outputs[k] = dq.outputs[0]

    def _describe(self, value: ir.Value, stem: str, like: ir.Value) -> None:
        value.name, value.shape, value.type = self.fresh(stem), like.shape, like.type


def insert_qdq(
    model: ir.Model,
    *,
    activations: Mapping[str, QuantParams],
    weights: Mapping[str, QuantParams],
    nodes: Collection[str],
) -> ir.Model:
    """A copy of ``model`` with Q and DQ around the integer operators.

    Args:
        model: prepared float graph.
        activations: grid of each quantised activation, by value name.
        weights: grid of each quantised weight, by the name of the *node* that reads it.
        nodes: names of the operators that run in integers.

    Returns:
        The QDQ model.
    """
    model = model.clone()
    graph, writer = model.graph, _Writer(model.graph)
    chosen = {id(n) for n in graph if n.name in nodes}
    for node in list(graph):
        grid = weights.get(node.name or "")
        weight = weight_of(node)
        if grid is None or weight is None:
            continue
        bias, x = bias_of(node), node.inputs[0]
        x_grid = activations.get(x.name or "") if x is not None and id(node) in chosen else None
        positions = {id(v): k for k, v in enumerate(node.inputs) if v is not None}
        if bias is not None and x_grid is not None and bias.const_value is not None:
            accumulator = bias_grid(x_grid, grid)
            if accumulator.axis is None or tuple(bias.const_value.shape) == accumulator.scale.shape:
                writer.stored(node, positions[id(bias)], accumulator)
        writer.stored(node, positions[id(weight)], grid)
    values = values_by_name(graph)
    for name, params in activations.items():
        value = values[name]
        producer = value.producer()
        everyone = producer is not None and id(producer) in chosen
        readers = [
            (node, position)
            for node, position in value.uses()
            if everyone or (id(node) in chosen and any(v is value for v in activation_inputs(node)))
        ]
        writer.activation(value, params, readers, outputs=everyone)
    drop_unused_initializers(graph)
    graph.sort()
    return model


def drop_unused_initializers(graph: ir.Graph) -> None:
    """Removes initialisers that nobody reads."""
    for name, value in list(graph.initializers.items()):
        if not value.uses() and not value.is_graph_output():
            del graph.initializers[name]
