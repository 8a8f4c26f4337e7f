"""Algorithms that make a quantised model better, one file each, loaded when named."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from detquant.algorithms._base import Algorithm, Context
from detquant.algorithms.damage import Damage
from detquant.algorithms.measurements import Measurements
from detquant.errors import RecipeError, unknown_name

ALGORITHMS = {
    "bias_correction": "detquant.algorithms.bias_correction:BiasCorrection",
    "equalization": "detquant.algorithms.equalization:Equalization",
    "guard": "detquant.algorithms.guard:Guard",
    "placement": "detquant.algorithms.placement:Placement",
    "ranges": "detquant.algorithms.ranges:Ranges",
}


def build_algorithm(name: str, options: Mapping[str, Any]) -> Algorithm:
    """The algorithm with this name and these options.

    Raises:
        RecipeError: no such algorithm or option.
    """
    if name not in ALGORITHMS:
        raise RecipeError(unknown_name("algorithm", name, ALGORITHMS))
    kind = pkgutil.resolve_name(ALGORITHMS[name])
    known = [f.name for f in fields(kind)]
    for option in options:
        if option not in known:
            raise RecipeError(f"Algorithm '{name}': {unknown_name('option', option, known)}")
    algorithm: Algorithm = kind(**options)
    return algorithm


__all__ = ["ALGORITHMS", "Algorithm", "Context", "Damage", "Measurements", "build_algorithm"]
