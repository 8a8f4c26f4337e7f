"""The recipe and the place that a user names: read, and looked at, before a model or an image is."""

from __future__ import annotations

import os

from detquant.algorithms import build_steps
from detquant.calibration import observer
from detquant.calibration.weights import LADDERS
from detquant.errors import RecipeError, unknown_name
from detquant.recipes import Recipe, load_recipe
from detquant.targets import Target, load_target

FLOAT_ROWS = "each float precision of a target has a row anyway"
"""What shows the float precisions where models are compared."""


def read_recipe(recipe: str | os.PathLike[str] | Recipe) -> Recipe:
    """A recipe whose steps can be taken, and whose observers exist.

    Args:
        recipe: a built-in name, a TOML file, or a recipe.

    Raises:
        RecipeError: there is none, it does not say a recipe, one of its observers is unknown, or one of its steps is
            unknown, has an option that is not what it should be, or would undo one before it.
    """
    found = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    build_steps(found)
    for spec in found.activations:
        if not spec.dynamic:
            observer(spec.observer)
    for spec in found.weights:
        if spec.observer not in LADDERS:
            raise RecipeError(unknown_name("weight observer", spec.observer, LADDERS))
    return found


def integer_recipe(recipe: str | os.PathLike[str] | Recipe, instead: str) -> Recipe:
    """A recipe as `read_recipe` gives it, which rounds something to integers.

    Args:
        recipe: a built-in name, a TOML file, or a recipe.
        instead: a clause on what shows float precisions.

    Raises:
        RecipeError: it keeps all in float, or `read_recipe` refuses it.
    """
    found = read_recipe(recipe)
    if found.precision is not None:
        raise RecipeError(
            f"Recipe '{found.name}' keeps all in float ({found.precision}), and there is nothing to plan: {instead}. "
            f"Give a recipe of integers, such as w8a8."
        )
    return found


def place_for(recipe: Recipe, target: str | Target) -> Target:
    """A place that takes what a recipe makes.

    Args:
        recipe: the wish.
        target: a key of `detquant.targets.TARGETS`, or the place itself.

    Raises:
        TargetError: there is none, or it takes no integer model, or no float model of the recipe's precision.
    """
    if recipe.precision is None:
        return integer_place(target)
    place = target if isinstance(target, Target) else load_target(target)
    place.require(recipe.precision)
    return place


def integer_place(target: str | Target) -> Target:
    """A place that takes integer models.

    Args:
        target: a key of `detquant.targets.TARGETS`, or the place itself.

    Raises:
        TargetError: there is none, or it takes no integer model; the sentence says what it takes.
    """
    place = target if isinstance(target, Target) else load_target(target)
    place.require_integers()
    return place
