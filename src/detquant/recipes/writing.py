"""A recipe as TOML, which `detquant.recipes.load_recipe` reads back as the same recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from detquant.numerics import Granularity, PerAxis, PerGroup, QuantSpec
from detquant.recipes.reading import WORDS
from detquant.recipes.recipe import Recipe, Step
from detquant.recipes.rule import Rule, Wish


def to_toml(recipe: Recipe) -> str:
    """The recipe as the text of a TOML file.

    Args:
        recipe: any; names of operators may have any characters.
    """
    head: dict[str, object] = {"name": recipe.name, "description": recipe.description}
    if recipe.precision is not None:
        head["precision"] = recipe.precision
    else:
        head |= {"head": recipe.head, "range_tolerance": recipe.range_tolerance}
    blocks = ["\n".join(f"{key} = {_value(value)}" for key, value in head.items())]
    blocks += [_rule(rule) for rule in recipe.rules]
    blocks += [_step(step) for step in recipe.steps]
    return "\n\n".join(blocks) + "\n"


def _rule(rule: Rule) -> str:
    of = {one.name: getattr(rule, one.name) for one in fields(rule) if getattr(rule, one.name) != one.default}
    conditions = {name: value for name, value in of.items() if name not in ("weight", "activation")}
    lines = [f"{name} = {_value(value)}" for name, value in conditions.items()]
    return "\n".join(["[[rules]]", *lines, f"weight = {_wish(rule.weight)}", f"activation = {_wish(rule.activation)}"])


def _step(step: Step) -> str:
    lines = ["[[steps]]", f"name = {_value(step.name)}"]
    if step.options:
        lines.append(f"options = {_value(step.options)}")
    return "\n".join(lines)


def _wish(spec: Wish) -> str:
    if not isinstance(spec, QuantSpec):
        return _value(next(word for word, meant in WORDS.items() if meant is spec))
    granularity, group = _granularity(spec.granularity)
    table = {"qtype": str(spec.qtype), "symmetric": spec.symmetric, "granularity": granularity, **group}
    powers = {"power_of_two": True} if spec.power_of_two else {}
    return _value({**table, "observer": spec.observer, **powers})


def _granularity(granularity: Granularity) -> tuple[str, dict[str, int]]:
    if isinstance(granularity, PerGroup):
        return "per_group", {"group": granularity.size}
    return ("per_axis" if isinstance(granularity, PerAxis) else "per_tensor"), {}


def _value(value: Any) -> str:
    """A plain value in TOML: of text, numbers and truth values JSON's form is TOML's."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_value(key)} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
