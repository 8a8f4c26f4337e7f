"""Which operators of a QDQ graph run on codes in LiteRT, and on which grids.

An operator runs on codes when it has an integer kernel and all that it reads and writes is codes there and then:

1. each activation comes from a DequantizeLinear of 8 bits with one scale, each result goes to a QuantizeLinear of
   that kind and nowhere else. A Relu or Clip that the kernel takes in stands between the two and counts as part of it;
2. a weight comes from a DequantizeLinear of int8 codes with zero point 0;
3. another constant is one number, which a grid of its own holds exactly, or is joined on the grid of the result;
4. the kernel's own demands on grids hold, see `SAME` and `FIXED`.

Everything else runs in float between DEQUANTIZE and QUANTIZE, which is what the QDQ graph says literally.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.traits import OPS
from detquant.graph.values import Array, constant, is_op, scalar
from detquant.numerics import INT8, QuantParams, dequantize
from detquant.targets.tflite.capability import CAPABILITY

SAME = frozenset(op for op, traits in OPS.items() if traits.keeps_grid or traits.joins) | CAPABILITY.keeps_grid
"""Operators that write on the grid they read."""

KERNELS = CAPABILITY.int8_ops | {"PRelu"}
"""Operators with an integer kernel. That of PRelu is LiteRT's own and slow: planned where nothing may run in float."""

FIXED: dict[str, tuple[float, int]] = {"Sigmoid": (1 / 256, -128), "Tanh": (1 / 128, 0)}
"""Scale and zero point of the only grid that a kernel writes."""

CLAMPS: dict[tuple[float | None, float | None], str] = {
    (0.0, None): "RELU",
    (0.0, 6.0): "RELU6",
    (-1.0, 1.0): "RELU_N1_TO_1",
}
"""Bounds that are operators, and fused activations, of their own."""

HALF = 128


def grid_of(node: ir.Node | None) -> QuantParams | None:
    """The int8 grid of a Q or DQ of 8 bits with one scale: uint8 is moved by 128; None for all else."""
    if not is_op(node, "QuantizeLinear", "DequantizeLinear"):
        return None
    assert node is not None
    scale, zero = constant(node.inputs[1]), constant(node.inputs[2]) if len(node.inputs) > 2 else None
    if scale is None or zero is None or scale.size != 1 or zero.dtype not in (np.int8, np.uint8):
        return None
    code = int(zero.reshape(())) - (HALF if zero.dtype == np.uint8 else 0)
    return QuantParams(INT8, np.asarray(scale.reshape(()), np.float32), np.asarray(code, np.int64))


def source_of(value: ir.Value) -> tuple[ir.Value, QuantParams] | None:
    """The codes that a dequantised activation comes from, and their grid."""
    node = value.producer()
    grid = grid_of(node) if is_op(node, "DequantizeLinear") else None
    codes = node.inputs[0] if node is not None and grid is not None else None
    return None if codes is None or grid is None or constant(codes) is not None else (codes, grid)


def sink_of(value: ir.Value) -> tuple[ir.Value, QuantParams] | None:
    """The codes that a value becomes and nothing else, and their grid."""
    uses = list(value.uses())
    grid = grid_of(uses[0].node) if len(uses) == 1 and is_op(uses[0].node, "QuantizeLinear") else None
    return None if grid is None or value.is_graph_output() else (uses[0].node.outputs[0], grid)


def stored_codes(value: ir.Value | None) -> tuple[Array, QuantParams] | None:
    """Codes and grid of a constant behind a DequantizeLinear: weights, biases."""
    node = value.producer() if value is not None else None
    if node is None or not is_op(node, "DequantizeLinear"):
        return None
    codes, scale = constant(node.inputs[0]), constant(node.inputs[1])
    if codes is None or scale is None:
        return None
    zero = constant(node.inputs[2]) if len(node.inputs) > 2 else None
    zeros = np.zeros(scale.shape, np.int64) if zero is None else np.asarray(zero, np.int64)
    axis = node.attributes.get_int("axis", 1) if scale.size > 1 else None
    shape = (-1,) if axis is not None else ()
    steps = np.asarray(scale, np.float32).reshape(shape)
    return codes, QuantParams(INT8, steps, zeros.reshape(shape), axis)


def constant_of(value: ir.Value | None) -> Array | None:
    """The numbers of a constant, dequantised where they are stored as codes; None for what is computed."""
    found = constant(value)
    if found is not None:
        return found
    codes = stored_codes(value)
    return None if codes is None else dequantize(codes[0].astype(np.int64), codes[1])


def bounds(node: ir.Node) -> tuple[float | None, float | None]:
    """What a Relu or Clip keeps its values between."""
    if node.op_type == "Relu":
        return 0.0, None
    given = [scalar(value) for value in node.inputs[1:3]]
    low, high = (*given, None, None)[:2]
    return (None if low is not None and low < -3e38 else low), (None if high is not None and high > 3e38 else high)


def single_value_grid(number: float) -> tuple[int, QuantParams]:
    """Code and grid that hold one number exactly."""
    code = INT8.qmax if number > 0 else -INT8.qmax if number < 0 else 0
    scale = np.float32(abs(number) / INT8.qmax) if code else np.float32(1)
    return code, QuantParams(INT8, np.asarray(scale, np.float32), np.asarray(0, np.int64))


def runs_on_codes(node: ir.Node, results: list[ir.Value]) -> bool:
    """Whether the operator runs on codes.

    Args:
        node: the operator.
        results: its outputs, or those of the activation that it takes in.
    """
    if node.op_type not in KERNELS or node.op_type not in OPS:
        return False
    sinks = [sink_of(value) for value in results]
    sources = _sources(node)
    if sources is None or not sources or not all(sinks):
        return False
    written = [sink[1] for sink in sinks if sink is not None]
    if node.op_type in SAME and len({_key(grid) for grid in (*sources, *written)}) > 1:
        return False
    if node.op_type in FIXED and _key(written[0]) != _number_key(*FIXED[node.op_type]):
        return False
    if node.op_type == "Clip" and bounds(node) not in CLAMPS:
        return _key(sources[0]) == _key(written[0])
    return True


def _sources(node: ir.Node) -> list[QuantParams] | None:
    """Grids of all activations that the operator reads; None where a demand on what it reads does not hold."""
    traits = OPS[node.op_type]
    positions = range(len(node.inputs)) if traits.data_inputs is None else traits.data_inputs
    grids = []
    for position, value in enumerate(node.inputs):
        if value is None or (position not in positions and position != traits.weight_input):
            continue
        if position == traits.weight_input and (stored := stored_codes(value)) is not None:  # case 2
            if stored[0].dtype != np.int8 or stored[1].zero_point.any():
                return None
            continue
        known = constant_of(value)
        if known is not None:  # case 3
            if position == traits.weight_input or not (traits.joins or np.unique(known).size == 1):
                return None
            continue
        found = source_of(value)
        if found is None:
            return None
        grids.append(found[1])
    has_weight = traits.weight_input is not None
    return None if has_weight and len(grids) != 1 else grids


def _key(grid: QuantParams) -> tuple[bytes, int]:
    return np.float32(grid.scale).tobytes(), int(grid.zero_point)


def _number_key(scale: float, zero_point: int) -> tuple[bytes, int]:
    return np.float32(scale).tobytes(), zero_point
