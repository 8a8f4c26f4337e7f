"""A recipe: the wish, as a user writes it in TOML.

name = "w8a8"
description = "..."
head = "float"                  # what the decode tail reads; or "int"
range_tolerance = 0.025         # calibration ends when ranges are known to this share of their width; 0: all images

[[rules]]                       # the last rule that matches an operator wins
ops = ["*"]                     # operator types
scope = "*"                     # pattern of node names
weight = { qtype = "int8", granularity = "per_axis", observer = "mse" }     # or "float"; "per_tensor", "per_group"
activation = { qtype = "uint8", symmetric = false, observer = "minmax" }    # or "float"; observer "dynamic": as it runs

[[steps]]                       # algorithms, in the order of their stages: graph, choices, grids, weights, biases
name = "bias_correction"
options = { mode = "fast" }
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import onnx_ir as ir

from detquant.errors import RecipeError, unknown_name
from detquant.numerics import Granularity, PerAxis, PerGroup, PerTensor, QType, QuantSpec
from detquant.recipes.choice import Choice, require_symmetric
from detquant.recipes.toml_table import builtin_names, entry, list_of, load_table, only

SAYS_FLOAT = "the recipe says float"
GRANULARITIES: dict[str, Callable[[int], Granularity]] = {
    "per_tensor": lambda _: PerTensor(),
    "per_axis": lambda _: PerAxis(0),
    "per_group": PerGroup,
}
"""How to make each granularity that a recipe can name; each maker is given the size of groups."""
RENAMED = {"settled": "range_tolerance"}
"""Keys by the names that they had before, so that the error about an old one says what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule: the types given to operators of some kinds and names; None keeps them in float."""

    ops: tuple[str, ...] = ("*",)
    scope: str = "*"
    weight: QuantSpec | None = None
    activation: QuantSpec | None = None

    def __post_init__(self) -> None:
        require_symmetric(self.weight)

    def matches(self, node: ir.Node) -> bool:
        """Whether the rule speaks of ``node``."""
        named = fnmatch.fnmatchcase(node.name or "", self.scope)
        return named and ("*" in self.ops or node.op_type in self.ops)


@dataclass(frozen=True, slots=True)
class Step:
    """An algorithm by name, and its options."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe: what the user asks for.

    Attributes:
        name: short name, written into reports and models.
        description: one sentence about the recipe.
        rules: what operators are given; of those that match, the last one wins.
        steps: algorithms, in the order of their stages (`Stage`).
        head: "float" or "int" for what the decode tail reads. The convolutions that give it stay float with it, unless
            the target's integer kernels write float.
        range_tolerance: share of their width to which ranges must be known for calibration to end before it has seen
            all images; 0 to look at all of them.

    Examples:
        >>> import detquant
        >>> from dataclasses import replace
        >>> recipe = detquant.load_recipe("w8a8")
        >>> plain = replace(recipe, name="plain", steps=())  # rounded, and nothing more
        >>> plain.head, plain.calibrates
        ('float', True)
        >>> detquant.plan("yolov8-pico", recipe=plain).recipe
        'plain'
    """

    name: str
    rules: tuple[Rule, ...]
    steps: tuple[Step, ...] = ()
    description: str = ""
    head: str = "float"
    range_tolerance: float = 0.0

    @property
    def dynamic(self) -> bool:
        """Whether activations are rounded as they run."""
        return any(rule.activation is not None and rule.activation.dynamic for rule in self.rules)

    @property
    def weight_only(self) -> bool:
        """Whether weights are given a type and no activation is."""
        activations = any(rule.activation is not None for rule in self.rules)
        return not activations and any(rule.weight is not None for rule in self.rules)

    @property
    def calibrates(self) -> bool:
        """Whether calibration images are needed: by steps, or for the ranges of activations."""
        fixed = (rule.activation is not None and not rule.activation.dynamic for rule in self.rules)
        return bool(self.steps) or any(fixed)

    def observed_by(self, observer: str) -> Recipe:
        """The recipe with another observer for all activations."""
        rules = (
            replace(rule, activation=rule.activation and replace(rule.activation, observer=observer))
            for rule in self.rules
        )
        return replace(self, rules=tuple(rules))

    def rule_for(self, node: ir.Node) -> Rule | None:
        """The last rule that matches ``node``."""
        return next((rule for rule in reversed(self.rules) if rule.matches(node)), None)

    def choice_for(self, node: ir.Node) -> Choice:
        """The choice that the rules make for ``node``, for algorithms to begin with."""
        rule = self.rule_for(node) or Rule()
        return Choice(weight=rule.weight, activation=rule.activation, why=SAYS_FLOAT)


def builtin_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with detquant."""
    return builtin_names()


def load_recipe(name: str | os.PathLike[str]) -> Recipe:
    """The recipe with a built-in name, or in a TOML file.

    Raises:
        RecipeError: no such recipe (the nearest name is given), or the file does not say a recipe.

    Examples:
        >>> import detquant
        >>> [step.name for step in detquant.load_recipe("w8a8").steps]
        ['guard', 'ranges', 'placement', 'bias_correction']
    """
    name = os.fspath(name)
    return parse_recipe(load_table("recipe", name), name)


def parse_recipe(table: Mapping[str, Any], source: str) -> Recipe:
    """A recipe from its TOML table; ``source`` names it in errors."""
    only(table, {"name", "description", "head", "range_tolerance", "rules", "steps"}, source, RENAMED)
    head = table.get("head", "float")
    if head not in ("float", "int"):
        raise RecipeError(f"{source}: head = {head!r}, expected 'float' or 'int'.")
    range_tolerance = entry(float, table, "range_tolerance", 0.0, source)
    if not 0 <= range_tolerance < 1:
        raise RecipeError(f"{source}: range_tolerance = {range_tolerance!r}, expected a share from 0 to below 1.")
    if not table.get("rules"):
        raise RecipeError(f"{source} has no [[rules]]: without one nothing is quantised.")
    rules, steps = list_of(dict, table, "rules", [], source), list_of(dict, table, "steps", [], source)
    return Recipe(
        name=entry(str, table, "name", Path(source).stem, source),
        description=entry(str, table, "description", "", source),
        head=head,
        range_tolerance=range_tolerance,
        rules=tuple(_rule(rule, f"{source}, rule {k}") for k, rule in enumerate(rules, 1)),
        steps=tuple(_step(step, f"{source}, step {k}") for k, step in enumerate(steps, 1)),
    )


def _rule(table: Mapping[str, Any], where: str) -> Rule:
    only(table, {"ops", "scope", "weight", "activation"}, where)
    return Rule(
        ops=tuple(list_of(str, table, "ops", ["*"], where)),
        scope=entry(str, table, "scope", "*", where),
        weight=_spec(table.get("weight", "float"), f"{where}, weight"),
        activation=_of_tensor(_spec(table.get("activation", "float"), f"{where}, activation"), f"{where}, activation"),
    )


def _of_tensor(spec: QuantSpec | None, where: str) -> QuantSpec | None:
    """An activation's wish: its grid is of the whole tensor, since the codes of all its channels are added up."""
    if spec is not None and not isinstance(spec.granularity, PerTensor):
        raise RecipeError(
            f"{where} has a grid {spec.granularity}: only weights can, give 'per_tensor' or leave it out."
        )
    return spec


def _step(table: Mapping[str, Any], where: str) -> Step:
    only(table, {"name", "options"}, where)
    if "name" not in table:
        raise RecipeError(f"{where} has no name.")
    return Step(entry(str, table, "name", "", where), entry(dict, table, "options", {}, where))


def _spec(wish: object, where: str) -> QuantSpec | None:
    if wish == "float":
        return None
    if not isinstance(wish, dict):
        raise RecipeError(f"{where} = {wish!r}: expected 'float' or a table with qtype.")
    only(wish, {"qtype", "symmetric", "granularity", "group", "observer"}, where)
    if "qtype" not in wish:
        raise RecipeError(f"{where} has no qtype.")
    granularity = entry(str, wish, "granularity", "per_tensor", where)
    if granularity not in GRANULARITIES:
        raise RecipeError(f"{where}: {unknown_name('granularity', granularity, GRANULARITIES)}")
    if "group" in wish and granularity != "per_group":
        raise RecipeError(f"{where}: group is read with granularity 'per_group' only, not with {granularity!r}.")
    qtype = QType.parse(entry(str, wish, "qtype", "", where))
    return QuantSpec(
        qtype=qtype,
        symmetric=entry(bool, wish, "symmetric", qtype.signed, where),
        granularity=GRANULARITIES[granularity](entry(int, wish, "group", PerGroup().size, where)),
        observer=entry(str, wish, "observer", "minmax", where),
    )
