"""Algorithms that make a quantised model better, one file each, loaded when named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from detquant.algorithms._base import Algorithm, Context, LearnsFromLabels
from detquant.algorithms.damage import Damage
from detquant.algorithms.measurements import Measurements
from detquant.algorithms.options import checked
from detquant.algorithms.steps import BrokenStep, require_order, take_steps
from detquant.errors import RecipeError, load_named
from detquant.recipes import Recipe

ALGORITHMS = {
    "adaround": "detquant.algorithms.adaround:AdaRound",
    "bias_correction": "detquant.algorithms.bias_correction:BiasCorrection",
    "blocks": "detquant.algorithms.blocks:Blocks",
    "clipping": "detquant.algorithms.clipping:Clipping",
    "cluster": "detquant.algorithms.cluster:Cluster",
    "equalization": "detquant.algorithms.equalization:Equalization",
    "finetune": "detquant.algorithms.finetune:Finetune",
    "guard": "detquant.algorithms.guard:Guard",
    "lapq": "detquant.algorithms.lapq:Lapq",
    "placement": "detquant.algorithms.placement:Placement",
    "prune": "detquant.algorithms.prune:Prune",
    "ranges": "detquant.algorithms.ranges:Ranges",
    "refit": "detquant.algorithms.refit:Refit",
    "sparsify": "detquant.algorithms.sparsify:Sparsify",
}


def build_algorithm(name: str, options: Mapping[str, Any]) -> Algorithm:
    """The algorithm with this name and these options.

    Raises:
        RecipeError: no such algorithm or option, or an option is not what it should be.
    """
    kind = load_named("algorithm", name, ALGORITHMS, RecipeError)
    given = checked(name, kind, options)
    try:
        algorithm: Algorithm = kind(**given)
    except RecipeError as error:
        raise RecipeError(f"Step '{name}': {error}") from error
    return algorithm


def build_steps(recipe: Recipe) -> tuple[Algorithm, ...]:
    """The algorithms of a recipe's steps.

    Raises:
        RecipeError: no such algorithm or option, an option is not what it should be, or a step would undo one before
            it.
    """
    steps = tuple(build_algorithm(step.name, step.options) for step in recipe.steps)
    require_order(recipe.name, steps)
    return steps


__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "BrokenStep",
    "Context",
    "Damage",
    "LearnsFromLabels",
    "Measurements",
    "build_algorithm",
    "build_steps",
    "take_steps",
]
