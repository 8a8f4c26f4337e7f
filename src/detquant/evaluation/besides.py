"""How near what a quantised model gives beside its boxes is to what the float model gives: masks, key points, raw maps.

Nothing says what is right there, so it is told as an SQNR: of each further output whole, and of the values behind the
scores in those rows of which the float model is sure, for the others are never looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from detquant.families import CONFIDENCE, Family
from detquant.numerics import ratio_db
from detquant.numerics.arrays import Array

BEHIND = "behind the scores"


class BesidesLoss:
    """Signal and noise of what is not scored, gathered image by image.

    Args:
        family: reads both models.
    """

    def __init__(self, family: Family) -> None:
        self.family = family
        self.signal: dict[str, float] = defaultdict(float)
        self.noise: dict[str, float] = defaultdict(float)

    def add(self, reference: Mapping[str, Array], candidate: Mapping[str, Array]) -> None:
        """Adds one image.

        Args:
            reference: raw outputs of the float model, by name.
            candidate: raw outputs of the quantised model.
        """
        besides = self.family.besides
        if besides is None:
            return
        for name in besides.others:
            if name in candidate:
                self._count(f"output {name}", reference[name], candidate[name])
        if besides.values and not self.family.ranked:  # the same object may be in another row of another run
            sure = np.flatnonzero(self.family.confident_cells(reference) >= CONFIDENCE)
            self._count(BEHIND, besides.behind(reference)[sure], besides.behind(candidate)[sure])

    def decibels(self) -> dict[str, float]:
        """SQNR in dB by what it is of; what never occurred is left out."""
        return {name: ratio_db(power, self.noise[name]) for name, power in self.signal.items() if power > 0}

    def _count(self, name: str, reference: Array, candidate: Array) -> None:
        clean = np.asarray(reference, np.float64)
        self.signal[name] += float(np.square(clean).sum())
        self.noise[name] += float(np.square(np.asarray(candidate, np.float64).reshape(clean.shape) - clean).sum())
