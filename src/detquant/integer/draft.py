"""An integer graph while it is read: operators so far, grids and shapes of their codes, and how one is refused."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.errors import UnsupportedOperator
from detquant.graph.grids import Codes
from detquant.graph.values import static_shape
from detquant.integer.on_codes import Bounds
from detquant.integer.operators import IntegerOperator
from detquant.numerics import QuantParams, quantize
from detquant.numerics.multipliers import MULTIPLIER_BITS, Multiplier, common_multipliers, multipliers

Shape = tuple[int, ...]
PREACTIVATION_BITS = 10


@dataclass(slots=True)
class Draft:
    """What has been read so far.

    Attributes:
        multiplier_bits: width of the multipliers, see `detquant.numerics.multipliers`.
        preactivation_bits: width of the codes that an activation without a grid before it is looked up by.
        operators: in the order in which they run.
        grids: of all codes, by name.
        shapes: of all codes, by name.
    """

    multiplier_bits: int = MULTIPLIER_BITS
    preactivation_bits: int = PREACTIVATION_BITS
    operators: list[IntegerOperator] = field(default_factory=list)
    grids: dict[str, QuantParams] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)

    def add(self, operator: IntegerOperator, grid: QuantParams, shape: Shape) -> None:
        """An operator behind all others, and what its codes stand for."""
        self.operators.append(operator)
        self.grids[operator.output], self.shapes[operator.output] = grid, shape

    def multipliers(self, node: ir.Node, factors: npt.ArrayLike) -> Multiplier:
        """Factors as whole numbers.

        Raises:
            UnsupportedOperator: they are too large.
        """
        try:
            return multipliers(factors, self.multiplier_bits)
        except ValueError as error:
            raise refused(node, f"its {error}") from error

    def common_multipliers(self, node: ir.Node, factors: npt.ArrayLike) -> Multiplier:
        """Factors with one shift, alike."""
        try:
            return common_multipliers(factors, self.multiplier_bits)
        except ValueError as error:
            raise refused(node, f"its {error}") from error


def name_of(codes: Codes) -> str:
    """What an activation's codes are called."""
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


def refused(node: ir.Node, why: str) -> UnsupportedOperator:
    """The error for a node that has no integer operator."""
    return UnsupportedOperator(
        f"{node.op_type} '{node.name}' cannot run in integers: {why}. Let it run behind the network, or choose another "
        f"recipe or target."
    )
