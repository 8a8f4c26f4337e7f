"""How trainings went: the loss by steps."""

from __future__ import annotations

from detquant.calibration import Curve
from detquant.report.row import Row
from detquant.report.sheets._base import UNKNOWN, Sheet

LONGEST = 30
"""Marks that stand for the largest loss of a curve."""


def curves(row: Row) -> list[Sheet]:
    """The learning curve of each step that has trained a model."""
    return [_curve(note.step, note.curve) for note in row.notes if note.curve]


def _curve(step: str, curve: Curve) -> Sheet:
    told = [*zip(map(str, curve.steps), curve.losses, strict=True), ("in the end", curve.final)]
    most = max((loss for _, loss in told if loss is not None), default=0.0)
    rows = [(name, UNKNOWN if loss is None else f"{loss:.3f}", _bar(loss, most)) for name, loss in told]
    title = f"{step}: loss on the images held back, as a share of that before"
    return Sheet(title, ("steps", "loss", ""), rows, False)


def _bar(loss: float | None, most: float) -> str:
    return "#" * round(LONGEST * loss / most) if loss and most else ""
