"""Nodes of a graph run by themselves, in ONNX Runtime: how a function of codes becomes a table, or a move addresses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx_ir as ir

from detquant.graph.grids import constant_of
from detquant.graph.running import OrtRunner
from detquant.numerics.arrays import Array

OPSET, IR_VERSION = 21, 10


def run_alone(nodes: Sequence[ir.Node], given: Mapping[ir.Value, Array]) -> list[Array]:
    """Runs nodes of a graph by themselves; gives the outputs of the last one.

    Args:
        nodes: the nodes, in order.
        given: arrays that they read and none of them makes; constants need not be among these.

    Raises:
        ModelError: the runtime refuses the nodes.
    """
    made: dict[ir.Value, ir.Value] = {}
    initializers: list[ir.Value] = []
    for node in nodes:
        for value in node.inputs:
            if value is None or value in made or value.producer() in nodes:
                continue
            array = given[value] if value in given else constant_of(value)
            assert array is not None, value
            made[value] = ir.Value(name=f"given_{len(made)}", const_value=ir.Tensor(array))
            initializers.append(made[value])
    copies = []
    for node in nodes:
        inputs = [None if value is None else made[value] for value in node.inputs]
        copy = ir.Node("", node.op_type, inputs, list(node.attributes.values()), num_outputs=len(node.outputs))
        for value, output in zip(node.outputs, copy.outputs, strict=True):
            output.name = f"made_{len(made)}"
            made[value] = output
        copies.append(copy)
    wanted = [made[value] for value in nodes[-1].outputs]
    graph = ir.Graph([], wanted, nodes=copies, initializers=initializers, opset_imports={"": OPSET}, name="alone")
    found = OrtRunner(ir.Model(graph, ir_version=IR_VERSION), optimisation="none").run({})
    return [found[value.name or ""] for value in wanted]
