"""Which measure goes with which task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from detquant.data import Dataset
from detquant.evaluation.accuracy import CocoScorer
from detquant.evaluation.top_k import TopScorer
from detquant.families import Detections

MEASURES = {"detect": ("ap", "ap50", "ap75"), "classify": ("top1", "top5")}
"""Names of the measures by task; models are compared by the first."""


class Score(Protocol):
    """The accuracy of one model; the attributes are read-only."""

    @property
    def per_class(self) -> dict[str, float]:
        """The first measure for each class, in per cent."""
        ...

    @property
    def images(self) -> int:
        """How many images were measured."""
        ...

    def figures(self) -> dict[str, float]:
        """The measures of the task by name, in per cent."""
        ...


class Scorer(Protocol):
    """Collects what a model found, image by image."""

    def add(self, image_id: int, detections: Detections, /) -> None:
        """Adds one image; its id is that of `Dataset.image_ids`."""
        ...

    def result(self) -> Score:
        """The measures on the images added so far."""
        ...


def make_scorer(dataset: Dataset, classes: Sequence[str]) -> Scorer | None:
    """The scorer for what a data set knows of its images.

    Args:
        dataset: the data set, as `fit_task` gives it.
        classes: the model's, by class_id, for where the data set names none.

    Returns:
        None where nothing is known.
    """
    if dataset.labels is not None:
        return TopScorer(dataset.labels, dataset.classes or classes)
    return None if dataset.ground_truth is None else CocoScorer(dataset.ground_truth)


def figures(task: str, score: Score | None) -> dict[str, float | None]:
    """The measures of a task by name; None each where nothing is known."""
    return {**score.figures()} if score else dict.fromkeys(MEASURES[task])


def headline(task: str) -> str:
    """The measure by which models are compared."""
    return MEASURES[task][0]
