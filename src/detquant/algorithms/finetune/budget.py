"""How long it is trained: steps, epochs, or minutes by the clock."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field

from detquant.errors import RecipeError
from detquant.untrusted import shown

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?([smh])")
EXPECTED = 'a number of minutes above 0, or text such as "20m", "90s" or "1.5h"'


def seconds_of(minutes: float | str) -> float:
    """Seconds from a number of minutes, or a text with a unit.

    Raises:
        RecipeError: it is neither, or not above zero.
    """
    if isinstance(minutes, str):
        found = _DURATION.fullmatch(minutes.strip())
        seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    else:
        seconds = 60.0 * minutes
    if not 0 < seconds < math.inf:
        raise RecipeError(f"minutes = {shown(minutes)}, expected {EXPECTED}.")
    return seconds


@dataclass(slots=True)
class Budget:
    """What is left to train with.

    Attributes:
        steps: how many there are; None where the clock says.
        seconds: how long it takes; None where steps are counted.
        done: steps that are done.
        spent: seconds that earlier runs have spent.
    """

    steps: int | None
    seconds: float | None
    done: int = 0
    spent: float = 0.0
    _begun: float = field(default_factory=lambda: time.monotonic())

    @property
    def elapsed(self) -> float:
        """Seconds spent so far, in all runs."""
        return self.spent + time.monotonic() - self._begun

    def share(self) -> float:
        """The share that is spent, 0 to 1."""
        if self.steps is not None:
            return min(self.done / self.steps, 1.0)
        assert self.seconds is not None
        return min(self.elapsed / self.seconds, 1.0)

    def goes_on_from(self, done: int, spent: float) -> None:
        """Takes over what an earlier run has spent."""
        self.done, self.spent, self._begun = done, spent, time.monotonic()


def learning_rate(share: float, warmup: float) -> float:
    """The rate as a share of the highest: a straight way up, then half a cosine down to zero.

    Args:
        share: share of the budget that is spent.
        warmup: share of it in which the rate rises.
    """
    if share < warmup:
        return (share + 0.1 * warmup) / (1.1 * warmup)
    return 0.5 * (1.0 + math.cos(math.pi * (share - warmup) / max(1.0 - warmup, 1e-9)))
