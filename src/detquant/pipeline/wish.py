"""The recipe that a user names: read, and its steps looked at, before a model or an image is."""

from __future__ import annotations

from detquant.algorithms import build_steps
from detquant.recipes import Recipe, load_recipe


def read_recipe(recipe: str | Recipe) -> Recipe:
    """A recipe whose steps can be taken.

    Args:
        recipe: a built-in name, a TOML file, or a recipe.

    Raises:
        RecipeError: there is none, it does not say a recipe, or one of its steps is unknown, has an option that is not
            what it should be, or would undo one before it.
    """
    found = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    build_steps(found)
    return found
