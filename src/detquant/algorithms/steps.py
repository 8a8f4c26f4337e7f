"""A recipe's steps, taken one after another in the order of their stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from detquant.algorithms._base import Algorithm, Context
from detquant.calibration import QuantModel, invariant_violation
from detquant.errors import RecipeError


class BrokenStep(RuntimeError):
    """A step has given back what no step may: a fault of the algorithm, not of its user."""


def require_order(recipe: str, steps: Sequence[Algorithm]) -> None:
    """Refuses steps that would undo one before them.

    Args:
        recipe: name of the recipe, for the message.
        steps: the steps in the recipe's order.

    Raises:
        RecipeError: their stages do not ascend, a step starts from what another leaves, and there is none such, or it
            stands behind one whose work it would break.
    """
    for first, second in pairwise(steps):
        if second.stage < first.stage:
            order = ", ".join(step.name for step in sorted(steps, key=lambda step: step.stage))
            raise RecipeError(
                f"Recipe '{recipe}' has the step '{second.name}' ({second.stage}) after '{first.name}' "
                f"({first.stage}), whose work it would undo: give its steps in the order {order}."
            )
    for place, step in enumerate(steps):
        for name, why in getattr(step, "never_after", {}).items():
            if any(before.name == name for before in steps[:place]):
                raise RecipeError(f"Recipe '{recipe}' has the step '{step.name}' after '{name}': {why}.")
        wanted = getattr(step, "starts_from", ())
        if wanted and not any(before.name in wanted for before in steps[:place]):
            solving, *others = (f"'{name}'" for name in wanted)
            raise RecipeError(
                f"Recipe '{recipe}' has the step '{step.name}', which starts from weights that another step has "
                f"solved, and none before it does: put {solving} before it, or {' or '.join(others)}."
            )


def take_steps(qm: QuantModel, steps: Iterable[Algorithm], context: Context) -> QuantModel:
    """The model after all steps; after each it is looked at whether the model still keeps what every step must keep.

    Args:
        qm: calibrated.
        steps: the steps in the order of their stages.
        context: what the steps may look at.

    Raises:
        BrokenStep: one has left a weight off its grid, or beyond the limits of the target.
    """
    for step in steps:
        qm = step(qm, context)
        if what := invariant_violation(qm, context.target.capability):
            raise BrokenStep(f"The step '{step.name}' breaks the model for {context.target.name}: {what}")
    return qm
