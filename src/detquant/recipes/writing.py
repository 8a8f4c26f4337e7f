"""A recipe as TOML, which `detquant.recipes.load_recipe` reads back as the same recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from detquant.numerics import Granularity, PerAxis, PerGroup, QuantSpec
from detquant.recipes.recipe import Recipe, Rule, Step


def to_toml(recipe: Recipe) -> str:
    """The recipe as the text of a TOML file.

    Args:
        recipe: any; names of operators may have any characters.
    """
    head = {
        "name": recipe.name,
        "description": recipe.description,
        "head": recipe.head,
        "range_tolerance": recipe.range_tolerance,
    }
    blocks = ["\n".join(f"{key} = {_value(value)}" for key, value in head.items())]
    blocks += [_rule(rule) for rule in recipe.rules]
    blocks += [_step(step) for step in recipe.steps]
    return "\n\n".join(blocks) + "\n"


def _rule(rule: Rule) -> str:
    lines = ["[[rules]]"]
    if rule.ops != ("*",):
        lines.append(f"ops = {_value(list(rule.ops))}")
    if rule.scope != "*":
        lines.append(f"scope = {_value(rule.scope)}")
    lines.append(f"weight = {_spec(rule.weight)}")
    lines.append(f"activation = {_spec(rule.activation)}")
    return "\n".join(lines)


def _step(step: Step) -> str:
    lines = ["[[steps]]", f"name = {_value(step.name)}"]
    if step.options:
        lines.append(f"options = {_value(step.options)}")
    return "\n".join(lines)


def _spec(spec: QuantSpec | None) -> str:
    if spec is None:
        return '"float"'
    granularity, group = _granularity(spec.granularity)
    table = {"qtype": str(spec.qtype), "symmetric": spec.symmetric, "granularity": granularity, **group}
    return _value({**table, "observer": spec.observer})


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
