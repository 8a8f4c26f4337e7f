"""What a quantised classifier loses: the cross-entropy of what it says, against the labels or the float model.

    mean over the images of  -sum_k t_k log p_k

with p the probabilities of the quantised model and t one for the image's class, where that is known, else the float
model's probabilities: those lose nothing but their entropy when nothing has changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy

import numpy as np
import numpy.typing as npt

from detquant.algorithms.damage import Heads, Run
from detquant.numerics.arrays import Array
from detquant.spread import spread_over

LEAST = 1e-7
"""Probability that is counted at least: one image may not decide alone."""


class CrossEntropy:
    """Cross-entropy of models on images.

    Args:
        heads: reads probabilities from the outputs, one row of them.
        run_float: runs the float model, where a label is missing.
        feeds: the images.
        labels: class of each image; None where it is not known.
        workers: images that run at a time.
    """

    def __init__(
        self,
        heads: Heads,
        run_float: Run,
        feeds: Sequence[Mapping[str, Array]],
        labels: Sequence[int | None],
        workers: int = 1,
    ) -> None:
        self.heads, self.feeds, self.workers = heads, tuple(feeds), workers
        self.wanted = [
            self._probabilities(run_float, feed, label) for feed, label in zip(self.feeds, labels, strict=True)
        ]

    def limited(self, images: int) -> CrossEntropy:
        """This measure on the first ``images`` images alone."""
        return self._part(slice(images))

    def beyond(self, images: int) -> CrossEntropy:
        """This measure on all images but the first ``images``."""
        return self._part(slice(images, None))

    def _part(self, images: slice) -> CrossEntropy:
        part = copy(self)
        part.feeds, part.wanted = self.feeds[images], self.wanted[images]
        return part

    def _probabilities(self, run: Run, feed: Mapping[str, Array], label: int | None) -> npt.NDArray[np.float64]:
        scores = np.asarray(self.heads.scores(run(feed))[0], np.float64)
        return scores if label is None else np.asarray(np.eye(len(scores))[label])

    def __call__(self, run: Run) -> float:
        """Mean cross-entropy of ``run`` over the images."""
        with spread_over(None, self.workers) as pool:
            found = list(pool.map(run, self.feeds))
        each = [self._one(outputs, wanted) for outputs, wanted in zip(found, self.wanted, strict=True)]
        return float(np.mean(each))

    def _one(self, outputs: Mapping[str, Array], wanted: npt.NDArray[np.float64]) -> float:
        scores = np.nan_to_num(self.heads.scores(outputs)[0].astype(np.float64), nan=0.0)
        return float(-(wanted * np.log(np.clip(scores, LEAST, 1.0))).sum())
