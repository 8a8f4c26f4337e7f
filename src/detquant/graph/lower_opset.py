"""Bring a prepared graph down to opset 13, for tools that stopped there; ONNX's own converter does not go down.

Every operator of `SAME` means in opset 13 what it means in opset 21. The others:

1. Split: `num_outputs` (18) is dropped where the parts are equal, as opset 13 has it by default.
2. Reductions but ReduceSum: `axes` are an attribute, not an input (18).
3. Reshape: `allowzero` (14) is dropped where it is 0, or the shape has no 0.
4. Resize: what came with 18 and 19 is dropped where it has its default.
5. HardSwish (14) is x HardSigmoid(x), with alpha 1/6 and beta 1/2.
6. Pad: `axes` (18) are refused, and BatchNormalization's `training_mode` (14) is dropped where it is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.values import constant, fresh_name, static_shape, used_names

OPSET = 13
IR_VERSION = 7  # of opset 13
_NAMES = """
    Abs Add And ArgMax AveragePool Cast Ceil Clip Concat Constant Conv ConvTranspose DepthToSpace Div Elu Equal Erf Exp
    Expand Flatten Floor Gather GatherElements GatherND Gemm GlobalAveragePool GlobalMaxPool Greater HardSigmoid
    Identity InstanceNormalization LRN LeakyRelu Less Log MatMul Max MaxPool Min Mul Neg NonMaxSuppression Not Or PRelu
    Pow Range Reciprocal ReduceSum Relu Round Shape Sigmoid Slice Softmax Softplus SpaceToDepth Sqrt Squeeze Sub Tanh
    Tile TopK Transpose Unsqueeze Where
"""
SAME = frozenset(_NAMES.split())
Names = set[str]


def lower_opset(model: ir.Model) -> ir.Model:
    """A copy of the model in opset 13.

    Args:
        model: prepared, opset 21. Not changed.

    Raises:
        UnsupportedOperator: one that opset 13 does not have, with its name.
    """
    lowered = model.clone()
    names = used_names(lowered.graph)
    for node in list(lowered.graph):
        rewrite = REWRITES.get(node.op_type)
        if node.domain not in ("", "ai.onnx") or (rewrite is None and node.op_type not in SAME):
            raise _refused(node, f"{node.op_type} is not part of it")
        if rewrite is not None:
            rewrite(node, names)
    lowered.graph.opset_imports[""] = OPSET
    lowered.ir_version = IR_VERSION
    return lowered


def _split(node: ir.Node, names: Names) -> None:
    """Drops `num_outputs` of Split where the parts are equal (case 1)."""
    if node.attributes.pop("num_outputs", None) is None:
        return
    axis = node.attributes.get_int("axis", 0)
    shapes = [static_shape(out) for out in node.outputs]
    if len({shape[axis] if shape else None for shape in shapes}) != 1:
        raise _refused(node, "its parts are not equal")


def _reduce(node: ir.Node, names: Names) -> None:
    """Makes the axes of a reduction an attribute (case 2)."""
    axes = node.inputs[1] if len(node.inputs) > 1 else None
    if axes is not None:
        found = constant(axes)
        if found is None:
            raise _refused(node, "its axes are computed")
        node.attributes["axes"] = ir.AttrInt64s("axes", [int(axis) for axis in np.ravel(found)])
    node.resize_inputs(1)
    _drop(node, noop_with_empty_axes=0)


def _reshape(node: ir.Node, names: Names) -> None:
    """Drops `allowzero` of Reshape where it changes nothing (case 3)."""
    shape = constant(node.inputs[1])
    if shape is not None and np.all(shape != 0):
        node.attributes.pop("allowzero", None)
    _drop(node, allowzero=0)


def _resize(node: ir.Node, names: Names) -> None:
    """Drops what came to Resize with opsets 18 and 19 (case 4)."""
    _drop(node, antialias=0, keep_aspect_ratio_policy="stretch", axes=None)
    if node.attributes.get_string("coordinate_transformation_mode", "half_pixel") == "half_pixel_symmetric":
        raise _refused(node, "it maps coordinates as 'half_pixel_symmetric'")


def _hard_swish(node: ir.Node, names: Names) -> None:
    """Writes HardSwish as x HardSigmoid(x) (case 5)."""
    [data], [out], graph = node.inputs, node.outputs, node.graph
    assert isinstance(graph, ir.Graph), "a node of the main graph"
    gate = ir.Value(name=fresh_name(f"{out.name}_gate", names), shape=out.shape, type=out.type)
    settings = [ir.AttrFloat32("alpha", 1 / 6), ir.AttrFloat32("beta", 0.5)]
    name = fresh_name(f"{node.name}_gate", names)
    graph.insert_before(node, ir.Node("", "HardSigmoid", [data], settings, outputs=[gate], name=name))
    node.op_type = "Mul"
    node.resize_inputs(2)
    node.replace_input_with(1, gate)


def _pad(node: ir.Node, names: Names) -> None:
    """Refuses a Pad that names axes (case 6)."""
    if len(node.inputs) > 3 and node.inputs[3] is not None:
        raise _refused(node, "it pads some axes only")
    node.resize_inputs(min(len(node.inputs), 3))


def _drop(node: ir.Node, **defaults: object) -> None:
    """Takes attributes away that opset 13 does not have; with another value than the default there is no way down."""
    for name, default in defaults.items():
        attribute = node.attributes.pop(name, None)
        if attribute is None:
            continue
        value = attribute.value
        if (value.decode() if isinstance(value, bytes) else value) != default:
            raise _refused(node, f"{name} = {value!r}")


def _refused(node: ir.Node, why: str) -> UnsupportedOperator:
    return UnsupportedOperator(
        f"{node.op_type} '{node.name}' cannot be written in opset {OPSET}: {why}. Choose another target, or cut the "
        f"graph before it."
    )


REWRITES: Mapping[str, Callable[[ir.Node, Names], None]] = {
    "Split": _split,
    **dict.fromkeys(["ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin", "ReduceProd"], _reduce),
    "Reshape": _reshape,
    "Resize": _resize,
    "HardSwish": _hard_swish,
    "BatchNormalization": lambda node, names: _drop(node, training_mode=0),
    "Pad": _pad,
}
