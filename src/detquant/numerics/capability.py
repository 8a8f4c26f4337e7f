"""What a target's integer kernels can do, as facts: stated by the targets, read by the planner."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from detquant.numerics.qtype import Granularity, PerAxis, PerTensor, QuantSpec

USUAL_OPS = frozenset(
    [
        *("Conv", "Gemm", "MatMul", "Add", "Concat"),
        *("LeakyRelu", "Relu", "Clip"),
        *("AveragePool", "GlobalAveragePool", "MaxPool", "Resize"),
        *("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Slice", "Split"),
    ]
)
"""What runtimes of convolutional networks have in 8 bits; targets say what they have besides, or lack."""


EIGHT = frozenset({8})
UP_TO_EIGHT = frozenset(range(2, 9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """The types and granularities that an integer kernel takes.

    Attributes:
        weight_bits: widths of its weight's grid: a kernel that reads 8 bits multiplies narrower codes as well.
        activation_bits: widths of the grids that it reads and writes. One narrower than its codes is among them where
            the target cuts codes off itself (`detquant.graph.saturation`), since the kernel saturates at its own width.
        granularities: granularities that its weight's grid may have.
    """

    weight_bits: frozenset[int] = UP_TO_EIGHT
    activation_bits: frozenset[int] = EIGHT
    granularities: frozenset[type[Granularity]] = frozenset({PerTensor, PerAxis})

    def unsupported(self, weight: QuantSpec | None, activation: QuantSpec | None) -> str | None:
        """Says in a few words which of two wishes the kernel does not take; None where it takes both.

        Args:
            weight: the wish for its weight; None where it has none, or has it in float.
            activation: the wish for what it reads and writes.
        """
        if weight is not None and weight.qtype.bits not in self.weight_bits:
            return f"weights of {weight.qtype.bits} bits, and its kernels take {_listed(self.weight_bits)}"
        if weight is not None and type(weight.granularity) not in self.granularities:
            kinds = " or ".join(sorted(kind.words for kind in self.granularities))
            return f"weights on grids {weight.granularity}, and its kernels take grids {kinds}"
        if activation is not None and activation.qtype.bits not in self.activation_bits:
            return f"activations of {activation.qtype.bits} bits, and its kernels take {_listed(self.activation_bits)}"
        return None


def _listed(bits: Iterable[int]) -> str:
    """Widths as people write them: "8", "4 and 8", "2 to 8", "2 to 8 and 16"."""
    runs: list[list[int]] = []
    for width in sorted(bits):
        if runs and width == runs[-1][-1] + 1:
            runs[-1].append(width)
        else:
            runs.append([width])
    words = [
        word for run in runs for word in ([f"{run[0]} to {run[-1]}"] if len(run) > 2 else [str(width) for width in run])
    ]
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]


def eight_bits(ops: Iterable[str]) -> dict[str, Kernel]:
    """The usual kernel, on codes of 8 bits, for each of these operators."""
    return dict.fromkeys(ops, Kernel())


def up_to_eight_bits(ops: Iterable[str], more: Collection[int] = ()) -> dict[str, Kernel]:
    """The kernel on codes of 8 bits for each of these operators, where the target cuts codes of narrower grids off.

    Args:
        ops: operators.
        more: widths of activations besides.
    """
    return dict.fromkeys(ops, Kernel(activation_bits=UP_TO_EIGHT.union(more)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Facts about a runtime's integer kernels.

    Attributes:
        name: name of the target.
        kernels: operator -> its integer kernel between Q and DQ.
        dynamic_ops: layers with a kernel that takes 8-bit weights and rounds a real activation as it runs.
        weight_only: layers whose weights may be 8-bit codes though they run in float: the runtime turns them into
            floats once, as it loads, so this costs no time.
        fused: operators that the runtime folds into an integer kernel before them, such as Relu after Conv;
            no grid stands between the two.
        fused_after_add: operators that are folded into an integer Add before them, as at the end of a residual block.
        fused_activations: composite activations (silu, ...) that run inside the integer kernel of the layer before
            them: their one grid is at their output, and none stands between the two.
        activation_steps: composite activations (silu, ...) that run as several integer operators, each with
            a grid of its own; what is not listed runs in float between DQ and Q.
        symmetric: grids of activations are signed with zero point 0, whatever the recipe says.
        integer_only: nothing runs in float before the decode tail, which the host runs: images and what the heads
            give are codes.
        float_results: an integer kernel with weights may write float, so what only float operators read has no grid.
        keeps_grid: operators, besides those that move values, whose kernel writes on the grid it reads.
        symmetric_bits: widths at which grids of activations are signed with zero point 0, whatever the recipe says.
        fixed_ranges: by operator and width, the range of its result where the kernel writes one grid only, and not the
            one that the operator's own range would give.
        pair_saturation: 8-bit products are added in pairs in 16 bits on some of its processors, so weights
            are chosen such that no pair can overflow.
        float_bits: widths of activations that its files hold and its integer kernels do not take: operators on such
            grids run in float between DQ and Q.
        stored_bits: width of the narrowest codes that its files hold; weights on narrower grids take as much.
        code_tables: whether its files hold weights of few different codes as places in a table of these; of those of 2
            bits each then takes 2, whatever `stored_bits` says.
        any_width: whether its files hold codes of any width side by side, not of powers of two alone.
        opset: the ONNX opset that is written.
    """

    name: str
    kernels: Mapping[str, Kernel]
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
    symmetric_bits: frozenset[int] = field(default_factory=frozenset)
    fixed_ranges: Mapping[tuple[str, int], tuple[float, float]] = field(default_factory=dict)
    pair_saturation: bool = False
    float_bits: frozenset[int] = field(default_factory=frozenset)
    stored_bits: int = 8
    any_width: bool = False
    code_tables: bool = False
    opset: int = 21

    def stored(self, bits: int, narrowest: int | None = None) -> int:
        """The bits that a code of so many takes in its files.

        Args:
            bits: width of the code.
            narrowest: width of the narrowest codes that they hold, where another one than `stored_bits`.
        """
        least = max(bits, self.stored_bits if narrowest is None else narrowest)
        return least if self.any_width else next(width for width in (2, 4, 8, 16, 32) if width >= least)
