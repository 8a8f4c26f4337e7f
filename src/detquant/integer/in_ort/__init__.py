"""The integer network as an ONNX graph whose every number is whole, run by ONNX Runtime: the same codes, sooner.

Codes are float32, which holds them exactly; sums of products are float32 below 2^24, requantisation is float64 below
2^53, and int64 beyond: no bound is assumed, each is computed from the numbers of the operator. What is right is said by
its NumPy code; that this gives the same, bit for bit, is held by tests on every operator.
"""

from __future__ import annotations

from detquant.integer.in_ort.network import OrtNetwork, fastest

__all__ = ["OrtNetwork", "fastest"]
