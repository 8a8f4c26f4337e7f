"""Decisions on a quantised model, and what they took."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The images, the time and the memory that calibration took.

    Attributes:
        images: how many were looked at.
        seconds: seconds of calibration and the recipe's steps.
        peak_rss_mb: peak memory of the process in MB.
    """

    images: int
    seconds: float
    peak_rss_mb: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IntegerShare:
    """How much of a model runs in integers.

    Attributes:
        operators: in integers.
        of: all of them.
        macs_percent: share of the multiplications that are in integers, 0 to 100.
        weight_only: layers in float whose weights are stored in 8 bits or fewer.
    """

    operators: int
    of: int
    macs_percent: float
    weight_only: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """The decisions on a model; None for those that other engines than detquant do not tell.

    Attributes:
        recipe: name of the recipe, or of what the engine goes by.
        engine: who quantised, a key of `detquant.pipeline.engines.ENGINES`.
        calibration: what it took.
        share: how much runs in integers.
        kept_float: operators in float, and why.
        sqnr_db: SQNR of each quantised tensor, in dB; None or infinite where it is exact.
        plan_digest: sha256 of the plan.
        decisions: decisions that were measured, as `detquant.pipeline.decisions` writes and reads them.
    """

    recipe: str
    engine: str
    calibration: Calibration
    share: IntegerShare | None = None
    kept_float: Mapping[str, str] = field(default_factory=dict)
    sqnr_db: Mapping[str, float | None] = field(default_factory=dict)
    plan_digest: str | None = None
    decisions: Mapping[str, Any] | None = None

    def figures(self) -> dict[str, Any]:
        """The decisions as plain values; what is not known is left out."""
        told = {
            "int8": asdict(self.share) if self.share else None,
            "kept_float": dict(self.kept_float) if self.share else None,
            "sqnr_db": dict(self.sqnr_db) if self.share else None,
            "plan_digest": self.plan_digest,
            "decisions": self.decisions,
        }
        known = {key: value for key, value in told.items() if value is not None}
        return {"recipe": self.recipe, "engine": self.engine, "calibration": asdict(self.calibration), **known}
