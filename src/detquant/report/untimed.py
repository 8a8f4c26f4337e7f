"""Times that were measured and mean nothing: those of targets that this machine only imitates."""

from __future__ import annotations

from collections.abc import Sequence

from detquant.report.report import Report
from detquant.report.row import Row
from detquant.targets import TARGETS, load_target

UNTIMED = "Times of models on {target} are neither compared nor drawn, since {why}."


def untimed_at(target: str | None) -> str | None:
    """Why times that were measured say nothing about this place; None where they do, or nobody knows the place."""
    return load_target(target).untimed if target in TARGETS else None


def latency_of(row: Row) -> float | None:
    """The time of an image, in milliseconds; None where none was measured, or it means nothing."""
    return None if untimed_at(row.target) else row.latency_ms


def ratio_of(row: Row) -> float | None:
    """That time as a multiple of the first row's; None likewise."""
    return None if untimed_at(row.target) else row.ratio


def why_untimed(reports: Sequence[Report]) -> list[str]:
    """Why some models have no time, a sentence for each place; empty where all that were timed have theirs."""
    timed = (row for one in reports for row in one.rows if row.latency_ms is not None)
    places = dict.fromkeys(row.target for row in timed)
    return [UNTIMED.format(target=place, why=why) for place in places if (why := untimed_at(place))]
