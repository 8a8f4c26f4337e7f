"""Layers whose activations are rounded as they run: DynamicQuantizeLinear, and ConvInteger or MatMulInteger.

A layer whose weight is codes behind a DequantizeLinear, and whose input is real, becomes

    q, s_x, z_x = DynamicQuantizeLinear(x)              uint8, over the whole tensor
    y           = ConvInteger(q, w, z_x, 128) s_x s_w + bias

1. Weights become uint8 with zero point 128, which stand for the same numbers: products of two unsigned factors cannot
   overflow the 16 bits in which processors without VNNI add pairs, and the kernel for them is the faster one.
2. Layers that read the same value share its codes.
3. Gemm is a product of matrices and a sum; alpha goes into the scale, beta into the bias, transB into the codes.

This is written out since onnxruntime's ``quantize_dynamic`` gives convolutions one scale for all channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import RemoveUnusedNodesPass

from detquant.errors import UnsupportedOperator
from detquant.graph.values import constant, fresh_name, is_op, new_initializer, static_shape, used_names
from detquant.numerics.arrays import Array

LAYERS = frozenset({"Conv", "Gemm", "MatMul"})
HALF = 128


def quantize_dynamically(model: ir.Model) -> ir.Model:
    """A copy of the model in which those layers round their inputs as they run; the same model where there are none.

    Raises:
        UnsupportedOperator: one of them turns its first matrix.
    """
    if not any(codes_of_weight(node) for node in model.graph):
        return model
    copy = model.clone()
    writer = _Writer(copy.graph)
    for node in list(copy.graph):
        stored = codes_of_weight(node)
        if stored is not None:
            writer.layer(node, *stored)
    RemoveUnusedNodesPass()(copy)
    return copy


def codes_of_weight(node: ir.Node) -> tuple[Array, Array] | None:
    """Codes and scales of a layer's weight, if they are stored as such around zero while its input is real."""
    if not is_op(node, *LAYERS) or len(node.inputs) < 2 or node.inputs[0] is None or node.inputs[1] is None:
        return None
    source, dq = node.inputs[0].producer(), node.inputs[1].producer()
    if dq is None or not is_op(dq, "DequantizeLinear") or is_op(source, "DequantizeLinear"):
        return None
    codes, scale = constant(dq.inputs[0]), constant(dq.inputs[1])
    zero = constant(dq.inputs[2]) if len(dq.inputs) > 2 else None
    plain = codes is not None and codes.dtype == np.int8 and (zero is None or not zero.any())
    return (codes, scale) if plain and codes is not None and scale is not None else None


class _Writer:
    """The rewriting of one graph; it keeps the values that have been rounded already."""

    def __init__(self, graph: ir.Graph) -> None:
        self.graph, self.names = graph, used_names(graph)
        self.rounded: dict[ir.Value, ir.Node] = {}

    def layer(self, node: ir.Node, codes: Array, scale: Array) -> None:
        """Puts an integer layer in the place of ``node``."""
        x = node.inputs[0]
        assert x is not None and node.name is not None
        words: Any = node.attributes
        if node.op_type == "Gemm" and words.get_int("transA", 0):
            raise UnsupportedOperator(
                f"Gemm '{node.name}' turns its first matrix, which cannot be rounded on the fly: keep it in float by a "
                f"rule of the recipe."
            )
        if node.op_type == "Gemm" and words.get_int("transB", 0):
            codes = codes.T  # case 3
        stem, integer = node.name, "ConvInteger" if node.op_type == "Conv" else "MatMulInteger"
        kept = words if node.op_type == "Conv" else {}
        stored = self.constant(f"{stem}_codes", (codes.astype(np.int16) + HALF).astype(np.uint8))
        quantized = self.quantized(node, x)
        inputs = [quantized.outputs[0], stored, quantized.outputs[2], self.constant("half", np.array(HALF, np.uint8))]
        sums = self.node(node, integer, inputs, kept)
        real = self.node(node, "Cast", [sums], {"to": ir.DataType.FLOAT})
        factor = self.constant(
            f"{stem}_scale", self.by_channel(node, scale.astype(np.float32) * np.float32(words.get_float("alpha", 1.0)))
        )
        steps = self.node(node, "Mul", [quantized.outputs[1], factor])
        result = self.node(node, "Mul", [real, steps])
        bias = node.inputs[2] if len(node.inputs) > 2 else None
        if bias is not None:
            result = self.node(node, "Add", [result, self.bias(node, bias)])
        out = node.outputs[0]
        result.shape, result.type = out.shape, out.type
        ir.convenience.replace_nodes_and_values(self.graph, node, [node], [], [out], [result])

    def quantized(self, before: ir.Node, x: ir.Value) -> ir.Node:
        """The DynamicQuantizeLinear of a value; layers that read the same value share it (case 2)."""
        if x not in self.rounded:
            made = ir.node("DynamicQuantizeLinear", [x], num_outputs=3, name=self.fresh(f"{x.name}/rounded"))
            for value, word in zip(made.outputs, ("codes", "step", "zero"), strict=True):
                value.name = self.fresh(f"{x.name}_{word}")
            producer = x.producer()
            if producer is None:
                self.graph.insert_before(self.graph[0], made)
            else:
                self.graph.insert_after(producer, made)
            self.rounded[x] = made
        return self.rounded[x]

    def bias(self, node: ir.Node, bias: ir.Value) -> ir.Value:
        """The bias, where a sum takes it."""
        known, beta = constant(bias), np.float32(node.attributes.get_float("beta", 1.0))
        if known is None:
            raise UnsupportedOperator(
                f"{node.op_type} '{node.name}' has a bias that is computed, which cannot be added on the fly: keep it "
                f"in float by a rule of the recipe."
            )
        return self.constant(f"{node.name}_bias", self.by_channel(node, known.astype(np.float32) * beta))

    def by_channel(self, node: ir.Node, numbers: Array) -> Array:
        """The numbers, one or one for each channel, in a shape that broadcasts against the layer's result."""
        shape = static_shape(node.outputs[0])
        rank = 4 if shape is None else len(shape)
        return numbers.reshape(-1, *[1] * (rank - 2)) if node.op_type == "Conv" and numbers.size > 1 else numbers

    def node(self, before: ir.Node, kind: str, inputs: list[ir.Value], words: Any = None) -> ir.Value:
        """An operator in front of the layer, and what it gives."""
        made = ir.node(kind, inputs, attributes=words or {}, name=self.fresh(f"{before.name}/{kind}"))
        made.outputs[0].name = self.fresh(f"{before.name}_{kind}")
        self.graph.insert_before(before, made)
        return made.outputs[0]

    def constant(self, name: str, array: Array) -> ir.Value:
        return new_initializer(self.graph, name, np.ascontiguousarray(array), self.names)

    def fresh(self, stem: str) -> str:
        return fresh_name(stem, self.names)
