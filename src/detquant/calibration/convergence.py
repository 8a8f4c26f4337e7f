"""When calibration has converged: the ranges that the observers would give are known well enough.

More images move the mean of their extremes by about its standard error, which falls with the square root of their
number. Once that is a few steps of an 8-bit grid, other sources of error are larger, and AP no longer depends on it.
Where it is known what each image shows, the images must show enough besides.
"""

from __future__ import annotations

import numpy as np

from detquant.calibration.informativeness import effective_sample_size
from detquant.calibration.observers import observer
from detquant.calibration.statistics import Statistics
from detquant.recipes import Plan

LEAST = 16
"""Fewest images after which ranges can count as converged."""
EVERY = 8
"""Number of images between two checks."""


def converged(plan: Plan, statistics: Statistics, share: float) -> bool:
    """Whether the ranges are known to ``share`` of their width: the root mean square over the plan's own grids.

    Args:
        plan: says which tensors make up each grid, and its observer.
        statistics: statistics of the images so far.
        share: 0 is never reached.
    """
    if not share or not plan.owned or statistics.images < LEAST or statistics.images % EVERY:
        return False
    if statistics.informativeness and effective_sample_size(statistics.informativeness) < LEAST:
        return False
    uncertainties = [_uncertainty(plan, statistics, root, spec.observer) for root, spec in plan.owned.items()]
    return float(np.sqrt(np.mean(np.square(uncertainties)))) <= share


def _uncertainty(plan: Plan, statistics: Statistics, root: str, name: str) -> float:
    measure = observer(name).uncertainty
    if measure is None:
        return np.inf
    sources = np.asarray([statistics.extremes[source] for source in plan.sources[root]], np.float32)
    return measure(np.stack([sources[..., 0].min(axis=0), sources[..., 1].max(axis=0)], axis=1))
