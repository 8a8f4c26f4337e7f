"""An ONNX graph of exact steps while it is written: nodes, constants, and how numbers are requantised in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx_ir as ir

from detquant.integer.accumulation import EXACT_FLOAT64
from detquant.integer.operators import IntegerOperator
from detquant.numerics.multipliers import Multiplier

Numbers = npt.NDArray[Any]


@dataclass(slots=True)
class Steps:
    """The graph so far.

    Attributes:
        shapes: shapes of codes, by name.
        codes: values that hold codes, float32, by the names that the integer graph has for them.
        places: the same less their smallest, int32, with that smallest, where they are there.
        largest: no code of that name is larger in size.
        nodes: in the order in which they run.
        constants: what they read that is known.
    """

    shapes: Mapping[str, tuple[int, ...]]
    codes: dict[str, ir.Value] = field(default_factory=dict)
    places: dict[str, tuple[ir.Value, int]] = field(default_factory=dict)
    largest: dict[str, int] = field(default_factory=dict)
    nodes: list[ir.Node] = field(default_factory=list)
    constants: list[ir.Value] = field(default_factory=list)

    def constant(self, array: npt.ArrayLike, kind: npt.DTypeLike) -> ir.Value:
        """A constant of this type."""
        tensor = ir.Tensor(np.ascontiguousarray(np.asarray(array, kind)))
        value = ir.Value(name=f"constant_{len(self.constants)}", const_value=tensor)
        self.constants.append(value)
        return value

    def step(self, kind: str, *inputs: ir.Value, **attributes: Any) -> ir.Value:
        """The result of one more node."""
        node = ir.node(kind, list(inputs), attributes=attributes)
        node.outputs[0].name = f"step_{len(self.nodes)}"
        self.nodes.append(node)
        return node.outputs[0]

    def cast(self, value: ir.Value, kind: npt.DTypeLike) -> ir.Value:
        """The same numbers in another type."""
        return self.step("Cast", value, to=int(ir.DataType.from_numpy(np.dtype(kind))))

    def shifted(self, value: ir.Value, by: int, kind: npt.DTypeLike = np.float32) -> ir.Value:
        """Numbers moved by a whole number; the value itself where that is 0."""
        return self.step("Add", value, self.constant(by, kind)) if by else value

    def taken(self, entries: ir.Value, places: ir.Value) -> ir.Value:
        """Entries of a flat array by flat places; of ONNX's three ways to say it the one that is fast."""
        return self.step("GatherElements", entries, places, axis=0)

    def reshaped(self, value: ir.Value, shape: tuple[int, ...]) -> ir.Value:
        """The numbers in another shape."""
        return self.step("Reshape", value, self.constant(shape, np.int64))

    def requantised(
        self, sums: ir.Value, largest: npt.ArrayLike, factor: Multiplier, zero: int, into: IntegerOperator
    ) -> None:
        """Gives an operator's codes: ``saturate(((n M + 2^(S-1)) >> S) + zero)``.

        Args:
            sums: the numbers n, float32 or float64.
            largest: none is larger in size; for all, or in a shape that broadcasts against the factors.
            factor: M and S, in a shape that broadcasts against the numbers.
            zero: added before saturation.
            into: whose codes they become.
        """
        most = np.asarray(largest, np.int64)
        # Where n M is less than half a step in size the result is 0, and M may be 0: its S needs no room then.
        nothing = most * np.abs(factor.multiplier) < _half(factor.shift)
        multiplier, shift = (np.where(nothing, 0, one) for one in (factor.multiplier, factor.shift))
        reach = most * np.abs(multiplier) + _half(shift)
        if int(reach.max()) > EXACT_FLOAT64:
            product = self.step("Mul", self.cast(sums, np.int64), self.constant(multiplier, np.int64))
            self.halved_up(product, shift, zero, into)
            return
        # n M / 2^S + 1/2 + zero - low is a multiple of 2^-S: exact while it is of at most 53 bits. Where it is not
        # negative, a cast to whole numbers rounds down.
        moved = zero - into.low
        inside = bool((reach + abs(moved) * 2.0**shift < EXACT_FLOAT64 / 2).all())
        ends = _half(shift) * 2.0**-shift + (moved if inside else 0)
        product = self.step("Mul", self.cast(sums, np.float64), self.constant(multiplier * 2.0**-shift, np.float64))
        number = self.step("Add", product, self.constant(ends, np.float64))
        if not inside:
            number = self.shifted(self.step("Floor", number), moved, np.float64)
        cut = self.step("Clip", number, *(self.constant(end, np.float64) for end in (0, into.high - into.low + 0.5)))
        places = self.cast(cut, np.int32)
        self.name(self.shifted(self.cast(places, np.float32), into.low), into, into.low, into.high)
        self.places[into.output] = places, into.low

    def halved_up(self, numbers: ir.Value, shift: Numbers, zero: int, into: IntegerOperator) -> None:
        """Gives codes of int64 numbers: ``saturate(((n + 2^(S-1)) >> S) + zero)``, by a division rounded down."""
        steps = self.constant(np.int64(1) << shift, np.int64)
        moved = self.step("Add", numbers, self.constant(_half(shift), np.int64))
        rest = self.step("Mod", moved, steps)  # of the divisor's sign: never below 0
        rounded = self.step("Div", self.step("Sub", moved, rest), steps)
        self.give(self.shifted(rounded, zero, np.int64), into, np.int64)

    def give(self, numbers: ir.Value, into: IntegerOperator, kind: npt.DTypeLike = np.float32) -> None:
        """Gives an operator's codes: whole numbers of this type, saturated."""
        ends = self.constant(into.low, kind), self.constant(into.high, kind)
        cut = self.step("Clip", numbers, *ends)
        self.name(cut if np.dtype(kind) == np.float32 else self.cast(cut, np.float32), into, into.low, into.high)

    def name(self, codes: ir.Value, into: IntegerOperator, low: int, high: int) -> None:
        """Says which value holds an operator's codes, and between which they lie."""
        self.codes[into.output], self.largest[into.output] = codes, max(abs(low), abs(high))


def _half(shift: Numbers) -> Numbers:
    """Half a step of ``2^shift``, int64; 0 where there is no shift."""
    return np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
