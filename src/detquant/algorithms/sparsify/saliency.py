"""What a layer's outputs lose with each of its weights.

With the layer's rows ``w`` and the covariance ``C`` of its inputs, the squared error of its outputs without weight i is

1. "hessian":  w_i^2 / [H^-1]_ii,  H = C + r I: when all other weights of the row are solved anew. Hassibi & Stork 1993,
   Optimal Brain Surgeon, eq. 5; Frantar & Alistarh 2023, SparseGPT, eq. 3. It is what `refit` does afterwards.
2. "wanda":    w_i^2 C_ii: when the others stay. Sun et al. 2024, A Simple and Effective Pruning Approach for Large
   Language Models, eq. 1, squared, about the mean where a bias takes that.
3. "magnitude": w_i^2, whatever is read.

All are shares of the variance of the layer's outputs, so that those of several layers can be held against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from detquant.algorithms.layerwise.least_squares import Moments
from detquant.numerics.arrays import Doubles, Floats

Criterion = Literal["hessian", "wanda", "magnitude"]

DAMP = 0.01
"""r, as a share of the mean variance of the inputs; as in SparseGPT."""


def saliency(criterion: Criterion, rows: Floats, moments: Moments) -> Doubles:
    """What is lost with each weight, ``[G, O, K]``, as a share of the variance of the layer's outputs.

    Args:
        criterion: see above.
        rows: the float weight, ``[G, O, K]``.
        moments: of its inputs.
    """
    w = np.asarray(rows, np.float64)
    variance = float((w @ moments.xx * w).sum())
    return np.square(w) * _FACTORS[criterion](moments.xx)[:, None, :] / max(variance, 1e-30)


def _solved_anew(xx: Doubles) -> Doubles:
    size = xx.shape[1]
    damp = np.maximum(DAMP * np.trace(xx, axis1=1, axis2=2) / size, 1e-12)
    inverse = np.linalg.inv(xx + damp[:, None, None] * np.eye(size))
    return np.asarray(1.0 / np.maximum(np.diagonal(inverse, axis1=1, axis2=2), 1e-30))


def _as_they_are(xx: Doubles) -> Doubles:
    return np.asarray(np.diagonal(xx, axis1=1, axis2=2), np.float64)


def _alike(xx: Doubles) -> Doubles:
    """All inputs as if they varied like their mean."""
    own = _as_they_are(xx)
    return np.broadcast_to(own.mean(axis=1, keepdims=True), own.shape)


_FACTORS: Mapping[Criterion, Callable[[Doubles], Doubles]] = {
    "hessian": _solved_anew,
    "wanda": _as_they_are,
    "magnitude": _alike,
}
