"""What an algorithm is given besides the model, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from detquant.algorithms.damage import Damage
from detquant.calibration import Statistics
from detquant.numerics.grid import Array
from detquant.recipes import QuantModel, Recipe
from detquant.targets import Target

Feed = Mapping[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What algorithms may look at.

    Attributes:
        statistics: of the calibration images.
        target: the place to run.
        recipe: the wish, for algorithms that plan anew.
        feeds: a handful of preprocessed calibration images.
        ranges: of the network's inputs, as far as they are known beforehand.
        damage: what a quantised model costs on these images; None where the heads are not known.
        memory: measured decisions of an earlier run with the same inputs; algorithms add theirs.
        threads: of the runtime.
        progress: called with (what, done, total).
    """

    statistics: Statistics
    target: Target
    recipe: Recipe
    feeds: Sequence[Feed]
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    damage: Damage | None = None
    memory: dict[str, Any] = field(default_factory=dict)
    threads: int = 1
    progress: Callable[[str, int, int], None] | None = None

    def tick(self, what: str, done: int, total: int) -> None:
        """Tells how far an algorithm is."""
        if self.progress:
            self.progress(what, done, total)


class Algorithm(Protocol):
    """A frozen dataclass whose fields are its options."""

    def __call__(self, qm: QuantModel, context: Context) -> QuantModel:
        """Another model; the one given is not changed."""
        ...
