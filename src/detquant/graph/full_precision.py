"""Bring a graph of half or double precision to float32, its inputs and outputs too: the house computes in nothing else.

Files in float16 are common where a GPU is meant; ONNX's own passes, the kernels of processors and all grids are made
for float32. What is float16, bfloat16 or float64 becomes float32:

1. initializers, and the tensors in attributes: of Constant, of ConstantOfShape;
2. types of values, those of sequences, and those of subgraphs;
3. what an attribute says of a type (see `NAMES_A_TYPE`): of Cast, EyeLike, RandomNormal, SequenceEmpty;
4. a Cast from float32 to float32, which the three before it may leave, vanishes (`remove_idle_casts`, once all types
   are known); so do pairs of them, down and up again, as exporters put around what they keep in float32.

Every float16 and bfloat16 is a float32, so weights are the same numbers. Numbers of float64 are rounded, and the few
beyond float32 become its largest. Sums are no longer rounded to 11 bits, so results are nearer to the net's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx_ir as ir
from onnx_ir.passes.common import IdentityEliminationPass

from detquant.graph.values import is_op

OTHERS = frozenset({ir.DataType.FLOAT16, ir.DataType.BFLOAT16, ir.DataType.DOUBLE})
NAMES_A_TYPE = ("to", "dtype", "output_dtype", "output_datatype", "stash_type")
"""Attributes whose number is an element type."""
_LARGEST = float(np.finfo(np.float32).max)


def full_precision(model: ir.Model) -> ir.Model:
    """Make every floating point number of a graph float32, in place.

    Args:
        model: a model of any opset whose functions have been put in place.
    """
    for graph in (model.graph, *model.graph.subgraphs()):
        for value in _values(graph):
            value.type = _wide(value.type)
        for value in graph.initializers.values():
            if value.const_value is not None and value.const_value.dtype in OTHERS:
                value.const_value = _widened(value.const_value)
        for node in graph:
            _widen_attributes(node)
    return model


def remove_idle_casts(model: ir.Model) -> ir.Model:
    """Remove casts from float32 to float32 in place, case 4."""
    for node in list(model.graph.all_nodes()):
        if is_op(node, "Cast") and node.attributes.get_int("to", 0) == ir.DataType.FLOAT:
            _drop_idle(node)
    IdentityEliminationPass()(model)
    return model


def is_full_precision(model: ir.Model) -> bool:
    """Whether nothing in a graph is float16, bfloat16 or float64, as far as its tensors and types tell."""
    found: set[ir.DataType | None] = set()
    for graph in (model.graph, *model.graph.subgraphs()):
        found |= {value.dtype for value in _values(graph)}
        found |= {v.const_value.dtype for v in graph.initializers.values() if v.const_value is not None}
    for node in model.graph.all_nodes():
        found |= {a.as_tensor().dtype for a in node.attributes.values() if a.type == ir.AttributeType.TENSOR}
        if is_op(node, "Cast"):
            found.add(ir.DataType(node.attributes.get_int("to", 0)))
    return not found & OTHERS


def _values(graph: ir.Graph) -> Iterator[ir.Value]:
    yield from graph.inputs
    yield from graph.initializers.values()
    for node in graph:
        yield from node.outputs


def _wide(kind: ir.TypeProtocol | None) -> ir.TypeProtocol | None:
    """The type with float32 in place of other float types (case 2)."""
    if isinstance(kind, ir.TensorType):
        return ir.TensorType(ir.DataType.FLOAT) if kind.dtype in OTHERS else kind
    if isinstance(kind, (ir.SequenceType, ir.OptionalType)) and kind.dtype in OTHERS:
        inner = _wide(kind.elem_type)
        assert inner is not None, "made of a type"
        return type(kind)(inner)
    return kind


def _widened(tensor: ir.TensorProtocol) -> ir.Tensor[np.typing.NDArray[np.float32]]:
    """The tensor as float32; numbers beyond its range become its largest (case 1)."""
    array = np.asarray(tensor.numpy())
    if tensor.dtype == ir.DataType.DOUBLE:
        array = np.where(np.isfinite(array), np.clip(array, -_LARGEST, _LARGEST), array)
    return ir.Tensor(array.astype(np.float32), name=tensor.name)


def _widen_attributes(node: ir.Node) -> None:
    """Makes tensors in attributes float32, and types that attributes name (cases 1 and 3)."""
    for name, attribute in list(node.attributes.items()):
        if attribute.is_ref():
            continue
        if name in NAMES_A_TYPE and attribute.type == ir.AttributeType.INT:
            if attribute.as_int() in {int(one) for one in OTHERS}:
                node.attributes[name] = ir.AttrInt64(name, int(ir.DataType.FLOAT))
        elif attribute.type == ir.AttributeType.TENSOR and attribute.as_tensor().dtype in OTHERS:
            node.attributes[name] = ir.AttrTensor(name, _widened(attribute.as_tensor()))


def _drop_idle(cast: ir.Node) -> None:
    """Removes a Cast from float32 to float32 (case 4)."""
    [source], [out], graph = cast.inputs, cast.outputs, cast.graph
    if source is None or source.dtype != ir.DataType.FLOAT or not isinstance(graph, ir.Graph):
        return
    if out.is_graph_output():  # the pass behind this one takes out what can be, and keeps the name
        cast.op_type = "Identity"
        del cast.attributes["to"]
        cast.attributes.pop("saturate", None)
        cast.attributes.pop("round_mode", None)
        return
    ir.convenience.replace_all_uses_with(out, source)
    graph.remove(cast, safe=True)
