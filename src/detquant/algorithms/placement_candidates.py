"""Candidates of placement: parts of the net that may be faster in float, by title."""

from __future__ import annotations

from collections.abc import Iterator

import onnx_ir as ir

from detquant.calibration import QuantModel
from detquant.graph.summary import node_macs
from detquant.graph.traits import OPS, WEIGHTED, weight_of
from detquant.graph.values import static_shape

IMAGE = "convolution of the image"


def candidates(qm: QuantModel) -> Iterator[tuple[str, list[str]]]:
    """The parts of the net to try in float: title, and names of the integer operators in it."""
    integer = set(qm.plan.integer)
    nodes = [n for n in qm.reference.graph if n.name in integer]
    groups: dict[str, list[ir.Node]] = {
        IMAGE: [n for n in nodes if _input_channels(n) <= 4],
        "resizing": [n for n in nodes if n.op_type == "Resize"],
        "slicing the image": [n for n in nodes if n.op_type == "Slice"],
        "depthwise convolutions": [n for n in nodes if n.op_type == "Conv" and _is_depthwise(n)],
    }
    groups |= _stages(nodes)
    for title, members in groups.items():
        if members and len(members) < len(nodes) and _leaves_weights(nodes, members):
            yield title, [n.name or "" for n in members]


def _stages(nodes: list[ir.Node]) -> dict[str, list[ir.Node]]:
    """Operators by the size of the map that they write, by title, where convolutions are among them.

    The largest share of the work comes first: a small one in float, between integers, would be little but conversions.
    """
    work: dict[str, int] = {}
    for node in nodes:
        if node.op_type == "Conv" and (size := _size(node)) is not None:
            work[size] = work.get(size, 0) + node_macs(node)
    sizes = sorted(work, key=lambda size: -work[size])
    return {f"stage of {size}": [n for n in nodes if _size(n) == size] for size in sizes}


def _size(node: ir.Node) -> str | None:
    """Height and width of the map that the operator writes."""
    shape = static_shape(node.outputs[0])
    return f"{shape[2]}x{shape[3]}" if shape is not None and len(shape) == 4 else None


def _leaves_weights(nodes: list[ir.Node], members: list[ir.Node]) -> bool:
    gone = set(map(id, members))
    return any(n.op_type in WEIGHTED and id(n) not in gone for n in nodes)


def _input_channels(node: ir.Node) -> int:
    weight = weight_of(node)
    if node.op_type != "Conv" or weight is None or weight.shape is None:
        return 1 << 30
    return int(weight.shape[1]) * node.attributes.get_int("group", 1)  # type: ignore[arg-type]


def _is_depthwise(node: ir.Node) -> bool:
    weight = weight_of(node)
    return (
        OPS[node.op_type].weight_input is not None
        and weight is not None
        and weight.shape is not None
        and weight.shape[1] == 1
    )
