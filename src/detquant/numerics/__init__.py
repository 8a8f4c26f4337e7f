"""Integer types, grids, rounding and error measures: numpy only."""

from __future__ import annotations

from detquant.numerics.capability import USUAL_OPS, Capability, Kernel, eight_bits, up_to_eight_bits
from detquant.numerics.grid import QuantParams, dequantize, fake_quantize, grid_from_range, quantize
from detquant.numerics.qtype import INT8, INT32, UINT8, Granularity, PerAxis, PerGroup, PerTensor, QType, QuantSpec
from detquant.numerics.sqnr import ratio_db, sqnr_db

__all__ = [
    "INT8",
    "INT32",
    "UINT8",
    "USUAL_OPS",
    "Capability",
    "Granularity",
    "Kernel",
    "PerAxis",
    "PerGroup",
    "PerTensor",
    "QType",
    "QuantParams",
    "QuantSpec",
    "dequantize",
    "eight_bits",
    "fake_quantize",
    "grid_from_range",
    "quantize",
    "ratio_db",
    "sqnr_db",
    "up_to_eight_bits",
]
