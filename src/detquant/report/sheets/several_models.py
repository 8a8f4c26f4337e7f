"""Several models, or one in several forms, measured beside each other."""

from __future__ import annotations

import math
from collections.abc import Callable

from detquant.report.report import Report
from detquant.report.row import AGREEMENT, Row
from detquant.report.sheets._base import MEASURES, UNKNOWN, Figures, Sheet
from detquant.report.sheets.numbers import kilobytes, megabytes, milliseconds, plural, threads
from detquant.report.untimed import latency_of, ratio_of


def benchmark(figures: Figures) -> Sheet:
    """The latencies of models side by side."""
    rows = [
        (
            one["model"],
            one["target"],
            milliseconds(one["latency_ms"]),
            milliseconds(one["p10_ms"]),
            milliseconds(one["p90_ms"]),
            f"{one['ratio']:.2f}",
            megabytes(one["size_bytes"]),
        )
        for one in figures["models"]
    ]
    title = f"Inference, {plural(figures['runs'], 'run')} of each in turn, {threads(figures['threads'])}"
    return Sheet(title, ("model", "on", "median", "p10", "p90", "ratio", "size"), rows)


def demo(report: Report) -> Sheet:
    """The demo's models; one that could not be made has a row that says why."""
    rows = []
    for one in report.rows:
        if one.failure:
            rows.append((f"{one.title}: {one.failure}", *[UNKNOWN] * 5))
            continue
        accuracy = (_percent(one.value(key)) for key in ("ap", "ap50"))
        rows.append((one.title, *accuracy, *_cost(one, kilobytes)))
    images = f"{plural(report.images, 'image')} of {report.data}"
    title = f"{report.model}: {images}, {threads(report.threads)}, taking turns"
    return Sheet(title, ("model", "AP", "AP50", "latency", "to float", "size"), rows)


def choice(report: Report) -> Sheet:
    """What runs on this machine, the fastest first, those without a time last; what nothing beats is marked."""
    label = MEASURES.get(report.measure, AGREEMENT)
    rows = []
    for one in sorted(report.rows, key=lambda row: latency_of(row) or math.inf):
        latency, _, size = _cost(one, megabytes)
        best = "best" if one.best else ""
        rows.append((f"{one.target} {one.precision}", _percent(one.value(report.measure)), latency, size, best))
    title = f"{report.model}: {plural(report.images, 'image')} of {report.data}, {threads(report.threads)}"
    return Sheet(title, ("", label, "latency", "size", ""), rows)


def workflow(report: Report) -> Sheet:
    """One model of a workflow in each precision; the first is what the others are compared with."""
    known = [key for key in (*MEASURES, AGREEMENT) if report.reference.value(key) is not None]
    rows = [
        (one.precision, *(_percent(one.value(key)) for key in known), *_cost(one, megabytes)) for one in report.rows
    ]
    title = f"{report.model} on {report.target}: {plural(report.images, 'image')} of {report.data}"
    header = (*(MEASURES.get(key, "agreement, %") for key in known), "latency", "to the first", "size")
    return Sheet(f"{title}, {threads(report.threads)}", ("", *header), rows)


def steps(report: Report) -> Sheet | None:
    """What each step between a model and its quantised form costs; None where steps were not measured."""
    if len(report.rows) < 3 or report.subject is None:
        return None
    before, rows = report.reference.value(report.measure), []
    for one in report.rows:
        value = one.value(report.measure)
        apart = UNKNOWN if value is None or before is None or one is report.reference else f"{value - before:+.2f}"
        rows.append((one.title, UNKNOWN if one is report.reference and value is None else _percent(value), apart))
    return Sheet("Step by step", ("", MEASURES.get(report.measure, "agreement, %"), "to float"), rows)


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.2f}"


def _cost(row: Row, size: Callable[[int, int | None], str]) -> tuple[str, str, str]:
    """Latency, its ratio to the first row's, and size."""
    return (
        UNKNOWN if (latency := latency_of(row)) is None else milliseconds(latency),
        UNKNOWN if (ratio := ratio_of(row)) is None else f"{ratio:.2f}×",
        UNKNOWN if row.size_bytes is None else size(row.size_bytes, row.zipped_bytes),
    )
