"""What each operator means to quantisation: one row an operator, read by every pass and algorithm.

An operator without a row is carried in float.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx_ir as ir


@dataclass(frozen=True, slots=True, kw_only=True)
class OpTraits:
    """Facts about an operator that quantisation needs.

    Attributes:
        data_inputs: positions of the activation inputs; None means all of them.
        weight_input: position of the weight.
        weight_axis: axis of the weight that the output channels run along.
        bias_input: position of the bias.
        keeps_grid: the output holds only values of the input (or lies between them), so both share one grid.
        joins: all inputs and the output share one grid.
        fixed_range: the output's range, known beforehand.
        scales_through: ``f(s x) = s f(x)`` for ``s > 0`` on each channel, so equalisation may pass.
    """

    data_inputs: tuple[int, ...] | None = (0,)
    weight_input: int | None = None
    weight_axis: int = 0
    bias_input: int | None = None
    keeps_grid: bool = False
    joins: bool = False
    fixed_range: tuple[float, float] | None = None
    scales_through: bool = False


OPS: dict[str, OpTraits] = {
    "Conv": OpTraits(weight_input=1, weight_axis=0, bias_input=2),
    "ConvTranspose": OpTraits(weight_input=1, weight_axis=1, bias_input=2),
    "Gemm": OpTraits(weight_input=1, weight_axis=1, bias_input=2),
    "MatMul": OpTraits(data_inputs=(0, 1), weight_input=1, weight_axis=1),
    "Add": OpTraits(data_inputs=None),
    "Sub": OpTraits(data_inputs=None),
    "Mul": OpTraits(data_inputs=None),
    "Div": OpTraits(data_inputs=None),
    "Concat": OpTraits(data_inputs=None, joins=True),
    "Relu": OpTraits(scales_through=True),
    "LeakyRelu": OpTraits(scales_through=True),
    "PRelu": OpTraits(),
    "Clip": OpTraits(),
    "HardSwish": OpTraits(),
    "Mish": OpTraits(),
    "Tanh": OpTraits(fixed_range=(-1.0, 1.0)),
    "Sigmoid": OpTraits(fixed_range=(0.0, 1.0)),
    "HardSigmoid": OpTraits(fixed_range=(0.0, 1.0)),
    "Softmax": OpTraits(fixed_range=(0.0, 1.0)),
    "AveragePool": OpTraits(),
    "GlobalAveragePool": OpTraits(),
    "MaxPool": OpTraits(keeps_grid=True, scales_through=True),
    "Resize": OpTraits(keeps_grid=True),
    "Reshape": OpTraits(keeps_grid=True),
    "Transpose": OpTraits(keeps_grid=True),
    "Squeeze": OpTraits(keeps_grid=True),
    "Unsqueeze": OpTraits(keeps_grid=True),
    "Flatten": OpTraits(keeps_grid=True),
    "Slice": OpTraits(keeps_grid=True),
    "Split": OpTraits(keeps_grid=True),
    "Pad": OpTraits(keeps_grid=True),
}

WEIGHTED = frozenset(op for op, traits in OPS.items() if traits.weight_input is not None)


def is_constant(value: ir.Value | None) -> bool:
    """Whether the value is an initialiser with known contents."""
    return value is not None and value.const_value is not None and value.producer() is None


def weight_of(node: ir.Node) -> ir.Value | None:
    """The constant weight of a weighted operator; None for all else (a MatMul of two activations, say)."""
    traits = OPS.get(node.op_type)
    if traits is None or traits.weight_input is None or len(node.inputs) <= traits.weight_input:
        return None
    value = node.inputs[traits.weight_input]
    return value if is_constant(value) else None


def bias_of(node: ir.Node) -> ir.Value | None:
    """The constant bias of a weighted operator, if it has one."""
    traits = OPS.get(node.op_type)
    if traits is None or traits.bias_input is None or len(node.inputs) <= traits.bias_input:
        return None
    value = node.inputs[traits.bias_input]
    return value if is_constant(value) else None


def weight_channel_axis(node: ir.Node) -> int:
    """The axis of the weight along which output channels run (Gemm's ``transB`` swaps it).

    For a grouped ConvTranspose the weight is ``[in, out / groups, kh, kw]``: the groups share its axis 1.
    """
    axis = OPS[node.op_type].weight_axis
    if node.op_type == "Gemm" and node.attributes.get_int("transB"):
        return 0
    weight = weight_of(node)
    if node.op_type == "MatMul" and weight is not None and weight.shape is not None:
        return len(weight.shape) - 1
    return axis


def activation_inputs(node: ir.Node) -> tuple[ir.Value, ...]:
    """The inputs of ``node`` that carry activations: its data inputs which are not constants."""
    traits = OPS.get(node.op_type)
    if traits is None:
        return ()
    positions = range(len(node.inputs)) if traits.data_inputs is None else traits.data_inputs
    values = (node.inputs[i] for i in positions if i < len(node.inputs))
    return tuple(v for v in values if v is not None and not is_constant(v))
