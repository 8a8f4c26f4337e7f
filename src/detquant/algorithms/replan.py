"""A quantised model planned again with more operators in float, on the statistics that are there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from detquant.algorithms._base import Context
from detquant.calibration import calibrate
from detquant.recipes import QuantModel, plan


def keep_more_float(qm: QuantModel, more: Mapping[str, str], context: Context) -> QuantModel:
    """The model with these operators in float besides those that algorithms have kept already.

    Weights start again from the reference: run this before anything that changes them.

    Args:
        qm: the model.
        more: operator -> reason.
        context: statistics, facts and recipe.
    """
    kept = {**qm.kept, **more}
    decided = plan(qm.reference, context.recipe, context.target.capability, kept, context.ranges)
    fresh = calibrate(qm.reference, decided, context.statistics, context.target.capability, qm)
    return replace(fresh, kept=kept, notes=qm.notes)
