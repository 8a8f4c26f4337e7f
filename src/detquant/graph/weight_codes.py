"""The constants of a QDQ graph that are weights in codes, for passes that store them in fewer bytes.

What is read as anything but codes (see `CODES`) is none, and so is a small one: what unfolds it takes some bytes too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import onnx_ir as ir

from detquant.graph.values import constant
from detquant.numerics.arrays import Array

CODES = {"DequantizeLinear": 0, "QLinearConv": 3, "QLinearMatMul": 3, "ConvInteger": 1, "MatMulInteger": 1}
"""Operators that read codes, with the place of the weight's codes among their inputs."""
LEAST = 512
"""Number of codes below which a Cast and its names take more than they save."""


def weight_codes(graph: ir.Graph) -> Iterator[tuple[ir.Value, Array]]:
    """The constants of at least `LEAST` codes of 8 bits, and what they hold; the graph may be changed meanwhile."""
    for value in list(graph.initializers.values()):
        array, uses = constant(value), value.uses()
        if array is None or array.dtype.name not in ("int8", "uint8") or array.size < LEAST or not uses:
            continue
        if all(CODES.get(use.node.op_type) == use.idx for use in uses):
            yield value, array


def read_instead(graph: ir.Graph, value: ir.Value, nodes: Sequence[ir.Node]) -> None:
    """Puts nodes before all who read a value, and lets them read what the last of the nodes gives.

    Args:
        graph: gets the nodes.
        value: a constant that the nodes compute.
        nodes: in their order.
    """
    uses, made = list(value.uses()), nodes[-1].outputs[0]
    made.shape, made.type = value.shape, value.type
    readers = {use.node for use in uses}
    graph.insert_before(next(node for node in graph if node in readers), nodes)
    for use in uses:
        use.node.replace_input_with(use.idx, made)
