"""The turns of the steps that change weights, which give their order within the stage."""

from __future__ import annotations

from enum import IntEnum


class Turn(IntEnum):
    """What a step starts from, and so what it undoes; steps of the stage WEIGHTS come in ascending order of these."""

    CHOSEN = 1
    """Which weights may be other than 0, judged on the float ones: what is solved or learnt is so without the rest."""
    SOLVED = 2
    """Solved anew from the float weights, whatever codes stand: what was learnt before is lost."""
    LEARNT = 3
    """Learnt from the codes that stand, layer by layer, by blocks or all together: what these are is kept."""
