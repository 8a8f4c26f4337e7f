"""Whether one way to run is faster than another by a given share, beyond what noise can explain.

The two take turns, so what slows the machine slows both, and it is ratios of a turn that are looked at:

    r_i = log(candidate_i / reference_i)
    estimate   m = median(r)
    noise      s = max(1.4826 * median(|r - m|), NOISE)         a robust standard deviation
    interval   m +- Z * sqrt(pi / 2) * s / sqrt(turns)          of a median (Kenney and Keeping, 1962)

Turns go on until the interval leaves the bar on one side, or there have been enough of them. A candidate counts as
faster only where all of the interval is below the bar: what is within noise falls to the same side every time.

Time is that of the processor, not that of the wall, where the system tells it finely enough: a busy neighbour makes a
run wait, which says nothing about it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

NOISE = 0.01
"""Turns that agree better than this do so by chance: kernels run a little faster or slower in each process."""
Z = 3.0
FEW, SOME = 5, 20
"""Turns that can show that nothing is won, and that something is."""
_FINE = 1e-5  # seconds
_LEAST = 1e-6  # milliseconds: a clock may stand still

Turns = Callable[[int], Mapping[str, Sequence[float]]]
"""Runs both sides so many times in turn; gives milliseconds of "reference" and "candidate"."""


def processor_clock() -> Callable[[], float]:
    """Seconds that this process has run, in all its threads; of the wall where the system counts them coarsely."""
    return time.process_time if time.get_clock_info("process_time").resolution <= _FINE else time.perf_counter


@dataclass(slots=True)
class Timing:
    """The times of two sides, turn by turn.

    Attributes:
        reference: milliseconds that the reference took in each turn.
        candidate: milliseconds that the candidate took in each turn.
    """

    reference: list[float] = field(default_factory=list)
    candidate: list[float] = field(default_factory=list)

    def add(self, taken: Mapping[str, Sequence[float]]) -> None:
        """Adds the milliseconds that further turns took, by side: "reference" and "candidate"."""
        self.reference += taken["reference"]
        self.candidate += taken["candidate"]

    @property
    def turns(self) -> int:
        """How many turns there have been."""
        return len(self.reference)

    @property
    def reference_ms(self) -> float:
        """Median time of one run of the reference, ms."""
        return float(np.median(self.reference))

    @property
    def turn_ms(self) -> float:
        """Median time of one turn, a run of each side, ms."""
        return float(np.median(np.add(self.reference, self.candidate)))

    def interval(self) -> tuple[float, float, float]:
        """The ratio of candidate to reference: lower end of its interval, estimate, upper end."""
        logs = np.log(np.maximum(self.candidate, _LEAST)) - np.log(np.maximum(self.reference, _LEAST))
        middle = float(np.median(logs))
        noise = max(1.4826 * float(np.median(np.abs(logs - middle))), NOISE)
        margin = Z * math.sqrt(math.pi / 2) * noise / math.sqrt(self.turns)
        return math.exp(middle - margin), math.exp(middle), math.exp(middle + margin)


Bar = Callable[[Timing], float]
"""The ratio that a candidate must be below, as far as the turns tell."""


def time_until_clear(turns: Turns, bar: Bar, most: Callable[[Timing], int]) -> Timing:
    """Times two sides until it is clear on which side of a bar their ratio is, or there have been enough turns.

    Args:
        turns: runs both sides so many times in turn.
        bar: gives the ratio of candidate to reference to compare with; asked after the first turns.
        most: turns in all, asked likewise.
    """
    timing = Timing()
    timing.add(turns(FEW))
    while timing.turns < most(timing):
        low, _, high = timing.interval()
        if low > bar(timing) or (high < bar(timing) and timing.turns >= SOME):
            break
        timing.add(turns(min(timing.turns, most(timing) - timing.turns)))
    return timing
