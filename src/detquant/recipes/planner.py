"""The planner: from wish and facts to a decision, before an image is read.

1. The decode tail stays float; so do the convolutions that feed it unless the recipe says ``head = "int"``, the
   target's integer kernels write float, or the only one of them gives one vector of class scores, as a classifier's
   does.
2. An operator is integer when the recipe, or what was chosen for it alone, gives it a grid and the target has a kernel.
3. Operators without weights follow their producers: an Add behind two float convolutions stays float. Those
   that only move values (MaxPool, Concat, Slice, ...) also become integer when all their readers are.
4. A composite activation (SiLU) is one operator: integer as a whole, where the target can, inside the layer before it
   or step by step, or float as a whole.
5. Where a target computes in integers only, head convolutions are integer too, operators that read the image follow it,
   and what would still stay float before the tail is refused.
6. Grids: moved values share the grid of where they come from, joined values share one, a sigmoid's grid is fixed, and
   so is that of an image whose range is known, a bias's is derived, every other tensor at the edge of an integer
   operator has its own.
7. A layer in float before the decode tail keeps its weight in codes where that costs the target no time; a recipe that
   wishes for no more than that (`w8`) needs a target that can.
8. The logits of scores, where they have a grid, reach from the smallest that is ever shown to the largest seen: an
   object is rare, so the mean of the images' largest would cut it off.
"""

from __future__ import annotations

from collections.abc import Mapping

import onnx_ir as ir

from detquant.numerics import Capability
from detquant.recipes.choice import Choice
from detquant.recipes.dynamic_plan import plan_dynamic
from detquant.recipes.grid_sources import GridSources, Range
from detquant.recipes.integer_operators import IntegerOperators
from detquant.recipes.plan import Plan
from detquant.recipes.recipe import Recipe
from detquant.recipes.refusals import (
    require_choices,
    require_integers,
    require_kernels,
    require_layers,
    require_operators,
    require_unfolding,
)


def plan(
    model: ir.Model,
    recipe: Recipe,
    capability: Capability,
    choices: Mapping[str, Choice] | None = None,
    ranges: Mapping[str, Range] | None = None,
) -> Plan:
    """Decides for each operator and tensor whether it is quantised, and for each tensor on which grid.

    Args:
        model: prepared graph.
        recipe: the wish.
        capability: the target's facts.
        choices: what single operators are given, whatever the recipe says.
        ranges: tensor -> smallest and largest value, for those at the graph's inputs where they are known beforehand.

    Raises:
        RecipeError: nothing would be quantised, a rule names no operator of the model, the target has no kernel for the
            recipe's types, or a choice is about an operator that is not there.
        UnsupportedOperator: one would stay float on a target that computes in integers only.
    """
    chosen = choices or {}
    require_operators(recipe, model.graph)
    require_choices(recipe, chosen, {node.name or "" for node in model.graph})
    if recipe.dynamic:
        return plan_dynamic(model.graph, recipe, capability, chosen)
    require_unfolding(recipe, capability)
    operators = IntegerOperators(model.graph, recipe, capability, chosen)
    weights = operators.weights()
    require_layers(recipe, capability, list(weights) if recipe.weight_only else operators.layers())
    require_kernels(recipe, capability, operators.wishes())
    if capability.integer_only:
        require_integers(capability, operators.float_before_tail())
    grids = GridSources(operators, ranges or {})
    points, sources = grids.points(grids.group_by_grid())
    integer, in_float = operators.integer, operators.float
    return Plan(
        points=points,
        weights=weights,
        integer=tuple(operators.name(n) for n in model.graph if id(n) in integer),
        kept_float={operators.name(n): in_float[id(n)] for n in model.graph if id(n) in in_float},
        sources=sources,
        preactivations=grids.preactivations(points),
        recipe=recipe.name,
        target=capability.name,
    )
