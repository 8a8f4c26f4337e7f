"""A quantised model planned again after what algorithms have decided, on the statistics that are there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from detquant.algorithms._base import Context
from detquant.calibration import QuantModel, Speaker, calibrate
from detquant.recipes import Choice, Places, Plan, Recipe, Stage, plan


def keep_more_float(qm: QuantModel, more: Mapping[str, str], context: Context) -> QuantModel:
    """The model with these operators in float besides those that algorithms have kept already.

    Weights start again from the reference: run this before anything that changes them.

    Args:
        qm: the model.
        more: operator -> reason.
        context: facts and recipe.
    """
    begun = choices_so_far(qm, more, context)
    return with_choices(
        qm, {name: replace(begun[name], activation=None, why=why) for name, why in more.items()}, context
    )


def with_notes_of(costs: Mapping[str, float | None], qm: QuantModel, step: Speaker) -> QuantModel:
    """The model with a note for each reason for which a step has kept operators in float, as far as it still holds.

    Args:
        costs: by reason: what its operators cost in integers, see `Note`.
        qm: the model as the step has left it.
        step: the step that leaves the notes.
    """
    for why, cost in costs.items():
        if operators := [name for name, choice in qm.choices.items() if choice.why == why]:
            qm = qm.noted(step, why, operators=operators, cost=cost)
    return qm


def choices_so_far(qm: QuantModel, operators: Iterable[str], context: Context) -> dict[str, Choice]:
    """The choices that hold for these operators now, for algorithms to begin with.

    Args:
        qm: the model.
        operators: names of the operators.
        context: the recipe.
    """
    nodes = {node.name: node for node in qm.reference.graph}
    recipe, places = observed(qm.observer, context), Places(qm.reference.graph)
    return {name: qm.choices.get(name) or recipe.choice_for(nodes[name], places) for name in operators}


def with_choices(qm: QuantModel, more: Mapping[str, Choice], context: Context) -> QuantModel:
    """The model planned and calibrated again with these choices besides those that algorithms have made already.

    Args:
        qm: the model.
        more: choices by operator; `Recipe.choice_for` gives one to begin with.
        context: facts and recipe.

    Raises:
        RecipeError: nothing would be left in integers.
    """
    return planned_again(replace(qm, choices={**qm.choices, **more}), context)


def planned_again(qm: QuantModel, context: Context) -> QuantModel:
    """The model planned and calibrated again, with what algorithms have decided for it.

    That is what single operators are given, and who finds the ranges of activations. Grids and weights start again from
    calibration, so this belongs to steps of the stage `Stage.CHOICES`, and what later ones did and said is no more.

    Args:
        qm: the model as it was, with these decisions.
        context: facts and recipe.
    """
    decided = planned(qm, context, qm.observer)
    fresh = calibrate(qm.reference, decided, qm.statistics, context.target.capability, qm.calibrated)
    notes = qm.notes_until(Stage.CHOICES)
    return replace(fresh, original=qm.original, choices=qm.choices, observer=qm.observer, notes=notes)


def planned(qm: QuantModel, context: Context, observer: str | None) -> Plan:
    """The plan alone, with what was chosen for single operators already.

    Args:
        qm: the model.
        context: facts and recipe.
        observer: observer of activations; None for the recipe's.
    """
    return plan(qm.reference, observed(observer, context), context.target.capability, qm.choices, context.ranges)


def observed(observer: str | None, context: Context) -> Recipe:
    """The recipe with this observer of activations; None for its own."""
    return context.recipe.observed_by(observer) if observer else context.recipe
