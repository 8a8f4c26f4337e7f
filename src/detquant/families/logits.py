"""Activation functions that turn logits into probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from detquant.numerics.arrays import Floats

# A sigmoid beyond 80 is 0 or 1; float32 overflows at exp(89).
LARGEST_LOGIT = 80.0


def sigmoid(logits: npt.NDArray[Any]) -> Floats:
    """The sigmoid of each value, 0 to 1."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT))), np.float32)


def softmax(logits: npt.NDArray[Any]) -> Floats:
    """The softmax along the last axis, whose sum is then 1."""
    weight = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weight / weight.sum(axis=-1, keepdims=True), np.float32)
