"""What LiteRT's integer kernels ask of an operator on codes, besides what makes it one (see `detquant.integer`).

1. There is a kernel for it, and all codes are of 8 bits, or all of 16 around zero. The kernels take int8 and int16:
   uint8 is moved by 128.
2. A weight is int8 codes with zero point 0, beside one activation.
3. Another constant is one number, which a grid of its own holds exactly, or is joined on the grid of the result.
4. The kernel's own demands on grids hold, see `SAME` and `FIXED`.

Everything else runs in float between DEQUANTIZE and QUANTIZE, which is what the QDQ graph says literally.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from detquant.graph.bounds import Bounds, bounds
from detquant.graph.grids import Codes, Stored
from detquant.graph.traits import OPS
from detquant.integer.on_codes import OnCodes
from detquant.numerics import INT8, QType, QuantParams, quantize
from detquant.numerics.arrays import Array
from detquant.targets.tflite.capability import CAPABILITY

SAME = frozenset(op for op, traits in OPS.items() if traits.keeps_grid or traits.joins) | CAPABILITY.keeps_grid
"""Operators that write on the grid that they read."""

KERNELS = CAPABILITY.kernels.keys() | {"PRelu"}
"""Operators with an integer kernel. That of PRelu is LiteRT's own and slow: planned where nothing may run in float."""

INT16 = QType(16)

FIXED: dict[tuple[str, QType], tuple[float, int]] = {
    ("Sigmoid", INT8): (1 / 256, -128),
    ("Tanh", INT8): (1 / 128, 0),
    ("Sigmoid", INT16): (1 / 32768, 0),
    ("Tanh", INT16): (1 / 32768, 0),
}
"""Scale and zero point of the only grid that a kernel writes, by the type of its codes."""

CLAMPS: dict[Bounds, str] = {
    (0.0, None): "RELU",
    (0.0, 6.0): "RELU6",
    (-1.0, 1.0): "RELU_N1_TO_1",
}
"""Bounds that are operators, and fused activations, of their own."""

FUSES = frozenset({"Conv", "Gemm", "MatMul", "Add", "Sub", "Mul"})
"""Operators with a fused activation."""

TAKES_IN = FUSES | {"ConvTranspose"}
"""Operators on codes that end in the bounds of a Relu or Clip behind them, fused or as operators of their own."""

ONLY_INT8 = frozenset({"PRelu"})
"""Operators whose kernel has no form for int16."""

HALF = 128
KEPT_IN = (ir.DataType.INT8, ir.DataType.UINT8, ir.DataType.INT16)


def as_stored(grid: QuantParams) -> QuantParams | None:
    """A grid as the kernels take it, in int8 or int16, uint8 moved by 128.

    Returns:
        None for several scales, more than 16 bits, and more than 8 that do not lie around zero.
    """
    if grid.axis is not None or grid.qtype.bits > INT16.bits:
        return None
    if grid.qtype.bits > INT8.bits:
        around_zero = grid.qtype.signed and not grid.zero_point.any()
        return QuantParams(INT16, grid.scale, grid.zero_point) if around_zero else None
    moved = 0 if grid.qtype.signed else HALF
    return QuantParams(INT8, grid.scale, np.asarray(grid.zero_point - moved, np.int64))


def stored_grid(codes: Codes) -> QuantParams:
    """The grid of an activation that a kernel reads or writes."""
    grid = as_stored(codes.grid)
    assert grid is not None, codes
    return grid


def single_value_grid(number: float, qtype: QType) -> tuple[int, QuantParams]:
    """Code of a type, and grid, that hold one number exactly."""
    code = qtype.qmax if number > 0 else -qtype.qmax if number < 0 else 0
    scale = np.float32(abs(number) / qtype.qmax) if code else np.float32(1)
    return code, QuantParams(qtype, np.asarray(scale, np.float32), np.asarray(0, np.int64))


def holds(within: Bounds, grid: QuantParams) -> bool:
    """Whether codes of this grid stand for nothing beyond the bounds, so that rounding cuts off what is."""
    low, high = within
    lowest = low is None or int(quantize(np.array(low, np.float32), grid)) == grid.qtype.qmin
    highest = high is None or int(quantize(np.array(high, np.float32), grid)) == grid.qtype.qmax
    return lowest and highest


def takes(operator: OnCodes) -> bool:
    """Whether LiteRT has a kernel that runs the operator on its codes."""
    node, traits = operator.node, OPS.get(operator.node.op_type)
    if node.op_type not in KERNELS or traits is None:
        return False
    codes = (*operator.activations, *operator.outputs)
    grids = [grid for one in codes if one.value.dtype in KEPT_IN and (grid := as_stored(one.grid)) is not None]
    if len(grids) < len(codes) or len({grid.qtype for grid in grids}) > 1:  # case 1
        return False
    if grids[0].qtype == INT16 and node.op_type in ONLY_INT8:
        return False
    if traits.weight_input is not None and not _weight_fits(operator):
        return False
    if not traits.joins and any(_is_several(one) for one in _constants(operator)):  # case 3
        return False
    read, written = _key(grids[0]), _key(grids[-1])
    if node.op_type in SAME and len(set(map(_key, grids))) > 1:
        return False
    fixed = FIXED.get((node.op_type, grids[-1].qtype))
    if fixed is not None and written != _number_key(*fixed):
        return False
    return node.op_type != "Clip" or bounds(node) in CLAMPS or read == written


def _constants(operator: OnCodes) -> list[Stored | Array]:
    """Constant data that an operator reads, its weight aside."""
    traits = OPS[operator.node.op_type]
    places = range(len(operator.inputs)) if traits.data_inputs is None else traits.data_inputs
    found = (operator.inputs[place] for place in places if place != traits.weight_input)
    return [one for one in found if isinstance(one, Stored | np.ndarray)]


def _weight_fits(operator: OnCodes) -> bool:
    """Whether the kernel takes the operator's weight: int8 codes with zero point 0 beside one activation (case 2)."""
    weight = operator.weight
    if weight is None or len(operator.activations) != 1:
        return False
    return weight.codes.dtype == np.int8 and not weight.grid.zero_point.any()


def _is_several(constant: Stored | Array) -> bool:
    """Whether a constant is of more than one number."""
    return np.unique(constant.real if isinstance(constant, Stored) else constant).size != 1


def _key(grid: QuantParams) -> tuple[bytes, int]:
    return np.float32(grid.scale).tobytes(), int(grid.zero_point)


def _number_key(scale: float, zero_point: int) -> tuple[bytes, int]:
    return np.float32(scale).tobytes(), zero_point
