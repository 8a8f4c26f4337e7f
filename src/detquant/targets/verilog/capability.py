"""What the engine's integers can do: layers with an activation's table behind them, and the rest by channels."""

from __future__ import annotations

from detquant.numerics import USUAL_OPS, Capability, up_to_eight_bits

BESIDES = ("Mul", "Sigmoid", "HardSigmoid", "HardSwish", "Sub", "Pad", "Tanh", "Mish", "PRelu")
CAPABILITY = Capability(
    name="verilog",
    kernels=up_to_eight_bits([*USUAL_OPS, *BESIDES]),
    stored_bits=2,
    any_width=True,
    fused=frozenset({"Relu", "Clip", "LeakyRelu"}),
    fused_after_add=frozenset({"Relu", "Clip", "LeakyRelu"}),
    fused_activations=frozenset({"silu", "hardswish", "mish"}),
    integer_only=True,
)
"""Weights and activations of 2 to 8 bits; nothing runs in float before the decoding, which is the host's."""
