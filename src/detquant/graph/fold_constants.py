"""Compute what does not depend on the image, once, and drop what does nothing.

1. Constant nodes become initializers.
2. Identity, and Dropout outside training, vanish: their input takes their place.
3. Shape and Size of a value whose shape is known become constants.
4. A node whose inputs are all constant is run, once, and its outputs become constants. Chains of them (the
   Shape, Gather, Concat, Reshape of exported heads) are run together in one session.
5. Nodes that nothing reads, initializers that nothing reads, and functions that nothing calls vanish.

Folding a shape makes other shapes known, so 3 and 4 are repeated, with shape inference between, until nothing
changes. Not folded: nodes with subgraphs, random numbers, operators outside the standard, quantisation (a
quantised weight must stay one), and results that would make the file grow by more than `LIMIT` bytes.

A file may ask for any amount of numbers, so each result's size is known before it is computed: nothing larger than
`LIMIT`, or twice all constants of the file, is made, and no more than some times that at once; what comes from a
result of unknown size waits for the next round. Else forty Concats of a value with itself would be 2^40 numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import (
    IdentityEliminationPass,
    LiftConstantsToInitializersPass,
    RemoveUnusedFunctionsPass,
    RemoveUnusedNodesPass,
    RemoveUnusedOpsetsPass,
)

from detquant.graph.infer_shapes import infer_shapes
from detquant.graph.running import OrtRunner
from detquant.graph.values import constant, is_op, new_initializer, static_shape, used_names
from detquant.numerics.arrays import Array

LIMIT = 4 << 20

_SUBGRAPHS = (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS)

_NEVER = frozenset(
    [
        "Bernoulli",
        "Multinomial",
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
        "RandomUniformLike",
        "QuantizeLinear",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
    ]
)
# What these make can be far larger than what they read: folded only if the size is known beforehand.
_EXPANDING = frozenset(["ConstantOfShape", "Expand", "OneHot", "Pad", "Range", "Resize", "Tile", "Upsample"])


# Of the largest result: what one round may hold, for its results stay until its session ends.
_AT_ONCE = 8
_UNKNOWN_BYTES = 8


def fold_constants(model: ir.Model) -> ir.Model:
    """Fold constants until nothing changes, in place; shapes are inferred on the way."""
    LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(model)  # case 1
    largest = max(LIMIT, 2 * sum(_bytes(value) or 0 for value in model.graph.initializers.values()))
    changed = True
    while changed:
        _drop_identities(model)
        infer_shapes(model)
        changed = _fold_shapes(model.graph)
        changed |= _fold_constant_nodes(model, largest)
    RemoveUnusedNodesPass()(model)  # case 5
    RemoveUnusedFunctionsPass()(model)  # type: ignore[no-untyped-call]
    RemoveUnusedOpsetsPass()(model)
    return model


def _drop_identities(model: ir.Model) -> None:
    """Removes Identity, and Dropout outside training (case 2)."""
    for node in tuple(model.graph):
        if is_op(node, "Dropout") and not any(map(_is_read, node.outputs[1:])) and not _may_train(node):
            _become_identity(model.graph, node)
    IdentityEliminationPass()(model)


def _may_train(dropout: ir.Node) -> bool:
    switch = dropout.inputs[2] if len(dropout.inputs) > 2 else None
    value = constant(switch)
    return switch is not None and (value is None or bool(value.any()))


def _is_read(value: ir.Value) -> bool:
    return bool(value.uses()) or value.is_graph_output()


def _become_identity(graph: ir.Graph, node: ir.Node) -> None:
    output = node.outputs[0]
    identity = ir.node("Identity", [node.inputs[0]])
    identity.outputs[0].shape, identity.outputs[0].type = output.shape, output.type
    graph.insert_before(node, identity)
    name = output.name
    ir.convenience.replace_all_uses_with(output, identity.outputs[0], replace_graph_outputs=True)
    graph.remove(node, safe=True)
    identity.outputs[0].name = name


def _fold_shapes(graph: ir.Graph) -> bool:
    """Makes Shape and Size of known shapes constants (case 3); returns whether any was."""
    changed, names = False, used_names(graph)
    for node in tuple(graph):
        shape = static_shape(node.inputs[0]) if is_op(node, "Shape", "Size") else None
        if shape is None:
            continue
        if node.op_type == "Shape":
            start, end = node.attributes.get_int("start", 0), node.attributes.get_int("end", len(shape))
            array = np.asarray(shape[start:end], np.int64)
        else:
            array = np.asarray(math.prod(shape), np.int64)
        changed |= _become_constant(graph, node.outputs[0], array, names)
    return changed


def _fold_constant_nodes(model: ir.Model, largest: int) -> bool:
    """Runs the nodes that depend on constants alone (case 4); no result has more than `largest` bytes."""
    nodes = _constant_nodes(model.graph, largest)
    made = [output for node in nodes for output in node.outputs if output.name]
    wanted = [value for value in made if not all(use.node in nodes for use in value.uses())]
    if not wanted:
        return False
    arrays = OrtRunner(_submodel(model, nodes, wanted)).run({})
    changed, names = False, used_names(model.graph)
    for value in wanted:
        array = arrays[value.name or ""]
        read = sum(source.const_value.nbytes for source in _sources(value) if source.const_value is not None)
        if array.nbytes <= max(LIMIT, 2 * read):
            changed |= _become_constant(model.graph, value, array, names)
    return changed


def _constant_nodes(graph: ir.Graph, largest: int) -> dict[ir.Node, None]:
    """The nodes that can be run without an image, in order (a dict, for sets do not keep it)."""
    known: set[ir.Value] = set()
    nodes: dict[ir.Node, None] = {}
    left = _AT_ONCE * largest
    for node in graph:
        inputs = [value for value in node.inputs if value is not None]
        if not inputs or not all(value in known or constant(value) is not None for value in inputs):
            continue
        if not is_op(node, node.op_type) or not _is_foldable(node):
            continue
        sizes = [_bytes(output) for output in node.outputs]
        made = sum(size or 0 for size in sizes)
        if made > min(left, largest):
            continue
        nodes[node] = None
        left -= made
        # what is of unknown size is run, for no operator but the expanding ones makes more than it reads; what reads it
        # is not yet
        known.update(output for output, size in zip(node.outputs, sizes, strict=True) if size is not None)
    return nodes


def _is_foldable(node: ir.Node) -> bool:
    if node.op_type in _NEVER or any(out.is_graph_output() for out in node.outputs):
        return False
    if any(attr.type in _SUBGRAPHS for attr in node.attributes.values()):
        return False
    shapes = [static_shape(output) for output in node.outputs]
    read = sum(math.prod(static_shape(value) or ()) for value in node.inputs)
    if any(shape is not None and math.prod(shape) > max(LIMIT, 2 * read) for shape in shapes):
        return False
    return node.op_type not in _EXPANDING or None not in shapes


def _bytes(value: ir.Value) -> int | None:
    """Bytes of a result; None where its shape is not known."""
    shape = static_shape(value)
    if shape is None:
        return None
    sized = value.dtype is not None and value.dtype != ir.DataType.STRING
    return math.ceil(math.prod(shape) * (value.dtype.itemsize if sized and value.dtype else _UNKNOWN_BYTES))


def _sources(value: ir.Value) -> Iterable[ir.Value]:
    """The initializers that a value is computed from."""
    seen, pending = set(), [value]
    while pending:
        current = pending.pop()
        if current in seen:
            continue
        seen.add(current)
        node = current.producer()
        if node is None:
            yield current
        else:
            pending.extend(source for source in node.inputs if source is not None)


def _submodel(model: ir.Model, nodes: Iterable[ir.Node], wanted: list[ir.Value]) -> ir.Model:
    """A model of these nodes alone; its outputs are the wanted values."""
    copies: dict[ir.Value, ir.Value] = {}
    copied: list[ir.Node] = []
    for node in nodes:
        for value in node.inputs:
            if value is not None and value not in copies:
                copies[value] = ir.Value(
                    name=value.name, shape=value.shape, type=value.type, const_value=value.const_value
                )
        copy = ir.Node(
            node.domain,
            node.op_type,
            [None if value is None else copies[value] for value in node.inputs],
            list(node.attributes.values()),
            num_outputs=len(node.outputs),
        )
        for value, output in zip(node.outputs, copy.outputs, strict=True):
            output.name, output.shape, output.type = value.name, value.shape, value.type
            copies[value] = output
        copied.append(copy)
    graph = ir.Graph(
        [],
        [copies[value] for value in wanted],
        nodes=copied,
        initializers=[copy for value, copy in copies.items() if value.producer() is None],
        opset_imports=dict(model.graph.opset_imports),
        name="constants",
    )
    return ir.Model(graph, ir_version=model.ir_version)


def _become_constant(graph: ir.Graph, value: ir.Value, array: Array, names: set[str]) -> bool:
    """Let an initializer take the place of a computed value; a graph output stays computed."""
    if value.is_graph_output() or not value.uses():
        return False
    ir.convenience.replace_all_uses_with(value, new_initializer(graph, f"{value.name}_folded", array, names))
    node = value.producer()
    if node is not None and not any(map(_is_read, node.outputs)):
        graph.remove(node, safe=True)
    return True
