"""What the passes ask of a value (is it constant, is its shape known, who else uses it), and what they put in."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.numerics.arrays import Array

ONNX_DOMAINS = ("", "ai.onnx")


def is_op(node: ir.Node | None, *op_types: str) -> bool:
    """Whether the node is one of these operators of the standard domain."""
    return node is not None and node.domain in ONNX_DOMAINS and node.op_type in op_types


def constant(value: ir.Value | None) -> Array | None:
    """The array behind an initializer or a Constant node's output; None for anything computed.

    An initializer that is also a graph input can be overridden by the caller, so it is not constant.
    """
    if value is None or value.is_graph_input():
        return None
    tensor = value.const_value
    if tensor is not None and value.is_initializer():
        return np.asarray(tensor.numpy())
    if is_op(value.producer(), "Constant"):
        inferred = ir.convenience.get_const_tensor(value)
        return None if inferred is None else np.asarray(inferred.numpy())
    return None


def scalar(value: ir.Value | None) -> float | None:
    """The number behind a constant of one element; None for anything else."""
    array = constant(value)
    if array is None or array.size != 1 or not np.issubdtype(array.dtype, np.number):
        return None
    return float(array.reshape(()).item())


def static_shape(value: ir.Value | None) -> tuple[int, ...] | None:
    """The shape if every dimension is a number; None otherwise."""
    if value is None or value.shape is None:
        return None
    dims = tuple(value.shape)
    if not all(isinstance(dim, int) for dim in dims):
        return None
    return tuple(int(dim) for dim in dims if isinstance(dim, int))


def is_used_once(value: ir.Value) -> bool:
    """Whether exactly one input of one node reads the value and the graph does not give it out."""
    return len(value.uses()) == 1 and not value.is_graph_output()


def values_by_name(graph: ir.Graph) -> dict[str, ir.Value]:
    """The graph's inputs and everything its nodes give, by name; constants and what lies in subgraphs are left out."""
    return {v.name or "": v for v in (*graph.inputs, *(out for node in graph for out in node.outputs))}


def used_names(graph: ir.Graph) -> set[str]:
    """Names of all values and nodes of the graph and its subgraphs: what a new name must not be."""
    values = {value.name for value in ir.convenience.create_value_mapping(graph).values()}
    return {name for name in values | {node.name for node in graph} if name}


def fresh_name(stem: str, taken: set[str]) -> str:
    """``stem``, or ``stem_1``, ``stem_2``, ... if that is taken; the name is then taken."""
    name, count = stem, 0
    while name in taken:
        count += 1
        name = f"{stem}_{count}"
    taken.add(name)
    return name


def put_instead(graph: ir.Graph, node: ir.Node, made: ir.Node) -> None:
    """Lets one node stand for another, with its readers, its shape and its place among the graph's outputs."""
    made.outputs[0].shape, made.outputs[0].type = node.outputs[0].shape, node.outputs[0].type
    ir.convenience.replace_nodes_and_values(graph, node, [node], [made], node.outputs, made.outputs)


def new_initializer(graph: ir.Graph, name: str, array: Array, taken: set[str] | None = None) -> ir.Value:
    """Add an array to the graph's initializers under this name, or one derived from it if it is taken.

    Args:
        graph: gets the initializer.
        name: wanted.
        array: contents.
        taken: `used_names` of the graph, kept up to date by the caller who adds many; found out if not given.
    """
    unique = fresh_name(name, used_names(graph) if taken is None else taken)
    tensor = ir.Tensor(array, name=unique)
    value = ir.Value(name=unique, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
    graph.register_initializer(value)
    return value
