"""Notes: sentences on a model for the report, and what a training went through."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

from detquant.recipes import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """The losses of a training on images that it did not learn from, as shares of the loss before it.

    Attributes:
        steps: steps that were done when it was judged, ascending; the first is 0.
        losses: the loss then, for each; None where it was no number.
        final: of what the training has made in the end, which may be better than each of these.
    """

    steps: tuple[int, ...]
    losses: tuple[float | None, ...]
    final: float | None

    def __post_init__(self) -> None:
        if len(self.steps) != len(self.losses):
            raise ValueError(f"a curve has {len(self.steps)} steps and {len(self.losses)} losses")


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sentence about a model, and what it speaks of, so that nobody has to read it out of the words.

    Attributes:
        step: who says it: an algorithm by its name, or what it is about where no algorithm does ("calibration",
            "input", "ends", "size", "runtime", "data", ...).
        sentence: the note itself, for people.
        stage: stage of the algorithm; the note is dropped when an earlier stage is gone through again.
            None where nothing that is done again changes it.
        operators: names of the operators that it speaks of; none where it is about all of them.
        cost: what these cost in integers, as the step has measured it: damage (guard, ranges), share of the latency
            (placement); None where nothing was measured.
        curve: how a training went, where the step is one.
    """

    step: str
    sentence: str
    stage: Stage | None = None
    operators: tuple[str, ...] = ()
    cost: float | None = None
    curve: Curve | None = None

    def figures(self) -> dict[str, Any]:
        """The note as plain values."""
        return {
            "step": self.step,
            "stage": None if self.stage is None else str(self.stage),
            "operators": list(self.operators),
            "cost": self.cost,
            "curve": asdict(self.curve) if self.curve else None,
            "sentence": self.sentence,
        }


class Speaker(Protocol):
    """A step that leaves notes, such as an algorithm."""

    name: ClassVar[str]
    stage: ClassVar[Stage]
