"""Ways to weights and grids below eight bits that `methods.py` holds against each other: which steps a recipe takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from detquant.algorithms import build_algorithm
from detquant.recipes import Recipe, Stage, Step

NUMPY, TORCH, SCIPY = "numpy", "torch", "SciPy"
LEARNING = ("adaround", "blocks")
"""Steps whose iterations can be given."""
NEEDS: Mapping[str, str] = {**dict.fromkeys((*LEARNING, "finetune"), TORCH), "lapq": SCIPY}
"""What a step needs; all others need numpy alone."""


@dataclass(frozen=True, slots=True)
class Way:
    """A row of the table: steps of the stages behind the choices, in their order.

    Attributes:
        name: what the table calls it, and --only selects it by.
        steps: names of the steps.
        options: theirs, by name, where they are not the defaults.
    """

    name: str
    steps: tuple[str, ...] = ()
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def needs(self) -> str:
        """The library that it needs."""
        return ", ".join(dict.fromkeys(NEEDS[step] for step in self.steps if step in NEEDS)) or NUMPY

    def recipe(self, basis: Recipe, given: Mapping[str, Mapping[str, Any]]) -> Recipe:
        """The recipe of this way.

        Args:
            basis: gives the widths, and the steps up to the choices: what a plan rests on is the same for all ways.
            given: more options, by the name of the step.
        """
        own = (Step(step, {**self.options.get(step, {}), **given.get(step, {})}) for step in self.steps)
        return replace(basis, steps=(*choices(basis), *own))


def choices(recipe: Recipe) -> tuple[Step, ...]:
    """The recipe's steps up to the choices."""
    return tuple(step for step in recipe.steps if build_algorithm(step.name, step.options).stage <= Stage.CHOICES)


STEPS = {"blocks": {"activation_steps": True}}
WAYS = (
    Way("nearest"),
    Way("bias_correction", ("bias_correction",)),
    Way("refit", ("refit",)),
    Way("adaround", ("adaround",)),
    Way("refit+adaround", ("refit", "adaround")),
    Way("blocks", ("blocks",)),
    Way("refit+blocks", ("refit", "blocks")),
    Way("refit+blocks-steps", ("refit", "blocks"), STEPS),
    Way("refit+finetune", ("refit", "finetune")),
    Way("lapq", ("lapq",)),
    Way("lapq+refit", ("lapq", "refit")),
    Way("clipping+refit", ("clipping", "refit")),
    Way("clipping+refit+blocks-steps", ("clipping", "refit", "blocks"), STEPS),
)
"""The rows, in the order of the table; "blocks-steps" is `blocks` with `activation_steps`."""
