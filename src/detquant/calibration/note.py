"""What a step has to say, for the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from detquant.recipes import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A sentence about the model as a step has left it.

    Attributes:
        step: who says it.
        stage: of that step: when an earlier stage is gone through again, what the sentence speaks of is no more.
        sentence: for people.
    """

    step: str
    stage: Stage
    sentence: str


class Speaker(Protocol):
    """Who leaves notes: an algorithm."""

    name: ClassVar[str]
    stage: ClassVar[Stage]
