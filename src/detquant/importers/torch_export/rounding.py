"""How torch's operators that round to a grid are written in ONNX: handed to its exporter.

torch's own translations know grids of 256 codes, or leave the bounds of narrower ones out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_ir as ir
import torch
from onnxscript import opset21 as op

_FULL = {ir.DataType.UINT8: (0, 255), ir.DataType.INT8: (-128, 127)}


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
    kind = ir.DataType.UINT8 if low >= 0 else ir.DataType.INT8
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
        raise NotImplementedError(f"a grid of {kind.name}: only those of 8 bits are read")
    least, most = _FULL[kind]
    if low < least or high > most:
        raise NotImplementedError(f"codes from {low} to {high}: only those of 8 bits are read")
    if (low, high) == (least, most):
        return codes
    return op.Clip(codes, op.Cast(low, to=kind), op.Cast(high, to=kind))
