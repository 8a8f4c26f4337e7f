"""What a workflow found: a report of each of its models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from detquant.report.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Several models, each in all its precisions, measured on the same data.

    Attributes:
        name: name of the workflow.
        description: what it does, a sentence.
        target: where the models run.
        recipe: recipe of the quantised ones; several are parted by commas.
        data: name of the data set.
        threads: number of threads of the runtime.
        models: a report of each.
    """

    name: str
    description: str
    target: str
    recipe: str
    data: str
    threads: int
    models: tuple[Report, ...]

    def figures(self) -> dict[str, Any]:
        """The project as plain values, for JSON."""
        return {
            "workflow": self.name,
            "description": self.description,
            "target": self.target,
            "recipe": self.recipe,
            "data": self.data,
            "threads": self.threads,
            "models": [report.figures() for report in self.models],
        }
