"""Recipes by name: the files that come with detquant, those whose names say their widths, and a user's own files."""

from __future__ import annotations

import os
from typing import Any

from detquant.errors import RecipeError, unknown_name
from detquant.recipes.reading import parse_recipe
from detquant.recipes.recipe import Recipe
from detquant.recipes.toml_table import SUFFIX, builtin_names, load_table
from detquant.recipes.widths import FORMS, Widths, names_of_widths


def builtin_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with detquant as files; see `detquant.recipes.widths` for the others."""
    return builtin_names()


def load_recipe(name: str | os.PathLike[str]) -> Recipe:
    """The recipe with a built-in name, or in a TOML file.

    Args:
        name: the name of a file that comes with detquant, or one that says widths, such as w4a8; or the path of a TOML
            file.

    Raises:
        RecipeError: no such recipe (the nearest name is given), or the file does not say a recipe.

    Examples:
        >>> import detquant
        >>> [step.name for step in detquant.load_recipe("w8a8").steps]
        ['guard', 'ranges', 'placement', 'bias_correction']
        >>> detquant.load_recipe("w4a8").description
        '4-bit weights, not below 8 in the first layer, the heads and small layers; 8-bit activations as in w8a8.'
    """
    name = os.fspath(name)
    if name in builtin_recipes() or name.endswith(SUFFIX):
        return parse_recipe(load_table("recipe", name), name)
    if widths := Widths.of(name):
        return parse_recipe(widths.table(), name)
    forms = " ".join(f"{form}: {words}" for form, words in FORMS.items())
    raise RecipeError(unknown_name("recipe", name, builtin_recipes(), besides=names_of_widths()) + f" And {forms}")


def recipe_figures() -> dict[str, Any]:
    """The recipes as plain values: "name" and "description" of each file, and of each form of name."""
    described = {name: load_recipe(name).description for name in builtin_recipes()} | FORMS
    return {"recipes": [{"name": name, "description": words} for name, words in described.items()]}
