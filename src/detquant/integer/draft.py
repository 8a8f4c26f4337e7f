"""An integer graph while it is read: operators so far, grids and shapes of their codes, and how one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.errors import RecipeError, UnsupportedOperator
from detquant.graph.bounds import Bounds
from detquant.graph.grids import Codes
from detquant.graph.values import static_shape
from detquant.graph.window import Window, window_of
from detquant.integer.operators import IntegerOperator
from detquant.numerics import QuantParams, quantize
from detquant.numerics.multipliers import (
    MULTIPLIER_BITS,
    WIDEST_MULTIPLIER,
    Multiplier,
    common_multipliers,
    multipliers,
)

Shape = tuple[int, ...]
PREACTIVATION_BITS, WIDEST_PREACTIVATION = 10, 16


SATURATING = 2.0**17
"""A factor that takes every whole number but 0 beyond the codes of 16 bits, so that all larger ones do the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Bits that integer operators use where the graph does not say.

    Attributes:
        multiplier: bits of the factors of requantisation, 2 to 31, see `detquant.numerics.multipliers`.
        preactivation: bits of the codes by which an activation is looked up that has no grid before it, 2 to 16.

    Raises:
        RecipeError: they are outside these limits.
    """

    multiplier: int = MULTIPLIER_BITS
    preactivation: int = PREACTIVATION_BITS

    def __post_init__(self) -> None:
        limits = {"multiplier": WIDEST_MULTIPLIER, "preactivation": WIDEST_PREACTIVATION}
        for name, most in limits.items():
            if not 2 <= getattr(self, name) <= most:
                raise RecipeError(f"The width '{name}' of the integer model is {getattr(self, name)}, not 2 to {most}.")


USUAL = Widths()


@dataclass(slots=True)
class Draft:
    """The integer graph as far as it has been read.

    Attributes:
        widths: bits of what the graph says nothing of.
        operators: the operators, in the order in which they run.
        grids: grids of all codes, by name.
        shapes: shapes of all codes, by name.
    """

    widths: Widths = USUAL
    operators: list[IntegerOperator] = field(default_factory=list)
    grids: dict[str, QuantParams] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)

    def add(self, operator: IntegerOperator, grid: QuantParams, shape: Shape) -> None:
        """Adds an operator behind all others, with the grid and the shape of its codes."""
        self.operators.append(operator)
        self.grids[operator.output], self.shapes[operator.output] = grid, shape

    def multipliers(self, node: ir.Node, factors: npt.ArrayLike, most_bits: int = WIDEST_MULTIPLIER) -> Multiplier:
        """Real factors as whole multipliers with shifts.

        Args:
            node: the node that the factors are of.
            factors: 0 or more. Of those above `SATURATING` nothing is left but the sign.
            most_bits: bits that a multiplier may have, so that its product with a number has room.

        Raises:
            UnsupportedOperator: they are too large for multipliers of so few bits, negative or not finite.
        """
        try:
            return multipliers(np.minimum(factors, SATURATING), min(self.widths.multiplier, most_bits))
        except ValueError as error:
            raise refused(node, f"its {error}") from error

    def common_multipliers(self, node: ir.Node, factors: npt.ArrayLike) -> Multiplier:
        """Factors of the terms of a sum as whole numbers with one shift in common."""
        real = np.asarray(factors, np.float64)
        try:
            return common_multipliers(real / max(1.0, np.abs(real).max() / SATURATING), self.widths.multiplier)
        except ValueError as error:
            raise refused(node, f"its {error}") from error


def name_of(codes: Codes) -> str:
    """The name of an activation's codes."""
    return codes.value.name or ""


def limits(grid: QuantParams, bounds: Bounds) -> tuple[int, int]:
    """The smallest and the largest code within the bounds: rounding keeps the order, so codes are cut off at theirs."""
    low, high = (None if bound is None else int(quantize(np.array(bound, np.float32), grid)) for bound in bounds)
    return grid.qtype.qmin if low is None else low, grid.qtype.qmax if high is None else high


def shape_of(node: ir.Node, value: ir.Value | None) -> Shape:
    """The static shape of a value.

    Raises:
        UnsupportedOperator: it has none.
    """
    shape = static_shape(value)
    if shape is None:
        raise refused(node, f"the shape of '{value.name if value else ''}' depends on the image")
    return shape


def window(node: ir.Node, kernel: Sequence[int]) -> Window:
    """The window of a convolution or a pooling.

    Raises:
        UnsupportedOperator: it is no window over height and width.
    """
    try:
        return window_of(node, kernel, shape_of(node, node.inputs[0]), shape_of(node, node.outputs[0]))
    except ValueError as error:
        raise refused(node, f"it {error}") from error


def refused(node: ir.Node, why: str) -> UnsupportedOperator:
    """The error for a node that has no integer operator."""
    return UnsupportedOperator(
        f"{node.op_type} '{node.name}' cannot run in integers: {why}. Let it run behind the network, or choose another "
        f"recipe or target."
    )
