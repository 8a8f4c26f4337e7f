"""A recipe: the wish, as a user writes it in TOML.

name = "w8a8"
description = "..."
head = "float"                  # what the decode tail reads; or "int"
precision = "fp16"              # a float precision of the target, in place of all that follows: nothing is rounded
range_tolerance = 0.025         # calibration ends when ranges are known to this share of their width; 0: all images

[[rules]]                       # the last rule that matches an operator wins
ops = ["*"]                     # operator types
scope = "*"                     # pattern of node names
place = ["first", "head"]       # where the operator stands, see `detquant.recipes.places`; left out: anywhere
min_weights = 1                 # size of the layer; left out: any
max_weights = 20000
smallest_share = 0.05           # the smallest layers, which together have at most this share of the weights
weight = { qtype = "int8", granularity = "per_axis", observer = "mse" }     # or "float"; "per_tensor", "per_group"
activation = { qtype = "uint8", symmetric = false, observer = "minmax" }    # or "float"; observer "dynamic": as it runs
                                # "as before" for either: what earlier rules say of it holds
                                # power_of_two = true in either: its scales are powers of two

[[steps]]                       # algorithms, in the order of their stages: graph, choices, grids, weights, biases
name = "bias_correction"
options = { mode = "fast" }
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import onnx_ir as ir

from detquant.numerics import QuantSpec
from detquant.recipes.choice import Choice
from detquant.recipes.places import Places
from detquant.recipes.rule import AS_BEFORE, Rule

SAYS_FLOAT = "the recipe says float"


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
        precision: float precision of the whole file, which has no rules and no steps; None where there are integers.
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
    precision: str | None = None
    range_tolerance: float = 0.0

    @property
    def weights(self) -> tuple[QuantSpec, ...]:
        """The types that rules give to weights."""
        return tuple(rule.weight for rule in self.rules if isinstance(rule.weight, QuantSpec))

    @property
    def activations(self) -> tuple[QuantSpec, ...]:
        """The types that rules give to activations."""
        return tuple(rule.activation for rule in self.rules if isinstance(rule.activation, QuantSpec))

    @property
    def dynamic(self) -> bool:
        """Whether activations are rounded as they run."""
        return any(spec.dynamic for spec in self.activations)

    @property
    def weight_only(self) -> bool:
        """Whether weights are given a type and no activation is."""
        return bool(self.weights) and not self.activations

    @property
    def calibrates(self) -> bool:
        """Whether calibration images are needed: by steps, or for the ranges of activations."""
        return bool(self.steps) or any(not spec.dynamic for spec in self.activations)

    def observed_by(self, observer: str) -> Recipe:
        """The recipe with another observer for all activations."""
        rules = (
            replace(rule, activation=replace(rule.activation, observer=observer))
            if isinstance(rule.activation, QuantSpec)
            else rule
            for rule in self.rules
        )
        return replace(self, rules=tuple(rules))

    def no_wider(self, bits: int) -> Recipe:
        """The recipe without its rules for weights of more bits, such as those for first layers; named for it."""
        kept = tuple(
            one for one in self.rules if not isinstance(one.weight, QuantSpec) or one.weight.qtype.bits <= bits
        )
        if kept == self.rules:
            return self
        said = f"{bits}-bit weights in every layer."
        return replace(self, name=f"{self.name}-in-every-layer", rules=kept, description=said)

    def choice_for(self, node: ir.Node, places: Places) -> Choice:
        """The choice that the rules make for ``node``, for algorithms to begin with.

        Args:
            node: an operator.
            places: places of the graph that it is a node of.
        """
        matching = [rule for rule in reversed(self.rules) if rule.matches(node, places)]
        return Choice(
            weight=next((rule.weight for rule in matching if rule.weight is not AS_BEFORE), None),
            activation=next((rule.activation for rule in matching if rule.activation is not AS_BEFORE), None),
            why=SAYS_FLOAT,
        )
