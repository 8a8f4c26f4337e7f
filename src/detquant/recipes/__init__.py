"""The wish (recipe) and the decision (plan)."""

from __future__ import annotations

from detquant.recipes.choice import Choice
from detquant.recipes.named import builtin_recipes, load_recipe
from detquant.recipes.places import Place, Places
from detquant.recipes.plan import Derived, Dynamic, Fixed, Own, Plan, Point, Shared
from detquant.recipes.planner import plan
from detquant.recipes.reading import parse_recipe
from detquant.recipes.recipe import Recipe, Step
from detquant.recipes.rule import AS_BEFORE, Rule
from detquant.recipes.stage import Stage

__all__ = [
    "AS_BEFORE",
    "Choice",
    "Derived",
    "Dynamic",
    "Fixed",
    "Own",
    "Place",
    "Places",
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
