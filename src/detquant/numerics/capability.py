"""What a place to run can do, as facts: read by the planner, stated by the targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

USUAL_OPS = frozenset(
    [
        *("Conv", "Gemm", "MatMul", "Add", "Concat"),
        *("LeakyRelu", "Relu", "Clip"),
        *("AveragePool", "GlobalAveragePool", "MaxPool", "Resize"),
        *("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Split"),
    ]
)
"""What runtimes of convolutional networks have in 8 bits; targets say what they have besides, or lack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Facts about a runtime's integer kernels.

    Attributes:
        name: of the target.
        int8_ops: operators with an integer kernel between Q and DQ.
        dynamic_ops: layers with a kernel that takes 8-bit weights and rounds a real activation as it runs.
        weight_only: layers whose weights may be 8-bit codes though they run in float: the runtime turns them into
            floats once, as it loads, so this costs no time.
        fused: operators that the runtime folds into an integer kernel before them, such as Relu after Conv;
            no grid stands between the two.
        fused_after_add: the same for an integer Add, as at the end of a residual block.
        fused_activations: composite activations (silu, ...) that run inside the integer kernel of the layer before
            them: their one grid is at their output, and none stands between the two.
        activation_steps: composite activations (silu, ...) that run as several integer operators, each with
            a grid of its own; what is not listed runs in float between DQ and Q.
        symmetric: grids of activations are signed with zero point 0, whatever the recipe says.
        integer_only: nothing runs in float before the decode tail, which the host runs: images and what the heads
            give are codes.
        float_results: an integer kernel with weights may write float, so what only float operators read has no grid.
        keeps_grid: operators, besides those that move values, whose kernel writes on the grid it reads.
        fixed_ranges: the range of an operator's result where its kernel writes one grid only, and not the one that
            the operator's own range would give.
        pair_saturation: 8-bit products are added in pairs in 16 bits on some of its processors, so weights
            are chosen such that no pair can overflow.
        opset: the ONNX opset that is written.
    """

    name: str
    int8_ops: frozenset[str]
    dynamic_ops: frozenset[str] = field(default_factory=frozenset)
    weight_only: frozenset[str] = field(default_factory=frozenset)
    fused: frozenset[str] = field(default_factory=frozenset)
    fused_after_add: frozenset[str] = field(default_factory=frozenset)
    fused_activations: frozenset[str] = field(default_factory=frozenset)
    activation_steps: frozenset[str] = field(default_factory=frozenset)
    symmetric: bool = False
    integer_only: bool = False
    float_results: bool = False
    keeps_grid: frozenset[str] = field(default_factory=frozenset)
    fixed_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    pair_saturation: bool = False
    opset: int = 21
