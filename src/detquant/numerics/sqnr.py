"""Signal to quantisation noise ratio."""

from __future__ import annotations

import math

import numpy as np

from detquant.numerics.arrays import Array

CEILING_DB = 120.0
"""Ratio that an exact copy is given, dB, so that the figure stays finite and sortable."""


def ratio_db(signal: float, noise: float) -> float:
    """``10 log10(signal / noise)`` of two powers, at most `CEILING_DB`."""
    if noise <= 0.0:
        return CEILING_DB
    if signal <= 0.0:
        return -CEILING_DB
    return float(min(CEILING_DB, max(-CEILING_DB, 10.0 * (math.log10(signal) - math.log10(noise)))))


def sqnr_db(reference: Array, candidate: Array) -> float:
    """SQNR in dB of ``candidate`` against ``reference`` (same shapes)."""
    clean = np.asarray(reference, np.float64)
    noise = np.asarray(candidate, np.float64) - clean
    return ratio_db(float(np.mean(clean * clean)), float(np.mean(noise * noise)))
