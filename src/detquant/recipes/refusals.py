"""Plans that are refused: those that would do nothing or not all that is asked, and float where a target has none."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping

import onnx_ir as ir

from detquant.errors import RecipeError, UnsupportedOperator, nearest_name, unknown_name
from detquant.graph.traits import OPS, weight_of
from detquant.numerics import Capability
from detquant.recipes.choice import Choice
from detquant.recipes.recipe import Recipe
from detquant.recipes.rule import ANY, Rule

NEAREST = 3
"""Number of operators whose names are given where a rule matches none."""


def require_unfolding(recipe: Recipe, capability: Capability) -> None:
    """Refuses weights alone where they would be unfolded for each image.

    Raises:
        RecipeError: the recipe gives a type to weights alone, and the target runs no layer on them at no cost.
    """
    if recipe.weight_only and not capability.weight_only:
        raise RecipeError(
            f"Recipe '{recipe.name}' asks for weights alone, and {capability.name} would unfold them anew for each "
            f"image: choose a target that does so once, such as opencv, or give activations a type too."
        )


def require_operators(recipe: Recipe, graph: ir.Graph) -> None:
    """Refuses a rule that names operators which the model does not have.

    Types and names are held to this, places and sizes are not: that no layer is as small as a rule says is no fault.

    Raises:
        RecipeError: a rule's types and pattern of names are those of no operator; the sentence gives the nearest.
    """
    for number, rule in enumerate(recipe.rules, 1):
        if not any(map(rule.names, graph)):
            raise RecipeError(f"Rule {number} of recipe '{recipe.name}' matches nothing: {_nearest(rule, graph)}")


def _nearest(rule: Rule, graph: ir.Graph) -> str:
    """Says what the model has in place of what a rule names."""
    kinds = sorted({node.op_type for node in graph})
    named = [node.name or "" for node in graph if rule.is_of_type(node)]
    if not named:
        misspelt = (one for one in rule.ops if one not in OPS)
        near = sorted({name for one in misspelt if (name := nearest_name(one, kinds))})
        hint = f"did you mean {_quoted(near)}? " if near else ""
        return f"the model has no operator of type {_quoted(rule.ops)}: {hint}Its types: {', '.join(kinds)}."
    near = difflib.get_close_matches(rule.scope, named, n=NEAREST, cutoff=0)
    which = "operator" if ANY in rule.ops else " or ".join(rule.ops)
    return f"no {which} is named '{rule.scope}'. The nearest names: {_quoted(near)}; detquant plan shows all."


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)


def require_choices(recipe: Recipe, choices: Mapping[str, Choice], operators: Collection[str]) -> None:
    """Refuses choices that no plan can honour.

    Args:
        recipe: the wish.
        choices: choices by operator.
        operators: names of the model's.

    Raises:
        RecipeError: one is about an operator that the model does not have, or some grids would be found on the fly and
            others beforehand.
    """
    for name in choices:
        if name not in operators:
            raise RecipeError(unknown_name("operator", name, operators))
    wished = [*recipe.activations, *(choice.activation for choice in choices.values())]
    if len({spec.dynamic for spec in wished if spec is not None}) > 1:
        raise RecipeError(
            f"Recipe '{recipe.name}' has activations with observer 'dynamic' and others: give all of them that one, or "
            f"none."
        )


def require_layers(recipe: Recipe, capability: Capability, layers: Collection[str]) -> None:
    """Refuses a plan that does nothing.

    Args:
        recipe: the wish.
        capability: the target's facts.
        layers: names of those that would run as the recipe asks.

    Raises:
        RecipeError: there are none.
    """
    if not layers:
        raise RecipeError(
            f"Recipe '{recipe.name}' on target '{capability.name}' would quantise no convolution or matrix product of "
            f"this model: give a rule that matches its operators."
        )


def require_integers(capability: Capability, left: Mapping[ir.Node, str]) -> None:
    """Refuses what would run in float on a target that cannot.

    Args:
        capability: the target's facts.
        left: operators before the decode tail that would stay float, in the graph's order -> why.

    Raises:
        UnsupportedOperator: there is such an operator.
    """
    if left:
        first, reason = next(iter(left.items()))
        more = f", and so would {len(left) - 1} more" * (len(left) > 1)
        raise UnsupportedOperator(
            f"{first.op_type} '{first.name}' would run in float ({reason}){more}, and {capability.name} computes in "
            f"integers only: give it a grid where the recipe does not, leave it out of the model, or choose a target "
            f"that mixes both, such as tflite."
        )


def require_kernels(recipe: Recipe, capability: Capability, wishes: Mapping[ir.Node, Choice]) -> None:
    """Refuses types that the target's kernels do not take.

    Args:
        recipe: the wish.
        capability: the target's facts.
        wishes: integer operator -> what it is given, by the recipe or by a choice.

    Raises:
        RecipeError: the kernel of one of them takes other widths, or grids of another granularity.
    """
    for node, wish in wishes.items():
        kernel = capability.kernels.get(node.op_type)
        unsupported = kernel.unsupported(wish.weight if weight_of(node) else None, wish.activation) if kernel else None
        if unsupported:
            raise RecipeError(refused_types(recipe, node, capability, unsupported))


def refused_types(recipe: Recipe, node: ir.Node, capability: Capability, unsupported: str) -> str:
    """The sentence about types that a kernel does not take, and which these are (`Kernel.unsupported`)."""
    return (
        f"Recipe '{recipe.name}' gives {node.op_type} '{node.name}' on {capability.name} {unsupported}: give it these, "
        f"or choose a target that takes what the recipe asks for, if there is one (pytorch takes the most widths)."
    )
