"""Whether images show the float model anything: from noise a network learns to be right about noise.

Cells of a detector: somewhere it sees something, in one image of four at least. A classifier always says something, so
it is looked at whether it says the same of all images: the entropy of its mean answer, less the mean entropy of its
answers, in nats. That is 0 where all answers are alike, and the logarithm of the number of classes (or of images, where
there are fewer) where they are sure and of all kinds. White noise tells the embedded classifier 0.1 of that, its own
images 0.6.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detquant.algorithms.damage import Damage, Heads, Outputs
from detquant.families import CONFIDENCE
from detquant.numerics.arrays import Array, Floats

FEWEST_SEEN = 0.25
"""Share of images in which a detector must see something."""
LEAST_TOLD = 0.2
"""Share of what the answers of a classifier can tell that they must tell."""


class Silence:
    """What a float model says of images, one after another.

    Args:
        heads: reads its outputs.
    """

    def __init__(self, heads: Heads) -> None:
        self._heads, self._scores = heads, list[Floats]()

    def hear(self, outputs: Outputs) -> None:
        """The outputs of one more image."""
        scores = self._heads.scores(outputs)
        self._scores.append(scores if len(scores) == 1 else scores.max(axis=0, keepdims=True, initial=0.0))
        self.classifies = len(scores) == 1

    def right(self, labels: Sequence[int | None]) -> float:
        """The share of labels, of those that are known, that a classifier says, too; 1 where none is known."""
        guesses = (int(row.argmax()) for row in self._scores)
        found = [guess == label for guess, label in zip(guesses, labels, strict=True) if label is not None]
        return sum(found) / len(found) if found else 1.0

    def why(self) -> str | None:
        """A phrase that says why nothing can be learnt from the images; None where something can."""
        if self.classifies:
            rows = np.concatenate(self._scores)
            told = information(rows) / max(float(np.log(min(rows.shape))), 1e-9)
            if told >= LEAST_TOLD:
                return None
            return (
                f"the float model says much the same of all {len(rows)} images ({told:.2f} of what could tell them "
                f"apart, and {LEAST_TOLD} is the least)"
            )
        seen = sum(bool(scores.max(initial=0.0) >= CONFIDENCE) for scores in self._scores)
        if seen >= FEWEST_SEEN * len(self._scores):
            return None
        return f"the float model sees something in {seen} of {len(self._scores)} images"


def classifies(damage: Damage | None) -> bool:
    """Whether a model is a classifier: its heads are one row of scores."""
    return damage is not None and bool(damage.references) and len(damage.references[0].all_scores) == 1


def information(probabilities: Array | Sequence[Floats]) -> float:
    """How much answers tell images apart, nats: 0 where they are all alike.

    Args:
        probabilities: ``[images, classes]``.
    """
    rows = np.asarray(probabilities, np.float64)
    return _entropy(rows.mean(axis=0)) - float(np.mean([_entropy(row) for row in rows]))


def _entropy(row: Array) -> float:
    return float(-(row * np.log(np.maximum(row, 1e-12))).sum())
