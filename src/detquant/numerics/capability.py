"""What a place to run can do, as facts: read by the planner, stated by the targets."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Facts about a runtime's integer kernels.

    Attributes:
        name: of the target.
        int8_ops: operators with an integer kernel between Q and DQ.
        fused: operators that the runtime folds into an integer kernel before them, such as Relu after Conv;
            no grid stands between the two.
        activation_steps: composite activations (silu, ...) that run as several integer operators, each with
            a grid of its own; what is not listed runs in float between DQ and Q.
        pair_saturation: 8-bit products are added in pairs in 16 bits on some of its processors, so weights
            are chosen such that no pair can overflow.
        opset: the ONNX opset that is written.
    """

    name: str
    int8_ops: frozenset[str]
    fused: frozenset[str] = field(default_factory=frozenset)
    activation_steps: frozenset[str] = field(default_factory=frozenset)
    pair_saturation: bool = False
    opset: int = 21
