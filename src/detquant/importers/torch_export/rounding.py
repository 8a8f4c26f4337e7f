"""How torch's operators that round to a grid are written in ONNX: handed to its exporter.

torch's own translations know grids of 256 codes, or leave the bounds of narrower ones out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch
from onnxscript import opset21 as op

_FULL = {
    ir.DataType.UINT8: (0, 255),
    ir.DataType.INT8: (-128, 127),
    ir.DataType.UINT16: (0, 65535),
    ir.DataType.INT16: (-32768, 32767),
}
"""The types that codes are read in, the narrowest first, and their ends."""
_CLIPPED = (ir.DataType.UINT8, ir.DataType.INT8)
"""Of these, those that ONNX Runtime clips: codes of the others fill their type."""
_READ = "only those of 2 to 8 and of 16 bits are read"


def translations() -> dict[Any, Callable[..., Any]]:
    """Functions that write torch's rounding operators in ONNX, by the operator."""
    aten = torch.ops.aten
    found: dict[Any, Callable[..., Any]] = {
        aten.fake_quantize_per_tensor_affine.default: _per_tensor,
        aten.fake_quantize_per_tensor_affine.tensor_qparams: _per_tensor,
        aten.fake_quantize_per_channel_affine.default: _per_channel,
    }
    decomposed = getattr(torch.ops, "quantized_decomposed", None)
    if decomposed is not None and hasattr(decomposed, "quantize_per_tensor"):
        found[decomposed.quantize_per_tensor.default] = _quantise
        found[decomposed.quantize_per_tensor.tensor] = _quantise
        found[decomposed.dequantize_per_tensor.tensor] = _dequantise
    return found


def _per_tensor(self: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int) -> Any:
    return _both(self, scale, zero_point, quant_min, quant_max, None)


def _per_channel(self: Any, scale: Any, zero_point: Any, axis: int, quant_min: int, quant_max: int) -> Any:
    return _both(self, scale, zero_point, quant_min, quant_max, axis)


def _both(data: Any, scale: Any, zero_point: Any, low: int, high: int, axis: int | None) -> Any:
    kind = next((one for one, (least, most) in _FULL.items() if least <= low and high <= most), None)
    if kind is None:
        raise NotImplementedError(f"codes from {low} to {high}: {_READ}")
    where = {} if axis is None else {"axis": axis}
    real, whole = op.Cast(scale, to=ir.DataType.FLOAT), op.Cast(zero_point, to=kind)
    codes = _within(op.QuantizeLinear(data, real, whole, **where), low, high, kind)
    return op.DequantizeLinear(codes, real, whole, **where)


def _quantise(input: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int, dtype: int) -> Any:
    kind = ir.DataType(dtype)
    real, whole = op.Cast(scale, to=ir.DataType.FLOAT), op.Cast(zero_point, to=kind)
    return _within(op.QuantizeLinear(input, real, whole), quant_min, quant_max, kind)


def _dequantise(input: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int, dtype: int) -> Any:
    return op.DequantizeLinear(input, op.Cast(scale, to=ir.DataType.FLOAT), op.Cast(zero_point, to=ir.DataType(dtype)))


def _within(codes: Any, low: int, high: int, kind: ir.DataType) -> Any:
    if kind not in _FULL:
        raise NotImplementedError(f"a grid of {kind.name}: {_READ}")
    least, most = _FULL[kind]
    if (low, high) == (least, most):
        return codes
    if low < least or high > most or kind not in _CLIPPED:
        raise NotImplementedError(f"codes from {low} to {high}: {_READ}")
    return op.Clip(codes, op.Cast(low, to=kind), op.Cast(high, to=kind))
