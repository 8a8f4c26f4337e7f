"""The stages of a recipe's steps, which give their order."""

from __future__ import annotations

from enum import IntEnum


class Stage(IntEnum):
    """What a step of a recipe changes. What later stages made is made anew, so steps come in ascending order."""

    GRAPH = 1
    """The float graph that is approximated: equalisation, pruning. Its statistics are others then."""
    CHOICES = 2
    """The plan: what single operators are given, and who finds the ranges. The model is calibrated again."""
    GRIDS = 3
    """Grids of activations and steps of weights, on the plan as it is."""
    WEIGHTS = 4
    """Weights, on their grids and within the limits of the target."""
    BIASES = 5
    """Biases: what all the others have left of the mean error."""

    def __str__(self) -> str:
        return self.name.lower()
