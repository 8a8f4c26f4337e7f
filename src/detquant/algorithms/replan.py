"""A quantised model planned again after what algorithms have decided, on the statistics that are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from detquant.algorithms._base import Context
from detquant.calibration import calibrate
from detquant.recipes import Plan, QuantModel, plan


def keep_more_float(qm: QuantModel, more: Mapping[str, str], context: Context) -> QuantModel:
    """The model with these operators in float besides those that algorithms have kept already.

    Weights start again from the reference: run this before anything that changes them.

    Args:
        qm: the model.
        more: operator -> reason.
        context: statistics, facts and recipe.
    """
    return planned_again(replace(qm, kept={**qm.kept, **more}), context)


def planned_again(qm: QuantModel, context: Context) -> QuantModel:
    """The model planned and calibrated again, with what algorithms have decided for it: what stays float, and who finds
    the ranges of its activations. Weights start again from the reference.

    Args:
        qm: the model as it was, with these decisions.
        context: statistics, facts and recipe.
    """
    decided = planned(qm, context, qm.observer)
    fresh = calibrate(qm.reference, decided, context.statistics, context.target.capability, qm)
    return replace(fresh, kept=qm.kept, observer=qm.observer, notes=qm.notes)


def planned(qm: QuantModel, context: Context, observer: str) -> Plan:
    """The plan alone, with what stays float already.

    Args:
        qm: the model.
        context: facts and recipe.
        observer: of activations; empty for the recipe's.
    """
    recipe = context.recipe.observed_by(observer) if observer else context.recipe
    return plan(qm.reference, recipe, context.target.capability, qm.kept, context.ranges)
