"""How far a difference in accuracy would be another with other images: an interval from resampling them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The interval of a drop, from resampling images with replacement (Efron 1979), the same ones for both models.

    Attributes:
        drop: the drop that was measured, points (before - after).
        low: lower end, points.
        high: upper end, points.
        level: share of the resamples between the two, per cent.
        resamples: how many were drawn.
        images: how many images there are.
    """

    drop: float
    low: float
    high: float
    level: float
    resamples: int
    images: int
