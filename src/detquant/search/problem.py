"""Widths as a problem of numbers: what is to be decided, what each choice costs, and what it takes of the budget.

    minimise    sum over decisions of cost(chosen width)
    subject to  constant + sum of amount(chosen width) + sum over pairs of macs x width_a x width_b  <=  budget

A pair is a layer and the tensor that it reads, where both widths are open: bit operations are a product then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from detquant.errors import OptionError

Widths = tuple[int, ...]
"""A chosen width for each decision, in their order."""


@dataclass(frozen=True, slots=True)
class Option:
    """A width that may be chosen.

    Attributes:
        bits: the width.
        cost: what it costs the network; costs are added up.
        amount: what it takes of the budget by itself.
    """

    bits: int
    cost: float
    amount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Something whose width is open.

    Attributes:
        name: name of a layer, or of a tensor.
        is_weight: whether it is a layer's weight; else it is activations on one grid.
        options: the widths, narrowest first.
    """

    name: str
    is_weight: bool
    options: tuple[Option, ...]

    def option(self, bits: int) -> Option:
        """The option of this width.

        Raises:
            KeyError: there is none.
        """
        return {one.bits: one for one in self.options}[bits]


@dataclass(frozen=True, slots=True)
class Pair:
    """A product of two open widths.

    Attributes:
        first: place of a decision.
        second: place of another.
        factor: what one bit times one bit takes of the budget.
    """

    first: int
    second: int
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """All decisions, and the budget.

    Attributes:
        decisions: what is open.
        pairs: products of two of them.
        constant: what is taken of the budget in any case.
        budget: how much there is.
    """

    decisions: tuple[Decision, ...]
    pairs: tuple[Pair, ...] = ()
    constant: float = 0.0
    budget: float

    def amount(self, widths: Sequence[int]) -> float:
        """What these widths take of the budget."""
        own = sum(one.option(bits).amount for one, bits in zip(self.decisions, widths, strict=True))
        return self.constant + own + sum(p.factor * widths[p.first] * widths[p.second] for p in self.pairs)

    def cost(self, widths: Sequence[int]) -> float:
        """What these widths cost the network, by the sum of what each costs alone."""
        return sum(one.option(bits).cost for one, bits in zip(self.decisions, widths, strict=True))

    def smallest(self) -> Widths:
        """The widths that take least of the budget; of those that take as much, the ones that cost least."""
        paired = {place for pair in self.pairs for place in (pair.first, pair.second)}

        def least(place: int, one: Decision) -> int:
            return min(one.options, key=lambda o: (o.amount, o.bits if place in paired else 0, o.cost)).bits

        return tuple(least(place, one) for place, one in enumerate(self.decisions))

    def fits(self, widths: Sequence[int]) -> bool:
        """Whether these widths are within the budget, to a billionth of it."""
        return self.amount(widths) <= self.budget * (1 + 1e-9)


class OverBudget(OptionError):
    """A budget below what is possible.

    Attributes:
        least: the smallest amount that is.
    """

    def __init__(self, message: str, least: float) -> None:
        super().__init__(message)
        self.least = least
