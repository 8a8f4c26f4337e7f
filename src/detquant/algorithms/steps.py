"""A recipe's steps, taken one after another in the order of their stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from detquant.algorithms._base import Algorithm, Context
from detquant.algorithms.turn import Turn
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
        RecipeError: their stages do not ascend, nor their turns within a stage; a step starts from what another
            leaves, and there is none such; or it stands behind one whose work it would break.
    """
    for place, step in enumerate(steps):
        for before in steps[:place]:
            if _undoes(step, before):
                order = ", ".join(one.name for one in sorted(steps, key=lambda one: (one.stage, _turn(one) or 0)))
                mine, its = ("", "") if step.stage == before.stage else (f" ({step.stage})", f" ({before.stage})")
                raise RecipeError(
                    f"Recipe '{recipe}' has the step '{step.name}'{mine} after '{before.name}'{its}, whose work it "
                    f"would undo: give its steps in the order {order}."
                )
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


def _undoes(step: Algorithm, before: Algorithm) -> bool:
    """Whether a step makes anew what one before it has made."""
    if step.stage != before.stage:
        return step.stage < before.stage
    turn, earlier = _turn(step), _turn(before)
    return turn is not None and earlier is not None and turn < earlier


def _turn(step: Algorithm) -> Turn | None:
    """Where a step stands within its stage; None where it does not say."""
    found: Turn | None = getattr(step, "turn", None)
    return found


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
