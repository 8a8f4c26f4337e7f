"""A rule of a recipe: which operators it speaks of, and what it gives them."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from enum import Enum
from typing import Literal

import onnx_ir as ir

from detquant.numerics import QuantSpec
from detquant.recipes.choice import require_symmetric
from detquant.recipes.places import Place, Places

ANY = "*"


class Earlier(Enum):
    """What a rule leaves to those before it; the value is the word for it in a recipe."""

    RULES = "as before"


AS_BEFORE: Literal[Earlier.RULES] = Earlier.RULES
"""The rule says nothing of this: what earlier rules say holds."""

Wish = QuantSpec | None | Literal[Earlier.RULES]
"""What a rule gives: a type, float (None), or nothing of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule: the types given to operators of some kinds, names, places and sizes.

    Attributes:
        ops: operator types; ANY is all of them.
        scope: pattern of operators' names.
        place: places, of which an operator must stand at one; empty for all operators.
        min_weights: number of weights that a layer has at least; None for all operators.
        max_weights: number of weights that a layer has at most; None for all operators.
        smallest_share: share of the network's weights, 0 to 1: the rule is for the smallest layers, as many as have no
            more of them together; None for all operators.
        weight: the wish for the weight; None keeps it in float.
        activation: the wish for what the operator writes; None keeps the operator in float.
    """

    ops: tuple[str, ...] = (ANY,)
    scope: str = ANY
    place: tuple[Place, ...] = ()
    min_weights: int | None = None
    max_weights: int | None = None
    smallest_share: float | None = None
    weight: Wish = None
    activation: Wish = None

    def __post_init__(self) -> None:
        if isinstance(self.weight, QuantSpec):
            require_symmetric(self.weight)

    def matches(self, node: ir.Node, places: Places) -> bool:
        """Whether the rule speaks of ``node``, one of the graph whose places these are."""
        if not self.names(node) or (self.place and places.of(node).isdisjoint(self.place)):
            return False
        if self.smallest_share is not None and not places.among_smallest(node, self.smallest_share):
            return False
        if self.min_weights is None and self.max_weights is None:
            return True
        size = places.size(node)
        if size is None or size < (self.min_weights or 0):
            return False
        return self.max_weights is None or size <= self.max_weights

    def names(self, node: ir.Node) -> bool:
        """Whether the operator's type and name are among those that the rule gives, wherever it stands."""
        return fnmatch.fnmatchcase(node.name or "", self.scope) and self.is_of_type(node)

    def is_of_type(self, node: ir.Node) -> bool:
        """Whether the operator's type is among those that the rule gives."""
        return ANY in self.ops or node.op_type in self.ops
