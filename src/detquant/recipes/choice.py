"""What one operator is given, and why: the language in which algorithms and the planner speak of single operators."""

from __future__ import annotations

from dataclasses import dataclass

from detquant.errors import RecipeError
from detquant.numerics import QuantSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A choice is to one operator what a rule of the recipe is to many, and it wins over them all.

    The guard and the placement by latency choose float, mixed precision chooses widths: `QuantModel.choices` holds
    what was chosen so far, and the planner honours it. Change one of its parts with `dataclasses.replace`;
    `Recipe.choice_for` gives the one to begin with.

    Attributes:
        weight: the wish for the operator's weight; None: float. Where `activation` is None it is only stored in codes,
            on targets where that costs no time.
        activation: the wish for what the operator writes; None: the operator runs in float.
        why: a few words, for people; a plan gives them as the reason where the operator runs in float.
    """

    weight: QuantSpec | None
    activation: QuantSpec | None
    why: str

    def __post_init__(self) -> None:
        require_symmetric(self.weight)


def require_symmetric(weight: QuantSpec | None) -> None:
    """Refuses a wish for a weight that no kernel can keep.

    Raises:
        RecipeError: its grid is not symmetric.
    """
    if weight is not None and not weight.symmetric:
        raise RecipeError(f"A weight's grid is symmetric, not {weight}: give a signed type such as int8.")
