"""How far a quantised net is from its float one on images drawn at random, for the tests of what learns."""

from __future__ import annotations

import numpy as np

from detquant.graph.running import OrtRunner
from detquant.graph.saturation import with_saturation


def drawn(count, seed=11, shape=(1, 4, 16, 16)):
    rng = np.random.default_rng(seed)
    return [{"x": rng.random(shape, np.float32)} for _ in range(count)]


def error(qm, feeds, model=None):
    """Mean squared error of the model's outputs, as a share of their square."""
    exact, rounded = OrtRunner(qm.reference), OrtRunner(with_saturation(model or qm.qdq()), optimisation="basic")
    missed = square = 0.0
    for feed in feeds:
        for name, wanted in exact.run(feed).items():
            missed += float(np.square(rounded.run(feed)[name] - wanted, dtype=np.float64).sum())
            square += float(np.square(wanted, dtype=np.float64).sum())
    return missed / square
