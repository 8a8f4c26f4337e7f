"""Decisions by measured time, remembered by the job for equal runs; all other decisions follow from the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any


class Measurements:
    """Measured decisions by the step that made them, as plain values: a job owns them, and keeps them when it is done.

    Args:
        known: decisions of an earlier run with the same inputs, or of a report that the user gives.
    """

    def __init__(self, known: Mapping[str, Any] | None = None) -> None:
        self._taken = dict(deepcopy(known or {}))

    def recall(self, step: str) -> Any | None:
        """The decision that this step made in an equal run; None where it has to measure."""
        return deepcopy(self._taken.get(step))

    def remember(self, step: str, decision: Any) -> None:
        """Writes down what the step has decided: mappings, lists, text and numbers, as JSON has them."""
        self._taken[step] = deepcopy(decision)

    def all(self) -> dict[str, Any]:
        """All decisions, by the name of the step."""
        return deepcopy(self._taken)
