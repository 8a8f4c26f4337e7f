"""The wish (recipe) and the decision (plan)."""

from __future__ import annotations

from detquant.recipes.choice import Choice
from detquant.recipes.plan import Derived, Dynamic, Fixed, Own, Plan, Point, Shared
from detquant.recipes.planner import plan
from detquant.recipes.recipe import Recipe, Rule, Step, builtin_recipes, load_recipe, parse_recipe
from detquant.recipes.stage import Stage

__all__ = [
    "Choice",
    "Derived",
    "Dynamic",
    "Fixed",
    "Own",
    "Plan",
    "Point",
    "Recipe",
    "Rule",
    "Shared",
    "Stage",
    "Step",
    "builtin_recipes",
    "load_recipe",
    "parse_recipe",
    "plan",
]
