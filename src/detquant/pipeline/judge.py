"""What several detectors find of the same objects, matched once for all that is asked of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from detquant.data import Dataset
from detquant.evaluation.found import Found
from detquant.evaluation.matching import Matches, match
from detquant.evaluation.thresholds import Keeps, Thresholds, thresholds
from detquant.evaluation.truth import Truth
from detquant.pipeline.evaluate import Measured


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Judge:
    """Detectors that were measured together, held to the objects, or to the float model's boxes where none are known.

    Attributes:
        measured: what they found.
        truth: the objects.
        reference: name of the float model.
        confidence: its threshold.
        keeps: what other models' thresholds keep of it.
    """

    measured: Measured
    truth: Truth
    reference: str
    confidence: float
    keeps: Keeps
    _matches: dict[str, Matches] = field(default_factory=dict)

    @classmethod
    def of(cls, measured: Measured, dataset: Dataset, reference: str, confidence: float, keeps: Keeps) -> Judge:
        """The judge of detectors.

        Args:
            measured: what they found.
            dataset: the data set, as `measurable` gives it.
            reference: name of the float model.
            confidence: its threshold.
            keeps: what other models' thresholds keep of it.
        """
        if dataset.ground_truth is None:
            truth = Truth.supposed(_found(measured, reference), confidence)
        else:
            ids = dataset.image_ids
            truth = Truth.of(dataset.ground_truth, [ids[path] for path in measured.paths])
        return cls(measured=measured, truth=truth, reference=reference, confidence=confidence, keeps=keeps)

    def found(self, name: str) -> Found:
        """Everything that a model has found."""
        return _found(self.measured, name)

    def matches(self, name: str) -> Matches:
        """What each of these is; found out once."""
        if name not in self._matches:
            self._matches[name] = match(self.truth, self.found(name))
        return self._matches[name]

    def thresholds(self, name: str) -> Thresholds:
        """The threshold of a model beside the float model's."""
        return thresholds(self.matches(self.reference), self.matches(name), self.confidence, self.keeps)


def _found(measured: Measured, name: str) -> Found:
    found = measured.sides[name].found
    assert found is not None, "whoever classifies is not judged by boxes"
    return found
