"""The parts that outputs are joined from by their last concatenations.

An output [1, 84, 8400] alone does not tell where the box ends; the join of 4 and 80 channels does. From the output
back, values that are only moved, turned, cast or quantised are passed over; of a join the sizes of the parts are noted
and the first part is followed.
"""

from __future__ import annotations

import onnx_ir as ir

from detquant.graph.values import is_op, static_shape

_PASSED = (
    "Cast",
    "DequantizeLinear",
    "Flatten",
    "Identity",
    "QuantizeLinear",
    "Reshape",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
)


def joins_at_outputs(graph: ir.Graph) -> dict[str, tuple[tuple[int, ...], ...]]:
    """Sizes of the parts of each Concat before an output, the nearest Concat first, by the output's name."""
    found = {value.name or "": tuple(_joins(value)) for value in graph.outputs}
    return {name: joins for name, joins in found.items() if joins}


def _joins(value: ir.Value) -> list[tuple[int, ...]]:
    joins = []
    node = value.producer()
    while node is not None and is_op(node, "Concat", *_PASSED):
        if is_op(node, "Concat"):
            shapes = [static_shape(part) for part in node.inputs]
            axis = node.attributes.get_int("axis", 0)
            if any(shape is None for shape in shapes):
                break
            joins.append(tuple(shape[axis] for shape in shapes if shape))
        source = node.inputs[0] if node.inputs else None
        node = None if source is None else source.producer()
    return joins
